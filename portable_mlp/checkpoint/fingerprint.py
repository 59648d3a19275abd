"""By what a training is known again, and what its bits depend on besides."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np

from portable_mlp import __version__
from portable_mlp.checkpoint.file import Saved
from portable_mlp.optim.schedules import Progress
from portable_mlp.training.feed import Feed, Streamed, Whole
from portable_mlp.training.loop import Callback, Run

_LONG = 100


def identity(run: Run) -> dict[str, str]:
    """What the training is: with another of these it would be another one."""
    plan, problem = run.plan, run.problem
    before = f"{plan.first_epoch} epochs, {plan.first_step} steps, {plan.first_update} updates"
    marks = [str(mark) for mark in run.data_marks]
    found = {
        "layers": repr(problem.network.layers),
        "sample shape": str(problem.sample_shape),
        "loss": repr(problem.loss),
        "penalty": repr(problem.penalty),
        "metrics": ", ".join(metric.name for metric in problem.metrics) or "none",
        "dtype": problem.backend.dtype_name,
        "seed": str(plan.seed),
        "optimizer": repr(plan.optimizer),
        "learning_rate": repr(plan.learning_rate),
        "schedule": repr(plan.schedule),
        "batch_size": str(plan.batch_size),
        "shuffle": repr(getattr(plan.feed, "shuffle", True)),
        "training before": before,
        "data": ", ".join(marks),
        **{f"column {name!r}": words for name, words in run.columns().items()},
        "training rows": _rows(plan.feed),
        "validation rows": "none" if run.validation is None else str(run.validation.rows),
        "sample weights": _weights(plan.feed),
        "validation weights": "none" if run.validation is None else _weights(run.validation),
    }
    # where a function of the user's own lies in memory says nothing
    return {name: re.sub(r" at 0x[0-9a-f]+", "", text) for name, text in found.items()}


def _rows(feed: Feed) -> str:
    if isinstance(feed, Streamed):  # rows are shuffled within a chunk
        return f"{feed.rows} in chunks of {feed.reader.memory[0][0][0]}"
    return str(feed.rows)


def _weights(feed: Feed) -> str:
    """Their sum and a hash of all of them, those of samples times those of classes."""
    if not isinstance(feed, Whole) or (weights := feed.data.weights) is None:
        return "none"
    host = feed.backend.to_numpy(weights)
    digest = hashlib.sha256(np.asarray(host, "<f4").tobytes()).hexdigest()
    # a sum of another machine may differ in its last digits
    return f"{host.astype(np.float64).sum():.6g} in all, SHA-256 {digest[:16]}"


def conditions(run: Run) -> dict[str, str]:
    """What the last bit of a number may depend on, the options and data being the same."""
    backend = run.problem.backend
    return {
        "portable_mlp": __version__,
        "Python": platform.python_version(),
        "numpy": np.__version__,
        "backend": backend.name,
        backend.library: backend.version(),
        "numba": _version("numba"),
        "compiler": backend.compiler,
        "precision": backend.precision,
        "device": backend.place,
        "processor": _processor(),
        "kernels of matrix products": backend.kernels(),
        "threads": str(backend.threads()),
        "callbacks with a state": ", ".join(
            type(c).__name__ for c in run.callbacks if type(c).state_dict is not Callback.state_dict
        )
        or "none",
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What changed, in words.

    Example:
        >>> differences({"seed": "0", "data": "a" * 90}, {"seed": "1", "data": "b" * 90})
        ['seed was 0 and is 1', 'data changed']
    """
    found = []
    for name in dict.fromkeys((*was, *now)):
        old, new = was.get(name, "none"), now.get(name, "none")
        if old != new:
            short = len(old) + len(new) < _LONG
            found.append(f"{name} was {old} and is {new}" if short else f"{name} changed")
    return found


def scalings_differ(saved: Saved, now: Mapping[str, np.ndarray]) -> tuple[bool, bool]:
    """``(whether a scaling is another one, whether it differs in its last digits alone)``."""
    was = saved.scalings
    if was.keys() != now.keys() or any(was[name].shape != now[name].shape for name in now):
        return True, False
    other = not all(np.allclose(was[name], now[name], 1e-6, 0) for name in now)
    return other, not other and not all(np.array_equal(was[name], now[name]) for name in now)


def other_rates(run: Run, epochs: int, done: int) -> bool:
    """Whether the steps that are done would have had other rates in a training of this many epochs.

    Args:
        run: the training.
        epochs: that were planned when the checkpoint was written.
        done: epochs that are done at least in part.
    """
    plan = run.plan
    if epochs == plan.epochs:
        return False
    steps = np.unique(np.linspace(0, done * plan.updates, 100, dtype=int)).tolist()
    before, now = (
        [plan.schedule.factor(Progress(step, plan.updates, planned)) for step in steps]
        for planned in (epochs, plan.epochs)
    )
    return before != now
