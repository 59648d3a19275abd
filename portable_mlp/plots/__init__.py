"""Pictures of trainings and models, as matplotlib axes (extra ``plot``). Nothing opens a window.

Each takes ``ax=``, axes to draw on; None makes a figure of its own, which is ``axes.figure``:
``plots.loss_curves(history).figure.savefig("loss.png")``. pyplot is not used, so nothing of it changes.
A model is an `MLP`, or a fitted estimator of `portable_mlp.sklearn`, with X and y as its ``fit`` takes
them.
"""

from typing import TYPE_CHECKING

from portable_mlp.plots.boundary import decision_boundary
from portable_mlp.plots.calibration import Reliability, reliability, reliability_diagram
from portable_mlp.plots.confusion import confusion_matrix
from portable_mlp.plots.curves import loss_curves
from portable_mlp.plots.distributions import activations, gradients
from portable_mlp.plots.weights import first_layer_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes

__all__ = [
    "Reliability",
    "activations",
    "confusion_matrix",
    "decision_boundary",
    "first_layer_weights",
    "gradients",
    "loss_curves",
    "reliability",
    "reliability_diagram",
]
