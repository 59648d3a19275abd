"""Layers: golden values, derivatives, and what each promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn, randomness
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn.layers import BatchNormParams, BatchNormState, LayerNormParams, RMSNormParams
from portable_mlp.nn.parameters import named_leaves, rebuild

xp = NumpyBackend().xp
CTX, TRAINING = nn.Context(xp), nn.Context(xp, training=True)

GOLDEN: dict[str, nn.Layer] = {
    "dense": nn.Dense(3),
    "dense-no_bias": nn.Dense(3, use_bias=False),
    "layer_norm": nn.LayerNorm(),
    "layer_norm-epsilon": nn.LayerNorm(epsilon=0.1),
    "layer_norm-two_axes": nn.LayerNorm(),
    "rms_norm": nn.RMSNorm(),
    "rms_norm-epsilon": nn.RMSNorm(epsilon=0.1),
    "rms_norm-two_axes": nn.RMSNorm(),
    "batch_norm": nn.BatchNorm(),
    "batch_norm-options": nn.BatchNorm(momentum=0.3, epsilon=0.1),
    "batch_norm-two_axes": nn.BatchNorm(),
    "scale": nn.Scale(),
    "ntk_dense": nn.NTKDense(3),
    "ntk_dense-no_bias": nn.NTKDense(3, use_bias=False),
    "embedding": nn.Embedding([5, 2], units=3),
    "embedding-alone": nn.Embedding([4], units=2),
    "flatten": nn.Flatten(),
    "residual": nn.Residual([nn.Dense(4), nn.Tanh()]),
    "dropout": nn.Dropout(0.3),
}
SHAPES = {"flatten": (2, 3), "layer_norm-two_axes": (2, 4), "embedding-alone": (1,)}


def sample_shape(name: str) -> tuple[int, ...]:
    return SHAPES.get(name, (2, 2) if name.endswith("two_axes") else (4,))


def test_every_layer_has_golden_values(golden: Any) -> None:
    """A new layer has to come with a case; activations have a test of their own for this."""
    assert golden.names("layers") == set(GOLDEN)
    exported = [getattr(nn, name) for name in nn.__all__]
    layers = {c for c in exported if isinstance(c, type) and issubclass(c, nn.Layer)}
    tested = {type(layer) for layer in (*GOLDEN.values(), *nn.ACTIVATIONS.values())}
    # base classes, what a user writes, and the network, which test_network.py is about
    assert layers - tested == {nn.Layer, nn.Elementwise, nn.CustomActivation, nn.Network}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_float64(
    backend64: Backend, golden: Any, golden_layer: Callable[..., None], name: str
) -> None:
    golden_layer(backend64, GOLDEN[name], golden.cases("layers", name))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_float32(
    backend: Backend, golden: Any, golden_layer: Callable[..., None], name: str
) -> None:
    golden_layer(backend, GOLDEN[name], golden.cases("layers", name))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", GOLDEN)
def test_backward_is_the_derivative(
    derivative_errors: Callable[..., dict[str, float]], name: str, seed: int, training: bool
) -> None:
    layer, shape = GOLDEN[name], sample_shape(name)
    if isinstance(layer, nn.Embedding):
        layer, shape = WithNumbers(layer), (3,)
    errors = derivative_errors(layer, shape, training=training, seed=seed)
    assert max(errors.values()) < 1e-7, errors


@dataclass(frozen=True)
class WithNumbers(nn.Layer):
    """An embedding behind which the category numbers stand still."""

    inner: nn.Embedding

    def output_shape(self, shape: Any) -> Any:
        return self.inner.output_shape((shape[0] + len(self.inner.levels),))

    def parameters(self, shape: Any) -> Any:
        return self.inner.parameters(shape)

    def forward(self, params: Any, x: Any, ctx: Any) -> tuple[Any, Any]:
        numbers = [np.arange(len(x)) * 3 % count for count in self.inner.levels]
        return self.inner.forward(params, np.column_stack([x, *numbers]), ctx)

    def backward(self, params: Any, cache: Any, dy: Any, ctx: Any) -> tuple[Any, Any]:
        dx, gradients = self.inner.backward(params, cache, dy, ctx)
        assert not dx[:, -len(self.inner.levels) :].any()
        return dx[:, : -len(self.inner.levels)], gradients


@pytest.mark.parametrize("name", [*GOLDEN, *nn.ACTIVATIONS])
def test_nothing_that_came_in_changes(name: str) -> None:
    """Forward twice, backward twice: the same results, and inputs as they were."""
    layer, shape = (GOLDEN | nn.ACTIVATIONS)[name], sample_shape(name)
    random = np.random.default_rng(3)
    ctx = nn.Context(xp, None, True, lambda s: np.full(s, 0.4, np.float32))
    inputs = [
        rebuild(specs, (random.uniform(0.5, 2.0, s.shape) for _, s in named_leaves(specs)))
        for specs in (layer.parameters(shape), layer.state(shape))
    ]
    x, other = random.normal(0, 1, (2, 5, *shape))
    before = [a.copy() for a in leaves(*inputs, x)]
    y, cache, state = layer.apply(*inputs, x, ctx)
    dy = random.normal(0, 1, y.shape)
    first = [a.copy() for a in leaves(*layer.backward(inputs[0], cache, dy, ctx), y, state)]
    dy_before = dy.copy()
    layer.apply(*inputs, other, ctx)
    second = leaves(*layer.backward(inputs[0], cache, dy, ctx), y, state)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, leaves(*inputs, x), strict=True))
    assert np.array_equal(dy, dy_before)


def leaves(*trees: Any) -> list[Any]:
    return [leaf for tree in trees for _, leaf in named_leaves(tree)]


@pytest.mark.parametrize("name", GOLDEN)
def test_rows_do_not_mix_and_a_batch_of_one_works(name: str) -> None:
    """At prediction a sample's output does not depend on its neighbours."""
    layer, shape = GOLDEN[name], sample_shape(name)
    random = np.random.default_rng(4)
    inputs = [
        rebuild(specs, (random.uniform(0.5, 2.0, s.shape) for _, s in named_leaves(specs)))
        for specs in (layer.parameters(shape), layer.state(shape))
    ]
    x = random.normal(0, 1, (5, *shape))
    y = layer.apply(*inputs, x, CTX)[0]
    alone = np.concatenate([layer.apply(*inputs, x[i : i + 1], CTX)[0] for i in range(5)])
    np.testing.assert_allclose(alone, y, rtol=1e-13, atol=1e-14)
    assert layer.apply(*inputs, x[:0], CTX)[0].shape == (0, *layer.output_shape(shape))


