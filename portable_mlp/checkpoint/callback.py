"""The callback that writes checkpoints, and goes on from the newest."""

from __future__ import annotations

import math
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from portable_mlp import __version__
from portable_mlp.checkpoint import file
from portable_mlp.checkpoint.fingerprint import (
    conditions,
    differences,
    identity,
    other_rates,
    scalings_differ,
)
from portable_mlp.checkpoint.folder import Folder
from portable_mlp.files.errors import ModelFileError, Refusal
from portable_mlp.files.opening import PathLike, checked
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.training.divergence import HUGE
from portable_mlp.training.loop import Callback, Run
from portable_mlp.training.standing import Standing
from portable_mlp.warning import warn

_UNITS = {
    **dict.fromkeys(("epoch", "epochs"), ("epochs", 1.0)),
    **dict.fromkeys(("step", "steps"), ("steps", 1.0)),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("seconds", 1.0)),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), ("seconds", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("seconds", 3600.0)),
}


class Checkpoint(Callback):
    """Writes checkpoints into a folder; the same program, started again, goes on from the newest.

    A training that was killed at any moment and is resumed ends with the same bits as one that was
    never interrupted, on the same machine, backend and number of threads. docs/resume.md says what
    is kept, and what is promised.

    Args:
        folder: of this training alone; it is made if it is not there.
        every: epochs between two checkpoints, or a text: ``"500 steps"`` (mini-batches), ``"10 min"``,
            ``"30 s"``, ``"2 epochs"``. By steps or time there are some within an epoch too.
        keep: how many of the newest stay, at least 1.
        resume: whether a training goes on from the newest checkpoint, if there is one. Otherwise a
            folder that has some is refused.

    Raises:
        ValueError: ``every`` or ``keep`` can't be; or, when a training begins, the folder has
            checkpoints of other options or data.
        FileExistsError: when a training begins: there are checkpoints, and ``resume`` is false.
        portable_mlp.files.ModelFileError: there are checkpoints, and none of them can be read.
        OSError: the folder can't be written to, or another training is writing to it.

    Example:
        >>> import tempfile
        >>> from portable_mlp import MLP
        >>> def train(folder, epochs):
        ...     model = MLP([2, 3])
        ...     return model.fit([[0, 1]], [2], epochs=epochs, callbacks=[Checkpoint(folder)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     first, second = train(folder, 5), train(folder, 8)  # five epochs, and three more
        >>> second["loss"][:5] == first["loss"], second.epochs
        (True, 8)
    """

    def __init__(
        self, folder: PathLike, every: int | str = 1, keep: int = 3, resume: bool = True
    ) -> None:
        """Touches nothing before a training begins."""
        if not is_whole(keep, 1):
            raise ValueError(
                f"Checkpoint: keep is {keep!r}, expected a whole number of at least 1."
            )
        self._every = _Every.of(every)
        self._folder = Folder(checked(folder), int(keep))
        self.resume = resume
        self.resumed_from: Path | None = None
        """The file that the last training went on from; None if it began afresh."""
        self._saved: tuple[int, int] | None = None
        self._next = math.inf
        self._unsaid = ""
        self._identity: dict[str, str] = {}
        self._conditions: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        """Where the checkpoints are."""
        return self._folder.path

    def files(self) -> list[Path]:
        """The checkpoints in the folder, the oldest first; whether they can be read is not looked at."""
        return list(self._folder.files().values())

    def on_resume(self, run: Run) -> None:
        """Opens the folder, and puts the training where its newest checkpoint stands."""
        self.resumed_from = self._saved = None
        self._unsaid = ""
        if sum(isinstance(callback, Checkpoint) for callback in run.callbacks) > 1:
            raise ValueError("callbacks: got more than one Checkpoint, expected one.")
        self._identity, self._conditions = identity(run), conditions(run)
        self._folder.open()
        if not self.resume and self.files():
            raise FileExistsError(
                f"Checkpoint: {os.fspath(self.folder)!r} has checkpoints already, expected an empty "
                "folder, or resume=True to go on from them."
            )
        newest = self._folder.newest()
        if newest is not None:
            path, saved = newest
            self._check(run, saved)
            try:
                run.resume(saved.standing)
            except ValueError as error:
                raise ModelFileError(f"{str(path)!r}: {error}.") from None
            self._saved, self.resumed_from = _place(run), path
            self._unsaid = f"{_words(run, path)}\n"

    def on_train_begin(self, run: Run) -> None:
        """Starts the clock."""
        self._tick()

    def stops(self, run: Run) -> Sequence[int]:
        """Where there is to be a checkpoint within an epoch."""
        if self._every.unit != "steps":
            return ()
        amount = int(self._every.amount)
        return range(amount, run.plan.epochs * run.plan.batches, amount)

    def on_safe_point(self, run: Run) -> None:
        """Writes a checkpoint if it is time for one."""
        if self._unsaid:  # the other callbacks go on too: none has refused
            sys.stderr.write(self._unsaid)
            self._unsaid = ""
        if self._due(run):
            standing = run.standing()
            if _finite(standing):  # else the training is about to end, and must not be resumed here
                self._write(run, standing)
                self._saved = _place(run)
            self._tick()

    def on_train_end(self, run: Run) -> None:
        """Lets others use the folder."""
        self._folder.close()

    def _tick(self) -> None:
        if self._every.unit == "seconds":
            self._next = time.monotonic() + self._every.amount

    def _due(self, run: Run) -> bool:
        place, every = _place(run), self._every
        if self._saved is None:  # before the first step: what can't be written shows at once
            return True
        if place == self._saved:
            return False
        steps, epochs = place
        if run.history.stopped or epochs == run.plan.epochs:
            return True
        if every.unit == "epochs":
            return epochs > run.number and epochs % every.amount == 0
        if every.unit == "steps":
            return steps // every.amount > self._saved[0] // every.amount
        return time.monotonic() >= self._next

    def _write(self, run: Run, standing: Standing) -> None:
        try:
            description, arrays = file.described(
                *(standing, run.plan.epochs, self._identity, self._conditions),
                f"portable_mlp {__version__}",
            )
            arrays |= _scalings(run)
            pieces = file.to_pieces(description, arrays)
        except Refusal as refusal:
            raise ModelFileError(
                f"Checkpoint: none was written to {os.fspath(self.folder)!r}: {refusal}."
            ) from None
        self._folder.write(_place(run)[0], pieces)

    def _check(self, run: Run, saved: file.Saved) -> None:
        """Refuses the checkpoint of another training; warns where bits may differ."""
        description, standing = saved.description, saved.standing
        start = f"Checkpoint: {os.fspath(self.folder)!r} has a training"
        other, rounded = scalings_differ(saved, _scalings(run))
        changed = differences(description.identity, self._identity)
        changed += ["scaling changed"] if other else []
        if changed:
            raise ValueError(
                f"{start} with other options or data: {', '.join(changed)}; expected the same, or "
                "another folder."
            )
        begun = max(standing.history.epochs, standing.number + (standing.done > 0))
        if begun > run.plan.epochs or standing.done > run.plan.batches:
            raise ValueError(
                f"{start} that has begun {begun} epochs, got epochs={run.plan.epochs}, expected at "
                "least as many, or another folder."
            )
        apart = differences(description.conditions, self._conditions)
        apart += ["scaling differs in its last digits"] if rounded else []
        if other_rates(run, description.epochs, begun):
            apart.append(
                f"epochs was {description.epochs} and is {run.plan.epochs}, on which the schedule depends"
            )
        if apart:
            warn(
                f"{start} that was begun under other conditions, and may end with other bits than one "
                f"that was not interrupted: {', '.join(apart)}."
            )


