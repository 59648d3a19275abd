"""Loss and metrics over the epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from portable_mlp.plots.style import BLUE, GREY, ORANGE, VERMILION, axes_for, plain, quiet, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def loss_curves(
    history: Mapping[str, Sequence[float]], *, figure: str = "loss", ax: Axes | None = None
) -> Axes:
    """A figure of each epoch, of training and validation, with the best epoch marked.

    Marked is the epoch whose weights a callback restored; else, of the loss, the one with the smallest
    validation loss.

    Args:
        history: what `MLP.fit` returned, or a dictionary of lists.
        figure: ``"loss"``, or the name of a metric.
        ax: where to draw; None makes a matplotlib figure.

    Raises:
        TypeError: it is no history.
        ValueError: it has no such figure.

    Example:
        >>> from portable_mlp import MLP
        >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
        >>> history = MLP([2, 8, 2]).fit(X, y, epochs=20, validation_data=(X, y))
        >>> ax = loss_curves(history)  # doctest: +SKIP
        >>> ax.figure.savefig("loss.png")  # doctest: +SKIP
    """
    if not isinstance(history, Mapping):
        raise TypeError(
            f"loss_curves: got {type(history).__name__}, expected the history that fit returns."
        )
    if not history:
        raise ValueError("loss_curves: the history has no epoch yet, expected at least one.")
    curves = [(name, list(history[name])) for name in (figure, f"val_{figure}") if name in history]
    if not curves:
        known = ", ".join(history)
        raise ValueError(f"loss_curves: got figure={figure!r}, expected one of {known}.")
    ax = axes_for(ax, (6.4, 4.0))
    quiet(ax, grid="y")
    looks = {figure: (BLUE, "o-", "training"), f"val_{figure}": (ORANGE, "s-", "validation")}
    for name, values in curves:
        color, style, words = looks[name]
        epochs = range(1, len(values) + 1)
        every = len(values) <= 30  # markers only where they can be told apart
        look = style if every else "-"
        ax.plot(epochs, values, look, color=color, linewidth=2, markersize=4, label=words)
    _mark_best(ax, history, figure)
    numbers = [v for _, values in curves for v in values if math.isfinite(v)]
    if numbers and min(numbers) > 0 and max(numbers) > 30 * min(numbers):
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel(plain(figure.replace("_", " ")))
    ax.legend(frameon=False, fontsize=9)
    title(ax, f"{figure.replace('_', ' ').capitalize()} by epoch")
    return ax


def _mark_best(ax: Axes, history: Mapping[str, Sequence[float]], figure: str) -> None:
    best, validation = getattr(history, "best_epoch", None), f"val_{figure}"
    if best is None and figure == "loss" and validation in history:
        values = [v if math.isfinite(v) else math.inf for v in history[validation]]
        best = 1 + values.index(min(values)) if values else None
    values = list(history[validation if validation in history else figure])
    if best is None or best > len(values):
        return
    label = f"best: epoch {best}, {values[best - 1]:.4g}"
    ax.axvline(best, color=GREY, linestyle=":", linewidth=1.2, zorder=1)
    ax.plot(best, values[best - 1], "D", color=VERMILION, markersize=8, zorder=4, label=label)