def test_only_weights_of_dense_decay() -> None:
    for name, layer in (GOLDEN | nn.ACTIVATIONS).items():
        for path, spec in named_leaves(layer.parameters(sample_shape(name))):
            assert spec.decay == path.endswith("weight"), (name, path)


# -- dense, flatten, scale, residual -------------------------------------------------------------


@pytest.mark.parametrize("units", [0, -3, 2.5, True, "3"])
def test_dense_refuses_units(units: Any) -> None:
    with pytest.raises(ValueError, match=rf"Dense: units is {units!r}, expected a whole number"):
        nn.Dense(units)


@pytest.mark.parametrize("rate", [0, -1, float("inf"), "1", True])
def test_rates_are_numbers_above_zero(rate: Any) -> None:
    with pytest.raises(
        ValueError, match=r"NTKDense: bias_rate is .*, expected a finite number above"
    ):
        nn.NTKDense(3, bias_rate=rate)
    with pytest.raises(ValueError, match=r"Scale: rate is .*, expected a finite number above 0"):
        nn.Scale(rate=rate)


def test_wide_layers_of_the_neural_tangent_kind_begin_at_one() -> None:
    random, x = randomness.HostStream(0), np.random.default_rng(0).normal(size=(50, 1000))
    weight, bias = nn.NTKDense(300).parameters((1000,))
    params = nn.DenseParams(
        weight.initializer.draw(random, weight.shape, 1000, 300),
        bias.initializer.draw(random, bias.shape, 1000, 300),
    )
    y, _ = nn.NTKDense(300).forward(params, x, CTX)
    assert abs(y.std() - 2**0.5) < 0.02


@pytest.mark.parametrize("levels", [[], 5, [3, 0], [2.5], "ab"])
def test_embedding_refuses_levels(levels: Any) -> None:
    with pytest.raises(ValueError, match=r"Embedding: levels is .*, expected a whole number"):
        nn.Embedding(levels)


def test_embedding_says_what_it_wants() -> None:
    with pytest.raises(ValueError, match=r"Embedding: units is 0, expected a whole number"):
        nn.Embedding([3], units=0)
    with pytest.raises(ValueError, match=r"shape \(1,\), expected .* ends in 2 category number"):
        nn.Embedding([3, 4]).output_shape((1,))
    # no longer than there are levels: 3 and 8 beside the one plain column
    assert nn.Embedding([3, 40]).output_shape((3,)) == (12,)