class _Every(NamedTuple):
    """How often.

    Args:
        unit: ``"epochs"``, ``"steps"`` or ``"seconds"``.
        amount: how many of them.
    """

    unit: str
    amount: float

    @classmethod
    def of(cls, given: int | str) -> _Every:
        """What was asked for.

        Raises:
            ValueError: it can't be.
        """
        text = f"{given} epochs" if is_whole(given, 1) else given
        found = re.fullmatch(r"([0-9.]+) ?([a-z]+)", text) if isinstance(text, str) else None
        if found and found[2] in _UNITS:
            unit, factor = _UNITS[found[2]]
            try:
                amount = float(found[1]) * factor
            except ValueError:
                amount = 0.0
            if amount > 0 and (unit == "seconds" or amount == int(amount)):
                return cls(unit, amount if unit == "seconds" else int(amount))
        raise ValueError(
            f"Checkpoint: every is {given!r}, expected a number of epochs, or a text such as '500 steps' "
            "or '10 min'."
        )


def _place(run: Run) -> tuple[int, int]:
    """``(mini-batches that are done, epochs whose figures are known)``."""
    return run.number * run.plan.batches + run.done, run.history.epochs


def _scalings(run: Run) -> dict[str, np.ndarray]:
    return file.scaling_arrays(scaling=run.scaling, target_scaling=run.problem.target_scaling)


def _finite(standing: Standing) -> bool:
    """Whether a training could go on from these numbers; a metric may be what it likes."""
    return all(
        bool((np.abs(array) < (HUGE if name in ("vector", "average") else math.inf)).all())
        for name, array in standing.arrays.items()
        if not name.startswith("totals/metrics/")
    )


def _words(run: Run, path: Path) -> str:
    """What is said of a training that goes on."""
    history, plan = run.history, run.plan
    if history.stopped or history.epochs == plan.epochs:
        return f"The training in {os.fspath(path)!r} had ended after {history.epochs} epochs."
    part = f", mini-batch {run.begun + 1} of {plan.batches}" if run.begun else ""
    return f"The training goes on with epoch {history.epochs + 1}{part}, from {os.fspath(path)!r}."
