"""What a user may say about a training, checked and resolved."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp.nn.choices import choose
from portable_mlp.nn.plain_numbers import is_number, is_whole
from portable_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from portable_mlp.training.callbacks import EpochLines, Interrupted, ProgressBar, StopOnNonFinite
from portable_mlp.training.feed import Order
from portable_mlp.training.loop import Callback
from portable_mlp.warning import warn

_USUAL = 256
"""A mini-batch of up to so many rows is nothing to be surprised at, also where there are fewer rows."""
BATCH_SIZE = 128
"""Rows of a mini-batch where nobody says otherwise; smaller data sets are trained on at once."""


@dataclass(frozen=True)
class Options:
    """How the weights move, and for how long.

    Args:
        epochs: passes over the data.
        batch_size: rows of a mini-batch; None for all at once.
        optimizer: an `Optimizer`.
        learning_rate: its rate before the schedule's factor.
        schedule: a `Schedule`.
        shuffle: whether rows come in a new order in each epoch, or who says in which.
    """

    epochs: int
    batch_size: int | None
    optimizer: Optimizer
    learning_rate: float
    schedule: Schedule
    shuffle: bool | Order = True

    @classmethod
    def of(
        cls,
        epochs: int,
        batch_size: int | None,
        optimizer: str | Optimizer,
        learning_rate: float | None,
        schedule: str | Schedule,
        shuffle: bool | Order = True,
    ) -> Options:
        """Names turned into objects, numbers checked.

        Raises:
            ValueError: an unknown name, or a number that can't be.
        """
        _check_whole("epochs", epochs)
        if batch_size is not None:
            _check_whole("batch_size", batch_size)
        chosen = choose("optimizer", optimizer, OPTIMIZERS, Optimizer)
        rate = chosen.learning_rate if learning_rate is None else learning_rate
        if not (is_number(rate) and 0 < rate < math.inf):
            raise ValueError(f"learning_rate: got {rate!r}, expected a finite number above 0.")
        if not (isinstance(shuffle, bool) or callable(shuffle)):
            raise TypeError(
                f"shuffle: got {shuffle!r}, expected True, False or a function (epoch, rows) that gives "
                "row numbers."
            )
        return cls(
            int(epochs),
            batch_size,
            chosen,
            float(rate),
            choose("schedule", schedule, SCHEDULES, Schedule),
            shuffle,
        )

    def again(
        self,
        batch_size: int | None,
        optimizer: str | Optimizer | None,
        learning_rate: float | None,
    ) -> dict[str, Any]:
        """What `fit` is to be called with for one more epoch at a constant rate; None is as before."""
        if optimizer is None:
            optimizer = self.optimizer
            learning_rate = self.learning_rate if learning_rate is None else learning_rate
        return {
            "epochs": 1,
            "batch_size": self.batch_size if batch_size is None else batch_size,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
        }

    def batch_rows(self, rows: int) -> int:
        """Rows of a mini-batch for a training set of so many rows."""
        if self.batch_size is None or self.optimizer.full_batch:
            return rows
        return min(int(self.batch_size), rows)

    def warn_of_batch(self, rows: int) -> None:
        """Warns where a mini-batch was to have more rows than there are."""
        if self.batch_size is None or self.optimizer.full_batch:
            return
        if self.batch_size > max(rows, _USUAL):
            warn(
                f"batch_size: got {self.batch_size} for {rows} rows, which are taken all at once; "
                "batch_size=None says so."
            )


def progress(verbose: int | None) -> list[Callback]:
    """The callbacks that show a training: none, a bar, or a line for each epoch.

    Args:
        verbose: 0, 1, 2; None is 1 on a terminal and 0 elsewhere.
    """
    if verbose is None:
        verbose = 1 if sys.stderr is not None and sys.stderr.isatty() else 0
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose: got {verbose!r}, expected 0, 1, 2 or None.")
    shown: dict[int, list[Callback]] = {0: [], 1: [ProgressBar()], 2: [EpochLines()]}
    return shown[verbose]


def all_callbacks(callbacks: Sequence[Callback], verbose: int | None) -> list[Callback]:
    """What every training has, what the user asked for, and what shows the training."""
    asked = checked_callbacks(callbacks)
    return [StopOnNonFinite(), Interrupted(), *asked, *progress(verbose)]


def checked_callbacks(callbacks: Sequence[Callback]) -> list[Callback]:
    """The callbacks as a list, or one sentence if they are none."""
    if isinstance(callbacks, Callback):
        raise TypeError(
            f"callbacks: got one {type(callbacks).__name__}, expected a list; write [...]."
        )
    if not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks: got {callbacks!r}, expected a list of Callback objects.")
    listed = list(callbacks)
    for callback in listed:
        if not isinstance(callback, Callback):
            raise TypeError(
                f"callbacks: got {callback!r}, expected a Callback such as EarlyStopping() (an "
                "instance, with parentheses)."
            )
    return listed


def check_validation(data: Any, fraction: float, from_source: bool = False) -> None:
    """Refuses validation data beside a fraction, and what is no ``(X, y)`` and no share.

    Args:
        data: as for `MLP.fit`.
        fraction: likewise.
        from_source: whether the data are a source of rows.
    """
    if not (is_number(fraction) and 0 <= fraction < 1):
        raise ValueError(f"validation_fraction: got {fraction!r}, expected a share in [0, 1).")
    if data is None:
        return
    if fraction:
        raise ValueError("fit: got validation_data and validation_fraction, expected one of them.")
    if from_source:
        return
    if not isinstance(data, (tuple, list)):
        raise TypeError(
            f"validation_data: got type {type(data).__name__}, expected (X, y) or (X, y, "
            "sample_weight)."
        )
    if len(data) not in (2, 3):
        raise ValueError(
            f"validation_data: got {len(data)} part(s), expected (X, y) or (X, y, sample_weight)."
        )


def _check_whole(name: str, value: Any) -> None:
    if not is_whole(value, 1):
        raise ValueError(f"{name}: got {value!r}, expected a whole number of at least 1.")
