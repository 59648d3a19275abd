"""portable_mlp on a GPU, timed by the GPU where its library has events."""

from __future__ import annotations

from typing import Any

from benchmarks.contestants.contestant import Stopwatch, Task
from benchmarks.contestants.portable import Portable
from benchmarks.datasets import Arrays
from portable_mlp.training import Callback


class _EachEpoch(Callback):
    """Seconds of each epoch: from its first shuffle until its figures are on the host."""

    def __init__(self, stopwatch: Any) -> None:
        self.stopwatch = stopwatch
        self.seconds: list[float] = []

    def on_train_begin(self, run: Any) -> None:
        """The data are checked and on the device by now."""
        self.watch = self.stopwatch()

    def on_epoch_end(self, run: Any) -> None:
        """Waits for the device and begins anew."""
        self.seconds.append(self.watch.stop())
        self.watch = self.stopwatch()


class PortableOnGpu(Portable):
    """`Portable` with data on the GPU.

    Args:
        task: what is to be trained.
        arrays: the data.
        backend: its name.
    """

    def __init__(
        self, task: Task, arrays: Arrays, backend: str, compiler: str | None = None
    ) -> None:
        super().__init__(task, arrays, backend, compiler, device="cuda")
        self.stopwatch = events_of(backend)

    def train(self, epochs: int) -> dict[str, Any]:
        """One ``fit``."""
        watch = _EachEpoch(self.stopwatch)
        return super().train(epochs, [watch]) | {"seconds": watch.seconds}


def events_of(backend: str) -> Any:
    """The stopwatch of a backend's library; JAX has no events."""
    if backend == "cupy":
        from benchmarks.contestants.cupy_events import CupyEvents

        return CupyEvents
    if backend == "torch":
        from benchmarks.contestants.pytorch import Events

        return Events
    return Stopwatch
