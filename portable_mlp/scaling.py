"""Inputs of about 1: statistics of the training rows, kept with the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.backends import Backend
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import check_name
from portable_mlp.nn.losses import Loss

SCALINGS = ("standard", "minmax", "/255")
"""The names of scalings: mean 0 and standard deviation 1; 0 to 1; bytes of an image as 0 to 1."""
CLAMPED = "clamped"
"""Of targets alone: as ``"standard"``, and no prediction leaves the range of the targets trained on."""
TARGET_SCALINGS = (*SCALINGS, CLAMPED)
_BYTES_AT_ONCE = 2**18


@dataclass(frozen=True, eq=False)
class Scaling:
    """x' = (x - shift) · factor, feature by feature.

    On the host it is worked out in float64, unless x has at most the digits of float32 and so has the
    result.

    Args:
        kind: one of `SCALINGS`.
        shift: what is taken away, in the shape of a sample.
        factor: what is multiplied by, finite, not 0.
        low: of kind ``"clamped"``: the smallest number that is predicted, scaled; else None.
        high: the largest, likewise.

    Example:
        >>> import numpy as np
        >>> X = np.asarray([[1.0, 7.0], [3.0, 7.0]])
        >>> scaling = Scaling.of("standard", [X])
        >>> scaling.apply(X).tolist()  # a constant feature becomes 0
        [[-1.0, 0.0], [1.0, 0.0]]
    """

    kind: str
    shift: NDArray[np.float64]
    factor: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        """Checks the kind and makes arrays of what was given."""
        if not isinstance(self.kind, str):
            raise TypeError(
                f"Scaling: kind is {self.kind!r}, expected one of {', '.join(TARGET_SCALINGS)}."
            )
        check_name("Scaling: kind", self.kind, TARGET_SCALINGS)
        for name in self.parts:
            try:
                array = np.asarray(getattr(self, name), np.float64)
            except (TypeError, ValueError):
                raise TypeError(
                    f"Scaling: its {name} is no array of numbers, expected one in the shape of a sample."
                ) from None
            object.__setattr__(self, name, array)

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its arrays."""
        return parts_of(self.kind)

    @classmethod
    def of(cls, kind: str, blocks: Iterable[Any]) -> Scaling:
        """The scaling of the rows of all blocks.

        Args:
            kind: one of `SCALINGS`.
            blocks: numpy arrays (rows, ...), seen once, one after the other.

        Raises:
            ValueError: an unknown kind, or no rows.
        """
        statistics = Statistics(kind)
        for block in blocks:
            statistics.add(block)
        return statistics.scaling()

    def apply(self, x: Any, dtype: Any = None, out: Any = None) -> NDArray[Any]:
        """The scaled rows, in memory of their own.

        Args:
            x: numpy (rows, ...).
            dtype: of the result; None for float64.
            out: where to, in place of fresh memory.
        """
        if out is None:
            out = np.empty(x.shape, np.float64 if dtype is None else dtype)
        single = out.dtype == np.float32 and np.can_cast(x.dtype, np.float32)
        shift, factor = self.shift, self.factor
        if single:
            shift, factor = shift.astype(np.float32), factor.astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # the border refuses what comes of it
            for part in _parts(x):
                if single:
                    np.subtract(x[part], shift, out=out[part])
                    out[part] *= factor
                else:
                    out[part] = (x[part].astype(np.float64) - shift) * factor
        return out  # type: ignore[no-any-return]

    def apply_on_device(self, x: Any, backend: Backend) -> Any:
        """The scaled rows of a device array, in the model's dtype."""
        return (x - backend.asarray(self.shift)) * backend.asarray(self.factor)

    def undo_on_device(self, x: Any, backend: Backend, shift: bool = True) -> Any:
        """x = x' / factor + shift, or without the shift."""
        x = x * backend.asarray(1 / self.factor)
        return x + backend.asarray(self.shift) if shift else x

    def clamp_on_device(self, x: Any, backend: Backend) -> Any:
        """Scaled predictions within the range of the targets; as they are, unless it is ``"clamped"``."""
        if self.low is None or self.high is None:
            return x
        xp = backend.xp
        return xp.minimum(xp.maximum(x, backend.asarray(self.low)), backend.asarray(self.high))


def parts_of(kind: str) -> tuple[str, ...]:
    """Names of the arrays of a scaling."""
    return ("shift", "factor", "low", "high") if kind == CLAMPED else ("shift", "factor")


