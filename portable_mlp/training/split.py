"""Holding out a share of the training set for validation."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend
from portable_mlp.training.problem import Data


def validation_split(
    data: Data, fraction: float, seed: int, backend: Backend
) -> tuple[Data, Data, float | None]:
    """``(training set, validation set, weight sum of the training set or None)``.

    Rows are drawn at random, the same ones on every backend; with class numbers each class gives its
    share.

    Args:
        data: the data set on the device.
        fraction: share of the rows held out, inside (0, 1).
        seed: of the draw.
        backend: where the data lies.

    Raises:
        ValueError: a share that leaves one side empty.
    """
    rows = data.x.shape[0]
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction: got {fraction!r}, expected a share in [0, 1).")
    held_out = round(rows * fraction)
    if held_out in (0, rows):
        raise ValueError(
            f"validation_fraction: {fraction} of {rows} rows leaves {held_out} for validation and "
            f"{rows - held_out} for training, expected at least one each."
        )
    order = randomness.generator(seed, "validation split").permutation(rows)
    if data.y.ndim == 1:
        labels = backend.to_numpy(data.y)
        order = order[np.argsort(labels[order], kind="stable")]
    # evenly spaced places in an order that is sorted by class take each class in proportion
    places = ((np.arange(held_out) + 0.5) * rows / held_out).astype(np.int64)
    chosen = np.zeros(rows, dtype=bool)
    chosen[order[places]] = True
    training, validation = _rows(data, ~chosen, backend), _rows(data, chosen, backend)
    total = None
    if data.weights is not None:
        total = float(backend.to_numpy(data.weights)[~chosen].astype(np.float64).sum())
        if not total > 0:
            raise ValueError("sample_weight: all weights of the training rows are zero.")
    return training, validation, total


def _rows(data: Data, chosen: np.ndarray, backend: Backend) -> Data:
    index = backend.asarray(np.flatnonzero(chosen), backend.index_dtype)
    parts: list[Any] = [None if a is None else backend.xp.take(a, index, axis=0) for a in data]
    return Data(*parts)
