"""What a recorded step keeps in memory."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from portable_mlp import MLP, optim
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.program import CompiledLoop, kernels
from portable_mlp.backends.program.numpy_library import NumpyLibrary
from portable_mlp.training.carry import first_carry
from portable_mlp.training.problem import Data
from portable_mlp.training.step import Numbers, make_step

BATCH, SIZES = 64, (784, 256, 128, 10)


def recorded(compiler: str, optimizer: optim.Optimizer) -> tuple[dict[str, Any], Any, str]:
    """``(what the program refers to, its carry, its code)`` after two steps."""
    backend = NumpyBackend(compiler=compiler)
    problem = MLP(SIZES, backend=backend)._problem
    compilers = {"numba": kernels.NumbaCompiler(), "buffers": None}
    step = make_step(problem, optimizer)
    loop = CompiledLoop(NumpyLibrary(backend.xp), step, backend.loop(step), compilers[compiler])
    random = np.random.default_rng(0)
    x = random.random((BATCH * 2, SIZES[0]), dtype=np.float32)
    data = Data(x, random.integers(0, 10, BATCH * 2), None)
    rows = np.arange(BATCH * 2).reshape(2, BATCH)
    numbers = [Numbers(optimizer.scalars(i + 1, 1e-3), 1.0, ()) for i in range(2)]
    carry = first_carry(problem, optimizer, problem.first_weights(0), None)
    carry = loop(carry, data, rows, numbers, 0, 2)
    assert loop.refused is None
    (program,) = loop._programs.values()
    return program.__globals__, carry, loop.texts[0]  # type: ignore[union-attr]


def memory(names: dict[str, Any]) -> int:
    """Bytes of all arrays, each block once."""
    blocks: dict[int, int] = {}
    for thing in names.values():
        if isinstance(thing, np.ndarray):
            base = thing
            while isinstance(base.base, np.ndarray):
                base = base.base
            blocks[id(base)] = base.nbytes
    return sum(blocks.values())


MOMENTUM = optim.SGD(momentum=0.9)


@pytest.mark.parametrize(
    ("compiler", "optimizer", "limit"),
    [
        ("numba", optim.Adam(), 1.5),
        ("numba", optim.SGD(), 1.5),
        ("numba", MOMENTUM, 1.5),
        ("buffers", optim.Adam(), 1.5),
        ("buffers", optim.SGD(), 1.5),
        ("buffers", MOMENTUM, 1.5),
    ],
)
def test_a_step_stays_within_its_memory(
    compiler: str, optimizer: optim.Optimizer, limit: float
) -> None:
    if compiler == "numba" and not kernels.available():
        pytest.skip("numba is not installed (the extra 'fast')")
    names, carry, _ = recorded(compiler, optimizer)
    parameters = carry.vector.nbytes
    slots = len(carry.slots)
    # the batch, and of each layer its weighted sums and its outputs
    activations = 4 * BATCH * (SIZES[0] + 2 * sum(SIZES[1:]))
    used = memory(names) + parameters * (1 + slots)
    assert used <= limit * (parameters * (2 + slots) + activations)


def test_gradients_lie_in_the_flat_vector_and_weights_over_the_old_ones() -> None:
    _, _, text = recorded("buffers", optim.SGD())
    assert "concat" not in text
    assert "copyto(v0" not in text
    lines = [line.strip() for line in text.splitlines()]
    assert lines[-1].startswith("subtract(v0, ")
    assert lines[-1].endswith(", v0)")


def test_a_recording_lets_its_arrays_go() -> None:
    backend = NumpyBackend()
    problem = MLP(SIZES, backend=backend)._problem
    alive: list[Any] = []
    step = make_step(problem, optim.Adam())

    class Watching(NumpyLibrary):
        def as_array(self, thing: Any) -> Any:
            import weakref

            array = super().as_array(thing)
            alive.append(weakref.ref(array))
            return array

    from portable_mlp.backends.program.record import record

    carry = first_carry(problem, optim.Adam(), problem.first_weights(0), None)
    data = Data(np.zeros((4, SIZES[0]), np.float32), np.zeros(4, np.int64), None)
    now = Numbers(optim.Adam().scalars(1, 1e-3), 1.0, ())
    nodes, _ = record(
        Watching(backend.xp),
        step,
        {"carry": carry, "data": data, "these": np.arange(4), "now": now},
    )
    assert len(nodes) > 40
    assert sum(ref() is not None for ref in alive) == 0


class Held(NamedTuple):
    """A carry of two arrays."""

    x: Any
    y: Any


def _other_way_round(xp: Any, carry: Held, *rest: Any) -> Held:
    return Held(carry.x + 0.5 * carry.x[::-1], carry.y + carry.x[::-1])


def _transposed(xp: Any, carry: Held, *rest: Any) -> Held:
    square = xp.reshape(carry.x, (6, 6))
    return Held(xp.reshape(square + 0.5 * square.T, (-1,)), carry.y * 2.0)


def _old_beside_new(xp: Any, carry: Held, *rest: Any) -> Held:
    new = carry.x * 0.5 + 1.0
    return Held(new, carry.y + xp.sum(carry.x) * new)


def _exchanged(xp: Any, carry: Held, *rest: Any) -> Held:
    return Held(carry.y * 1.0 + 0.1, carry.x * 1.0 - 0.1)


def _less_its_mean(xp: Any, carry: Held, *rest: Any) -> Held:
    table = xp.reshape(carry.x, (12, 3))
    centred = table - xp.sum(table, axis=0) / 12.0
    return Held(xp.reshape(centred, (-1,)), carry.y + xp.sum(centred * table))


@pytest.mark.parametrize("compiler", ["buffers", "numba"])
@pytest.mark.parametrize(
    "step", [_other_way_round, _transposed, _old_beside_new, _exchanged, _less_its_mean]
)
def test_results_do_not_overwrite_what_is_still_read(step: Any, compiler: str) -> None:
    if compiler == "numba" and not kernels.available():
        pytest.skip("numba is not installed (the extra 'fast')")
    backend = NumpyBackend(None, "float64")
    random = np.random.default_rng(0)
    given = random.normal(size=36), random.normal(size=36)
    made = kernels.NumbaCompiler() if compiler == "numba" else None
    plain = backend.loop(step)
    loop = CompiledLoop(NumpyLibrary(backend.xp), step, plain, made)
    arguments = (np.zeros(1), None, [0] * 4, 0, 4)
    expected = plain(Held(*(a.copy() for a in given)), *arguments)
    found = loop(Held(*(a.copy() for a in given)), *arguments)
    assert loop.refused is None
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
