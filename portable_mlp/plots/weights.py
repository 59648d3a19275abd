"""The weights of the first layer as images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.plots.style import axes_for, title
from portable_mlp.plots.taken import taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def first_layer_weights(
    model: Any,
    *,
    shape: tuple[int, int] | None = None,
    units: int = 64,
    ax: Axes | None = None,
) -> Axes:
    """What each unit of the first dense layer looks for in an image: its weights, as one.

    All have the same colours: white is 0, as far as the colour bar says.

    Args:
        model: whose samples are images; or a fitted estimator.
        shape: rows and columns of an image; None for that of a sample, or a square.
        units: how many are shown at most.
        ax: where to draw; None makes a figure.

    Raises:
        ValueError: the model has no dense layer at its beginning or takes tables, or the shape does not
            fit.
    """
    if not is_whole(units, 1):
        raise ValueError(
            f"first_layer_weights: units is {units!r}, expected a whole number of at least 1."
        )
    model, _ = taken("first_layer_weights", model)
    if model.encoder is not None:
        raise ValueError(
            "first_layer_weights: the model has a TableEncoder, expected one whose samples are images."
        )
    inputs = math.prod(model.sample_shape)
    matrices = (w for w in model.parameters().values() if w.ndim == 2 and w.shape[0] == inputs)
    weights = next(matrices, None)
    if weights is None:
        raise ValueError(
            f"first_layer_weights: no layer has weights for the {inputs} features of a sample, expected "
            "a Dense at the beginning."
        )
    rows, columns = _image_shape(model.sample_shape, shape, inputs)
    shown = min(int(units), weights.shape[1])
    across = math.ceil(math.sqrt(shown * rows / columns))
    down = math.ceil(shown / across)
    gap = max(1, min(rows, columns) // 8)
    mosaic = np.full((down * (rows + gap) - gap, across * (columns + gap) - gap), np.nan)
    for unit in range(shown):
        top, left = unit // across * (rows + gap), unit % across * (columns + gap)
        mosaic[top : top + rows, left : left + columns] = weights[:, unit].reshape(rows, columns)
    ax = axes_for(ax, (6.4, 1.0 + 5.0 * mosaic.shape[0] / mosaic.shape[1]))
    most = float(np.abs(weights[:, :shown]).max()) or 1.0
    image = ax.imshow(mosaic, cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("weight")
    bar.outline.set_visible(False)
    ax.set_axis_off()
    of = f"{shown}" if shown == weights.shape[1] else f"{shown} of {weights.shape[1]}"
    title(ax, f"Weights of the first layer: {of} units, {rows} x {columns} pixels each")
    return ax


def _image_shape(
    sample: tuple[int, ...], shape: tuple[int, int] | None, inputs: int
) -> tuple[int, int]:
    side = math.isqrt(inputs)
    if shape is None and len(sample) == 2:
        shape = (sample[0], sample[1])
    if shape is None and side * side == inputs:
        shape = (side, side)
    pair = isinstance(shape, (tuple, list)) and len(shape) == 2
    if shape is None or not pair or shape[0] * shape[1] != inputs:
        raise ValueError(
            f"first_layer_weights: got shape={shape!r} for samples of {inputs} features, expected "
            f"(rows, columns) whose product is {inputs}."
        )
    return int(shape[0]), int(shape[1])
