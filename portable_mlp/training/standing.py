"""Where a training stands between two mini-batches: all that it can be resumed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from portable_mlp.training.history import History


@dataclass(frozen=True)
class Standing:
    """What has to be kept of a training; the rest follows from its options and data.

    Shuffles and dropout masks are functions of the seed and of the numbers of epoch and step, so these
    numbers are the whole state of the random generators.

    Args:
        number: of the epoch, from 0 in this training.
        done: mini-batches of it that are done.
        arrays: of the carry, by name: weights, optimizer, running statistics, moving average, gradients
            that wait for their step, sums of the epoch's figures.
        history: the figures of the epochs so far.
        callbacks: class of each callback that has something to go on from, and what that is.
    """

    number: int
    done: int
    arrays: Mapping[str, np.ndarray]
    history: History
    callbacks: Sequence[tuple[str, Mapping[str, Any]]]
