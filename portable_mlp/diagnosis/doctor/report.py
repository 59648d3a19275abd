"""What the doctor found: causes, the numbers behind them, and what was tried."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from portable_mlp.diagnosis.report import Finding, GradientReport

WIDTH = 100
"""Of printed lines."""
MOST = 3
"""Causes that are named; what else was seen is only noted."""


@dataclass(frozen=True)
class Histogram:
    """How often numbers fall between edges.

    Args:
        edges: one more than counts, rising.
        counts: how many numbers lie in each bin.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LayerProbe:
    """A layer at one moment of the training.

    Args:
        name: of the layer: ``"layer 1"``, or as the model calls it.
        activation: its activation function's name.
        units: how many.
        activations: of a = f(z), over all units and samples of the probe batch.
        gradients: of log10 |∂L/∂W|, entries that are exactly 0 left out.
        dead: share of the units that are the same for every sample, with no gradient, 0 to 1.
        saturated: share of a's entries in the flat parts of sigmoid or tanh, 0 to 1.
        weight_norm: ‖W‖.
        gradient_norm: ‖∂L/∂W‖.
        update_ratio: ‖change of W in one step‖ / ‖W‖.
    """

    name: str
    activation: str
    units: int
    activations: Histogram
    gradients: Histogram
    dead: float
    saturated: float
    weight_norm: float
    gradient_norm: float
    update_ratio: float


@dataclass(frozen=True)
class Probe:
    """The whole network at one moment.

    Args:
        step: updates done so far.
        loss: of the probe batch.
        rate: the learning rate.
        slope: the slope ratio of the gradient, 1 where it is right; NaN if not taken.
        halvings: how often the step must be halved before it lowers the probe loss, 0 where it does.
        layers: from the input to the output; empty where the network's inside is not known.
    """

    step: int
    loss: float
    rate: float
    slope: float
    halvings: int
    layers: tuple[LayerProbe, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A short training of a copy, with one fix or two.

    Args:
        ids: of the findings whose fixes were tried together; empty for the untouched copy.
        words: what was changed: ``"learning rate 0.01 in place of 1"``.
        steps: updates.
        start: the loss before, the same measure for all trials.
        end: and after; infinite where it diverged.
        helped: whether the loss fell at least 10 % (of its start) further than the untouched copy's.
    """

    ids: tuple[str, ...]
    words: str
    steps: int
    start: float
    end: float
    helped: bool


@dataclass
class DoctorReport:
    """Why a network does not learn, or that nothing was found.

    Args:
        findings: at most three causes, the likeliest first.
        noted: what else was seen; it seems to do no harm, or follows from the causes.
        gradients: the gradient check, where there was one.
        trials: what was tried, the untouched copy first.
        probes: measurements over the training.
        losses: ``(step, loss)`` over the training, the training's own loss.
        baseline: loss of the best constant prediction.
        checked: what was looked at, in words.
        limits: what could not be looked at, and why.
        verified: whether fixes were tried.
        seconds: that the doctor took.
    """

    findings: list[Finding] = field(default_factory=list)
    noted: list[Finding] = field(default_factory=list)
    gradients: GradientReport | None = None
    trials: list[Trial] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    losses: list[tuple[int, float]] = field(default_factory=list)
    baseline: float = float("nan")
    checked: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    verified: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing was found; not where nothing could be looked at."""
        return not self.findings and not (self.limits and not self.checked)

    @property
    def blocking(self) -> list[Finding]:
        """The findings whose fix made the loss fall when it was tried."""
        return [f for f in self.findings if f.blocking]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        found = asdict(self)
        for name in ("findings", "noted"):
            for f, made in zip(getattr(self, name), found[name], strict=True):
                made["title"] = f.title
        found["ok"] = self.ok
        found["gradients"] = None if self.gradients is None else self.gradients.to_dict()
        return _without_non_finite(found)  # type: ignore[no-any-return]

    def html(self, path: str | Path) -> Path:
        """Writes everything as one page that needs no network; gives back where it is."""
        from portable_mlp.diagnosis.doctor.page import page

        path = Path(path)
        path.write_text(page(self), encoding="utf-8")
        return path

    def plot(self) -> Any:
        """The same as a matplotlib figure (extra ``plot``)."""
        from portable_mlp.diagnosis.doctor.plot import plot

        return plot(self)

    def __str__(self) -> str:
        lines = []
        if self.ok:
            lines.append("Nothing found that keeps this network from learning.")
        elif not self.findings:
            lines.append("Nothing was examined.")
        for number, found in enumerate(self.findings, 1):
            where = f" ({', '.join(found.where)})" if found.where else ""
            lines += [
                *_wrapped(f"{number}. ", f"{found.title}{where} [{found.id}]{_weight(found)}"),
                *_wrapped("   Seen: ", found.evidence),
                *_wrapped("   Fix: ", found.fix),
            ]
        if len(self.trials) > 1:
            unit = (
                ""
                if self.baseline != 1.0
                else " (a loss of 1 is that of the best constant prediction)"
            )
            lines += ["", f"Tried on copies{unit}:", *trial_lines(self.trials)]
        if self.noted:
            lines += ["", "Noted, but it may follow from the above or do no harm:"]
        for f in self.noted:
            lines += _wrapped("  - ", f"{f.title} [{f.id}]: {f.evidence}")
        if self.checked:
            lines += ["", *_wrapped("Checked: ", f"{'; '.join(self.checked)}.")]
        for limit in self.limits:
            lines += _wrapped("Not checked: ", f"{limit}.")
        return "\n".join(lines).strip()


def _wrapped(start: str, text: str) -> list[str]:
    """Lines of at most a page's width, the later ones indented like the first."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )


def _weight(found: Finding) -> str:
    if found.blocking:
        return ": blocking"
    if found.harmful or found.id[0] != "R":
        return ""
    if found.blocking is False:
        return ": wrong, but it does no harm by itself"
    return ": wrong, but it still points downhill"


def trial_lines(trials: Sequence[Trial]) -> list[str]:
    """A table of what was tried."""
    rows = [
        (
            "+".join(t.ids) or "-",
            t.words if len(t.ids) < 2 else "",
            str(t.steps),
            f"{t.start:.4g}",
            f"{t.end:.4g}",
            "helps" if t.helped else "",
        )
        for t in trials
    ]
    head = ("fixes", "what was changed", "steps", "loss before", "after", "")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        ("  " + "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True))).rstrip()
        for row in (head, *rows)
    ]


def _without_non_finite(thing: Any) -> Any:
    """The same with None in place of NaN and infinity, which JSON does not have."""
    if isinstance(thing, dict):
        return {key: _without_non_finite(value) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [_without_non_finite(value) for value in thing]
    if isinstance(thing, float) and (thing != thing or thing in (float("inf"), float("-inf"))):
        return None
    return thing
