"""A stopwatch of the GPU, through CuPy."""

from __future__ import annotations

import cupy


class CupyEvents:
    """The time between two events in the current queue."""

    def __init__(self) -> None:
        """Starts."""
        self.first, self.last = cupy.cuda.Event(), cupy.cuda.Event()
        self.first.record()

    def stop(self) -> float:
        """Seconds since the start, once everything before is computed."""
        self.last.record()
        self.last.synchronize()
        return cupy.cuda.get_elapsed_time(self.first, self.last) / 1e3
