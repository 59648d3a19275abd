"""A few numbers by which a data set can be known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from portable_mlp.backends import is_host, library_of
from portable_mlp.data.source import Source

_ROWS = 256


@dataclass(frozen=True)
class Fingerprint:
    """Size and type of a data set, and a hash of some of its rows.

    Args:
        shape: of X.
        dtype: of X, as it was given.
        sha256: of some rows of X and y; the same numbers in another type or library give the same.
    """

    shape: tuple[int, ...]
    dtype: str
    sha256: str


def fingerprint(X: Any, y: Any) -> Fingerprint:  # noqa: N803
    """The fingerprint of samples and their targets, from 256 to 511 rows of large sets.

    Args:
        X: numeric rows, numpy or of any library.
        y: numeric targets, likewise.

    Example:
        >>> import numpy as np
        >>> fingerprint(np.zeros((4, 2)), np.zeros(4)).sha256[:8]
        '2ea9ab91'
    """
    digest = hashlib.sha256()
    for rows in (X, y):
        some = rows[:: max(1, rows.shape[0] // _ROWS), ...]
        owner = None if is_host(some) else library_of(some)
        host = np.asarray(some) if owner is None else owner().to_numpy(some)
        digest.update(np.ascontiguousarray(host, "<f8").tobytes())
    return Fingerprint(
        tuple(int(n) for n in X.shape),
        str(X.dtype).rpartition(".")[2],  # torch.float32 is float32
        digest.hexdigest(),
    )


def fingerprint_of(source: Source) -> Fingerprint:
    """The fingerprint of data that are read as they are needed: of the first rows alone.

    Args:
        source: where the rows are.
    """
    piece = next(iter(source.read([0])))
    first = fingerprint(piece.X, piece.X if piece.y is None else piece.y)
    return replace(first, shape=(source.rows, *source.sample_shape))
