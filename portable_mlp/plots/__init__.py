"""Pictures of trainings and models, as matplotlib axes (extra ``plot``). Nothing opens a window.

Each takes ``ax=``, axes to draw on; None makes a figure of its own, which is ``axes.figure``:
``plots.loss_curves(history).figure.savefig("loss.png")``. pyplot is not used, so nothing of it changes.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
