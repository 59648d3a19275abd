"""The sections of the page, each empty where the report has nothing for it."""

from __future__ import annotations

from portable_mlp.diagnosis.catalogue import CATALOGUE
from portable_mlp.diagnosis.doctor.page.bars import bar_picture, bar_top
from portable_mlp.diagnosis.doctor.page.charts import loss_in_words, loss_picture
from portable_mlp.diagnosis.doctor.page.elements import legend, section, swatch, table
from portable_mlp.diagnosis.doctor.page.selection import finite, thinned
from portable_mlp.diagnosis.doctor.page.words import (
    capital,
    counted,
    fall,
    number,
    sentence,
    table_number,
    text,
    trial_result,
    weight,
)
from portable_mlp.diagnosis.doctor.report import DoctorReport
from portable_mlp.diagnosis.report import RIGHT, Finding

ROWS = 30
"""Probes in the table of probes."""


def causes_section(report: DoctorReport) -> str:
    """A card for each cause."""
    cards = [_card(i, found) for i, found in enumerate(report.findings, 1)]
    if not cards:
        return ""
    title = "The cause" if len(cards) == 1 else "The causes, the likeliest first"
    return section("causes", title, f'<div class="cards">\n{"".join(cards)}</div>')


def _card(index: int, found: Finding) -> str:
    sign, words = weight(found)
    look = "harmless" if not found.harmful else "blocking" if found.blocking else "open"
    rows = [("Seen", text(found.evidence)), ("Fix", text(found.fix))]
    if found.where:
        rows.append(("Where", ", ".join(f"<code>{text(w)}</code>" for w in found.where)))
    if found.step:
        rows.append(("First seen", f"at step {found.step}"))
    listed = "".join(f"<dt>{term}</dt><dd>{said}</dd>" for term, said in rows if said)
    return (
        f'<article class="card {look}">\n<h3><span class="disc">{index}</span> '
        f"{text(capital(found.title))} <code>{text(found.id)}</code></h3>\n"
        f'<p class="weight"><span aria-hidden="true">{sign}</span> {words}</p>\n'
        f"<dl>{listed}</dl>\n</article>\n"
    )


def trials_section(report: DoctorReport) -> str:
    """What came of the short trainings."""
    trials = report.trials
    if not trials:
        return ""
    one_length = len({t.steps for t in trials}) == 1
    top = bar_top(trials)
    rows = []
    for i, trial in enumerate(trials):
        ids = " ".join(f"<code>{text(x)}</code>" for x in trial.ids)
        steps = counted(trial.steps, "step")
        length = "" if one_length else f' <span class="soft">({steps})</span>'
        bar = ""
        if top > 0 and finite(trial.start) and finite(trial.end):
            bar = bar_picture(trial.start, trial.end, top, f"bar-{i}", capital(fall(trial)) + ".")
        result = trial_result(trial, not trial.ids)
        sign = {"helps": "✓ ", "diverged": "✗ ", "does not help": "✗ "}.get(result, "")
        change = trial.words or "nothing changed"
        rows.append(
            f'<tr class="{"helps" if result == "helps" else "plain"}">'
            f'<th scope="row">{text(capital(change))}{length} {ids}</th>'
            f'<td><span class="numbers">{table_number(trial.start)} → {table_number(trial.end)}</span>'
            f'<span class="soft">{fall(trial)}</span>{bar}</td>'
            f'<td><span aria-hidden="true">{sign}</span>{result}</td></tr>\n'
        )
    length = f", {counted(trials[0].steps, 'step')} each" if one_length else ""
    return section(
        "trials",
        "What was tried",
        f"<p>Short trainings of copies{length}. A fix helps where the loss falls at least 10 % "
        "further than without it.</p>\n"
        '<table class="trials">\n<thead><tr><th scope="col">What was changed</th>'
        '<th scope="col">Loss before → after</th><th scope="col">Result</th></tr></thead>\n'
        f"<tbody>\n{''.join(rows)}</tbody>\n</table>",
    )


