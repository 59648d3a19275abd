"""Make the coefficients of ``portable_mlp/nn/normal_cdf.py``, and values to test it with.

Run by hand, with mpmath and safetensors; prints both tables and writes Φ rounded to float64::

    python tests/golden/make_normal_cdf.py tests/golden/normal_cdf.safetensors

The coefficients are those of the Chebyshev series of f(x) = (1 + 2x) exp(x²) erfc(x), x >= 0, in
t = (x - 3) / (x + 3), which maps [0, ∞) to [-1, 1), cut and rearranged by powers of t. The file in
the repository was made with mpmath 1.3.0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from safetensors.numpy import save_file

TERMS = {"DOUBLE_SERIES": 22, "SINGLE_SERIES": 11}
DIGITS = 40
NODES = 200  # Chebyshev nodes; the series falls below 40 digits long before


def scaled_erfc(t: Any) -> Any:
    """(1 + 2x) exp(x²) erfc(x) at x = 3 (1 + t) / (1 - t); its limit for t → 1 is 2/√π."""
    if t == 1:
        return 2 / mpmath.sqrt(mpmath.pi)
    x = 3 * (1 + t) / (1 - t)
    return (1 + 2 * x) * mpmath.exp(x * x) * mpmath.erfc(x)


def chebyshev_series(terms: int) -> list[Any]:
    """The first coefficients c of f = Σ_j c_j T_j(t), from its values at the Chebyshev nodes."""
    angles = [mpmath.pi * (k + mpmath.mpf("0.5")) / NODES for k in range(NODES)]
    values = [scaled_erfc(mpmath.cos(angle)) for angle in angles]

    def coefficient(j: int) -> Any:
        sums = mpmath.fsum(v * mpmath.cos(j * a) for v, a in zip(values, angles, strict=True))
        return sums * (1 if j == 0 else 2) / NODES

    return [coefficient(j) for j in range(terms)]


def powers(series: list[Any]) -> list[Any]:
    """Σ_j c_j T_j(t) by powers of t, with T_{j+1} = 2 t T_j - T_{j-1}."""
    total = [mpmath.mpf(0)] * len(series)
    before, now = [mpmath.mpf(0), mpmath.mpf(1)], [mpmath.mpf(1)]  # T_{-1} = T_1 = t, and T_0
    for c in series:
        for power, factor in enumerate(now):
            total[power] += c * factor
        after = [mpmath.mpf(0)] + [2 * factor for factor in now]
        for power, factor in enumerate(before):
            after[power] -= factor
        before, now = now, after
    return total


def coefficients(terms: int) -> tuple[float, ...]:
    """The table of so many terms, lowest power first."""
    with mpmath.workdps(DIGITS):
        return tuple(float(c) for c in powers(chebyshev_series(terms)))


def reference() -> dict[str, Any]:
    """Φ at float32 numbers in [-36, 36], dense in the middle and with the signed zeros."""
    half = np.concatenate([np.linspace(0, 5, 81), np.linspace(5.25, 12, 28), [16, 24, 36]])
    z = np.concatenate([-half, half]).astype(np.float32).astype(np.float64)
    with mpmath.workdps(DIGITS):
        phi = [float(mpmath.erfc(-mpmath.mpf(x) / mpmath.sqrt(2)) / 2) for x in z.tolist()]
    return {"z": z, "phi": np.asarray(phi)}


def main(path: Path) -> None:
    """Prints the tables and writes the file."""
    for name, terms in TERMS.items():
        sys.stdout.write(f"{name} = (\n")
        sys.stdout.writelines(f"    {c!r},\n" for c in coefficients(terms))
        sys.stdout.write(")\n")
    save_file(reference(), path, metadata={"mpmath": mpmath.__version__})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