class Statistics:
    """What a scaling needs to know, block after block.

    Args:
        kind: one of `SCALINGS`.

    Source: Chan, Golub & LeVeque 1979, Updating formulae and a pairwise algorithm for computing
    sample variances, eq. 2.1.
    """

    def __init__(self, kind: str) -> None:
        """No rows yet."""
        check_name("scaling", kind, TARGET_SCALINGS)
        self.kind, self.rows = kind, 0
        self._shape: Shape = ()
        self._mean: Any = 0.0
        self._squares: Any = 0.0  # Σ (x - mean)²
        self._low: Any = np.inf
        self._high: Any = -np.inf
        self._first: Any = None
        self._constant: Any = True

    def add(self, block: Any) -> None:
        """More rows; numpy (rows, ...)."""
        self._shape = tuple(block.shape[1:])
        for part in _parts(block):
            x = block[part].astype(np.float64)
            if self.kind in ("minmax", CLAMPED):
                self._low = np.minimum(self._low, x.min(axis=0))
                self._high = np.maximum(self._high, x.max(axis=0))
            if self.kind in ("standard", CLAMPED):
                self._first = x[0] if self._first is None else self._first
                self._constant = self._constant & (x == self._first).all(axis=0)
                rows, mean = len(x), x.mean(axis=0)
                share = rows / (self.rows + rows)
                apart = mean - self._mean
                self._squares = self._squares + ((x - mean) ** 2).sum(axis=0)
                self._squares = self._squares + apart * apart * self.rows * share
                self._mean = self._mean + apart * share
            self.rows += len(x)

    def scaling(self) -> Scaling:
        """The scaling of all rows so far; a constant feature is only shifted."""
        if not self.rows:
            raise ValueError("scaling: got no rows, expected at least one.")
        if self.kind == "/255":
            return Scaling(self.kind, np.zeros(self._shape), np.full(self._shape, 1 / 255))
        if self.kind == "minmax":
            with np.errstate(over="ignore"):
                shift, spread = self._low, self._high - self._low
        else:
            # rounding alone would give a constant feature a spread
            shift = np.where(self._constant, self._first, self._mean)
            spread = np.where(self._constant, 0.0, np.sqrt(self._squares / self.rows))
        with np.errstate(all="ignore"):
            factor = np.where(spread > 0, 1 / spread, 1.0)
        usable = np.isfinite(factor) & (factor > 0) & np.isfinite(shift)
        if not usable.all():
            place = int(np.flatnonzero(~np.ravel(usable))[0])
            raise ValueError(
                f"scaling: feature {place} has numbers too large or too small to be scaled, expected "
                "a spread between 1e-300 and 1e300."
            )
        if self.kind == CLAMPED:
            low, high = ((end - shift) * factor for end in (self._low, self._high))
            return Scaling(self.kind, np.asarray(shift), factor, low, high)
        return Scaling(self.kind, np.asarray(shift), factor)


def check_kind(what: str, scaling: str | Scaling | None, shape: Shape) -> str | None:
    """The kind of a scaling that a user asked for.

    Args:
        what: its name in messages.
        scaling: a name, a `Scaling`, or None.
        shape: of what is to be scaled.

    Raises:
        ValueError: an unknown name, or a scaling of another shape.
    """
    if scaling is None:
        return None
    kinds = TARGET_SCALINGS if what == "target_scaling" else SCALINGS
    if not isinstance(scaling, Scaling):
        if not isinstance(scaling, str):
            raise TypeError(f"{what}: got {scaling!r}, expected one of {', '.join(kinds)}.")
        check_name(what, scaling, kinds)
        return scaling
    check_name(what, scaling.kind, kinds)
    for name in scaling.parts:
        array = getattr(scaling, name)
        if array.shape != shape or not np.isfinite(array).all():
            raise ValueError(
                f"{what}: its {name} has shape {array.shape}, expected finite numbers of shape {shape}."
            )
    if (scaling.factor == 0).any():
        raise ValueError(f"{what}: a factor is 0, expected others.")
    return scaling.kind


def check_target_scaling(kind: str | None, loss: Loss, units: int) -> None:
    """Refuses a scaling of targets beside a loss that it is not for.

    Args:
        kind: its name, or None.
        loss: what is minimised.
        units: outputs of the network.

    Raises:
        ValueError: what the loss predicts is not what the network gives.
    """
    if kind is not None and (
        loss.targets != "values"
        or type(loss).predict is not Loss.predict
        or loss.targets_per_output(units) != units
    ):
        raise ValueError(
            f"target_scaling: got {kind!r} for {type(loss).__name__}, expected None: "
            "it is for losses whose outputs are the prediction, such as 'squared_error'."
        )


def _parts(x: Any) -> Iterable[slice]:
    """Rows in parts that stay in the cache."""
    rows = max(_BYTES_AT_ONCE // max(x.nbytes // max(len(x), 1), 1), 1)
    return (slice(start, start + rows) for start in range(0, len(x), rows))