def loss_section(report: DoctorReport) -> str:
    """The picture of the loss."""
    if not report.losses and not report.probes:
        return ""
    name = "loss" if report.losses else "loss of the probe batch"
    keys = [(swatch("loss"), name)]
    if finite(report.baseline):
        keys.append((swatch("baseline"), f"best constant prediction: {number(report.baseline)}"))
    keys += [
        (
            f'<span class="disc">{i}</span>',
            f"{'first seen at step ' + str(f.step) if f.step else 'there from the start'}: {f.title}",
        )
        for i, f in enumerate(report.findings, 1)
    ]
    return section(
        "loss",
        "The loss over the steps",
        f'<figure>\n<div class="wide">{loss_picture(report)}</div>\n'
        f'<div class="narrow">{loss_picture(report, narrow=True)}</div>\n'
        f"<figcaption>{legend(keys)}<p>{text(loss_in_words(report))}</p></figcaption>\n</figure>",
    )


def probes_section(report: DoctorReport) -> str:
    """A table of the probes."""
    if not report.probes:
        return ""
    rows = [
        (
            str(p.step),
            table_number(p.loss),
            table_number(p.rate, 3),
            table_number(p.slope, 3),
            str(p.halvings),
        )
        for p in thinned(report.probes, ROWS)
    ]
    head = ("step", "loss", "learning rate", "slope ratio", "halvings")
    return section(
        "probes",
        "Measured on the way",
        "<p>Slope ratio: 1 where the gradient is right. Halvings: how often the step must be "
        "halved before it lowers the loss of the probe batch; 0 is good.</p>\n"
        + table("probes", head, rows),
    )


def gradients_section(report: DoctorReport) -> str:
    """A table of the gradient check."""
    checked = report.gradients
    if checked is None or not checked.parameters:
        return ""
    rows = [
        (
            p.name,
            " × ".join(map(str, p.shape)) or "1",
            ("✓ " if p.verdict == RIGHT else "✗ ") + p.verdict,
            table_number(p.error, 2),
            f"{p.cosine:.3f}".replace("-", "−") if finite(p.cosine) else "–",
            table_number(p.slope_ratio, 3),
            _relation(p.relation),
        )
        for p in checked.parameters
    ]
    head = ("parameter", "shape", "verdict", "error", "cosine", "slope ratio", "relation")
    assumed = f"<p>Assumed: {text(sentence(checked.assumed))}</p>\n" if checked.assumed else ""
    return section(
        "gradients",
        "The gradient check",
        "<p>The program's gradient beside the true one. Right: error near 0, cosine 1, slope "
        "ratio 1; a slope ratio below 0 points uphill.</p>\n"
        + assumed
        + table("checks", head, rows),
    )


def _relation(id: str) -> str:
    if not id:
        return "–"
    return f"{id}: {CATALOGUE[id].title}" if id in CATALOGUE else id


def noted_section(report: DoctorReport) -> str:
    """What was seen besides the causes."""
    if not report.noted:
        return ""
    notes = "".join(
        f"<li><strong>{text(capital(f.title))}</strong> <code>{text(f.id)}</code>"
        f"{_step_of(f)}: {text(sentence(f.evidence))}</li>\n"
        for f in report.noted
    )
    return section(
        "noted",
        "Noted as well",
        f"<p>This seems to do no harm, or follows from the causes.</p>\n<ul>\n{notes}</ul>",
    )


def _step_of(found: Finding) -> str:
    return f' <span class="soft">(from step {found.step})</span>' if found.step else ""


def checked_section(report: DoctorReport) -> str:
    """What was looked at, and what was not."""
    inner = report.gradients
    checked = list(dict.fromkeys([*report.checked, *(inner.checked if inner else ())]))
    limits = list(dict.fromkeys([*report.limits, *(inner.limits if inner else ())]))
    parts = []
    for title, sign, said in (("Checked", "✓", checked), ("Could not be checked", "?", limits)):
        if said:
            items = "".join(
                f'<li><span aria-hidden="true">{sign}</span> {text(capital(s))}</li>' for s in said
            )
            parts.append(f'<div><h3>{title}</h3>\n<ul class="signs">{items}</ul></div>\n')
    if not parts:
        return ""
    title = "What was checked" + (", and what could not be" if checked and limits else "")
    if not checked:
        title = "What could not be checked"
        parts = [parts[0].replace("<h3>Could not be checked</h3>\n", "")]
    return section("checked", title, f'<div class="two">\n{"".join(parts)}</div>')
