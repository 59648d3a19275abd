"""The section of the page on the inside of the layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from portable_mlp.diagnosis.doctor.page.charts import ratio_picture, shares_picture
from portable_mlp.diagnosis.doctor.page.elements import legend, section, swatch
from portable_mlp.diagnosis.doctor.page.scales import Scale, ratio_scale, values_scale
from portable_mlp.diagnosis.doctor.page.selection import (
    can_saturate,
    cells,
    finite,
    layers_over_time,
    thinned,
)
from portable_mlp.diagnosis.doctor.page.strips import heat_picture
from portable_mlp.diagnosis.doctor.page.words import capital, counted, number, percent, text
from portable_mlp.diagnosis.doctor.report import DoctorReport, LayerProbe


def layers_section(report: DoctorReport) -> str:
    """Four panels for each layer."""
    probes = thinned([p for p in report.probes if p.layers])
    if not probes:
        return ""
    steps = [p.step for p in probes]
    layers = layers_over_time(probes)
    gradients = values_scale([x.gradients for layer in layers for x in layer if x])
    ratios = ratio_scale([x for layer in layers for x in layer if x])
    blocks = [_layer(i, layer, steps, gradients, ratios) for i, layer in enumerate(layers, 1)]
    seen = [x for layer in layers for x in layer if x]
    keys = [("heat", "few to many numbers fall there")]
    if not all(cells(x.activations) and cells(x.gradients) for x in seen):
        keys.append(("none", "no numbers: not finite, or gradients that are all 0"))
    keys.append(("dead", "dead: units without gradient, the same for every sample"))
    if can_saturate(seen):
        keys.append(("saturated", "saturated: in the flat parts of sigmoid or tanh"))
    keys.append(("band", "healthy: an update changes the weights by 10⁻⁴ to 10⁻² of their size"))
    if any(not ratios.low <= x.update_ratio <= ratios.high for x in seen):
        keys.append(("beyond", "the ratio is beyond the axis, or 0"))
    shown = legend((swatch(look), words) for look, words in keys)
    return section(
        "layers",
        "Inside the layers",
        "<p>From the input to the output. Below each column is the step at which it was measured; "
        "the axes of gradients and ratios are the same for all layers.</p>\n"
        f"{shown}\n{''.join(blocks)}",
    )


def _layer(
    index: int,
    layer: Sequence[LayerProbe | None],
    steps: Sequence[int],
    gradients: Scale,
    ratios: Scale,
) -> str:
    last = [x for x in layer if x][-1]
    outputs = [x.activations if x else None for x in layer]
    slopes = [x.gradients if x else None for x in layer]
    of = f"of {last.name}"
    panels = []
    if any(map(cells, outputs)):
        drawn = heat_picture(
            outputs, steps, values_scale(outputs), f"a-{index}", f"Activations {of}"
        )
        panels.append(("activations", drawn))
    if any(map(cells, slopes)):
        drawn = heat_picture(slopes, steps, gradients, f"g-{index}", f"Gradients {of}", powers=True)
        panels.append(("gradients |∂L/∂W|", drawn))
    if any(x and (finite(x.dead) or finite(x.saturated)) for x in layer):
        drawn = shares_picture(layer, steps, f"s-{index}", f"Dead and saturated shares {of}")
        also = f", {swatch('saturated')} saturated" if can_saturate(layer) else ""
        panels.append((f"{swatch('dead')} dead{also}", drawn))
    if any(x and not math.isnan(x.update_ratio) for x in layer):
        drawn = ratio_picture(layer, steps, ratios, f"r-{index}", f"Update-to-weight ratio {of}")
        panels.append(("update / weight", drawn))
    said = [counted(last.units, "unit"), f"{percent(last.dead)} dead" if finite(last.dead) else ""]
    if can_saturate(layer) and finite(last.saturated):
        said.append(f"{percent(last.saturated)} saturated")
    norms = [("‖W‖", last.weight_norm), ("‖∂L/∂W‖", last.gradient_norm)]
    said += [f"{name}\u00a0=\u00a0{number(norm, 3)}" for name, norm in norms]
    figures = "".join(
        f"<figure><figcaption>{name}</figcaption>{drawn}</figure>\n" for name, drawn in panels
    )
    return (
        f'<article class="layer">\n<h3>{text(capital(last.name))} '
        f'<span class="soft">{text(last.activation)}</span></h3>\n'
        f'<p class="soft">At the last probe: {text("; ".join(s for s in said if s))}.</p>\n'
        f'<div class="panels">\n{figures}</div>\n</article>\n'
    )
