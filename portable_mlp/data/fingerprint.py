"""A few numbers by which a data set can be known again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from portable_mlp.backends import Backend, is_host, take_in
from portable_mlp.data.source import Source, pieces_of

_ROWS = 256


@dataclass(frozen=True)
class Fingerprint:
    """Size and type of a data set, and a hash of some of its rows.

    Args:
        shape: of X.
        dtype: of X, as it was given.
        sha256: of some rows of X and y as float32, so that the same numbers in another type or
            library give the same.
    """

    shape: tuple[int, ...]
    dtype: str
    sha256: str


def fingerprint(X: Any, y: Any, backend: Backend) -> Fingerprint:  # noqa: N803
    """The fingerprint of samples and their targets, from 256 to 511 rows of large sets.

    Args:
        X: numeric rows, numpy or of any library.
        y: numeric targets, likewise.
        backend: the model's, for arrays of its library; call it in its scope.

    Example:
        >>> import numpy as np
        >>> from portable_mlp import backends
        >>> fingerprint(np.zeros((4, 2)), np.zeros(4), backends.get("numpy")).sha256[:8]
        '17b0761f'
    """
    digest = hashlib.sha256()
    for what, rows in (("X", X), ("y", y)):
        some = rows[:: max(1, rows.shape[0] // _ROWS), ...]
        host = some if is_host(some) else backend.to_numpy(take_in(what, some, backend))
        with np.errstate(over="ignore"):
            digest.update(np.asarray(host, "<f4").tobytes())
    return Fingerprint(
        tuple(int(n) for n in X.shape),
        str(X.dtype).rpartition(".")[2],  # torch.float32 is float32
        digest.hexdigest(),
    )


def fingerprint_of(source: Source, backend: Backend) -> Fingerprint:
    """The fingerprint of data that are read as they are needed: of the first rows alone.

    Args:
        source: where the rows are.
        backend: the model's backend.
    """
    piece = next(pieces_of(source, [0]))
    first = fingerprint(piece.X, piece.X if piece.y is None else piece.y, backend)
    return replace(first, shape=(source.rows, *source.sample_shape))
