"""The network: names, shapes, the gradient of a deep mixed stack, and its symmetries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.nn.parameters import named_leaves, rebuild

xp = NumpyBackend().xp
CTX = nn.Context(xp)

DEEP = nn.Network.of(
    [
        nn.Scale(),
        nn.Dense(6, use_bias=False),  # its bias would have gradient 0: BatchNorm takes it out
        nn.BatchNorm(),
        nn.PReLU(),
        nn.Residual(
            [nn.LayerNorm(), nn.Dense(6), nn.GELU(), nn.Residual([nn.Dense(6), nn.Tanh()])]
        ),
        nn.Dropout(0.4),
        nn.Dense(5),
        nn.Softmax(),
        nn.Residual([nn.BatchNorm(), nn.Dropout(0.2), nn.RMSNorm(), nn.Dense(5), nn.SiLU()]),
        nn.Dense(3),
    ]
)


def hosts(random: np.random.Generator, specs: Any) -> Any:
    """Random weights in the structure of the specifications."""
    return moved(specs, lambda spec: random.normal(0, 0.6, spec.shape))


def moved(tree: Any, move: Callable[[Any], Any]) -> Any:
    """The same structure with each leaf replaced by what ``move`` makes of it."""
    return rebuild(tree, (move(leaf) for _, leaf in named_leaves(tree)))


def streams() -> Iterator[Any]:
    """The uniform numbers of one forward, the same each time."""
    return (np.random.default_rng(i) for i in count())


def training(xp: Any, device: Any = None, asarray: Any = np.asarray) -> nn.Context:
    """A context whose dropout masks are fixed."""
    drawn = streams()
    return nn.Context(
        xp, device, True, lambda shape: asarray(next(drawn).random(shape, np.float32), xp.float32)
    )


# -- names and shapes ----------------------------------------------------------------------------


def test_names_count_by_kind() -> None:
    net = nn.Network.of([nn.Dense(3), nn.ReLU(), nn.Dense(3, name="last"), nn.Dense(2), nn.ReLU()])
    assert list(net.named_layers) == ["dense_1", "relu_1", "last", "dense_3", "relu_2"]
    names = [name for name, _ in named_leaves(net.parameters((4,)))]
    dense = ("dense_1", "last", "dense_3")
    assert names == [f"{name}.{array}" for name in dense for array in ("weight", "bias")]


def test_nested_names() -> None:
    names = [name for name, _ in named_leaves(DEEP.parameters((4,)))]
    assert names[:3] == ["scale_1.scale", "dense_1.weight", "batch_norm_1.scale"]
    assert "residual_1.layer_norm_1.shift" in names
    assert "residual_1.residual_1.dense_1.weight" in names
    assert "dense_2.bias" in names
    state = [name for name, _ in named_leaves(DEEP.state((4,)))]
    assert state == [
        "batch_norm_1.mean",
        "batch_norm_1.variance",
        "residual_2.batch_norm_1.mean",
        "residual_2.batch_norm_1.variance",
    ]


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Dense(3, name="a"), nn.ReLU(name="a")],
        [nn.Dense(3, name="dense_2"), nn.Dense(3)],
    ],
)
def test_duplicate_names_are_refused(layers: list[nn.Layer]) -> None:
    with pytest.raises(ValueError, match=r"layers: two are named '(a|dense_2)'"):
        nn.Network.of(layers).parameters((4,))


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([nn.ReLU()] * 2 + [nn.Dense], TypeError, r"layers\[2\]: .*\(write Dense\(3\), with paren"),
        (["relu"], TypeError, r"layers\[0\]: got 'relu', expected a layer such as Dense\(10\)"),
        ([nn.SquaredError()], TypeError, r"layers\[0\]: got SquaredError\(\)"),
        ([], ValueError, "layers: got none, expected at least one"),
    ],
)
def test_what_is_no_network(layers: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        nn.Network.of(layers)


def test_shapes_from_layer_to_layer() -> None:
    net = nn.Network.of([nn.Flatten(), nn.Dense(5), nn.Tanh(), nn.Dense(2)])
    assert net.shapes((2, 3)) == {
        "flatten_1": ((2, 3), (6,)),
        "dense_1": ((6,), (5,)),
        "tanh_1": ((5,), (5,)),
        "dense_2": ((5,), (2,)),
    }
    assert net.output_shape((2, 3)) == (2,)
    assert net.parameters((2, 3))["dense_1"].weight.shape == (6, 5)
    with pytest.raises(ValueError, match="a sample has shape"):
        nn.Network.of([nn.Dense(5)]).output_shape((2, 3))


def test_streams_are_counted_through_blocks() -> None:
    assert DEEP.streams == 2
    assert nn.Network.of([nn.Dense(2)]).streams == 0


# -- gradients -----------------------------------------------------------------------------------


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("seed", [1, 2])  # no unit of PReLU is near its kink for these
def test_deep_gradient_is_the_derivative(
    derivative_errors: Callable[..., dict[str, float]], seed: int, train: bool
) -> None:
    errors = derivative_errors(DEEP, (4,), training=train, seed=seed)
    assert len(errors) == 1 + len(list(named_leaves(DEEP.parameters((4,)))))
    assert max(errors.values()) < 1e-7, errors


def run_deep(ctx: nn.Context, params: Any, state: Any, x: Any, dy: Any) -> dict[str, Any]:
    y, cache, new_state = DEEP.apply(params, state, x, ctx)
    dx, gradients = DEEP.backward(params, cache, dy, ctx)
    found = {"y": y, "dx": dx} | {f"d {n}": a for n, a in named_leaves(gradients)}
    return found | {f"new {n}": a for n, a in named_leaves(new_state)}


def deep_inputs() -> tuple[Any, Any, Any, Any]:
    """Parameters, statistics, x and dy: numbers of float32, in float64."""
    random = np.random.default_rng(1)

    def single(array: Any) -> Any:
        return array.astype(np.float32).astype(np.float64)

    params = moved(hosts(random, DEEP.parameters((4,))), single)
    state = moved(DEEP.state((4,)), lambda spec: single(random.uniform(0.5, 2, spec.shape)))
    return params, state, single(random.normal(0, 1, (7, 4))), single(random.normal(0, 1, (7, 3)))


def check_deep(backend: Backend, agree: Callable[..., None]) -> None:
    params, state, x, dy = deep_inputs()
    expected = run_deep(training(xp), params, state, x, dy)

    def step(*inputs: Any) -> dict[str, Any]:
        return run_deep(training(backend.xp, backend.device, backend.asarray), *inputs)

    trees = (moved(params, backend.asarray), moved(state, backend.asarray))
    found = backend.compile(step)(*trees, backend.asarray(x), backend.asarray(dy))
    assert found.keys() == expected.keys()
    for name, result in found.items():
        agree(backend, result, expected[name], name)


def test_deep_network_is_the_same_everywhere_float64(
    backend64: Backend, agree: Callable[..., None]
) -> None:
    check_deep(backend64, agree)


def test_deep_network_is_the_same_everywhere_float32(
    backend: Backend, agree: Callable[..., None]
) -> None:
    check_deep(backend, agree)


def test_running_statistics_come_back_from_every_block() -> None:
    net = nn.Network.of([nn.BatchNorm(), nn.Residual([nn.Residual([nn.BatchNorm()]), nn.Tanh()])])
    x = np.random.default_rng(4).normal(3, 2, (5, 4))
    params = moved(net.parameters((4,)), lambda spec: np.ones(spec.shape))
    old = moved(net.state((4,)), lambda spec: np.zeros(spec.shape))
    new = dict(named_leaves(net.apply(params, old, x, training(xp))[2]))
    assert list(new) == [name for name, _ in named_leaves(old)]
    np.testing.assert_allclose(new["batch_norm_1.mean"], 0.1 * x.mean(axis=0), rtol=1e-12)
    # the inner one sees mean 1, the shift of the outer one, and variance 1
    inner = "residual_1.residual_1.batch_norm_1"
    np.testing.assert_allclose(new[f"{inner}.mean"], 0.1, rtol=1e-12)
    np.testing.assert_allclose(new[f"{inner}.variance"], 0.1 * 5 / 4, rtol=1e-4)
    kept = dict(named_leaves(net.apply(params, old, x, CTX)[2]))
    assert all(np.array_equal(kept[name], array) for name, array in named_leaves(old))


@pytest.mark.parametrize(
    "front",
    [
        [nn.Dense(6)],
        [nn.Flatten(), nn.Tanh(), nn.Dense(6)],
        [nn.Scale(), nn.Dense(6)],
        [nn.Residual([nn.Tanh()]), nn.Residual([nn.Dense(4), nn.Tanh()]), nn.Dense(6)],
        [nn.Network.of([nn.Dense(6), nn.GELU()])],
        [nn.Tanh()],
    ],
)
def test_gradients_equals_backward(front: list[nn.Layer]) -> None:
    """`gradients` leaves out dL/dx of the first layer with parameters, and nothing else."""
    net = nn.Network.of([*front, nn.Tanh(), nn.Dense(3)])
    random = np.random.default_rng(2)
    params, state = hosts(random, net.parameters((4,))), net.state((4,))
    y, cache, _ = net.apply(params, state, random.normal(0, 1, (5, 4)), CTX)
    whole = dict(named_leaves(net.backward(params, cache, y, CTX)[1]))
    alone = dict(named_leaves(net.gradients(params, cache, y, CTX)))
    assert list(alone) == list(whole) == [name for name, _ in named_leaves(params)]
    assert all(np.array_equal(alone[name], whole[name]) for name in whole)


def test_gradients_skips_the_first_product() -> None:
    """The saving that it exists for: dL/dx of a wide first layer is never formed."""

    class Watched(nn.Dense):
        def backward(self, *args: Any) -> Any:
            raise AssertionError("dL/dx was asked for")

    net = nn.Network.of([nn.Tanh(), Watched(3), nn.Dense(2)])
    params = hosts(np.random.default_rng(0), net.parameters((4,)))
    y, cache, _ = net.apply(params, net.state((4,)), np.ones((5, 4)), CTX)
    assert len(net.gradients(params, cache, y, CTX)) == 3


def test_network_without_parameters_has_no_gradients() -> None:
    net = nn.Network.of([nn.Tanh(), nn.Softmax()])
    y, cache, _ = net.apply(net.parameters((4,)), net.state((4,)), np.ones((5, 4)), CTX)
    assert list(named_leaves(net.gradients(net.parameters((4,)), cache, y, CTX))) == []


def test_second_forward_leaves_the_first_backward_alone() -> None:
    params, state, x, dy = deep_inputs()
    ctx = training(xp)
    _, cache, _ = DEEP.apply(params, state, x, ctx)
    before = {n: a.copy() for n, a in named_leaves(DEEP.backward(params, cache, dy, ctx)[1])}
    DEEP.apply(params, state, -2 * x, training(xp))
    after = dict(named_leaves(DEEP.backward(params, cache, dy, ctx)[1]))
    assert all(np.array_equal(before[name], after[name]) for name in before)


# -- symmetries ----------------------------------------------------------------------------------

TWO = nn.Network.of([nn.Dense(5), nn.ReLU(), nn.Dense(2)])


def run_two(params: Any, x: Any, dy: Any) -> tuple[Any, Any, Any]:
    y, cache, _ = TWO.apply(params, TWO.state((4,)), x, CTX)
    dx, gradients = TWO.backward(params, cache, dy, CTX)
    return y, dx, gradients


def two_inputs() -> tuple[Any, Any, Any]:
    random = np.random.default_rng(3)
    params = moved(TWO.parameters((4,)), lambda spec: random.normal(0, 1, spec.shape))
    return params, random.normal(0, 1, (6, 4)), random.normal(0, 1, (6, 2))


def assert_same(one: Any, other: Any) -> None:
    for (_, a), (_, b) in zip(named_leaves(one), named_leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


def test_hidden_units_swapped() -> None:
    params, x, dy = two_inputs()
    order = np.asarray([3, 1, 4, 0, 2])

    def swap(tree: Any) -> Any:
        first, last = tree["dense_1"], tree["dense_2"]
        return tree | {
            "dense_1": nn.DenseParams(first.weight[:, order], first.bias[order]),
            "dense_2": nn.DenseParams(last.weight[order], last.bias),
        }

    y, dx, gradients = run_two(params, x, dy)
    swapped = run_two(swap(params), x, dy)
    np.testing.assert_allclose(swapped[0], y, rtol=1e-12)
    np.testing.assert_allclose(swapped[1], dx, rtol=1e-12, atol=1e-14)
    assert_same(swapped[2], swap(gradients))


def test_relu_rescaled() -> None:
    """W₁ c and W₂ / c are the same function; its gradients scale the other way."""
    params, x, dy = two_inputs()

    def scale(tree: Any, c: float) -> Any:
        return tree | {
            "dense_1": nn.DenseParams(*(c * a for a in tree["dense_1"])),
            "dense_2": nn.DenseParams(tree["dense_2"].weight / c, tree["dense_2"].bias),
        }

    y, dx, gradients = run_two(params, x, dy)
    scaled = run_two(scale(params, 8.0), x, dy)
    np.testing.assert_allclose(scaled[0], y, rtol=1e-12)
    np.testing.assert_allclose(scaled[1], dx, rtol=1e-12)
    assert_same(scaled[2], scale(gradients, 1 / 8.0))


def test_batch_doubled_and_reordered() -> None:
    params, x, dy = two_inputs()
    y, dx, gradients = run_two(params, x, dy)
    rows = np.asarray([*range(6), *reversed(range(6))])
    doubled = run_two(params, x[rows], dy[rows])
    np.testing.assert_allclose(doubled[0], y[rows], rtol=1e-12)
    np.testing.assert_allclose(doubled[1], dx[rows], rtol=1e-12)
    assert_same(doubled[2], moved(gradients, lambda a: 2 * a))
