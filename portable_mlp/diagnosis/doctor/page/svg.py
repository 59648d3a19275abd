"""Pieces of SVG, made of strings only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from portable_mlp.diagnosis.doctor.page.words import text


def svg(
    width: int, height: int, name: str, title: str, description: str, parts: Iterable[str]
) -> str:
    """A picture with its title and description for those who do not see it."""
    name = re.sub("[^a-z0-9-]", "-", name.lower())
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{text(title)}</title><desc id="{name}-d">{text(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def px(value: float) -> str:
    """A length in the units of the picture, to a tenth."""
    return f"{value:.1f}".removesuffix(".0")


def line(x1: float, y1: float, x2: float, y2: float, look: str) -> str:
    """A straight line."""
    return f'<path class="{look}" d="M{px(x1)} {px(y1)}L{px(x2)} {px(y2)}"/>'


def label(x: float, y: float, words: str, look: str = "", more: str = "") -> str:
    """Words in a picture; ``more`` is attributes."""
    look = f' class="{look}"' if look else ""
    return f'<text{look} x="{px(x)}" y="{px(y)}"{more}>{text(words)}</text>'


def path(points: Iterable[tuple[float, float] | None]) -> str:
    """A line through the points, with gaps at None; a point by itself becomes a dot."""
    made, drawing = [], False
    for point in points:
        if point is None:
            drawing = False
            continue
        made.append(
            f"{'L' if drawing else 'M'}{px(point[0])} {px(point[1])}" + ("" if drawing else "h0")
        )
        drawing = True
    return "".join(made)
