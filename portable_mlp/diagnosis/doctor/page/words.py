"""What the page and the plot say of a report, in words."""

from __future__ import annotations

import math
import re
from html import escape

from portable_mlp.diagnosis.doctor.report import DoctorReport, Trial
from portable_mlp.diagnosis.report import Finding

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def text(words: object) -> str:
    """Any text, safe in HTML and writable as UTF-8."""
    return escape(_UNPRINTABLE.sub("\ufffd", str(words)))


def number(value: float, digits: int = 4) -> str:
    """A number with sensible digits: 0.6931, 1.2e-5, infinite."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    mantissa, e, exponent = f"{value:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(exponent)}" if e else "")).replace("-", "−")


def percent(share: float) -> str:
    """A share in per cent; 0 % and 100 % are said only where they are exact."""
    if not math.isfinite(share):
        return "–"
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{100 * share:.0f} %"


def power(exponent: int) -> str:
    """Ten to the power of ``exponent``, written as such where it is not 1 or 10."""
    if exponent in (0, 1):
        return str(10**exponent)
    return "10" + str(exponent).translate(_SUPERSCRIPT)


def table_number(value: float, digits: int = 4) -> str:
    """For a table: short, and a dash where there is no number."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return number(value, digits)


def short_step(step: float) -> str:
    """A step, short enough for an axis."""
    if abs(step) >= 1e6:
        return f"{step / 1e6:.3g}M"
    return f"{step / 1e3:.3g}k" if abs(step) >= 1e4 else f"{step:.0f}"


def counted(count: int, thing: str) -> str:
    """1 step, 2 steps."""
    return f"1 {thing}" if count == 1 else f"{count} {thing}s"


def capital(words: str) -> str:
    """With a capital first letter."""
    return words[:1].upper() + words[1:]


def sentence(words: str) -> str:
    """With a full stop, where it has none."""
    words = words.strip()
    return words if not words or words[-1] in ".!?:" else words + "."


def verdict(report: DoctorReport) -> str:
    """In one sentence: the first cause, or that there is none."""
    if report.ok:
        return "Nothing found that keeps this network from learning."
    if not report.findings:
        return "Nothing was examined."
    return sentence(capital(report.findings[0].title))


def trial_result(trial: Trial, untouched: bool) -> str:
    """What came of a trial, in a word or two."""
    if math.isfinite(trial.start) and not math.isfinite(trial.end):
        return "diverged"
    if untouched:
        return "for comparison"
    return "helps" if trial.helped else "does not help"


def fall(trial: Trial) -> str:
    """How the loss of a trial went, in words."""
    if not math.isfinite(trial.start):
        return "the loss was not finite before"
    if not math.isfinite(trial.end):
        return "the loss diverged"
    if trial.end == trial.start:
        return "the loss did not move"
    way = "fell" if trial.end < trial.start else "rose"
    if trial.start <= 0 or trial.end < 0:
        return f"the loss {way}"
    ratio = trial.end / trial.start
    if ratio > 3:
        return f"the loss rose {number(ratio, 2)} times"
    return f"the loss {way} by {percent(abs(1 - ratio))}".replace("by < ", "by less than ").replace(
        "by > ", "by more than "
    )


def weight(found: Finding) -> tuple[str, str]:
    """A sign and words for how much a finding matters."""
    if found.blocking:
        return "●", "blocking: its fix, alone or beside another, made the loss fall"
    if not found.harmful and found.id[0] == "R":
        return (
            "○",
            "wrong, but harmless" if found.blocking is False else "wrong, but still downhill",
        )
    if found.blocking is None:
        return "◐", "its fix was not tried"
    return "◐", "its fix alone did not make the loss fall"
