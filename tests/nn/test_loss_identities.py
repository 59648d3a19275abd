"""What one loss must equal another by, at which points, and what it says of its outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend

CTX = nn.Context(NumpyBackend().xp)
RANDOM = np.random.default_rng(0)
Z, T = RANDOM.normal(0, 2, (5, 3)), RANDOM.normal(0, 1, (5, 3))
YES_NO = RANDOM.integers(0, 2, (5, 3)).astype(float)
LABELS = np.asarray([0, 2, 1, 1, 0])
ONE_HOT = np.eye(3)[LABELS]
SOFT = RANDOM.dirichlet(np.ones(3), 5)
SMOOTH = 0.2 / 3
WIDE = np.stack([YES_NO[:, 0], 1 - YES_NO[:, 0]], axis=1)


def run(loss: nn.Loss, outputs: Any, targets: Any) -> tuple[Any, Any]:
    value, gradient = loss(outputs, targets, None, CTX)
    return value, gradient


@pytest.mark.parametrize(
    ("one", "targets", "factor", "other", "other_targets"),
    [
        (nn.SoftmaxCrossEntropy(), LABELS, 1, nn.SoftmaxCrossEntropy(), ONE_HOT),
        (nn.SoftmaxCrossEntropy(0.2), SOFT, 1, nn.SoftmaxCrossEntropy(), 0.8 * SOFT + SMOOTH),
        (nn.SoftmaxCrossEntropy(0.2), LABELS, 1, nn.SoftmaxCrossEntropy(), 0.8 * ONE_HOT + SMOOTH),
        (nn.SoftmaxFocal(0), LABELS, 1, nn.SoftmaxCrossEntropy(), LABELS),
        (nn.BinaryFocal(0), YES_NO, 1, nn.BinaryCrossEntropy(), YES_NO),
        (nn.BinaryFocal(alpha=0.5), YES_NO, 0.5, nn.BinaryFocal(), YES_NO),
        (nn.HalfSquaredError(), T, 0.5, nn.SquaredError(), T),
        (nn.HalfSumSquaredError(), T, 0.5, nn.SumSquaredError(), T),
        (nn.SumSquaredError(), T, 15, nn.SquaredError(), T),
        (nn.Huber(1e3), T, 1, nn.HalfSquaredError(), T),
        (nn.Quantile((0.5,)), T, 0.5, nn.AbsoluteError(), T),
    ],
)
def test_one_loss_is_another(
    one: nn.Loss, targets: Any, factor: float, other: nn.Loss, other_targets: Any
) -> None:
    result, expected = run(one, Z, targets), run(other, Z, other_targets)
    for r, e in zip(result, expected, strict=True):
        np.testing.assert_allclose(r, factor * e, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_two_classes_are_one_logit(gamma: float) -> None:
    """softmax of (a, b) is the logistic function of a - b."""
    for many, single in (
        (nn.SoftmaxCrossEntropy(), nn.BinaryCrossEntropy()),
        (nn.SoftmaxFocal(gamma), nn.BinaryFocal(gamma)),
    ):
        labels = WIDE[:, 1].astype(int)
        value, gradient = run(many, Z[:, :2], labels)
        expected, slope = run(single, Z[:, 1:2] - Z[:, :1], WIDE[:, 1:])
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient, np.concatenate([-slope, slope], axis=1), rtol=1e-10)


# a sum and not a mean, exclusive classes, pairs of outputs
NOT_BY_COLUMN = ("sum", "half_sum", "softmax", "gaussian_nll")


@pytest.mark.parametrize("name", [n for n in nn.LOSSES if not n.startswith(NOT_BY_COLUMN)])
def test_several_columns_are_their_mean(name: str) -> None:
    loss = nn.LOSSES[name]
    targets = 2 * YES_NO - 1 if name == "hinge" else YES_NO
    value, gradient = run(loss, Z, targets)
    alone = [run(loss, Z[:, j : j + 1], targets[:, j : j + 1]) for j in range(3)]
    np.testing.assert_allclose(value, np.mean([v for v, _ in alone]), rtol=1e-13)
    np.testing.assert_allclose(gradient, np.concatenate([g for _, g in alone], 1) / 3, rtol=1e-13)


def test_quantiles_of_one_target_lie_side_by_side() -> None:
    """Columns are (target 0: q, q', ...), (target 1: q, q', ...)."""
    outputs, targets = RANDOM.normal(0, 1, (5, 4)), RANDOM.normal(0, 1, (5, 2))
    value, gradient = run(nn.Quantile((0.1, 0.8)), outputs, targets)
    alone = [
        run(nn.Quantile((q,)), outputs[:, c : c + 1], targets[:, c // 2 : c // 2 + 1])
        for c, q in enumerate((0.1, 0.8, 0.1, 0.8))
    ]
    np.testing.assert_allclose(value, np.mean([v for v, _ in alone]), rtol=1e-13)
    np.testing.assert_allclose(gradient, np.concatenate([g for _, g in alone], 1) / 4, rtol=1e-13)


@pytest.mark.parametrize(
    ("loss", "output", "target", "value", "gradient"),
    [
        (nn.AbsoluteError(), 2.0, 2.0, 0.0, 0.0),
        (nn.Quantile((0.3,)), 2.0, 2.0, 0.0, 0.0),
        (nn.Quantile((0.3,)), 1.0, 2.0, 0.3, -0.3),  # too low: slope -q
        (nn.Quantile((0.3,)), 3.0, 2.0, 0.7, 0.7),
        (nn.Hinge(), 1.0, 1.0, 0.0, 0.0),  # the margin itself is enough
        (nn.Hinge(), -1.0, -1.0, 0.0, 0.0),
        (nn.Hinge(), 0.5, -1.0, 1.5, 1.0),
        (nn.Hinge(squared=True), 0.5, -1.0, 2.25, 3.0),
        (nn.Huber(0.5), 0.5, 0.0, 0.125, 0.5),
        (nn.Huber(0.5), -2.0, 0.0, 0.875, -0.5),
        (nn.LogCosh(), 0.0, 0.0, 0.0, 0.0),
        (nn.Poisson(), math.log(3.0), 3.0, 3 - 3 * math.log(3.0), 0.0),
        (nn.SquaredError(), 3.0, 1.0, 4.0, 4.0),
    ],
)
def test_points_by_hand(
    loss: nn.Loss, output: float, target: float, value: float, gradient: float
) -> None:
    result = run(loss, np.asarray([[output]]), np.asarray([[target]]))
    np.testing.assert_allclose(result[0], value, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(result[1], [[gradient]], rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_of_a_sure_sample_still_pulls(gamma: float) -> None:
    """1 - p_t is 2e-9 here, which float32 can hold, but not as 1 minus something."""
    sure = np.asarray([[20.0, 0.0, 0.0]], np.float32)
    assert (run(nn.SoftmaxFocal(gamma), sure, np.asarray([0]))[1][0, 1:] > 0).all()
    assert (run(nn.BinaryFocal(gamma), sure[:, :1], np.ones((1, 1), np.float32))[1] < 0).all()


def test_gaussian_nll_is_minus_log_density() -> None:
    outputs = np.asarray([[1.0, math.log(4.0)]])  # N(1, 4)
    value, _ = run(nn.GaussianNLL(), outputs, np.asarray([[2.0]]))
    density = math.exp(-((2.0 - 1.0) ** 2) / (2 * 4.0)) / math.sqrt(2 * math.pi * 4.0)
    np.testing.assert_allclose(value, -math.log(density), rtol=1e-14)


def test_uniform_logits_cost_log_of_the_number_of_classes() -> None:
    for smoothing in (0.0, 0.3):
        value, _ = run(nn.SoftmaxCrossEntropy(smoothing), np.zeros((5, 3)), LABELS)
        np.testing.assert_allclose(value, math.log(3), rtol=1e-14)


def test_custom_loss_and_its_shapes() -> None:
    right = nn.CustomLoss(lambda o, t, xp: (xp.mean((o - t) ** 2, axis=1), 2 * (o - t) / 3))
    for r, e in zip(run(right, Z, T), run(nn.SquaredError(), Z, T), strict=True):
        np.testing.assert_allclose(r, e, rtol=1e-13)
    mean = nn.CustomLoss(lambda o, t, xp: (xp.mean((o - t) ** 2), 2 * (o - t)))
    with pytest.raises(ValueError, match=r"returned shapes \(\) and \(5, 3\), expected \(5,\)"):
        run(mean, Z, T)


# -- outputs as a person sees them ---------------------------------------------------------------


def test_predictions_by_hand() -> None:
    z = np.asarray([[2.0, -1.0], [-3.0, 0.5]])
    assert nn.SoftmaxCrossEntropy().predict(z, CTX).tolist() == [0, 1]
    assert nn.BinaryCrossEntropy().predict(z, CTX).tolist() == [[1, 0], [0, 1]]
    assert nn.Hinge().predict(z, CTX).tolist() == [[1, -1], [-1, 1]]
    assert nn.SquaredError().predict(z, CTX) is z
    assert nn.GaussianNLL().predict(z, CTX).tolist() == [[2.0], [-3.0]]
    np.testing.assert_allclose(nn.Poisson().predict(z, CTX), np.exp(z), rtol=1e-15)


def test_right_answers_by_hand() -> None:
    z = np.asarray([[2.0, -1.0], [-3.0, 0.5], [1.0, 3.0]])
    labels, one_hot = np.asarray([0, 0, 1]), np.asarray([[1.0, 0.0], [0.9, 0.1], [0.2, 0.8]])
    for loss in (nn.SoftmaxCrossEntropy(), nn.SoftmaxFocal()):
        assert loss.correct(z, labels, CTX).tolist() == [1.0, 0.0, 1.0]
    assert nn.SoftmaxCrossEntropy().correct(z, one_hot, CTX).tolist() == [1.0, 0.0, 1.0]
    yes_no = np.asarray([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    for loss in (nn.BinaryCrossEntropy(), nn.BinaryFocal()):
        assert loss.correct(z, yes_no, CTX).tolist() == [1.0, 0.5, 0.0]
    assert nn.Hinge().correct(z, 2 * yes_no - 1, CTX).tolist() == [1.0, 0.5, 0.0]


def test_probabilities_by_hand() -> None:
    z = np.asarray([[0.0, math.log(3.0)]])
    for name in ("softmax_cross_entropy", "softmax_focal"):
        np.testing.assert_allclose(nn.LOSSES[name].probabilities(z, CTX), [[0.25, 0.75]], 1e-14)
    for name in ("binary_cross_entropy", "binary_focal"):
        np.testing.assert_allclose(nn.LOSSES[name].probabilities(z, CTX), [[0.5, 0.75]], 1e-14)


@pytest.mark.parametrize("name", nn.LOSSES)
def test_outputs_are_read_alike_everywhere(
    request: pytest.FixtureRequest, backend: Backend, loss_batches: Callable[..., Any], name: str
) -> None:
    if backend.place == "no_x64" and name.startswith("softmax"):
        reason = "argmax of array-api-strict makes an int64, which this device has not"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=ValueError))
    loss, ctx = nn.LOSSES[name], nn.Context(backend.xp, backend.device)
    for o, t, _ in loss_batches(loss, "float32"):
        outputs = backend.asarray(o)
        targets = backend.asarray(t, backend.index_dtype if t.ndim == 1 else None)
        pairs = [(loss.predict(outputs, ctx), loss.predict(o, CTX))]
        if loss.classifies:
            pairs.append((loss.correct(outputs, targets, ctx), loss.correct(o, t, CTX)))
            assert pairs[-1][0].dtype == backend.dtype
        else:
            with pytest.raises(TypeError, match=f"accuracy: the loss is {type(loss).__name__}"):
                loss.correct(outputs, targets, ctx)
        if loss.classifies and name != "hinge":
            pairs.append((loss.probabilities(outputs, ctx), loss.probabilities(o, CTX)))
        else:
            with pytest.raises(TypeError, match="predict_proba: the loss is"):
                loss.probabilities(outputs, ctx)
        for result, expected in pairs:
            assert backend.device_name_of(result) == backend.place
            np.testing.assert_allclose(backend.to_numpy(result), expected, rtol=1e-5)
