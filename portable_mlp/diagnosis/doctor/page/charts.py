"""Line charts: the loss, the shares of dead and saturated units, the ratio of update and weight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from portable_mlp.diagnosis.doctor.page.axes import PANEL, PANEL_BOX, Box, columns_axis, y_axis
from portable_mlp.diagnosis.doctor.page.scales import HEALTHY, Scale, loss_scale
from portable_mlp.diagnosis.doctor.page.selection import can_saturate, finite, gaps, loss_points
from portable_mlp.diagnosis.doctor.page.svg import label, line, path, px, svg
from portable_mlp.diagnosis.doctor.page.words import number, percent, short_step
from portable_mlp.diagnosis.doctor.report import DoctorReport, LayerProbe


def loss_picture(report: DoctorReport, *, narrow: bool = False) -> str:
    """The loss over the steps, the baseline, and where the causes were first seen."""
    points = loss_points(report)
    width, height = (380, 270) if narrow else (760, 300)
    marks = [(index, found.step) for index, found in enumerate(report.findings, 1)]
    box = Box(48, 34 if marks else 10, width - 16, height - 38)
    steps = [s for s, _ in points] + [s for _, s in marks]
    across = Scale("linear", min(steps), max(max(steps), min(steps) + 1))
    up = loss_scale([v for _, v in points] + [report.baseline])
    parts = list(y_axis(box, up.ticks(), up))
    for value, _ in across.ticks(4 if narrow else 8):
        if value == round(value):
            x = box.x(across.share(value))
            parts += [
                line(x, box.bottom, x, box.bottom + 4, "axis"),
                label(x, box.bottom + 16, short_step(value), "mid"),
            ]
    parts.append(label(box.x(0.5), height - 5, "step", "mid"))
    for start, end in gaps(points):
        left, right = box.x(across.share(start)), box.x(across.share(end))
        parts.append(
            f'<rect class="gap" x="{px(left)}" y="{px(box.top)}" '
            f'width="{px(max(2, right - left))}" height="{px(box.bottom - box.top)}"/>'
        )
        if right - left > 70:
            middle = (left + right) / 2
            parts.append(label(middle, box.y(0.5), "not finite", "mid soft"))
    drawn = [(box.x(across.share(s)), box.y(up.share(v))) if finite(v) else None for s, v in points]
    parts.append(f'<path class="loss" d="{path(drawn)}"/>')
    if finite(report.baseline):
        y = box.y(up.share(report.baseline))
        parts.append(line(box.left, y, box.right, y, "baseline"))
    parts.append(line(box.left, box.bottom, box.right, box.bottom, "axis"))
    parts += _marks(box, [(n, box.x(across.share(s))) for n, s in marks])
    return svg(
        width,
        height,
        "loss-narrow" if narrow else "loss",
        "Loss over the steps",
        loss_in_words(report),
        parts,
    )


def spread(places: Sequence[float], room: float, limit: float) -> list[float]:
    """Rising places, moved so that they lie ``room`` apart and none beyond ``limit``."""
    made: list[float] = []
    for place in places:
        made.append(max(place, made[-1] + room) if made else place)
    for i in reversed(range(len(made))):
        made[i] = min(made[i], limit)
        limit = made[i] - room
    return made


def _marks(box: Box, marks: Sequence[tuple[int, float]]) -> Iterable[str]:
    """Numbered circles above the picture, side by side where they would overlap."""
    ordered = sorted(marks, key=lambda mark: mark[1])
    placed = spread([x for _, x in ordered], 22, box.right + 4)
    for (index, x), at in zip(ordered, placed, strict=True):
        yield f'<path class="moment" d="M{px(at)} 20L{px(x)} {px(box.top)}V{px(box.bottom)}"/>'
        yield f'<circle class="disc" cx="{px(at)}" cy="13" r="9"/>'
        yield label(at, 17, str(index), "mid on")


def loss_in_words(report: DoctorReport) -> str:
    """What the picture of the loss shows."""
    points = loss_points(report)
    drawn = [(s, v) for s, v in points if finite(v)]
    if not drawn:
        return "The loss is nowhere finite."
    (first, start), (last, end) = drawn[0], drawn[-1]
    said = f"From {number(start)} at step {first} to {number(end)} at step {last}."
    low, high = min(v for _, v in drawn), max(v for _, v in drawn)
    if low < min(start, end) or high > max(start, end):
        said += f" Lowest {number(low)}, highest {number(high)}."
    whole = report.losses or [(p.step, p.loss) for p in report.probes]
    lost = [s for s, v in whole if not finite(v)]
    if lost:
        said += f" Not finite at {len(lost)} of {len(whole)} points, first at step {min(lost)}."
    if finite(report.baseline) and end >= report.baseline - 0.01 * abs(report.baseline):
        said += " At the end it is no better than the best constant prediction."
    if loss_scale([v for _, v in points] + [report.baseline]).kind == "log":
        said += " The axis of the loss is logarithmic."
    return said


def shares_picture(
    layers: Sequence[LayerProbe | None], steps: Sequence[int], name: str, title: str
) -> str:
    """The shares of dead units and of saturated activations."""
    box, up = PANEL_BOX, Scale("linear", 0, 1)
    parts = list(y_axis(box, [(0, "0 %"), (0.5, "50 %"), (1, "100 %")], up))
    said = []
    shares = [("dead", [math.nan if x is None else x.dead for x in layers])]
    if can_saturate(layers):
        shares.insert(0, ("saturated", [math.nan if x is None else x.saturated for x in layers]))
    for look, values in shares:
        places = [
            (box.column(i, len(values)), box.y(up.share(v))) if finite(v) else None
            for i, v in enumerate(values)
        ]
        parts.append(f'<path class="{look}" d="{path(places)}"/>')
        parts.append(_dots(places, look))
        there = [v for v in values if finite(v)]
        if there:
            said.append(f"{look} {percent(there[0])} at first, {percent(there[-1])} at last")
    parts += columns_axis(box, steps)
    return svg(*PANEL, name, title, "; ".join(said).capitalize() + ".", parts)


def ratio_picture(
    layers: Sequence[LayerProbe | None], steps: Sequence[int], scale: Scale, name: str, title: str
) -> str:
    """The ratio of update and weight, with the band where it is healthy."""
    box = Box(PANEL_BOX.left, PANEL_BOX.top, 250, PANEL_BOX.bottom)
    bottom, top = (box.y(scale.share(v)) for v in HEALTHY)
    parts = [
        f'<rect class="band" x="{px(box.left)}" y="{px(top)}" '
        f'width="{px(box.right - box.left)}" height="{px(bottom - top)}"/>'
    ]
    parts += y_axis(box, scale.ticks(5), scale)
    middle = (top + bottom) / 2
    turn = f' transform="rotate(90 {px(box.right + 5)} {px(middle)})"'
    parts.append(label(box.right + 5, middle, "healthy", "mid good", turn))
    values = [math.nan if x is None else x.update_ratio for x in layers]
    places: list[tuple[float, float] | None] = []
    beyond = []
    for i, value in enumerate(values):
        x = box.column(i, len(values))
        if value == math.inf or (finite(value) and value > scale.high):
            beyond.append(f"M{px(x - 4)} {px(box.top + 7)}h8l-4 -7z")
        elif finite(value) and value < scale.low:
            beyond.append(f"M{px(x - 4)} {px(box.bottom - 7)}h8l-4 7z")
        elif finite(value):
            places.append((x, box.y(scale.share(value))))
            continue
        places.append(None)
    parts.append(f'<path class="ratio" d="{path(places)}"/>{_dots(places, "ratio")}')
    if beyond:
        parts.append(f'<path class="beyond" d="{"".join(beyond)}"/>')
    parts += columns_axis(box, steps)
    there = [v for v in values if finite(v)]
    said = "There are no numbers to show."
    if there:
        first, last = number(there[0], 2), number(there[-1], 2)
        said = f"{first} at first, {last} at last; healthy is 0.0001 to 0.01."
    return svg(*PANEL, name, title, said, parts)


def _dots(places: Sequence[tuple[float, float] | None], look: str) -> str:
    """Full circles, or empty squares where ``look`` is "saturated"."""
    made = []
    for place in places:
        if place is not None:
            x, y = place
            if look == "saturated":
                made.append(f"M{px(x - 3.5)} {px(y - 3.5)}h7v7h-7z")
            else:
                made.append(f"M{px(x - 2.5)} {px(y)}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0 -5 0z")
    return f'<path class="{look}-dot" d="{"".join(made)}"/>'
