"""Which backend runs the steps of a network fastest here: a few real steps on each."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from portable_mlp.backends import AUTO_ORDER, BACKENDS, Backend
from portable_mlp.nn.choices import check_name
from portable_mlp.optim import Adam
from portable_mlp.training.carry import first_carry
from portable_mlp.training.problem import Data, Problem
from portable_mlp.training.step import Numbers, make_step

ROWS = 128
"""Rows of a mini-batch in the trial."""
ENOUGH = 0.1
"""Seconds of steps on each backend."""


@dataclass(frozen=True)
class Trial:
    """What came out.

    Args:
        backend: the fastest.
        seconds: of one step, by the name of the backend (with the device where it is not the CPU).
        skipped: names that were not tried, because time was up.
    """

    backend: Backend
    seconds: dict[str, float]
    skipped: tuple[str, ...] = ()

    def __str__(self) -> str:
        found = sorted(self.seconds.items(), key=lambda item: item[1])
        shown = ", ".join(f"{name} {1000 * seconds:.3g} ms" for name, seconds in found)
        left = f" (not tried, time was up: {', '.join(self.skipped)})" if self.skipped else ""
        return f"a step of {ROWS} rows takes {shown}{left}: using {found[0][0]}"


def choose_backend(
    problem: Problem, backend: str | Backend, device: str | None, dtype: str | None
) -> Backend:
    """The backend on which a few steps are fastest; says on standard error what it found.

    Args:
        problem: network and loss; on any backend.
        backend: ``"auto"``, or the one whose devices are to be compared.
        device: ``"auto"``, or the only one to be tried.
        dtype: as for `portable_mlp.backends.get`.
    """
    name = backend if isinstance(backend, str) else backend.name
    if name != "auto":
        check_name("backend", name, BACKENDS)
    trial = fastest(problem, name, device, dtype)
    sys.stderr.write(f"backend: {trial}\n")
    return trial.backend


def fastest(
    problem: Problem,
    backend: str = "auto",
    device: str | None = None,
    dtype: str | None = None,
    *,
    budget: float = 2.0,
) -> Trial:
    """Times a few real steps on each backend that can be used.

    Args:
        problem: network and loss; on any backend.
        backend: ``"auto"`` for all, or the name of one whose devices are to be compared.
        device: one device, or ``"auto"`` for each that the backend has.
        dtype: as for `portable_mlp.backends.get`.
        budget: seconds after which no further backend is tried.
    """
    started = time.perf_counter()
    seconds: dict[str, float] = {}
    made: dict[str, Backend] = {}
    skipped: list[str] = []
    for candidate in _candidates(backend, device, dtype):
        name = candidate.name
        if seconds and time.perf_counter() - started > budget:
            skipped.append(name)
            continue
        try:
            if candidate.why_unusable():
                continue
            place = candidate.place
            name = name if place == "cpu" else f"{name} {place}"
            took = _seconds_of_a_step(replace(problem, backend=candidate))
        except Exception:  # noqa: S112  (no such device, or too little memory on it)
            continue
        seconds[name], made[name] = took, candidate
    if not made:
        raise ValueError(
            f"device: got {device!r} for backend {backend!r}, expected a device that is there; none "
            "of its devices could run a step."
        )
    best = min(seconds, key=lambda name: seconds[name])
    late = dict.fromkeys(name for name in skipped if name not in seconds)
    return Trial(made[best], seconds, tuple(late))


def _candidates(backend: str, device: str | None, dtype: str | None) -> Iterator[Backend]:
    names = AUTO_ORDER if backend == "auto" else (backend,)
    for name in names:
        cls = BACKENDS[name]
        devices = cls.device_choices if device in (None, "auto") else (device,)
        for one in devices:
            yield cls(one, dtype or "float32")


def _seconds_of_a_step(problem: Problem) -> float:
    """Of the plain training step with Adam, once everything is warm."""
    backend, optimizer = problem.backend, Adam()
    random = np.random.default_rng(0)
    with backend.scope():
        x = backend.asarray(random.random((4 * ROWS, *problem.sample_shape), dtype=np.float32))
        units = problem.network.output_shape(problem.sample_shape)[0]
        if problem.loss.targets == "values":
            columns = problem.loss.targets_per_output(units)
            y = backend.asarray(np.zeros((4 * ROWS, columns)))
        else:
            labels = random.integers(0, units, 4 * ROWS, dtype=np.int32)
            y = backend.asarray(labels, backend.index_dtype)
        order = random.permutation(4 * ROWS).astype(np.int32).reshape(4, ROWS)
        rows = backend.asarray(np.tile(order, (16, 1)), backend.index_dtype)
        scalars, keys = optimizer.scalars(1, 1e-6), ((0, 0),) * problem.network.streams
        numbers = [Numbers(scalars, 1.0, keys)] * len(rows)
        _ = problem.decay_mask, problem.rate_factors
        loop = backend.compile_loop(make_step(problem, optimizer))
        carry = first_carry(problem, optimizer, problem.first_weights(0), None)
        carry = backend.apart(carry, problem.layout.lengths)  # as in a training
        data = Data(x, y, None)
        carry = loop(carry, data, rows, numbers, 0, 2)  # compiles
        backend.synchronize(carry.totals.loss)
        steps, started, best = 0, time.perf_counter(), float("inf")
        while time.perf_counter() - started < ENOUGH:
            steps = min(max(2 * steps, 1), len(numbers))
            before = time.perf_counter()
            carry = loop(carry, data, rows, numbers, 0, steps)
            backend.synchronize(carry.totals.loss)
            best = min(best, (time.perf_counter() - before) / steps)
    return best
