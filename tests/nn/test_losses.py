"""Losses: golden values, derivatives, extreme logits, and what must hold between batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend

xp = NumpyBackend().xp
CTX = nn.Context(xp)
LOSSES: dict[str, nn.Loss] = nn.LOSSES | {
    "softmax_cross_entropy-smooth": nn.SoftmaxCrossEntropy(label_smoothing=0.1),
    "softmax_focal-0": nn.SoftmaxFocal(gamma=0.0),
    "softmax_focal-0.5": nn.SoftmaxFocal(gamma=0.5),
    "softmax_focal-1": nn.SoftmaxFocal(gamma=1.0),
    "binary_focal-0": nn.BinaryFocal(gamma=0.0),
    "binary_focal-0.5": nn.BinaryFocal(gamma=0.5),
    "binary_focal-1": nn.BinaryFocal(gamma=1.0),
    "binary_focal-alpha": nn.BinaryFocal(alpha=0.3),
    "hinge-squared": nn.Hinge(squared=True),
    "huber-0.4": nn.Huber(delta=0.4),
    "quantile-three": nn.Quantile((0.1, 0.5, 0.75)),
    "binary_cross_entropy-sum": nn.BinaryCrossEntropy(over_outputs="sum"),
    "half_squared_error-sum": nn.HalfSquaredError(over_outputs="sum"),
    "poisson-deviance": nn.Poisson(deviance=True),
    "grouped_softmax-2-4": nn.GroupedSoftmaxCrossEntropy((2, 4), label_smoothing=0.1),
}
EXPONENTIAL = {
    "poisson",
    "poisson-deviance",
    "gaussian_nll",
}  # exp(output) is their definition, and it may overflow
Batches = Callable[..., Any]
every_loss = pytest.mark.parametrize("name", LOSSES)


def test_every_loss_is_tested(golden: Any) -> None:
    assert golden.names("losses") == set(LOSSES)
    exported = [getattr(nn, name) for name in nn.__all__]
    classes = {c for c in exported if isinstance(c, type) and issubclass(c, nn.Loss)}
    unnamed = {nn.Loss, nn.CustomLoss, nn.GroupedSoftmaxCrossEntropy}
    assert classes - {type(loss) for loss in nn.LOSSES.values()} == unnamed


def check_golden(backend: Backend, golden: Any, agree: Callable[..., None], name: str) -> None:
    """Without weights, with weights, and with all weights 0, which must not become 0/0."""
    loss, ctx = LOSSES[name], nn.Context(backend.xp, backend.device)
    cases = golden.cases("losses", name)

    def run(outputs: Any, targets: Any, weights: Any) -> Any:
        return [loss(outputs, targets, w, ctx) for w in (None, weights, 0 * weights)]

    def inputs(arrays: Any) -> Any:
        labels = backend.index_dtype if arrays["targets"].ndim == 1 else None
        dtypes = {"outputs": None, "targets": labels, "weights": None}
        return [backend.asarray(arrays[key], dtype) for key, dtype in dtypes.items()]

    step = backend.compile(lambda given: {case: run(*given[case]) for case in given})
    for case, results in step({case: inputs(cases[case]) for case in cases}).items():
        plain, weighted, nothing = results
        expected = cases[case]
        zeros = np.zeros(()), np.zeros_like(expected["gradient"])
        for what, (value, gradient), (v, g) in (
            ("plain", plain, (expected["value"], expected["gradient"])),
            ("weighted", weighted, (expected["weighted_value"], expected["weighted_gradient"])),
            ("all weights zero", nothing, zeros),
        ):
            agree(backend, value, v, f"{case} {what}, value")
            agree(backend, gradient, g, f"{case} {what}, gradient")


@every_loss
def test_golden_float64(
    backend64: Backend, golden: Any, agree: Callable[..., None], name: str
) -> None:
    check_golden(backend64, golden, agree, name)


@every_loss
def test_golden_float32(
    backend: Backend, golden: Any, agree: Callable[..., None], name: str
) -> None:
    check_golden(backend, golden, agree, name)


@every_loss
def test_gradient_is_the_derivative(
    loss_batches: Batches, directional_slope: Callable[..., float], name: str
) -> None:
    loss, random = LOSSES[name], np.random.default_rng(1)
    for outputs, targets, weights in loss_batches(loss):
        for w in (None, weights):
            _, gradient = loss(outputs, targets, w, CTX)
            for _ in range(3):
                direction = random.standard_normal(outputs.shape)
                slope = directional_slope(
                    lambda o, t=targets, w=w: loss(o, t, w, CTX)[0], outputs, direction
                )
                assert abs(np.sum(gradient * direction) - slope) < 1e-7 * abs(slope)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(LOSSES.keys() - EXPONENTIAL))
def test_extreme_outputs_are_finite_and_silent(
    loss_batches: Batches, name: str, dtype: str
) -> None:
    for _, targets, weights in loss_batches(LOSSES[name], dtype):
        outputs = np.random.default_rng(2).choice([-1e4, 0.0, 1e4], (6, 6)).astype(dtype)
        outputs[0] = [1e4, *5 * [-1e4]]
        with np.errstate(all="raise", under="ignore"):
            value, gradient = LOSSES[name](outputs, targets, weights, CTX)
        assert value.dtype == gradient.dtype == np.dtype(dtype)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


@every_loss
def test_inputs_stay_as_they_were(loss_batches: Batches, name: str) -> None:
    for batch in loss_batches(LOSSES[name]):
        before = [array.copy() for array in batch]
        first = LOSSES[name](*batch, CTX)
        second = LOSSES[name](*batch, CTX)
        assert all(np.array_equal(a, b) for a, b in zip(before, batch, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# -- weights and batches -------------------------------------------------------------------------


def same(result: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for r, e in zip(result, expected, strict=True):
        np.testing.assert_allclose(r, e, rtol=1e-12, atol=1e-14)


@every_loss
def test_weight_one_is_no_weight(loss_batches: Batches, name: str) -> None:
    for o, t, _ in loss_batches(LOSSES[name]):
        same(LOSSES[name](o, t, np.ones(6), CTX), LOSSES[name](o, t, None, CTX))


@every_loss
def test_weight_zero_is_a_row_removed(loss_batches: Batches, name: str) -> None:
    loss = LOSSES[name]
    for o, t, w in loss_batches(loss):
        keep = np.asarray([0, 1, 3, 4, 5])
        w[2] = 0.0
        value, gradient = loss(o, t, w, CTX)
        same((value, gradient[keep]), loss(o[keep], t[keep], w[keep], CTX))
        assert (gradient[2] == 0).all()


@every_loss
def test_weight_two_is_a_row_doubled(loss_batches: Batches, name: str) -> None:
    loss, rows = LOSSES[name], np.asarray([0, 1, 2, 3, 4, 5, 2])
    for o, t, w in loss_batches(loss):
        twice = w * np.asarray([1, 1, 2, 1, 1, 1])
        value, gradient = loss(o[rows], t[rows], w[rows], CTX)
        gradient[2] += gradient[6]
        same(loss(o, t, twice, CTX), (value, gradient[:6]))


@every_loss
def test_only_the_proportions_of_weights_count_in_a_mean(loss_batches: Batches, name: str) -> None:
    loss = LOSSES[name]
    factor = 5.0 if loss.reduction == "sum" else 1.0
    for o, t, w in loss_batches(loss):
        value, gradient = loss(o, t, w, CTX)
        same(loss(o, t, 5 * w, CTX), (value * factor, gradient * factor))


@every_loss
def test_batch_doubled(loss_batches: Batches, name: str) -> None:
    loss = LOSSES[name]
    whole, part = (2.0, 1.0) if loss.reduction == "sum" else (1.0, 0.5)
    for o, t, _ in loss_batches(loss):
        value, gradient = loss(o, t, None, CTX)
        doubled = loss(np.concatenate([o, o]), np.concatenate([t, t]), None, CTX)
        same(doubled, (value * whole, np.concatenate([gradient, gradient]) * part))


@every_loss
def test_order_of_rows_does_not_matter(loss_batches: Batches, name: str) -> None:
    order = np.asarray([3, 0, 5, 1, 4, 2])
    for o, t, w in loss_batches(LOSSES[name]):
        value, gradient = LOSSES[name](o, t, w, CTX)
        same(LOSSES[name](o[order], t[order], w[order], CTX), (value, gradient[order]))


@every_loss
def test_split_batch_is_the_weighted_sum(loss_batches: Batches, name: str) -> None:
    """What several devices with a part each rely on."""
    loss = LOSSES[name]
    for o, t, w in loss_batches(loss):
        parts = [loss(o[rows], t[rows], w[rows], CTX) for rows in (slice(0, 2), slice(2, 6))]
        mass = [w[:2].sum(), w[2:].sum()] if loss.reduction == "mean" else [1.0, 1.0]
        total = sum(mass) if loss.reduction == "mean" else 1.0
        value = sum(m * v for m, (v, _) in zip(mass, parts, strict=True)) / total
        gradient = np.concatenate([m * g for m, (_, g) in zip(mass, parts, strict=True)]) / total
        same(loss(o, t, w, CTX), (value, gradient))


# -- classes -------------------------------------------------------------------------------------

many_classes = pytest.mark.parametrize("name", [n for n in LOSSES if n.startswith("softmax")])


@many_classes
def test_class_gradients_sum_to_zero(loss_batches: Batches, name: str) -> None:
    for o, t, w in loss_batches(LOSSES[name]):
        gradient = LOSSES[name](o, t, w, CTX)[1]
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-16)


@many_classes
def test_constant_on_all_logits_changes_nothing(loss_batches: Batches, name: str) -> None:
    for o, t, w in loss_batches(LOSSES[name]):
        value, gradient = LOSSES[name](o, t, w, CTX)
        moved = LOSSES[name](o + 1000.0, t, w, CTX)
        np.testing.assert_allclose(moved[0], value, rtol=1e-12)
        np.testing.assert_allclose(moved[1], gradient, rtol=1e-9, atol=1e-14)


@many_classes
def test_classes_renamed(loss_batches: Batches, name: str) -> None:
    order = np.asarray([4, 2, 0, 5, 1, 3])
    for o, t, w in loss_batches(LOSSES[name]):
        value, gradient = LOSSES[name](o, t, w, CTX)
        renamed = t[:, order] if t.ndim == 2 else np.argsort(order)[t]
        same(LOSSES[name](o[:, order], renamed, w, CTX), (value, gradient[:, order]))
