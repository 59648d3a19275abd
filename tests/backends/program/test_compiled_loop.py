"""A compiled loop against the plain one: the same steps, the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn, optim
from portable_mlp.backends import Backend, Loop, pieces
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.program import CompiledLoop, kernels
from portable_mlp.metrics import METRICS, AnyMetric, RunningMetric
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.optim import OPTIMIZERS, Optimizer
from portable_mlp.randomness import stream_keys
from portable_mlp.training.carry import Carry, first_carry
from portable_mlp.training.problem import Data, Problem
from portable_mlp.training.step import Numbers, make_step

STEPS = 100
ROWS, FEATURES, CLASSES = 23, 12, 5


def problem_of(backend: Backend, layers: list[nn.Layer], **options: Any) -> Problem:
    return MLP(layers=layers, inputs=FEATURES, backend=backend, seed=4, **options)._problem


def mixed(activation: str = "silu", normalization: str = "batch") -> list[nn.Layer]:
    """Every kind of layer."""
    return [
        nn.Scale(),
        *dense_stack([16, 8], activation, dropout=0.2, normalization=normalization),
        nn.Residual((nn.Dense(8), nn.LayerNorm(), nn.Tanh(), nn.Dropout(0.1), nn.Dense(8))),
        nn.RMSNorm(),
        nn.Dense(CLASSES),
    ]


def trained(
    problem: Problem,
    optimizer: Optimizer,
    make: Callable[..., Loop],
    steps: int = STEPS,
    losses: list[float] | None = None,
    together: int = 1,
    apart: bool = False,
) -> Carry:
    """The carry after so many steps with batches of `ROWS` rows; fills in the loss of each step."""
    backend = problem.backend
    random = np.random.default_rng(8)
    x = random.normal(size=(200, FEATURES))
    if isinstance(problem.network.layers[0], nn.Embedding):
        x[:, -2:] = np.random.default_rng(9).integers(0, problem.network.layers[0].levels, (200, 2))
    x = backend.asarray(x)
    labels = random.integers(0, CLASSES, 200).astype(np.int32)
    wants_labels = problem.loss.targets != "values"
    values = random.uniform(0.1, 0.9, size=(200, CLASSES))
    y = backend.asarray(labels, backend.index_dtype) if wants_labels else backend.asarray(values)
    weights = backend.asarray(random.uniform(0.5, 2.0, 200))
    rows = backend.asarray(
        random.integers(0, 200, (steps, ROWS), dtype=np.int32), backend.index_dtype
    )
    numbers = [
        Numbers(
            optimizer.scalars(i + 1, 1e-3),
            optimizer.ema_share(i + 1),
            stream_keys(3, i, problem.network.streams),
        )
        for i in range(steps)
    ]
    carry = first_carry(problem, optimizer, problem.first_weights(1), None)
    _ = problem.decay_mask
    if apart:
        carry = backend.apart(carry, problem.layout.lengths)
    loop = make(make_step(problem, optimizer))
    data, before = Data(x, y, weights), 0.0
    if losses is None:
        carry = loop(carry, data, rows, numbers, 0, 3)  # in several calls, as in a training
        return loop(carry, data, rows, numbers, 3, steps)
    for first in range(0, steps, together):
        carry = loop(carry, data, rows, numbers, first, first + together)
        after = float(carry.totals.loss)
        losses.append(after - before)
        before = after
    return carry


def leaves(tree: Any) -> list[Any]:
    if tree is None:
        return []
    if isinstance(tree, (tuple, list)):
        return [leaf for child in tree for leaf in leaves(child)]
    if isinstance(tree, dict):
        return [leaf for child in tree.values() for leaf in leaves(child)]
    return [tree]


def compare(backend: Backend, tolerance: float) -> None:
    """The loss of each step: weights whose gradient is 0 but for rounding, such as a bias before a
    BatchNorm, are moved by Adam as rounding has it, and change nothing.
    """
    optimizer = optim.AdamW(clip_norm=1.0, ema_decay=0.9)
    problem = problem_of(backend, mixed(), l1=1e-4, l2=1e-3)
    plain, fast = [], []
    trained(problem, optimizer, backend.loop, losses=plain)
    trained(problem, optimizer, backend.compile_loop, losses=fast)
    assert len(plain) == STEPS
    np.testing.assert_allclose(fast, plain, rtol=tolerance)


@pytest.mark.needs_argmax
def test_a_hundred_steps_in_single_precision(backend: Backend) -> None:
    compare(backend, 1e-5)


def test_a_hundred_steps_in_double_precision(backend64: Backend) -> None:
    compare(backend64, 1e-12)


@pytest.mark.parametrize("apart", [False, True])
def test_embeddings_and_rates(
    backend64: Backend, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", 40)
    front = [nn.Embedding([5, 30], units=4), nn.Scale(rate=6.0), nn.NTKDense(16, bias_rate=0.1)]
    layers = [*front, nn.SiLU(), nn.Dense(CLASSES)]
    problem, optimizer = problem_of(backend64, layers), optim.AdamW()
    assert problem.rate_factors is not None
    plain, fast = [], []
    trained(problem, optimizer, backend64.loop, losses=plain)
    trained(problem, optimizer, backend64.compile_loop, losses=fast, apart=apart)
    np.testing.assert_allclose(fast, plain, rtol=1e-12)


def test_ten_steps_in_a_call_with_large_arrays_apart(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", 20)
    problem = problem_of(backend, mixed("silu", "layer"), l1=1e-4, metrics=())
    assert len(pieces.cuts_of(problem.layout.lengths)) > 5
    optimizer = optim.AdamW(clip_value=0.1, clip_norm=1.0, ema_decay=0.9)
    plain, fast = [], []
    carry = trained(problem, optimizer, backend.loop, losses=plain, together=10)
    other = trained(problem, optimizer, backend.compile_loop, losses=fast, together=10, apart=True)
    np.testing.assert_allclose(fast, plain, rtol=1e-5)
    for a, b in zip(leaves(carry), leaves(backend.whole(other)), strict=True):
        assert a.shape == b.shape


# -- everything that a user can choose is recorded ------------------------------------------------


def compiled(make: Callable[..., Loop], kept: list[CompiledLoop]) -> Callable[..., Loop]:
    """The backend's compiler, which also tells what it made."""

    def compile_loop(step: Any) -> Loop:
        loop = make(step)
        cells = [c.cell_contents for c in getattr(loop, "__closure__", None) or ()]
        kept.extend(c for c in (loop, *cells) if isinstance(c, CompiledLoop))
        return loop

    return compile_loop


