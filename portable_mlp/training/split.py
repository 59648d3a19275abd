"""Holding out a share of the training set for validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend
from portable_mlp.training.problem import Data


def held_out(rows: int, labels: np.ndarray | None, fraction: float, seed: int) -> np.ndarray:
    """True for the rows that are held out, (rows,).

    They are drawn at random, the same ones on every backend; with class numbers each class gives its
    share.

    Args:
        rows: number of rows.
        labels: class numbers (rows,) on the host, or None.
        fraction: share of the rows held out, inside (0, 1).
        seed: of the draw.

    Raises:
        ValueError: a share that leaves one side empty.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction: got {fraction!r}, expected a share in [0, 1).")
    count = round(rows * fraction)
    if count in (0, rows):
        raise ValueError(
            f"validation_fraction: {fraction} of {rows} rows leaves {count} for validation and "
            f"{rows - count} for training, expected at least one each."
        )
    order = randomness.generator(seed, "validation split").permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    # evenly spaced places in an order that is sorted by class take each class in proportion
    places = ((np.arange(count) + 0.5) * rows / count).astype(np.int64)
    chosen = np.zeros(rows, dtype=bool)
    chosen[order[places]] = True
    return chosen


def split(data: Data, out: np.ndarray, backend: Backend) -> tuple[Data, Data, float | None]:
    """``(training set, validation set, weight sum of the training set or None)``.

    Args:
        data: the data set on the device.
        out: True for the rows of the validation set, from `held_out`.
        backend: where the data lies.

    Raises:
        ValueError: all weights of the training rows are zero.
    """
    training, validation = _rows(data, ~out, backend), _rows(data, out, backend)
    total = None
    if data.weights is not None:
        total = float(backend.to_numpy(data.weights)[~out].astype(np.float64).sum())
        if not total > 0:
            raise ValueError("sample_weight: all weights of the training rows are zero.")
    return training, validation, total


def _rows(data: Data, chosen: np.ndarray, backend: Backend) -> Data:
    index = backend.asarray(np.flatnonzero(chosen), backend.index_dtype)
    parts: list[Any] = [None if a is None else backend.xp.take(a, index, axis=0) for a in data]
    return Data(*parts)
