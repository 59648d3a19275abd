"""Whether other programs computed while something was timed (Linux; elsewhere nothing is known)."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE = (3, 4)  # among the numbers of its first line: idle, and waiting for the disk
_GUESTS = 8  # numbers from here on are in the others already


class Disturbance:
    """Starts watching; `cores` says how many cores others have kept busy since.

    Args:
        pids: of the processes that are timed; this one belongs to them.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = [os.getpid(), *pids]
        self._began, self._before = time.perf_counter(), self._others()

    def cores(self) -> float | None:
        """Processor seconds of others, stolen ones included, for each second by the wall."""
        after = self._others()
        if after is None or self._before is None:
            return None
        return max(0.0, (after - self._before) / (time.perf_counter() - self._began))

    def _others(self) -> float | None:
        """Processor seconds of everybody but these processes, since some fixed time."""
        if not _STAT.exists():
            return None
        ticks = [int(n) for n in _STAT.read_text().split("\n", 1)[0].split()[1 : _GUESTS + 1]]
        busy = sum(n for i, n in enumerate(ticks) if i not in _IDLE)
        return (busy - sum(map(_ticks_of, self._pids))) / os.sysconf("SC_CLK_TCK")


def _ticks_of(pid: int) -> int:
    """User and system time of a process with all its threads; 0 if it has ended."""
    try:
        # the name, in brackets, may hold spaces
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(words[11]) + int(words[12])
