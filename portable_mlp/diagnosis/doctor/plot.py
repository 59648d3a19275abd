"""A report of the doctor as a matplotlib figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from portable_mlp.diagnosis.doctor.page import (
    HEALTHY,
    LEVELS,
    Scale,
    bar_top,
    can_saturate,
    cells,
    fall,
    finite,
    gaps,
    layers_over_time,
    loss_points,
    loss_scale,
    number,
    power_ticks,
    ratio_scale,
    short_step,
    spread,
    strength,
    thinned,
    trial_result,
    values_scale,
    verdict,
)
from portable_mlp.diagnosis.doctor.report import DoctorReport, Histogram, LayerProbe, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, AMBER, RED, GREEN, GREY, PALE = (
    "#1f5aa8",
    "#8a5a00",
    "#b3261e",
    "#17693a",
    "#596273",
    "#d5dae1",
)

Ticks = Sequence[tuple[float, str]]


def plot(report: DoctorReport) -> Figure:
    """The pictures of the report's page in one figure; it opens no window.

    Args:
        report: of the doctor.

    Returns:
        A ``matplotlib.figure.Figure``: show it in a notebook, or write it with ``savefig``.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        message = 'The plot needs matplotlib: pip install "portable_mlp[plot]"'
        raise ImportError(message) from error

    depth = max((len(p.layers) for p in report.probes), default=0)
    heights = [
        3.2 if loss_points(report) else 0.0,
        0.6 + 0.5 * len(report.trials) if report.trials else 0.0,
        0.5 + 1.95 * depth if depth else 0.0,
    ]
    drawers = [_loss, _trials, _layers]
    parts = [(height, draw) for height, draw in zip(heights, drawers, strict=True) if height]
    figure = Figure(figsize=(12, 0.6 + sum(heights)), layout="constrained")
    figure.get_layout_engine().set(h_pad=0.08)
    title = _plain(verdict(report), 90)
    figure.suptitle(title, x=0.01, ha="left", fontsize=14, weight="bold")
    if parts:
        rows = figure.subfigures(len(parts), 1, squeeze=False, height_ratios=[h for h, _ in parts])
        for row, (_, draw) in zip(rows[:, 0], parts, strict=True):
            draw(row, report)
    return figure


def _plain(words: str, width: int = 0) -> str:
    """Text that is not taken for a formula, in lines of at most ``width``."""
    return (fill(words, width) if width else words).replace("$", r"\$")


