"""Where a model of two features draws the line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.opened import Opened, opened
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.plots.classes import class_names, class_numbers, predicted_numbers
from portable_mlp.plots.style import CLASSES, MARKERS, axes_for, plain, title
from portable_mlp.plots.taken import taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from portable_mlp.model import MLP


def decision_boundary(
    model: Any,
    X: Any,  # noqa: N803
    y: Any,
    *,
    resolution: int = 200,
    ax: Axes | None = None,
) -> Axes:
    """What a model of two features predicts all over the plane, and the samples.

    A colour for each class, the stronger, the more probable; of a model that predicts numbers, the
    number.

    Args:
        model: a classifier, or a model with one output; or a fitted estimator.
        X: samples (n, 2).
        y: targets, as for `MLP.fit`.
        resolution: points of the plane in each direction.
        ax: where to draw; None makes a figure.

    Raises:
        ValueError: samples of more or fewer than two features, a model of tables, or several outputs that
            are no classes.
    """
    model, y = taken("decision_boundary", model, y)
    if model.encoder is not None:
        raise ValueError(
            "decision_boundary: the model has a TableEncoder, expected one of two features that are "
            "numbers: train MLP([2, 16, 2], scaling='standard') on two columns, as an array (n, 2)."
        )
    if model.sample_shape != (2,):
        raise ValueError(
            f"decision_boundary: samples have shape {model.sample_shape}, expected (2,): two features."
        )
    if not is_whole(resolution, 2):
        raise ValueError(
            f"decision_boundary: resolution is {resolution!r}, expected a whole number of at least 2."
        )
    classifies = model.loss.classifies
    classes = (
        class_numbers("decision_boundary", model, X, y) if classifies else np.zeros(0, np.int64)
    )
    points = np.asarray(opened("X", X).array, dtype=np.float64)
    span = np.ptp(points, axis=0)
    pad = 0.08 * np.where(span > 0, span, 1.0)
    low, high = points.min(axis=0) - pad, points.max(axis=0) + pad
    across, up = (np.linspace(low[k], high[k], resolution) for k in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    plane = Opened(grid, model.columns.features)
    if not classifies and model.network.output_shape((2,)) != (1,):
        raise ValueError(
            f"decision_boundary: the model has {model.network.output_shape((2,))[0]} outputs, expected "
            "one number for each sample, or classes."
        )
    ax = axes_for(ax, (6.2, 4.8))
    extent = (low[0], high[0], low[1], high[1])
    place: dict[str, Any] = {"extent": extent, "origin": "lower", "aspect": "auto"}
    if classifies:
        _classes(ax, model, plane, (across, up), points, classes, place)
        right = float((predicted_numbers(model, X) == classes).mean())
        title(ax, f"Decision boundary: {right:.1%} of {len(points):,} samples are right")
    else:
        _numbers(ax, model, plane, points, np.asarray(y, dtype=np.float64), place)
        title(ax, "Prediction over the plane, and the samples")
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    names = model.columns.features or ("feature 1", "feature 2")
    ax.set_xlabel(plain(names[0]))
    ax.set_ylabel(plain(names[1]))
    return ax


def _classes(
    ax: Axes,
    model: MLP,
    plane: Opened,
    axes: tuple[NDArray[np.float64], NDArray[np.float64]],
    points: NDArray[np.float64],
    classes: NDArray[np.int64],
    place: dict[str, Any],
) -> None:
    from matplotlib.colors import to_rgb

    names, size = class_names(model), len(axes[0])
    chosen = predicted_numbers(model, plane)
    try:
        probable = np.asarray(model.predict_proba(plane), dtype=np.float64)
        if probable.shape[1] == 1:
            probable = np.concatenate([1 - probable, probable], axis=1)
    except TypeError:  # a loss without probabilities, such as hinge
        probable = np.eye(len(names))[chosen]
    colors = np.asarray([to_rgb(CLASSES[k % len(CLASSES)]) for k in range(len(names))])
    pale = 1 - 0.55 * (1 - probable @ colors)
    ax.imshow(pale.reshape(size, size, 3), interpolation="bilinear", **place)
    for k in np.unique(chosen) if len(np.unique(chosen)) > 1 else ():
        margin = probable[:, k] - np.delete(probable, k, axis=1).max(axis=1)
        picture = margin.reshape(size, size)
        ax.contour(*axes, picture, levels=[0], colors="white", linewidths=1.5)
    for k, name in enumerate(names):
        own = points[classes == k]
        color, marker = CLASSES[k % len(CLASSES)], MARKERS[k % len(MARKERS)]
        look: dict[str, Any] = {"s": 24, "linewidths": 0.6, "edgecolors": "white"}
        ax.scatter(*own.T, color=color, marker=marker, label=plain(name), **look)
    ax.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _numbers(
    ax: Axes,
    model: MLP,
    plane: Opened,
    points: NDArray[np.float64],
    y: NDArray[np.float64],
    place: dict[str, Any],
) -> None:
    predicted = np.asarray(model.predict(plane))
    y, side = y.reshape(-1), round(len(predicted) ** 0.5)
    low, high = min(y.min(), predicted.min()), max(y.max(), predicted.max())
    colors: dict[str, Any] = {"cmap": "cividis", "vmin": low, "vmax": high}
    image = ax.imshow(predicted.reshape(side, side), interpolation="bilinear", **colors, **place)
    ax.scatter(*points.T, c=y, s=24, edgecolors="white", linewidths=0.6, **colors)
    bar = ax.figure.colorbar(image, ax=ax)
    bar.set_label("prediction; of a point its target")
    bar.outline.set_visible(False)
