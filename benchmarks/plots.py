"""Plots of the saved figures, as SVG that is the same whenever the figures are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.comparison import floor_of, is_floor, ratio
from benchmarks.growth import AXES, curves

mpl.use("Agg")
mpl.rcParams.update(
    {
        "svg.hashsalt": "portable_mlp",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "0.9",
        "legend.frameon": False,
    }
)

# a hue a library; portable_mlp's first is the dark line, its others are grey
_COLOURS = (
    ("floor", "0.7"),
    ("portable_mlp", "#111111"),
    ("torch", "#d55e00"),
    ("jax", "#0072b2"),
    ("scikit-learn", "#009e73"),
    ("keras", "#cc79a7"),
    ("thinc", "#b8860b"),
)
_MARKERS = "osD^vP"


def style(name: str, taken: dict[str, int]) -> dict[str, Any]:
    """Colour by library, marker by how many of that library came before."""
    library, colour = next((w, c) for w, c in (*_COLOURS, ("", "#777777")) if name.startswith(w))
    count = taken.get(library, 0)
    taken[library] = count + 1
    return {
        "color": "0.45" if library == "portable_mlp" and count else colour,
        "marker": _MARKERS[count % len(_MARKERS)],
        "linestyle": "--" if library == "floor" else "-",
        "linewidth": 2.0 if library == "portable_mlp" and not count else 1.2,
        "markersize": 6,
    }


def training_plot(found: Mapping[str, Any], path: Path) -> None:
    """Times of an epoch as multiples of the floor, point by point."""
    figure = Figure(figsize=(10, 6), layout="constrained")
    axes: Axes = figure.subplots()
    names = dict.fromkeys(n for result in found.values() for n in result["contestants"])
    taken: dict[str, int] = {}
    for name in names:
        if is_floor(name):
            continue
        multiples = [ratio(result, name, floor_of(result)) for result in found.values()]
        axes.plot(range(len(found)), multiples, label=name, **style(name, taken))
    axes.axhline(1.0, color="0.7", linestyle="--", label="floor: matrix products alone")
    axes.set_yscale("log")
    axes.set_yticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.set_xticks(range(len(found)), found)
    axes.set_xlabel("point of the grid")
    axes.set_ylabel("time of an epoch, multiple of the floor")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    _write(figure, path)


def growth_plot(axis: str, along: Mapping[str, Any], path: Path) -> None:
    """Milliseconds of a step, or of an epoch, against what grows; both axes logarithmic."""
    figure = Figure(figsize=(7, 4.8), layout="constrained")
    axes: Axes = figure.subplots()
    taken: dict[str, int] = {}
    lines = curves(along, axis)
    for name, curve in lines.items():
        xs = sorted(curve)
        axes.plot(xs, [curve[x] for x in xs], label=name, **style(name, taken))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    xs = [int(x) for x in along]
    axes.set_xticks(xs, [f"{x:,}" for x in xs])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(AXES[axis])
    axes.set_ylabel(f"milliseconds of {'an epoch' if axis == 'rows' else 'a step'}")
    axes.legend()
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
