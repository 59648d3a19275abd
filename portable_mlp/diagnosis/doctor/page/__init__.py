"""A report of the doctor as one HTML page that needs no network, its pictures made of strings.

``document`` puts the page together from its ``sections`` and ``layers``; ``charts``, ``strips``
and ``bars`` draw. What they draw, where, and what they say of it is chosen in ``selection``,
``scales`` and ``words``, which the matplotlib figure (plot.py) follows as well.
"""

from __future__ import annotations

from portable_mlp.diagnosis.doctor.page.bars import bar_top
from portable_mlp.diagnosis.doctor.page.charts import spread
from portable_mlp.diagnosis.doctor.page.document import page
from portable_mlp.diagnosis.doctor.page.scales import (
    HEALTHY,
    Scale,
    loss_scale,
    power_ticks,
    ratio_scale,
    values_scale,
)
from portable_mlp.diagnosis.doctor.page.selection import (
    LEVELS,
    can_saturate,
    cells,
    finite,
    gaps,
    layers_over_time,
    loss_points,
    strength,
    thinned,
)
from portable_mlp.diagnosis.doctor.page.words import (
    fall,
    number,
    short_step,
    trial_result,
    verdict,
)

__all__ = [
    "HEALTHY",
    "LEVELS",
    "Scale",
    "bar_top",
    "can_saturate",
    "cells",
    "fall",
    "finite",
    "gaps",
    "layers_over_time",
    "loss_points",
    "loss_scale",
    "number",
    "page",
    "power_ticks",
    "ratio_scale",
    "short_step",
    "spread",
    "strength",
    "thinned",
    "trial_result",
    "values_scale",
    "verdict",
]
