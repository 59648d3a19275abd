"""What a gradient check found, for a reader and for a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from portable_mlp.diagnosis.catalogue import CATALOGUE

RIGHT, SCALED = "right", "only scaled"
DOWNHILL, HARMFUL = "wrong but downhill", "wrong and harmful"
UNKNOWN = "not known"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Args:
        id: of the catalogue.
        evidence: the numbers behind it.
        fix: what to change.
        where: names of the parameters or functions.
        harmful: whether it keeps the loss from falling, as far as the slope tells.
        blocking: whether its fix, tried on a copy, made the loss fall; None where it was not tried.
        step: of the training at which it was seen first.
    """

    id: str
    evidence: str
    fix: str
    where: tuple[str, ...] = ()
    harmful: bool = True
    blocking: bool | None = None
    step: int = 0

    @property
    def title(self) -> str:
        """In plain words."""
        return CATALOGUE[self.id].title


def finding(
    id: str, evidence: str, *, where: Sequence[str] = (), harmful: bool = True, **filled: Any
) -> Finding:
    """A finding with the catalogue's fix; ``filled`` are the names in its braces."""
    fix = CATALOGUE[id].fix.format(**filled)
    return Finding(id, evidence, fix, tuple(where), harmful)


@dataclass(frozen=True)
class Verdict:
    """What is true of one parameter's gradient.

    Args:
        name: of the parameter.
        shape: its shape.
        verdict: right, only scaled, wrong but downhill, or wrong and harmful.
        error: ‖g - n‖ / max(‖g‖, ‖n‖), g the program's gradient and n the true one.
        cosine: of the angle between the two.
        slope_ratio: [L(θ + εg) - L(θ - εg)] / 2ε‖g‖²: 1 for a right gradient, -1 for a wrong sign.
        relation: id of what relates the two; empty if right or unknown.
    """

    name: str
    shape: tuple[int, ...]
    verdict: str
    error: float
    cosine: float
    slope_ratio: float
    relation: str = ""


@dataclass
class GradientReport:
    """The result of a gradient check.

    Args:
        findings: what is wrong, the surest and most harmful first.
        parameters: a verdict for each.
        checked: what was looked at, in words.
        assumed: what was taken for granted of the network, if anything.
        limits: what could not be looked at, and why.
    """

    findings: list[Finding] = field(default_factory=list)
    parameters: list[Verdict] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    assumed: str = ""
    limits: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the gradient was compared, and nothing found."""
        right = bool(self.parameters) and all(p.verdict == RIGHT for p in self.parameters)
        return right and not self.findings

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "ok": self.ok,
            "findings": [asdict(f) | {"title": f.title} for f in self.findings],
            "parameters": [asdict(p) for p in self.parameters],
            "checked": list(self.checked),
            "assumed": self.assumed,
            "limits": list(self.limits),
        }

    def __str__(self) -> str:
        lines = []
        if self.ok:
            lines.append("The gradient is right.")
        elif not self.findings:
            lines.append("The gradient could not be compared with the true one.")
        for number, found in enumerate(self.findings, 1):
            where = f" ({', '.join(found.where)})" if found.where else ""
            weight = "" if found.harmful else " It does no harm by itself."
            lines += [
                f"{number}. {found.title}{where} [{found.id}]",
                f"   Seen: {found.evidence}{weight}",
                f"   Fix: {found.fix}",
            ]
        if self.parameters:
            lines += ["", *_table(self.parameters)]
        if self.assumed:
            lines += ["", f"Assumed: {self.assumed}."]
        if self.checked:
            lines += ["", f"Checked: {'; '.join(self.checked)}."]
        lines += [f"Not checked: {limit}." for limit in self.limits]
        return "\n".join(lines).strip()


def _table(parameters: Sequence[Verdict]) -> list[str]:
    head = ("parameter", "shape", "verdict", "error", "cosine", "slope ratio", "relation")
    rows = [
        (
            p.name,
            "x".join(map(str, p.shape)) or "1",
            p.verdict,
            f"{p.error:.1e}",
            f"{p.cosine:.3f}",
            f"{p.slope_ratio:.3g}",
            p.relation or "-",
        )
        for p in parameters
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
