"""What goes through the layers, forward and back, as a distribution for each layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.model.inside import layer_outputs
from portable_mlp.plots.style import BLUE, GREY, ORANGE, PALE, axes_for, plain, title
from portable_mlp.plots.taken import taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from portable_mlp.model import MLP

_ROWS = 2048
"""Samples that are looked at; more do not change the picture."""


def activations(model: Any, X: Any, *, ax: Axes | None = None) -> Axes:  # noqa: N803
    """The outputs of each layer, a histogram for each; with the share that is exactly 0.

    A layer that is all zeros is dead; one whose values pile up at the ends is saturated; widths that
    shrink or grow from layer to layer come from first weights of the wrong size.

    Args:
        model: whose layers; or a fitted estimator.
        X: samples (n, features); the first 2048 are looked at.
        ax: where to draw; None makes a figure.

    Raises:
        ValueError: samples that can't be.
    """
    model, _ = taken("activations", model)
    columns = isinstance(X, Mapping)
    some = {name: X[name][:_ROWS] for name in X} if columns else X[:_ROWS]
    found = layer_outputs(model, some)
    values = {name: layer.reshape(-1).astype(np.float64) for name, layer in found.items()}
    both = np.concatenate(list(values.values()))
    low, high = np.quantile(both, [0.002, 0.998])
    if np.ptp(both) < 3 * (high - low):  # else the few beyond count into the last bars
        low, high = both.min(), both.max()
    pad = 0.05 * (high - low) or 1.0
    edges = np.linspace(low - pad, high + pad, 121)
    ax = _ridges(values, edges, ax, BLUE)
    ax.axvline(0, color=GREY, linewidth=0.8, zorder=0)
    ax.set_xlabel("output of a unit")
    title(ax, "Activations by layer")
    return ax


def gradients(model: Any, X: Any, y: Any, *, ax: Axes | None = None) -> Axes:  # noqa: N803
    """Sizes |dL/dw| of the gradient by each array of parameters, a histogram for each.

    From the first layer to the last they should be of about one size: factors of 1000 between them are
    vanishing or exploding gradients.

    Args:
        model: whose parameters; or a fitted estimator.
        X: samples (n, features): a batch.
        y: their targets.
        ax: where to draw; None makes a figure.

    Raises:
        ValueError: data that can't be.
    """
    model, y = taken("gradients", model, y)
    _, found = model.loss_and_gradients(X, y)
    sizes = {name: np.abs(_host(model, part)).reshape(-1) for name, part in found.items()}
    moving = np.concatenate([part[part > 0] for part in sizes.values()])
    if not len(moving):
        raise ValueError(
            "gradients: all are exactly 0, expected a model that can learn from these rows."
        )
    low, high = np.quantile(moving, [0.002, 0.998])
    edges = np.geomspace(low / 2, high * 2, 121)
    ax = _ridges(sizes, edges, ax, ORANGE)
    ax.set_xscale("log")
    ax.set_xlabel("size of a gradient, |dL/dw|")
    title(ax, "Gradients by layer")
    return ax


def _host(model: MLP, array: Any) -> NDArray[np.float64]:
    if isinstance(array, np.ndarray):
        return array.astype(np.float64)
    return np.asarray(model.backend.to_numpy(array), dtype=np.float64)


def _ridges(
    layers: dict[str, NDArray[np.float64]], edges: NDArray[np.float64], ax: Axes | None, color: str
) -> Axes:
    """A row for each layer, the first on top: a filled histogram over common edges."""
    ax = axes_for(ax, (6.8, 1.0 + 0.62 * len(layers)))
    for row, values in enumerate(layers.values()):
        some = values[values != 0] if (values != 0).any() else values
        counts, _ = np.histogram(np.clip(some, edges[0], edges[-1]), edges)
        heights = 0.86 * counts / max(int(counts.max()), 1)
        base = len(layers) - 1 - row
        ax.stairs(base + heights, edges, baseline=base, fill=True, color=color, alpha=0.75)
        ax.axhline(base, color=PALE, linewidth=0.8, zorder=0)
        zeros = float((values == 0).mean())
        if zeros > 0:
            place = (1.01, base + 0.3)
            words = f"{zeros:.0%} are 0" if zeros >= 0.005 else "< 1% are 0"
            ax.text(*place, words, transform=ax.get_yaxis_transform(), fontsize=9, color=GREY)
    names = [plain(name) for name in layers]
    ax.set_yticks([len(layers) - 1 - row + 0.3 for row in range(len(layers))], names)
    ax.set_ylim(-0.08, len(layers))
    ax.set_xlim(edges[0], edges[-1])
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(GREY)
    ax.tick_params(axis="y", length=0)
    return ax
