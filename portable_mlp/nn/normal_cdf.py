"""The standard normal distribution function Φ, which the exact GELU needs.

The array API standard has no ``erf``. This one is written with its functions only, so it gives the
same numbers on every backend.
"""

from __future__ import annotations

import math
from typing import Any

from portable_mlp.nn.arrays import Array, Namespace

# (1 + 2x) exp(x²) erfc(x) for x >= 0, as a polynomial in t = (x - 3) / (x + 3): the form of
# Shepherd & Laframboise 1981. Chebyshev series of 40 digits, cut and rearranged by powers of t.
# tests/golden/make_normal_cdf.py makes both. Largest relative error of Φ in float64: 2.6e-15 on
# [-3, 3] and 3.2e-14 on [-12, 12], where exp(-x²) magnifies the rounding of x².
DOUBLE_SERIES = (
    1.253008058269728,
    -0.13562110612457576,
    -0.047562294353053265,
    0.12964515870228346,
    -0.11927366343144447,
    0.06830802735638397,
    -0.023770514662452773,
    0.0025293916672051724,
    0.0018886882651257164,
    -0.0007798312797290158,
    -0.00010514976075877727,
    0.00012509531076254534,
    4.919245158648344e-06,
    -2.0089997833284275e-05,
    -6.723107877502762e-07,
    3.454294770277738e-06,
    2.8092479323589547e-07,
    -5.963983625522741e-07,
    -7.898498436546517e-08,
    8.765881411730558e-08,
    1.0346433476269121e-08,
    -7.641962892589975e-09,
)
SINGLE_SERIES = (
    1.2530080563677553,
    -0.13562023891915578,
    -0.047562156927520076,
    0.129627504721725,
    -0.1192752752822409,
    0.06840958165633677,
    -0.02376357643949504,
    0.0022865137034448328,
    0.001875079123772353,
    -0.0005138505128719338,
    -9.254516686923966e-05,
)


def normal_cdf(z: Array, xp: Namespace) -> Any:
    """Φ(z) = ½ erfc(-z/√2), with full relative accuracy for negative z.

    Args:
        z: floating-point array of any shape.
        xp: its namespace.

    Returns:
        Array of the shape and dtype of z, in [0, 1].

    Example:
        >>> import numpy as np
        >>> normal_cdf(np.asarray([0.0, 1.0]), np).round(6).tolist()
        [0.5, 0.841345]

    Source: Shepherd & Laframboise, Chebyshev approximation of (1+2x)exp(x²)erfc x, 1981.
    """
    coefficients = DOUBLE_SERIES if float(xp.finfo(z.dtype).eps) < 1e-10 else SINGLE_SERIES
    x = xp.abs(z) * math.sqrt(0.5)
    t = (x - 3.0) / (x + 3.0)
    series = t * coefficients[-1] + coefficients[-2]
    for coefficient in coefficients[-3::-1]:
        series = series * t + coefficient
    tail = 0.5 * xp.exp(-x * x) * series / (1.0 + 2.0 * x)  # Φ(-|z|)
    positive = xp.astype(z > 0, z.dtype)
    return positive + (1.0 - 2.0 * positive) * tail
