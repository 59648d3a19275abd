"""The process of one contestant: makes it, then answers requests until its input ends.

Requests and answers are lines of JSON, on standard input and output:

    {"do": "train", "epochs": 1}  ->  {"answer": {"seconds": [0.31], ...}}

The command that starts it is in benchmarks/processes.py.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from benchmarks.contestants.contestant import Contestant, Task
from benchmarks.datasets import Arrays


def make(order: dict[str, Any]) -> Contestant:
    """The contestant that an order describes: ``make``, ``options``, ``task`` and ``data``."""
    module, _, name = order["make"].partition(":")
    cls = getattr(import_module(module), name)
    arrays = Arrays.load(order["data"])
    return cls(Task(**order["task"]), arrays, **order["options"])


def peak_mebibytes() -> float:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; the other figure may be the parent's there
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024**2 if sys.platform == "darwin" else 1024)


def answer_to(contestant: Contestant, request: dict[str, Any]) -> Any:
    """What the asked-for method gives."""
    name = request.pop("do")
    if name == "peak":
        return peak_mebibytes()
    return getattr(contestant, name)(**request)


def serve(contestant: Contestant, output: TextIO) -> None:
    """Answers until the input ends."""
    for line in sys.stdin:
        answer = answer_to(contestant, json.loads(line))
        print(json.dumps({"answer": answer}), file=output, flush=True)


def main() -> None:
    # whatever a library prints goes to standard error
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        contestant = make(json.loads(sys.argv[1]))
    except LookupError as error:  # it can't take part, and says why
        print(json.dumps({"left_out": str(error)}), file=output, flush=True)
        return
    print(json.dumps({"answer": contestant.note}), file=output, flush=True)
    serve(contestant, output)


if __name__ == "__main__":
    main()
