"""The whole page, from head to foot."""

from __future__ import annotations

import math

from portable_mlp.diagnosis.doctor.page.layers import layers_section
from portable_mlp.diagnosis.doctor.page.sections import (
    causes_section,
    checked_section,
    gradients_section,
    loss_section,
    noted_section,
    probes_section,
    trials_section,
)
from portable_mlp.diagnosis.doctor.page.style import STYLE
from portable_mlp.diagnosis.doctor.page.words import counted, number, text, verdict
from portable_mlp.diagnosis.doctor.report import DoctorReport


def page(report: DoctorReport, title: str = "What keeps this network from learning?") -> str:
    """The whole report as a page: the verdict, the causes, what was tried, and pictures.

    Args:
        report: of the doctor.
        title: of the page; it stands above the verdict, too.

    Returns:
        HTML with its own styles and drawings, light or dark as the reader's system is.
    """
    sections = (
        causes_section(report),
        trials_section(report),
        loss_section(report),
        layers_section(report),
        probes_section(report),
        gradients_section(report),
        noted_section(report),
        checked_section(report),
    )
    took = f"<footer><p>Examined in {number(report.seconds, 2)} s.</p></footer>"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f'<header>\n<p class="soft">{text(title)}</p>\n<h1>{text(verdict(report))}</h1>\n'
        f"{_lede(report)}</header>\n<main>\n"
        + "\n".join(s for s in sections if s)
        + f"\n</main>\n{took if 0 < report.seconds < math.inf else ''}\n</body>\n</html>\n"
    )


def _lede(report: DoctorReport) -> str:
    if report.ok:
        if not (report.checked or report.losses or report.probes or report.gradients):
            return '<p class="lede">The report is empty: nothing was measured.</p>\n'
        return ""
    said = []
    others = len(report.findings) - 1
    if others > 0:
        said.append(
            f"{'Another cause was' if others == 1 else f'{others} more causes were'} found."
        )
    best = [t for t in report.trials if t.helped and math.isfinite(t.end)]
    if best:
        t = min(best, key=lambda t: t.end)
        said.append(
            f"What helped most when it was tried on a copy: {t.words}. In {counted(t.steps, 'step')} "
            f"the loss went from {number(t.start)} to {number(t.end)}."
        )
    elif len(report.trials) > 1:
        said.append(
            "None of the fixes that were tried on copies made the loss fall clearly further."
        )
    elif not report.verified:
        said.append("Fixes were not tried.")
    return f'<p class="lede">{text(" ".join(said))}</p>\n' if said else ""
