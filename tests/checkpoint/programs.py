"""Trainings that can be stopped anywhere, and resumed by another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from portable_mlp import MLP, Callback, Checkpoint, History, nn
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.training import Run

RNG = np.random.default_rng(4)
X = RNG.normal(size=(96, 3)) * [1, 10, 100]
Y = (X[:, 0] + X[:, 1] / 10 > 0).astype(int) + (X[:, 2] > 50)
LAYERS = [nn.Dense(8), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.2), nn.Dense(3)]
PLAIN = NumpyBackend(compiler="none")  # nothing is compiled, which would take longer than all else
TIMES = ("seconds", "samples_per_second")


class Killed(Exception):  # noqa: N818  (no error)
    """Stands for the end of a process."""


@dataclass
class KillAt(Callback):
    """Ends the training after so many mini-batches, as nobody has foreseen it."""

    steps: int

    def stops(self, run: Run) -> Sequence[int]:
        return (self.steps,)

    def on_stop(self, run: Run, done: int) -> None:
        raise Killed


@dataclass
class Program:
    """What a user's program does: the same each time it is started."""

    backend: Any = PLAIN
    layers: Sequence[nn.Layer] = field(default_factory=lambda: LAYERS)
    model: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)
    data: tuple[Any, ...] = (X, Y)

    def made(self) -> MLP:
        options = {"metrics": (), "scaling": "standard", "l2": 1e-3, "seed": 3} | self.model
        return MLP(layers=list(self.layers), inputs=3, backend=self.backend, **options)

    def run(self, *callbacks: Callback, **changes: Any) -> tuple[MLP, History]:
        model = self.made()
        options = {"epochs": 4, "batch_size": 20, "verbose": 0} | self.fit | changes
        options["callbacks"] = [*callbacks, *options.get("callbacks", ())]
        return model, model.fit(*self.data, **options)

    def killed(self, folder: Path, steps: int, every: Any, **options: Any) -> None:
        try:
            self.run(Checkpoint(folder, every), KillAt(steps), **options)
        except Killed:
            return
        raise AssertionError(f"the training was not killed after {steps} steps")


def same(
    one: tuple[MLP, History],
    other: tuple[MLP, History],
    further: bool = True,
    data: tuple[Any, Any] = (X, Y),
) -> None:
    """Weights, running statistics, figures and what a further training makes of them, bit for bit."""
    (a, left), (b, right), (x, y) = one, other, data
    for name, value in a.parameters().items():
        np.testing.assert_array_equal(value, b.parameters()[name], err_msg=name)
    np.testing.assert_array_equal(a.forward(x), b.forward(x))
    assert left.keys() == right.keys()
    for name in left.keys() - set(TIMES):
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    assert (left.best_epoch, left.stopped) == (right.best_epoch, right.stopped)
    assert a.training_record == b.training_record
    if not further:
        return
    again = {"epochs": 1, "batch_size": 20, "optimizer": a._reached.options.optimizer, "verbose": 0}
    for model in (a, b):
        model.fit(x, y, **again)
    np.testing.assert_array_equal(a.forward(x), b.forward(x))
