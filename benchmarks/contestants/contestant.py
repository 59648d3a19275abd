"""What a worker holds: one library training one network, with methods that a command calls by name."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.datasets import Arrays

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
"""Adam's numbers, the same for everybody."""


@dataclass(frozen=True)
class Task:
    """What is to be trained.

    Args:
        sizes: inputs, hidden widths, outputs; ReLU between, logits at the end.
        batch_size: rows of a mini-batch; the last may be smaller.
        seed: of weights and shuffles.
        device: ``"cpu"`` or ``"cuda"``.
    """

    sizes: tuple[int, ...]
    batch_size: int
    seed: int = 0
    device: str = "cpu"


class Stopwatch:
    """Seconds by the wall; what is timed must end with waiting for the device."""

    def __init__(self) -> None:
        """Starts."""
        self.started = time.perf_counter()

    def stop(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started


class Contestant:
    """Base of all. The public methods take and return what JSON can hold.

    Args:
        task: what is to be trained.
        arrays: the data.
    """

    stopwatch: Callable[[], Any] = Stopwatch
    note = ""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        self.task, self.arrays = task, arrays
        self.steps = 0
        self.random = np.random.default_rng(task.seed)

    # -- what a library must say -----------------------------------------------------------------

    def reset(self, seed: int) -> None:
        """Fresh weights and a fresh optimizer; what was compiled stays."""
        raise NotImplementedError

    def epoch(self) -> float:
        """One shuffled pass over the rows; the mean loss, once everything is computed."""
        raise NotImplementedError

    def own(self, X: np.ndarray) -> Any:
        """An array as the library likes it best."""
        return X

    def classes(self, x: Any) -> Any:
        """Predicted class numbers of an array from `own`, computed to the end."""
        raise NotImplementedError

    # -- what a command calls --------------------------------------------------------------------

    def train(self, epochs: int) -> dict[str, Any]:
        """Goes on training: seconds and mean loss of each epoch, and the steps taken."""
        before, seconds, losses = self.steps, [], []
        for _ in range(epochs):
            watch = self.stopwatch()
            losses.append(self.epoch())
            seconds.append(watch.stop())
        return {"seconds": seconds, "losses": losses, "steps": self.steps - before}

    def accuracy(self) -> float:
        """Share of the test rows that are right."""
        found = np.asarray(self.classes(self.own(self.arrays.X_test)))
        return float((found == self.arrays.y_test).mean())

    def time_calls(self, method: str, rows: int, seconds: float) -> float:
        """Median microseconds of a call, such as ``classes``, for so many test rows."""
        call, x = getattr(self, method), self.own(self.arrays.X_test[:rows])
        taken: list[float] = []
        call(x)
        ends = time.perf_counter() + seconds
        while time.perf_counter() < ends or len(taken) < 5:
            started = time.perf_counter()
            call(x)
            taken.append(time.perf_counter() - started)
        return 1e6 * statistics.median(taken)

    # -- what several of them share --------------------------------------------------------------

    def glorot(self, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """First weights ``(in, out)`` and biases of each layer: Glorot's uniform ones, and zeros."""
        random = np.random.default_rng(seed)
        layers = []
        for fan_in, fan_out in zip(self.task.sizes, self.task.sizes[1:], strict=False):
            most = np.sqrt(6 / (fan_in + fan_out))
            weight = random.uniform(-most, most, (fan_in, fan_out)).astype(np.float32)
            layers.append((weight, np.zeros(fan_out, np.float32)))
        return layers

    def batches(self) -> Iterator[slice]:
        """Where each mini-batch lies among the rows."""
        rows, size = len(self.arrays.X), self.task.batch_size
        return (slice(start, min(start + size, rows)) for start in range(0, rows, size))
