"""Whether a model is as often right as it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.plots.classes import class_numbers
from portable_mlp.plots.style import BLUE, GREY, PALE, VERMILION, axes_for, quiet, title
from portable_mlp.plots.taken import taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Reliability:
    """How often predictions of equal confidence are right.

    Args:
        edges: of the bins, (bins + 1,).
        counts: samples in each bin, (bins,).
        confidence: their mean confidence; NaN in an empty bin.
        right: share of them that is right; NaN in an empty bin.
        calibration_error: Σ_b n_b / n · |right_b - confidence_b|, the expected calibration error.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.float64]
    calibration_error: float


def reliability(confidence: Any, right: Any, *, bins: int = 10) -> Reliability:
    """Confidence against the share that is right, in bins of equal width.

    Args:
        confidence: probability of what was predicted, (n,), in [0, 1].
        right: 1 or true where it came true, (n,).
        bins: number of bins; the first has its lower edge, each its upper one.

    Raises:
        ValueError: numbers outside of [0, 1], other lengths, or no bin.

    Example:
        >>> found = reliability([0.75, 0.75, 0.95, 0.95], [1, 0, 1, 1], bins=2)
        >>> found.counts.tolist(), round(found.calibration_error, 3)
        ([0, 4], 0.1)

    Source: Guo et al. 2017, On calibration of modern neural networks, equation 3.
    """
    p, r = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    if p.ndim != 1 or p.shape != r.shape or not len(p):
        raise ValueError(
            f"reliability: got shapes {p.shape} and {r.shape}, expected (n,) twice, n at least 1."
        )
    if not ((p >= 0) & (p <= 1)).all() or not np.isin(r, (0, 1)).all():
        raise ValueError(
            "reliability: expected a confidence in [0, 1] and 0 or 1 for each sample; logits are none."
        )
    if not is_whole(bins, 1):
        raise ValueError(f"reliability: bins is {bins!r}, expected a whole number of at least 1.")
    edges = np.linspace(0, 1, int(bins) + 1)
    place = np.clip(np.searchsorted(edges, p, side="left") - 1, 0, int(bins) - 1)
    counts = np.bincount(place, minlength=int(bins))
    with np.errstate(invalid="ignore"):
        mean_p = np.bincount(place, p, int(bins)) / counts
        mean_r = np.bincount(place, r, int(bins)) / counts
    error = float(np.nansum(counts * np.abs(mean_r - mean_p)) / len(p))
    return Reliability(edges, counts, mean_p, mean_r, error)


def reliability_diagram(
    model: Any,
    X: Any,  # noqa: N803
    y: Any,
    *,
    bins: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Confidence of the predictions against how often they are right; on the diagonal they agree.

    With several classes it is the probability of the class that is predicted; with one yes/no output
    that of yes. The bars at the bottom are the share of the samples in each bin.

    Args:
        model: a classifier with probabilities; or a fitted estimator.
        X: samples (n, features), not those that it was trained on.
        y: class numbers (n,), or what else the loss takes.
        bins: number of bins.
        ax: where to draw; None makes a figure.

    Raises:
        TypeError: the model has no probabilities.
        ValueError: data that can't be.

    Source: Guo et al. 2017, On calibration of modern neural networks.
    """
    model, y = taken("reliability_diagram", model, y)
    classes = class_numbers("reliability_diagram", model, X, y)
    probable = np.asarray(model.predict_proba(X), dtype=np.float64)
    yes_no = probable.shape[1] == 1
    if yes_no:
        found = reliability(probable[:, 0], classes == 1, bins=bins)
    else:
        chosen = probable.argmax(axis=1)
        confidence = np.minimum(probable.max(axis=1), 1.0)  # float32 sums may exceed 1 by a digit
        found = reliability(confidence, chosen == classes, bins=bins)
    ax = axes_for(ax, (5.0, 4.8))
    quiet(ax, grid="both")
    seen = found.counts > 0
    share = found.counts / found.counts.sum()
    width = np.diff(found.edges)
    look: dict[str, Any] = {"align": "edge", "edgecolor": "white", "color": PALE}
    ax.bar(found.edges[:-1], share, width, label="share of the samples", **look)
    ax.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.6, label="as often as it says")
    p, r = found.confidence[seen], found.right[seen]
    ax.vlines(p, np.minimum(p, r), np.maximum(p, r), color=VERMILION, linewidth=3, label="gap")
    ax.plot(p, r, color=BLUE, linewidth=2, label="the model")
    ax.scatter(p, r, 15 + 120 * share[seen], color=BLUE, zorder=3)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.02)
    ax.set_aspect("equal")
    ax.set_xlabel("predicted probability of yes" if yes_no else "confidence of the prediction")
    ax.set_ylabel("share of yes" if yes_no else "share that is right")
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    title(ax, f"Reliability: calibration error {found.calibration_error:.3f}")
    return ax
