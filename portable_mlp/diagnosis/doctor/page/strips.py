"""Heat strips: histograms side by side, one for each probe."""

from __future__ import annotations

from collections.abc import Sequence

from portable_mlp.diagnosis.doctor.page.axes import PANEL, PANEL_BOX, columns_axis, y_axis
from portable_mlp.diagnosis.doctor.page.scales import Scale, power_ticks
from portable_mlp.diagnosis.doctor.page.selection import cells, strength
from portable_mlp.diagnosis.doctor.page.svg import px, svg
from portable_mlp.diagnosis.doctor.page.words import number
from portable_mlp.diagnosis.doctor.report import Histogram


def heat_picture(
    columns: Sequence[Histogram | None],
    steps: Sequence[int],
    scale: Scale,
    name: str,
    title: str,
    *,
    powers: bool = False,
) -> str:
    """Histograms side by side: the stronger the colour, the more numbers; ``powers`` of log10."""
    box = PANEL_BOX
    parts = list(y_axis(box, power_ticks(scale) if powers else scale.ticks(), scale))
    count = len(columns)
    wide = (box.right - box.left) / count
    drawn_wide = wide - (1.5 if wide > 6 else 0)
    levels: dict[int, list[str]] = {}
    for i, histogram in enumerate(columns):
        x = box.left + i * wide + (wide - drawn_wide) / 2
        column = cells(histogram)
        most = max((c for _, _, c in column), default=0)
        for low, high, level in _runs([(low, high, strength(c, most)) for low, high, c in column]):
            top, bottom = box.y(scale.share(high)), box.y(scale.share(low))
            if bottom - top < 1.5:
                middle = min(max((top + bottom) / 2, box.top + 0.75), box.bottom - 0.75)
                top, bottom = middle - 0.75, middle + 0.75
            w = px(drawn_wide)
            levels.setdefault(level, []).append(f"M{px(x)} {px(top)}h{w}v{px(bottom - top)}h-{w}z")
        if not column:
            a, b = px(x), px(x + drawn_wide)
            levels.setdefault(0, []).append(
                f"M{a} {px(box.top)}L{b} {px(box.bottom)}M{b} {px(box.top)}L{a} {px(box.bottom)}"
            )
    parts += [
        f'<path class="h{level}" d="{"".join(made)}"/>' for level, made in sorted(levels.items())
    ]
    parts += columns_axis(box, steps)
    return svg(*PANEL, name, title, _ranges(columns, steps, powers), parts)


def _runs(bins: Sequence[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """Neighbouring bins of one strength as one."""
    made: list[tuple[float, float, int]] = []
    for low, high, level in bins:
        if made and made[-1][1:] == (low, level):
            made[-1] = (made[-1][0], high, level)
        else:
            made.append((low, high, level))
    return made


def _ranges(columns: Sequence[Histogram | None], steps: Sequence[int], powers: bool) -> str:
    """In which range the numbers lie, first and last."""
    seen = [(step, cells(column)) for column, step in zip(columns, steps, strict=True)]
    filled = [(step, column) for step, column in seen if column]
    if not filled:
        return "There are no numbers to show."
    said = []
    for step, column in [filled[0], filled[-1]][: len(filled)]:
        ends = [number(e, 2) for e in (column[0][0], column[-1][1])]
        if powers:
            ends = [f"10^{e}" for e in ends]
        said.append(f"at step {step} from {ends[0]} to {ends[1]}")
    empty = len(seen) - len(filled)
    return f"Numbers {', '.join(said)}." + (f" {empty} columns are empty." if empty else "")
