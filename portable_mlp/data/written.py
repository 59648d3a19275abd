"""Numbers as people write them, which are text to a computer: 1,050 and 12% and 3,50 €."""

from __future__ import annotations

import re
import unicodedata

_MONEY = "(?:[A-Z]{0,2}[$€£¥₹₩₽₺₪₫₱฿]|USD|EUR|GBP|JPY|CHF|CNY|INR|CAD|AUD)"
_GAP = r"[ \xa0\u2009\u202f]?"
_AROUND = re.compile(
    rf"([+-]?)({_MONEY}{_GAP})?([+-]?[\d.,].*?)({_GAP}{_MONEY})?({_GAP}[%‰])?", re.ASCII
)
_IN_PARENTHESES = re.compile(rf"({_MONEY}{_GAP})?\(([^()]*)\)")
_EITHER = re.compile(
    r"([1-9]\d{0,2})([.,])(\d{3})", re.ASCII
)  # between thousands, or a decimal mark
_PLAIN = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"(\d+,\d*|,\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMAS = re.compile(r"[1-9]\d{0,2}(,\d{2,3})*,\d{3}(\.\d*)?", re.ASCII)  # pairs, as in India, too
_POINTS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+(\.\d{3}|,\d*)", re.ASCII)
_OTHERS = re.compile(r"[1-9]\d{0,2}(['’_ \xa0\u2009\u202f])\d{3}(\1\d{3})*([.,]\d*)?", re.ASCII)
_TELEPHONE = re.compile(r"\+.* .*|\d{3} \d{3} \d{3}|\d+( \d{3}){3,}", re.ASCII)
_NAMES = {"'": "apostrophes", "’": "apostrophes", "_": "underscores"}
_ARABIC = str.maketrans({"\u066a": "%", "\u066b": ".", "\u066c": ","})


def written(cell: str) -> str | None:
    """What makes text of a number, and how to write it; None for other text and for plain numbers.

    Known are marks between thousands, decimal commas, percent signs, currencies, a minus of typesetters
    or behind the number, parentheses for a minus, and digits of other scripts. Codes, ranges, dates,
    versions and telephone numbers are none.

    Args:
        cell: text, without spaces around it.

    Example:
        >>> written("12 %")
        'it has a percent sign: write 12'
        >>> written("$1,050.00")
        'it has a currency and commas between thousands: write 1050.00'
        >>> written("00501"), written("10-20"), written("1.2.3"), written("<=50K")
        (None, None, None, None)
    """
    text, has = cell, list[str]()
    if not cell.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in cell)
        text = text.translate(_ARABIC)
        has += ["digits other than 0 to 9"] if text != cell else []
        has += ["a minus other than -"] if "\u2212" in text else []
        text = text.replace("\u2212", "-")
    text, minus = _without_minus(text)
    found = _AROUND.fullmatch(text)
    if found is None or _TELEPHONE.fullmatch(text):
        return None
    sign, before, number, after, percent = found.groups()
    if minus:
        if sign or number[0] in "+-":
            return None
        has.append(minus)
    if number[0] in "+-":
        if sign:
            return None
        sign, number = number[0], number[1:]
    given = number
    has += ["a percent sign"] if percent else []
    has += ["a currency"] if before or after else []
    if not _PLAIN.fullmatch(number):
        number, mark = _without_marks(number)
        has.append(mark)
    if not number or not has:
        return None
    sign = "-" if minus else sign.strip("+")
    other = ""
    if either := _EITHER.fullmatch(given):
        number = either[1] + either[3]
        name = "comma" if either[2] == "," else "point"
        other = f", or {sign}{either[1]}.{either[3]} if the {name} is a decimal one"
    return f"it has {' and '.join(has)}: write {sign}{number}{other}"


def _without_minus(text: str) -> tuple[str, str]:
    """``(the number without it, what else than a minus before it says that it is below 0)``."""
    if found := _IN_PARENTHESES.fullmatch(text):
        return f"{found[1] or ''}{found[2]}", "parentheses for a minus"
    if text.endswith("-"):
        return text[:-1].rstrip(), "a minus at its end"
    return text, ""


def _without_marks(number: str) -> tuple[str, str]:
    """``(the number in digits and a point, what else stood in it)``; empty where it is none."""
    if _COMMAS.fullmatch(number):
        return number.replace(",", "").rstrip("."), "commas between thousands"
    if _POINTS.fullmatch(number):
        return number.replace(".", "").replace(",", "."), "points between thousands"
    if found := _OTHERS.fullmatch(number):
        kind = f"{_NAMES.get(found[1], 'spaces')} between thousands"
        return number.replace(found[1], "").replace(",", "."), kind
    if _DECIMAL_COMMA.fullmatch(number):
        return number.replace(",", "."), "a decimal comma"
    return "", ""


def most(numbers: int, written: int, others: int) -> bool:
    """Whether a column with text is meant as one of numbers.

    Args:
        numbers: cells that are numbers.
        written: cells that are numbers as people write them.
        others: cells of other text.
    """
    return others < numbers + written