def _bare(ax: Axes, scale: Scale | None = None, ticks: Ticks | None = None) -> None:
    """A quiet frame, and the axis of the values."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(labelsize=8, color=GREY)
    ax.set_axisbelow(True)
    if scale is None:
        return
    if scale.kind == "log":
        ax.set_yscale("log")
    elif scale.kind == "asinh":
        ax.set_yscale("asinh", linear_width=scale.width)
    ax.set_ylim(scale.low, scale.high)
    ticks = scale.ticks() if ticks is None else ticks
    ax.set_yticks([v for v, _ in ticks], [words for _, words in ticks])
    ax.minorticks_off()
    ax.grid(axis="y", color=PALE, linewidth=0.7)


def _loss(part: Any, report: DoctorReport) -> None:
    points = loss_points(report)
    ax = part.add_subplot()
    _bare(ax, loss_scale([v for _, v in points] + [report.baseline]))
    marks = [(number, found) for number, found in enumerate(report.findings, 1)]
    steps = [s for s, _ in points] + [f.step for _, f in marks]
    low, high = min(steps), max(max(steps), min(steps) + 1)
    ax.set_xlim(low, high)
    for start, end in gaps(points):
        ax.axvspan(
            start, max(end, start + 0.002 * (high - low)), color=RED, alpha=0.12, linewidth=0
        )
        if end - start > 0.09 * (high - low):
            middle = ((start + end) / 2, 0.5)
            ax.text(
                *middle, "not finite", transform=ax.get_xaxis_transform(), ha="center", color=GREY
            )
    name = "loss" if report.losses else "loss of the probe batch"
    values = [v if finite(v) else math.nan for _, v in points]
    alone = [i for i in range(len(values)) if _alone(values, i)]
    ax.plot([s for s, _ in points], values, color=BLUE, linewidth=2, label=name)
    ax.plot(
        [points[i][0] for i in alone], [values[i] for i in alone], "o", color=BLUE, markersize=3
    )
    if finite(report.baseline):
        label = fill(f"best constant prediction: {number(report.baseline)}", 38)
        ax.axhline(report.baseline, color=AMBER, linestyle=(0, (6, 4)), linewidth=1.6, label=label)
    ordered = sorted(marks, key=lambda mark: mark[1].step)
    shares = [(f.step - low) / (high - low) for _, f in ordered]
    for (index, found), at in zip(ordered, spread(shares, 0.035, 1.0), strict=True):
        ax.axvline(found.step, color="black", linestyle=":", linewidth=1)
        disc = {"boxstyle": "circle,pad=0.25", "facecolor": "black", "edgecolor": "none"}
        style: dict[str, Any] = {"color": "white", "fontsize": 8, "weight": "bold", "bbox": disc}
        ax.text(at, 1.06, str(index), transform=ax.transAxes, ha="center", va="center", **style)
    for index, found in marks:
        label = _plain(f"{index}: {found.title} (step {found.step})", 38)
        ax.plot([], [], color="black", linestyle=":", linewidth=1, label=label)
    ax.set_title(
        "Loss over the steps", loc="left", fontsize=11, weight="bold", pad=22 if marks else 8
    )
    ax.set_xlabel("step", fontsize=9)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, fontsize=9)


def _alone(values: Sequence[float], i: int) -> bool:
    """Whether a number has no neighbour that a line could be drawn to."""
    sides = [values[j] for j in (i - 1, i + 1) if 0 <= j < len(values)]
    return finite(values[i]) and not any(map(finite, sides))


def _trials(part: Any, report: DoctorReport) -> None:
    trials = report.trials
    ax = part.add_subplot()
    _bare(ax)
    top = bar_top(trials) or 1.0
    drawn = bar_top(trials) > 0
    for y, trial in enumerate(trials):
        if drawn and finite(trial.start) and finite(trial.end):
            ax.barh(y, trial.start, 0.62, facecolor="none", edgecolor=GREY)
            color = BLUE if trial.end <= trial.start else RED
            ax.barh(y, min(trial.end, top), 0.36, color=color)
            if trial.end > top:
                ax.plot([1.015 * top], [y], ">", color=RED, markersize=6)
        ax.text(1.04 * top, y, _said(trial), va="center", fontsize=9)
    ax.set_xlim(0, 1.03 * top)
    ax.set_ylim(len(trials) - 0.5, -0.5)
    names = [_plain(_named(t), 44) for t in trials]
    ax.set_yticks(range(len(trials)), names, fontsize=9)
    if not drawn:
        ax.set_xticks([])
    ax.set_xlabel("loss: before as an outline, after as a bar", fontsize=9)
    ax.set_title("What was tried on copies", loc="left", fontsize=11, weight="bold")


def _named(trial: Trial) -> str:
    ids = f" [{'+'.join(trial.ids)}]" if trial.ids else ""
    return (trial.words or "nothing changed") + ids


def _said(trial: Trial) -> str:
    result = trial_result(trial, not trial.ids)
    if result == "diverged":
        return f"diverged from {number(trial.start)}"
    if not math.isfinite(trial.end) or not math.isfinite(trial.start):
        return f"{result}: {fall(trial)}"
    return f"{result}: {fall(trial)}\n{number(trial.start)} → {number(trial.end)}"


def _layers(part: Any, report: DoctorReport) -> None:
    probes = thinned([p for p in report.probes if p.layers])
    layers = layers_over_time(probes)
    steps = [p.step for p in probes]
    gradients = values_scale([x.gradients for layer in layers for x in layer if x])
    ratios = ratio_scale([x for layer in layers for x in layer if x])
    grid = part.subplots(len(layers), 4, squeeze=False)
    part.suptitle(
        "Inside the layers: a column for each probe", x=0.01, ha="left", fontsize=11, weight="bold"
    )
    for layer, (left, slopes, shares, right) in zip(layers, grid, strict=True):
        last = [x for x in layer if x][-1]
        outputs = [x.activations if x else None for x in layer]
        name = f"{last.name} ({last.activation})" if last.activation else last.name
        _heat(left, outputs, values_scale(outputs))
        left.set_title(_plain(f"{name}: activations", 46), loc="left", fontsize=9)
        _heat(slopes, [x.gradients if x else None for x in layer], gradients, powers=True)
        slopes.set_title("gradients |∂L/∂W|", loc="left", fontsize=9)
        _shares(shares, layer)
        _ratios(right, layer, ratios)
        right.set_title("update / weight", loc="left", fontsize=9)
        for ax in (left, slopes, shares, right):
            _steps_axis(ax, steps)


def _steps_axis(ax: Axes, steps: Sequence[int]) -> None:
    """The steps below the columns, as many as have room."""
    stride = math.ceil(len(steps) / 6)
    shown = sorted({*range(0, len(steps) - stride, stride), len(steps) - 1})
    ax.set_xticks(shown, [short_step(steps[i]) for i in shown])
    ax.set_xlim(-0.5, len(steps) - 0.5)


def _heat(
    ax: Axes, columns: Sequence[Histogram | None], scale: Scale, *, powers: bool = False
) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    _bare(ax, scale, power_ticks(scale) if powers else None)
    shapes, colors = [], []
    for x, histogram in enumerate(columns):
        column = cells(histogram)
        most = max((count for _, _, count in column), default=0)
        for low, high, count in column:
            shapes.append([(x - 0.45, low), (x + 0.45, low), (x + 0.45, high), (x - 0.45, high)])
            share = strength(count, most) / LEVELS
            colors.append(tuple(1 - share * (1 - part) for part in to_rgb(BLUE)))
        if not column:
            for ends in ([0, 1], [1, 0]):
                ax.plot(
                    [x - 0.45, x + 0.45],
                    ends,
                    color=GREY,
                    linewidth=0.8,
                    transform=ax.get_xaxis_transform(),
                )
    ax.add_collection(
        PolyCollection(shapes, facecolors=colors, edgecolors=colors, linewidths=0.4), autolim=False
    )


def _shares(ax: Axes, layer: Sequence[LayerProbe | None]) -> None:
    _bare(ax, Scale("linear", -0.04, 1.04), [(0, "0 %"), (0.5, "50 %"), (1, "100 %")])
    across = range(len(layer))
    if can_saturate(layer):
        values = [x.saturated if x and finite(x.saturated) else math.nan for x in layer]
        look: dict[str, Any] = {"markerfacecolor": "white", "markersize": 5, "linewidth": 1.5}
        ax.plot(across, values, "s:", color=AMBER, label="saturated", **look)
    values = [x.dead if x and finite(x.dead) else math.nan for x in layer]
    ax.plot(across, values, "o-", color=BLUE, markersize=3, linewidth=1.5, label="dead")
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.03, 1.0), "ncols": 2}
    ax.legend(**place, frameon=False, fontsize=9, borderpad=0.2, borderaxespad=0)


def _ratios(ax: Axes, layer: Sequence[LayerProbe | None], scale: Scale) -> None:
    _bare(ax, scale)
    ax.axhspan(*HEALTHY, color=GREEN, alpha=0.14, linewidth=0)
    middle = math.sqrt(HEALTHY[0] * HEALTHY[1])
    place: dict[str, Any] = {
        "transform": ax.get_yaxis_transform(),
        "rotation": 270,
        "va": "center",
        "ha": "left",
    }
    ax.text(1.01, middle, "healthy", color=GREEN, fontsize=8, **place)
    values = [x.update_ratio if x else math.nan for x in layer]
    inside = [v if scale.low <= v <= scale.high else math.nan for v in values]
    ax.plot(range(len(values)), inside, "o-", color=BLUE, markersize=3, linewidth=1.5)
    beyond: dict[str, Any] = {
        "color": BLUE,
        "markersize": 5,
        "linestyle": "",
        "transform": ax.get_xaxis_transform(),
    }
    for look, height, out in (
        ("v", 0.04, [i for i, v in enumerate(values) if v < scale.low]),
        ("^", 0.96, [i for i, v in enumerate(values) if v > scale.high]),
    ):
        ax.plot(out, [height] * len(out), look, **beyond)
