"""What all pictures have in common: where they are drawn, their colours, a quiet frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, BLACK = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#cc79a7",
    "#56b4e9",
    "#f0e442",
    "#000000",
)
"""Colours that colour-blind people tell apart. Source: Okabe and Ito 2008, Color universal design."""
GREY, PALE = "#596273", "#d5dae1"
CLASSES = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
MARKERS = "os^DvPX*"


def axes_for(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or those of a new figure that no window knows of.

    Args:
        ax: axes, or None.
        size: of a new figure, width and height in inches.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: something else was given.
    """
    try:
        from matplotlib.axes import Axes
        from matplotlib.figure import Figure
    except ImportError as error:
        message = 'A plot needs matplotlib: pip install "portable_mlp[plot]"'
        raise ImportError(message) from error
    if ax is None:
        return Figure(figsize=size, layout="constrained", dpi=120).add_subplot()
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: got type {type(ax).__name__}, expected matplotlib axes or None.")
    return ax


def quiet(ax: Axes, *, grid: str = "") -> None:
    """No frame on top and at the right, and a pale grid behind.

    Args:
        ax: the axes.
        grid: ``"x"``, ``"y"``, ``"both"``, or none.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(color=GREY, which="both")
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=PALE, linewidth=0.7)


def title(ax: Axes, words: str) -> None:
    """A title at the left."""
    ax.set_title(plain(words), loc="left", fontsize=11, weight="bold")


def plain(words: object) -> str:
    """Text that is not taken for a formula."""
    return str(words).replace("$", r"\$")
