"""Worker processes as a command sees them: ask, wait for the answer, give up after a while."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.contestants import Entry
from benchmarks.contestants.contestant import Task

ROOT = Path(__file__).resolve().parent.parent
_TIMED = ("train", "time_calls")
_PAUSE = (
    0.1  # before those: until the threads that another library left spinning have gone to sleep
)


_BEGAN = time.perf_counter()


def say(text: str) -> None:
    """Progress, on standard error, with the seconds since the command began."""
    print(f"{time.perf_counter() - _BEGAN:5.0f} s  {text}", file=sys.stderr, flush=True)


def without_paths(text: str) -> str:
    """A message that may be published: of a path or an address, only the last part stays."""
    return re.sub(r"(?<![\w.])(?:\w+:)?//?(?:[\w.~+@:-]+/)+([\w.+-]*)", r"\1", text)


class WorkerError(RuntimeError):
    """A worker failed, took too long, or can't take part; the message says which."""


class Worker:
    """One contestant in a process of its own, which starts at once; `ready` waits for it.

    Args:
        name: the contestant's.
        entry: how it is made.
        task: what it trains.
        data: folder of the arrays.
        environment: variables beside those of the entry.
        timeout: seconds that an answer may take.
    """

    def __init__(
        self,
        name: str,
        entry: Entry,
        task: Task,
        data: Path,
        environment: Mapping[str, str],
        timeout: float,
    ) -> None:
        self.name, self._timeout = name, timeout
        order = {
            "make": entry.make,
            "options": dict(entry.options),
            "task": asdict(task),
            "data": str(data),
        }
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps(order)],
            cwd=ROOT,
            env={**os.environ, **environment, **entry.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def ready(self) -> str:
        """The contestant's note on itself, once it is made."""
        return self._answer("to start")

    def ask(self, do: str, **arguments: Any) -> Any:
        """What the contestant's method of that name gives.

        Raises:
            WorkerError: it failed or took too long; the process has ended.
        """
        if do in _TIMED:
            time.sleep(_PAUSE)
        assert self._process.stdin is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerError(self._last_words(do)) from None
        return self._answer(do)

    def _answer(self, what: str) -> Any:
        try:
            line = self._lines.get(timeout=self._timeout)
        except queue.Empty:
            self._process.kill()
            self.close()
            raise WorkerError(f"took more than {self._timeout:g} s ({what}).") from None
        if not line:
            raise WorkerError(self._last_words(what))
        found = json.loads(line)
        if "left_out" in found:
            self.close()
            raise WorkerError(found["left_out"])
        return found["answer"]

    def _last_words(self, what: str) -> str:
        self._process.wait()
        self._errors.seek(0)
        said = [line.strip() for line in self._errors if line.strip()]
        self.close()
        return f"failed ({what}): {without_paths(said[-1]) if said else 'without a word'}"

    def dismiss(self) -> None:
        """Ends its input, so that it can end its own children and then itself."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def close(self) -> None:
        """Waits for its end, some seconds at most."""
        self.dismiss()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
