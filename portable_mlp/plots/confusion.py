"""Which classes a model takes for which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from portable_mlp.plots.classes import class_names, class_numbers, predicted_numbers
from portable_mlp.plots.style import BLUE, axes_for, plain, title
from portable_mlp.plots.taken import taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_MOST = 20
"""Classes whose counts can be read."""


def confusion_matrix(model: Any, X: Any, y: Any, *, ax: Axes | None = None) -> Axes:  # noqa: N803
    """How many samples of each class are taken for each class; the darker, the larger the row's share.

    Args:
        model: a classifier; or a fitted estimator.
        X: samples (n, features).
        y: class numbers (n,), or what else the loss takes.
        ax: where to draw; None makes a figure.

    Raises:
        TypeError: the model is no classifier.
        ValueError: data that can't be.
    """
    model, y = taken("confusion_matrix", model, y)
    actual, predicted = class_numbers("confusion_matrix", model, X, y), predicted_numbers(model, X)
    names = class_names(model)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (actual, predicted), 1)
    from matplotlib.colors import LinearSegmentedColormap

    size = 2.4 + 0.42 * min(len(names), 24)
    ax = axes_for(ax, (size + 0.8, size))
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = LinearSegmentedColormap.from_list("share", ["white", BLUE])
    image = ax.imshow(100 * share, cmap=colors, vmin=0, vmax=100)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("share of the actual class (%)")
    bar.outline.set_visible(False)
    places = range(len(names))
    if len(names) <= _MOST:
        long = max(map(len, names)) > 3
        turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if long else {}
        ax.set_xticks(places, [plain(n) for n in names], **turned)
        ax.set_yticks(places, [plain(n) for n in names])
        for row in places:
            for column in places:
                if counts[row, column]:
                    color = "white" if share[row, column] > 0.5 else "black"
                    words = f"{counts[row, column]}"
                    ax.text(column, row, words, ha="center", va="center", color=color, fontsize=8)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#e6e9ee", linewidth=0.6)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("actual class")
    right = float(np.trace(counts)) / max(int(counts.sum()), 1)
    title(ax, f"{right:.1%} of {counts.sum():,} samples are right")
    return ax
