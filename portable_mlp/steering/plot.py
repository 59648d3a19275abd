"""The curves of a learning-rate sweep and of one batch, as matplotlib axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable_mlp.plots.style import BLUE, GREY, ORANGE, VERMILION, axes_for, quiet, title

if TYPE_CHECKING:
    from portable_mlp.plots import Axes
    from portable_mlp.steering.learning_rate import RateCurve
    from portable_mlp.steering.one_batch import OneBatch


def rate_curve(curve: RateCurve, ax: Axes | None = None) -> Axes:
    """Loss by learning rate, smoothed and not, with the suggestion.

    Args:
        curve: of `find_learning_rate`.
        ax: where to draw; None makes a figure.
    """
    ax = axes_for(ax, (6.4, 4.0))
    quiet(ax, grid="both")
    ax.set_xscale("log")
    ax.plot(curve.rates, curve.losses, ".", color=GREY, markersize=4, label="a mini-batch")
    ax.plot(curve.rates, curve.smoothed, color=BLUE, linewidth=2, label="smoothed")
    low, high = (
        float(curve.smoothed.min()),
        float(curve.smoothed[: max(curve.planned // 10, 2)].max()),
    )
    high = max(high, low + 1e-12)
    ax.set_ylim(low - 0.15 * (high - low), high + 0.45 * (high - low))
    if curve.falls:
        rate = curve.suggestion
        ax.axvline(rate, color=VERMILION, linestyle="--", linewidth=1.6)
        ax.annotate(
            f"suggested: {rate:.2g}",
            (rate, 1.0),
            (-6, -4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
            color=VERMILION,
            weight="bold",
        )
        place = (curve.lowest, low)
        ax.plot(*place, "o", color=ORANGE, markersize=7, zorder=3, label="smallest loss")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss of the mini-batch")
    ax.legend(frameon=False, loc="lower left", fontsize=9)
    title(ax, "Learning-rate finder")
    return ax


def one_batch(found: OneBatch, ax: Axes | None = None) -> Axes:
    """Loss of the batch over the steps, between nothing and everything learnt.

    Args:
        found: of `overfit_one_batch`.
        ax: where to draw; None makes a figure.
    """
    ax = axes_for(ax, (6.4, 4.0))
    quiet(ax, grid="y")
    span = found.constant - found.least
    shares = [max((loss - found.least) / span, 1e-12) for loss in found.losses]
    ax.plot(range(1, len(shares) + 1), shares, color=BLUE, linewidth=2, label="the batch")
    ax.axhline(1, color=GREY, linestyle=":", linewidth=1.6, label="best constant prediction")
    words = f"learnt by heart: {found.tolerance:.3g}"
    ax.axhline(found.tolerance, color=VERMILION, linestyle="--", linewidth=1.6, label=words)
    ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel("share of the loss that is left")
    ax.legend(frameon=False, fontsize=9)
    title(ax, f"One batch of {found.rows} rows: " + ("learnt" if found.reached else "not learnt"))
    return ax
