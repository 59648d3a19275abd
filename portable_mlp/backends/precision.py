"""Matrix products in a smaller type than the weights: what GPUs do several times as fast.

Weights, sums over the batch, activations and the optimizer stay in float32; only the factors of a product
are rounded, and its result comes back as float32.

    tf32       10 bits behind the point, the range of float32; done by the library itself
    bfloat16   7 bits, the range of float32
    float16    10 bits, but only numbers between 6e-8 and 65504: each factor is divided by its largest
               number first, and the product multiplied by it. This is what loss scaling is for, done
               where the rounding happens: nothing overflows, no step is skipped, no number to choose.

Source: Micikevicius et al. 2018, section 3; a scale for each array: Micikevicius et al. 2022.
"""

from __future__ import annotations

from typing import Any

PRECISIONS = ("float32", "tf32", "bfloat16", "float16")


def rounded_product(xp: Any, a: Any, b: Any, precision: str) -> Any:
    """a b with factors rounded to bfloat16 or float16, as an array of their own type.

    Args:
        xp: the namespace.
        a: (m, k).
        b: (k, n).
        precision: ``"bfloat16"`` or ``"float16"``.
    """
    small = getattr(xp, precision)
    if precision == "bfloat16":
        return xp.astype(xp.astype(a, small) @ xp.astype(b, small), a.dtype)
    scale_a, scale_b = _largest(xp, a), _largest(xp, b)
    product = xp.astype(a / scale_a, small) @ xp.astype(b / scale_b, small)
    return xp.astype(product, a.dtype) * (scale_a * scale_b)


def _largest(xp: Any, x: Any) -> Any:
    """The largest absolute value; 1 where all are 0."""
    largest = xp.max(xp.abs(x))
    return largest + xp.astype(largest == 0, x.dtype)