def compare_on_numpy(
    layers: list[nn.Layer], optimizer: Optimizer, compiler: str, **options: Any
) -> None:
    if compiler == "numba" and not kernels.available():
        pytest.skip("numba is not installed (the extra 'fast')")
    backend = NumpyBackend(None, "float64", compiler=compiler)
    problem = problem_of(backend, layers, **options)
    plain = trained(problem, optimizer, backend.loop, 20)
    kept: list[CompiledLoop] = []
    fast = trained(problem, optimizer, compiled(backend.compile_loop, kept), 20)
    (loop,) = kept
    assert loop.refused is None
    assert len(loop.texts) == 1
    for expected, found in zip(leaves(plain), leaves(fast), strict=True):
        scale = np.max(np.abs(expected), initial=1e-30)
        assert np.max(np.abs(found - expected), initial=0.0) <= 1e-12 * scale


COMPILERS = ("buffers", "numba")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("activation", sorted(nn.ACTIVATIONS))
def test_every_activation(activation: str, compiler: str) -> None:
    layers = [nn.Dense(9), nn.ACTIVATIONS[activation], nn.Dense(CLASSES)]
    compare_on_numpy(layers, optim.Adam(), compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_embeddings_are_recorded(compiler: str) -> None:
    layers = [
        nn.Embedding([5, 30], units=4),
        nn.Scale(rate=6.0),
        *dense_stack([9, CLASSES], "tanh"),
    ]
    compare_on_numpy(layers, optim.AdamW(), compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"lbfgs"}))
def test_every_optimizer(name: str, compiler: str) -> None:
    compare_on_numpy(dense_stack([9, CLASSES], "tanh"), OPTIMIZERS[name], compiler)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_every_loss(name: str, compiler: str) -> None:
    loss = nn.LOSSES[name]
    if name == "gaussian_nll" or loss.targets_per_output(CLASSES) != CLASSES:
        layers = dense_stack([9, 2 * CLASSES], "tanh")
    else:
        layers = dense_stack([9, CLASSES], "tanh")
    compare_on_numpy(layers, optim.SGD(momentum=0.9, nesterov=True), compiler, loss=loss)


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy", "squared_error"])
@pytest.mark.filterwarnings("ignore:top_.*_accuracy")  # of five classes those are 1
def test_every_running_metric(loss: str, compiler: str) -> None:
    names = [name for name, metric in METRICS.items() if suits(metric, nn.LOSSES[loss])]
    assert len(names) >= 4
    layers = dense_stack([9, CLASSES], "tanh")
    compare_on_numpy(layers, optim.SGD(), compiler, loss=loss, metrics=names)


def suits(metric: AnyMetric, loss: nn.Loss) -> bool:
    try:
        metric.check(loss, CLASSES)
    except ValueError:
        return False
    return isinstance(metric, RunningMetric)


@pytest.mark.parametrize("compiler", COMPILERS)
def test_everything_at_once(compiler: str) -> None:
    optimizer = optim.AdamW(clip_value=0.5, clip_norm=1.0, ema_decay=0.9)
    compare_on_numpy(mixed("gelu", "layer"), optimizer, compiler, l1=1e-4, l2=1e-3)