def test_dense_refuses_images_and_unknown_initializers() -> None:
    with pytest.raises(ValueError, match=r'Dense "first": .*\(28, 28\).*put a Flatten\(\) before'):
        nn.Dense(3, name="first").output_shape((28, 28))
    with pytest.raises(ValueError, match=r"Dense weight_init: got 'he_norml'.*'he_normal'"):
        nn.Dense(3, "he_norml")
    with pytest.raises(ValueError, match=r"Dense bias_init: got 'zero'.*'zeros'"):
        nn.Dense(3, bias_init="zero")


def test_dense_parameters() -> None:
    weight, bias = nn.Dense(3, "he_normal", nn.Constant(0.1)).parameters((5,))
    assert weight == nn.ParameterSpec((5, 3), nn.HeNormal(), 5, 3, decay=True)
    assert bias == nn.ParameterSpec((3,), nn.Constant(0.1), 5, 3, decay=False)
    assert nn.Dense(3, use_bias=False).parameters((5,)).bias is None


def test_flatten_shape_and_order() -> None:
    assert nn.Flatten().output_shape((2, 3, 4)) == (24,)
    assert nn.Flatten().output_shape((7,)) == (7,)
    x = np.arange(24.0).reshape(2, 3, 4)
    y, cache = nn.Flatten().forward(None, x, CTX)
    assert y.tolist() == [list(range(12)), list(range(12, 24))]
    assert np.array_equal(nn.Flatten().backward(None, cache, y, CTX)[0], x)


def test_scale_starts_where_it_is_told() -> None:
    assert nn.Scale(0.5).parameters((2, 3)).scale == nn.ParameterSpec((2, 3), nn.Constant(0.5))


def test_residual_refuses_another_shape() -> None:
    block = nn.Residual([nn.Dense(5), nn.ReLU()])
    with pytest.raises(ValueError, match=r"shape \(4,\) into \(5,\).*end with Dense\(4\)"):
        block.output_shape((4,))
    assert block.output_shape((5,)) == (5,)
    with pytest.raises(TypeError, match=r"write Dense\(3\), with parentheses"):
        _ = nn.Residual([nn.Dense]).network


# -- dropout -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, float("nan")])
def test_dropout_refuses_rates(rate: float) -> None:
    with pytest.raises(ValueError, match=r"the share that is dropped, not kept"):
        nn.Dropout(rate)


def test_dropout_draws_only_when_it_must() -> None:
    x = np.ones((2, 3))
    assert nn.Dropout(0.5).streams == 1
    assert nn.Dropout(0.0).streams == 0
    assert nn.Residual([nn.Dropout(0.5), nn.Dropout(0.0), nn.Dropout(0.1)]).streams == 2
    for layer, ctx in ((nn.Dropout(0.0), TRAINING), (nn.Dropout(0.5), CTX)):
        y, cache = layer.forward(None, x, ctx)
        assert np.array_equal(y, x)
        assert np.array_equal(layer.backward(None, cache, 2 * x, ctx)[0], 2 * x)
    with pytest.raises(RuntimeError, match=r"of shape \(2, 3\) was asked for outside training"):
        nn.Dropout(0.5).forward(None, x, TRAINING)


def test_dropout_boundary_belongs_to_the_kept() -> None:
    """uniform < rate is dropped: a share of exactly ``rate`` of [0, 1)."""
    ctx = nn.Context(xp, None, True, lambda s: np.asarray([[0.0, 0.25, 0.5]], np.float32))
    y, _ = nn.Dropout(0.25).forward(None, np.ones((1, 3)), ctx)
    np.testing.assert_allclose(y, [[0.0, 4 / 3, 4 / 3]], rtol=1e-15)


def test_dropout_share_mean_and_equal_masks(backend: Backend) -> None:
    """The same values are dropped on every backend, and the mean stays."""
    (key,) = randomness.stream_keys(seed=1, step=2, streams=1)

    def mask_on(xp: Any, device: Any, x: Any) -> Any:
        ctx = nn.Context(xp, device, True, lambda s: randomness.uniform(xp, s, key, device))
        return nn.Dropout(0.3).forward(None, x, ctx)[0]

    here = mask_on(backend.xp, backend.device, backend.asarray(np.ones((200, 100))))
    host = mask_on(xp, None, np.ones((200, 100), np.float32))
    np.testing.assert_allclose(backend.to_numpy(here), host, rtol=1e-6)
    assert abs(np.mean(host == 0) - 0.3) < 0.013  # four standard deviations
    assert abs(np.mean(host) - 1) < 0.02


