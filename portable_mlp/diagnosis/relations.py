"""How a gradient is related to the true one, without knowing the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.reference import Array

TOLERANCE = 1e-5
"""Residual below which two gradients are taken for proportional; differences are good to 1e-7 or so."""


class Relation(NamedTuple):
    """What relates g to n.

    Args:
        id: of the catalogue; empty where g is n.
        factor: c in g = c n, or λ in g = n + λ W.
    """

    id: str
    factor: float = 1.0


class Sample(NamedTuple):
    """One parameter at one point: the entries that were looked at.

    Args:
        g: the program's gradient.
        n: the true one.
        w: the parameter.
        places: flat places of the entries; None for all, in order.
    """

    g: Array
    n: Array
    w: Array
    places: NDArray[np.int64] | None = None


def relation_of(samples: Sequence[Sample], shape: tuple[int, ...]) -> Relation | None:
    """The relation that holds at all points with one factor; None for an unknown one.

    Args:
        samples: of one parameter, at several points.
        shape: the parameter's.
    """
    g, n, w = (np.concatenate([getattr(s, part) for s in samples]) for part in "gnw")
    size, true = float(np.linalg.norm(g)), float(np.linalg.norm(n))
    if size <= 1e-12 and true <= 1e-12:
        return Relation("")
    if size <= 1e-9 * true:
        return Relation("R10", 0.0)
    constant = all(len(s.g) > 1 and np.ptp(s.g) <= 1e-9 * np.abs(s.g).max() for s in samples)
    if true <= 1e-9 * size:
        return Relation("R22") if constant else None
    factor = _proportional(n, g)
    if factor is not None:
        if abs(factor - 1) < 1e-4:
            return Relation("")
        return Relation("R01" if factor < 0 else "R02", factor)
    if constant:
        return Relation(_same_number(samples, shape))
    if len(shape) == 2 and shape[0] == shape[1]:
        turned = [_transposed(s, shape) for s in samples]
        if all(t is not None for t in turned):
            a = np.concatenate([t[0] for t in turned if t is not None])
            b = np.concatenate([t[1] for t in turned if t is not None])
            factor = _proportional(a, b)
            if factor is not None:
                return Relation("R03", factor)
    factor = _proportional(n * w, g)
    if factor is not None:
        return Relation("R20", factor)
    penalty = _proportional(w, g - n)
    if penalty is not None:
        return Relation("R23", penalty)
    return None


def clipped(samples: Sequence[Sequence[Sample]]) -> str:
    """How gradients were limited, in words; empty if they were not.

    By norm: at each point all parameters' gradients are the true ones times one factor of at most 1. By
    value: every entry is the true one or ±c, whichever is nearer to 0.

    Args:
        samples: at each point, those of all parameters.
    """
    g = [np.concatenate([s.g for s in at]) for at in samples]
    n = [np.concatenate([s.n for s in at]) for at in samples]
    factors = [_proportional(b, a) for a, b in zip(g, n, strict=True)]
    if all(f is not None for f in factors):
        known = [f for f in factors if f is not None]
        limits = [float(np.linalg.norm(a)) for a, f in zip(g, known, strict=True) if f < 1 - 1e-6]
        one = bool(limits) and np.ptp(limits) <= 1e-6 * max(limits)
        if one and all(0 < f <= 1 + 1e-6 for f in known):
            return f"a norm of {limits[0]:.4g}"
    largest = max(float(np.abs(a).max(initial=0)) for a in g)
    true = np.abs(np.concatenate(n))
    limited = largest > 0 and (true > 1.01 * largest).any() and (true < 0.9 * largest).any()
    if limited and all(
        np.allclose(a, np.clip(b, -largest, largest), rtol=1e-4, atol=1e-7 * largest)
        for a, b in zip(g, n, strict=True)
    ):
        return f"entries of at most {largest:.4g}"
    return ""


def _proportional(a: Array, b: Array) -> float | None:
    """c with b = c a; None if there is none."""
    square, size = float(a @ a), float(np.linalg.norm(b))
    if square == 0.0 or size == 0.0 or not np.isfinite(square + size):
        return None
    factor = float(a @ b) / square
    return factor if np.linalg.norm(b - factor * a) <= TOLERANCE * size else None


def _same_number(samples: Sequence[Sample], shape: tuple[int, ...]) -> str:
    """R11 if that number is the sum of the true entries, which is so of a bias; else R22."""
    if sum(n > 1 for n in shape) > 1:
        return "R22"
    sums = np.asarray([s.n.sum() for s in samples])
    numbers = np.asarray([s.g[0] for s in samples])
    whole = all(s.places is None for s in samples)
    return "R11" if whole and _proportional(sums, numbers) is not None else "R22"


def _transposed(sample: Sample, shape: tuple[int, ...]) -> tuple[Array, Array] | None:
    """``(nᵀ, g)`` at the entries whose mirror image was looked at too."""
    if sample.places is None:
        return sample.n.reshape(shape).T.reshape(-1), sample.g
    where = {int(p): k for k, p in enumerate(sample.places)}
    pairs = [
        (k, where[mirror])
        for p, k in where.items()
        if (mirror := p % shape[1] * shape[1] + p // shape[1]) in where
    ]
    if len(pairs) < 4:
        return None
    here, there = (list(side) for side in zip(*pairs, strict=True))
    return sample.n[there], sample.g[here]


def name_of_factor(factors: Mapping[int, float], features: int, outputs: int) -> str:
    """The constant as a formula in N, D and K; its digits if it is none of the common ones.

    Args:
        factors: the factor by the number of samples with which it was found.
        features: D.
        outputs: K.
    """
    if all(abs(c - 1) < 1e-4 for c in factors.values()):
        return "1"
    names = [
        name
        for name, of in _COMMON.items()
        if all(abs(c / of(n, features, outputs) - 1) < 1e-4 for n, c in factors.items())
        and not (outputs == 1 and "K" in name)
        and not (features == 1 and "D" in name)
    ]
    if not names:
        return f"{next(iter(factors.values())):.6g}"
    return names[0] if len(names) == 1 else f"{names[0]} (or {' or '.join(names[1:3])})"


_COMMON: dict[str, Callable[[int, int, int], float]] = {
    "N": lambda n, d, k: n,
    "1/N": lambda n, d, k: 1 / n,
    "2": lambda n, d, k: 2,
    "1/2": lambda n, d, k: 1 / 2,
    "2/N": lambda n, d, k: 2 / n,
    "N/2": lambda n, d, k: n / 2,
    "2N": lambda n, d, k: 2 * n,
    "1/(2N)": lambda n, d, k: 1 / (2 * n),
    "K": lambda n, d, k: k,
    "1/K": lambda n, d, k: 1 / k,
    "N/D": lambda n, d, k: n / d,
    "D/N": lambda n, d, k: d / n,
    "1/D": lambda n, d, k: 1 / d,
    "D": lambda n, d, k: d,
    "N/K": lambda n, d, k: n / k,
    "K/N": lambda n, d, k: k / n,
    "NK": lambda n, d, k: n * k,
    "1/(NK)": lambda n, d, k: 1 / (n * k),
    "K/2": lambda n, d, k: k / 2,
    "2/K": lambda n, d, k: 2 / k,
}
"""N samples, D features, K outputs."""


def factor_in_words(name: str) -> str:
    """What to do about a factor of that name between the program's gradient and the true one."""
    known = {
        "N": "The loss is a mean over the samples, the gradient a sum: divide it by N.",
        "1/N": "The loss is a sum over the samples, the gradient a mean: divide both or none.",
        "2": "The gradient is twice the true one: the ½ of the loss is forgotten in it.",
        "1/2": "The gradient is half the true one: the 2 of the square's derivative is missing.",
        "N/D": "The gradient is divided by the D features; divide it by the N samples.",
        "D/N": "The loss is divided by the D features; divide it by the N samples.",
        "K": "The loss is divided by the K outputs, the gradient is not.",
        "1/K": "The gradient is divided by the K outputs, the loss is not.",
    }
    other = f"The gradient is {name} times the true one; one of the two is divided wrongly."
    text = other if " (or" in name else known.get(name, other)
    return f"{text} It changes the length of a step, not its direction."
