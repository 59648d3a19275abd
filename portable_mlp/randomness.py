"""All random numbers: one seed, the same numbers on every backend.

First weights, shuffles and splits come from numpy's Philox on the host, one stream for each purpose.
Dropout masks come from a counter-based hash on the device: the i-th number of a stream depends on
(seed, step, layer, i) alone, so nothing has to be kept between steps and nothing differs between
libraries.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from portable_mlp.nn.arrays import Namespace, Shape

_PURPOSES = (
    *("weights", "shuffle", "validation split", "dropout"),
    *("blocks", "rows of a chunk"),
)
_GOLDEN = 0x9E3779B97F4A7C15
_MASK64 = (1 << 64) - 1


def generator(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """A numpy generator of its own for each (seed, purpose, number).

    Args:
        seed: whole number in [0, 2⁶⁴).
        purpose: ``"weights"``, ``"shuffle"``, ``"validation split"``, ``"dropout"``, or for data that are
            streamed ``"blocks"`` and ``"rows of a chunk"``.
        number: which of them, such as the epoch.
    """
    check_seed(seed)
    key = np.asarray([seed, _PURPOSES.index(purpose)], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, number]))


def check_seed(seed: int) -> None:
    """Refuses what is no seed."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise ValueError(f"seed: got {seed!r}, expected a whole number in [0, 2**64).")


class HostStream:
    """The stream that initializers draw from: float64 on the host, whatever the model's dtype."""

    def __init__(self, seed: int) -> None:
        """Starts the stream of this seed."""
        self._generator = generator(seed, "weights")

    def uniform(self, low: float, high: float, shape: Shape) -> np.ndarray:
        """U(low, high)."""
        return self._generator.uniform(low, high, shape)

    def normal(self, standard_deviation: float, shape: Shape) -> np.ndarray:
        """N(0, standard_deviation²)."""
        return standard_deviation * self._generator.standard_normal(shape)

    def orthogonal(self, shape: Shape) -> np.ndarray:
        """Orthonormal rows or columns, uniform among all such matrices (Mezzadri 2007)."""
        rows, columns = shape
        tall = self._generator.standard_normal((max(shape), min(shape)))
        q, r = np.linalg.qr(tall)
        q = q * np.sign(np.diagonal(r))
        return np.ascontiguousarray(q if rows >= columns else q.T)

    def full(self, value: float, shape: Shape) -> np.ndarray:
        """One value everywhere; draws nothing."""
        return np.full(shape, value)


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """The order of the rows in one epoch, int64 of shape (n,)."""
    return generator(seed, "shuffle", epoch).permutation(n)


def stream_keys(seed: int, step: int, streams: int) -> tuple[tuple[int, int], ...]:
    """Two int32 keys for each random stream of one step.

    Args:
        seed: the model's seed.
        step: the number of the step, from 0.
        streams: how many random arrays the network draws in a step.
    """
    keys = []
    for stream in range(streams):
        mixed = _splitmix((_splitmix((seed * _GOLDEN + step) & _MASK64) + stream) & _MASK64)
        keys.append((_signed(mixed & 0xFFFFFFFF), _signed(mixed >> 32)))
    return tuple(keys)


def uniform(xp: Namespace, shape: Shape, key: tuple[Any, Any], device: Any = None) -> Any:
    """float32 numbers in [0, 1) with 24 random bits: a hash of (key, position).

    Uses int32 with wrap-around only, because PyTorch has no arithmetic on uint32 and JAX no int64.

    Args:
        xp: the namespace.
        shape: the shape wanted.
        key: two int32 numbers from `stream_keys`; Python integers, or traced by a compiler.
        device: where to make the array.

    Source: multiply-xorshift mixers with the constants of Wellons' low-bias search (lowbias32 and
    triple32).
    """
    h = xp.arange(math.prod(shape), dtype=xp.int32, device=device) ^ key[0]
    h = _mix(h, 16, 0x7FEB352D)
    h = _mix(h, 15, 0x846CA68B)
    h = _shift_xor(h, 16) + key[1]
    h = _mix(h, 16, 0x21F0AAAD)
    h = _mix(h, 15, 0xD35A2D97)
    h = _shift_xor(h, 15)
    top = xp.astype((h >> 8) & 0xFFFFFF, xp.float32)
    return xp.reshape(top * 2.0**-24, shape)


def _mix(h: Any, shift: int, factor: int) -> Any:
    return _shift_xor(h, shift) * _signed(factor)


def _shift_xor(h: Any, shift: int) -> Any:
    """h xor (h >> shift), with the arithmetic shift of int32 made a logical one by the mask."""
    return h ^ ((h >> shift) & ((1 << (32 - shift)) - 1))


def _signed(word: int) -> int:
    """The int32 with these 32 bits."""
    return word - (1 << 32) if word >= 1 << 31 else word


def _splitmix(x: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    x = (x + _GOLDEN) & _MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK64
    return x ^ (x >> 31)