# -- normalisation -------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0, -0.1, 1.1, float("nan")])
def test_batch_norm_refuses_momentum(momentum: float) -> None:
    with pytest.raises(ValueError, match=r"momentum is .*Keras' 0.99 is 0.01 here"):
        nn.BatchNorm(momentum=momentum)


def batch_norm(layer: nn.BatchNorm, x: Any, state: Any = None) -> tuple[Any, Any]:
    ones, zeros = np.ones(x.shape[1:]), np.zeros(x.shape[1:])
    state = BatchNormState(zeros, ones) if state is None else state
    y, _, new = layer.apply(BatchNormParams(ones, zeros), state, x, TRAINING)
    return y, new


def test_batch_norm_normalises_and_remembers() -> None:
    x = np.random.default_rng(5).normal(3, 2, (50, 4))
    y, state = batch_norm(nn.BatchNorm(momentum=1.0, epsilon=1e-12), x)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-10)
    np.testing.assert_allclose(state.mean, x.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(state.variance, x.var(axis=0, ddof=1), rtol=1e-13)
    shifted, _ = batch_norm(nn.BatchNorm(epsilon=1e-12), 5 * x + 7)
    np.testing.assert_allclose(shifted, y, rtol=1e-9, atol=1e-10)


def test_batch_norm_starts_from_the_standard_normal() -> None:
    state = nn.BatchNorm().state((3,))
    assert state.mean == nn.ParameterSpec((3,), nn.Zeros())
    assert state.variance == nn.ParameterSpec((3,), nn.Constant(1.0))


def test_batch_norm_of_one_sample_is_finite() -> None:
    """Its variance is 0, and says nothing of the running one."""
    y, state = batch_norm(nn.BatchNorm(), np.asarray([[2.0, -1.0]]))
    assert np.array_equal(y, np.zeros((1, 2)))
    assert np.array_equal(state.mean, [0.0, 0.0])
    assert np.array_equal(state.variance, [1.0, 1.0])


def test_layer_norm_and_rms_norm_invariances() -> None:
    x = np.random.default_rng(6).normal(0, 1, (5, 4))
    ones, zeros = np.ones(4), np.zeros(4)
    layer_norm = nn.LayerNorm(epsilon=1e-14), LayerNormParams(ones, zeros)
    rms_norm = nn.RMSNorm(epsilon=1e-14), RMSNormParams(ones)
    for (layer, params), moved in ((layer_norm, 3 * x + 10), (rms_norm, 3 * x)):
        y, cache = layer.forward(params, x, CTX)
        np.testing.assert_allclose(layer.forward(params, moved, CTX)[0], y, rtol=1e-9)
        np.testing.assert_allclose(np.mean(y * y, axis=1), 1, rtol=1e-10)
        dx, _ = layer.backward(params, cache, x**2, CTX)
        np.testing.assert_allclose(np.sum(dx * x, axis=1), 0, atol=1e-11)  # no pull along x
    assert np.array_equal(layer_norm[0].forward(layer_norm[1], ones[None], CTX)[0], zeros[None])


# -- the contract itself -------------------------------------------------------------------------


def test_layer_without_formulas_says_so() -> None:
    with pytest.raises(TypeError, match="Layer defines neither forward nor apply"):
        nn.Layer().apply(None, None, np.ones((1, 1)), CTX)
    with pytest.raises(TypeError, match="Layer does not define backward"):
        nn.Layer().gradients(None, None, np.ones((1, 1)), CTX)


def test_layers_are_frozen_and_equal_by_value() -> None:
    assert nn.Dense(3) == nn.Dense(3) != nn.Dense(4)
    with pytest.raises(AttributeError):
        nn.Dense(3).units = 4


def test_kinds() -> None:
    kinds = [nn.BatchNorm(), nn.LeakyReLU(), nn.PReLU(), nn.SiLU(), nn.GELU("tanh"), nn.Dense(1)]
    wanted = ["batch_norm", "leaky_relu", "prelu", "silu", "gelu", "dense"]
    assert [layer.kind for layer in kinds] == wanted
