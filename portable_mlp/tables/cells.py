"""The cells of one column: are these numbers, text or dates, and which of them are gaps?"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.data.doubts import warn_of_rounded
from portable_mlp.data.target import class_name, got_written, is_code, is_gap, number_of, short
from portable_mlp.data.written import most, written

DATES = (
    "make columns of numbers of it that may have to do with the target, such as the year, the month, "
    "the weekday or the days since a fixed day, or leave it out"
)
"""What to do with a column of dates."""
_NAMED = "name it in --categorical (in Python categorical=, categorical_features=) of the training"
AS_TEXT = f"if the column is no number, {_NAMED}"
"""What to do with text that looks like numbers, and is none."""
_TIME = (
    r"([T ,]+\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*"
    r"(Z|UTC|GMT|[AaPp]\.?[Mm]\.?|[+-]\d{2}:?\d{2})?)?"
)
_MONTH = (
    r"(jan(uary?)?|feb(ruary?)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?"
    r"|nov(ember)?|dec(ember)?)\.?"
)
_WEEKDAY = r"(mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(day)?\.?,? "
_DATE = re.compile(
    rf"({_WEEKDAY})?(\d{{4}}(?P<a>[-/.])\d{{1,2}}(?P=a)\d{{1,2}}"
    rf"|\d{{1,2}}(?P<b>[-/.])\d{{1,2}}(?P=b)(\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(\.|st|nd|rd|th)?( of)?[ -]{_MONTH}[ ,-]+\d{{2,4}}"
    rf"|{_MONTH} \d{{1,2}}(st|nd|rd|th)?,? \d{{4}}){_TIME}",
    re.IGNORECASE,
)
_YEAR = r"(19|20)\d\d"
_PERIOD = re.compile(  # a month, a week, a quarter; outside of 1900 to 2099 more likely a code
    rf"{_YEAR}[-/](0[1-9]|1[0-2])|(0?[1-9]|1[0-2])/{_YEAR}|{_MONTH},?[ -]{_YEAR}"
    rf"|{_YEAR}-?W[0-5]\d(-?[1-7])?|{_YEAR}[ -]?Q[1-4]|Q[1-4][ -]?{_YEAR}",
    re.IGNORECASE,
)
_CALENDAR = ("date", "datetime", "Timestamp", "time", "datetime64", "Period")
_SPANS = ("timedelta", "Timedelta", "timedelta64")


def dates(where: str, found: str) -> str:
    """The sentence for a column of dates.

    Args:
        where: the column in messages.
        found: one of them.
    """
    return f"{where} holds dates such as {short(found)}, expected numbers or categories: {DATES}."


def days(numbers: NDArray[np.float64]) -> bool:
    """Whether all numbers are days of 1900 to 2100, written as 20200131.

    Args:
        numbers: with NaN for gaps.
    """
    found = np.unique(numbers[~np.isnan(numbers)])
    if not len(found) or found[0] < 19000101 or found[-1] > 21001231 or (found % 1).any():
        return False
    year, month, day = found // 10000, found // 100 % 100, found % 100
    if not ((month >= 1) & (month <= 12) & (day >= 1)).all():
        return False
    first = ((year - 1970) * 12 + month - 1).astype(np.int64).astype("datetime64[M]")
    length = (first + 1).astype("datetime64[D]") - first.astype("datetime64[D]")
    return bool((day <= length.astype(np.int64)).all())


def spans(where: str) -> str:
    """The sentence for a column of time spans."""
    return f"{where} holds time spans, expected numbers: turn them into numbers, such as seconds."


def text_of(cell: str) -> str | None:
    """Text without the spaces around it; None for what stands for nothing."""
    cell = cell.strip()
    return None if is_gap(cell) else cell


def from_text(
    where: Callable[[int | None], str], cells: Sequence[str], is_text: bool
) -> NDArray[Any]:
    """A column of a .csv file as numbers with NaN for gaps, or as text with None.

    Args:
        where: gives the column in messages, with the line of a row or without any.
        cells: as they stand there.
        is_text: whether they are categories, also where they look like numbers or dates.

    Raises:
        ValueError: dates, or a few cells of text in a column of numbers.
    """
    texts = {cell: text_of(cell) for cell in dict.fromkeys(cells)}
    if is_text:
        return _filled(texts[cell] for cell in cells)
    values = {cell: None if t is None else number_of(t) for cell, t in texts.items()}
    words = [t for cell, t in texts.items() if t is not None and values[cell] is None]
    endless = {cell for cell, v in values.items() if v is not None and math.isinf(v)}
    if endless and not words:
        row = next(k for k, cell in enumerate(cells) if cell in endless)
        raise ValueError(f"{where(row)}: got {values[cells[row]]}, expected a finite number.")
    if not words:
        warn_of_rounded(where(None), (int(t) for t in texts.values() if t and is_code(t)))
        numbers = {cell: math.nan if v is None else v for cell, v in values.items()}
        return np.array([numbers[cell] for cell in cells], np.float64)
    count = sum(values[cell] is not None for cell in cells)
    if not count:
        _check_dates(where(None), words)
    odd = set(words)
    rows = [k for k, cell in enumerate(cells) if texts[cell] in odd]
    hints = {t: hint for t in odd if (hint := written(t))}
    alike = [k for k in rows if texts[cells[k]] in hints] if hints else []
    if alike and most(count, len(alike), len(rows) - len(alike)):
        cell = cells[alike[0]].strip()
        raise ValueError(f"{where(alike[0])}: {got_written(cell, hints[cell])}; {AS_TEXT}.")
    if len(rows) < count:  # thousands of prices and one "on request" are no categories
        raise ValueError(
            f"{where(rows[0])}: got {short(cells[rows[0]].strip())}, expected a number as in {count:,} "
            "other rows: empty the cell if it is not known, or say that the column is categorical."
        )
    return _filled(texts[cell] for cell in cells)


def from_objects(where: str, values: NDArray[Any], is_text: bool = False) -> NDArray[Any]:
    """A column of a data frame or array as numbers with NaN for gaps, or as text with None.

    Args:
        where: the column in messages.
        values: (rows,), of any type.
        is_text: whether they are categories, also where they are numbers.

    Raises:
        ValueError: dates, time spans, or things of several kinds.
    """
    kind = values.dtype.kind
    if is_text and kind in "iu":  # beyond 2^53 a float would not have the same digits
        return _filled(map(str, values.tolist()))
    if kind == "M":
        raise ValueError(dates(where, str(values[0]) if len(values) else "NaT"))
    if kind == "m":
        raise ValueError(spans(where))
    if kind in "iuf":
        if is_text:
            return as_text(values)
        if kind in "iu" and len(values) and max(int(values.max()), -int(values.min())) > 2**53:
            warn_of_rounded(where, values.tolist())
        return values.astype(np.float64)
    if kind == "b":
        return _filled(map(str, values.tolist()))
    if kind not in "OSUT":
        raise ValueError(f"{where} has dtype {values.dtype}, expected numbers or text.")
    return _of_kinds(where, values.tolist(), is_text)


def _of_kinds(where: str, values: list[Any], is_text: bool) -> NDArray[Any]:
    """Python's objects, all of one kind but for gaps."""
    there = [v for v in values if not _is_gap(v)]
    kinds = {type(v) for v in there}
    names = sorted(kind.__name__ for kind in kinds)
    if any(name in _CALENDAR for name in names):
        raise ValueError(dates(where, str(there[0])))
    if any(name in _SPANS for name in names):
        raise ValueError(spans(where))
    if all(issubclass(kind, str) for kind in kinds):
        texts = {v: text_of(v) for v in dict.fromkeys(there)}
        words = [t for t in texts.values() if t is not None]
        if not is_text:
            _check_dates(where, words)
        return _filled(None if _is_gap(v) else texts[v] for v in values)
    if all(kind in (bool, np.bool_) for kind in kinds):
        return _filled(None if _is_gap(v) else str(v) for v in values)
    if bool in kinds or not all(_is_number(kind) for kind in kinds):
        raise ValueError(
            f"{where} holds {' and '.join(names)}, expected numbers alone or text alone: "
            "X[column].astype(str) makes text."
        )
    if is_text:
        return _filled(None if _is_gap(v) else _name(v) for v in values)
    try:
        numbers = np.array([math.nan if _is_gap(v) else float(v) for v in values], np.float64)
    except OverflowError:
        raise ValueError(
            f"{where} holds a whole number too large for float64, expected finite numbers."
        ) from None
    warn_of_rounded(where, (int(v) for v in there if isinstance(v, (int, np.integer))))
    return numbers


def _name(value: Any) -> str:
    """A number of any type as the name of a category."""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    number = value if isinstance(value, np.floating) else float(value)
    return class_name(number) if math.isfinite(number) else str(number)


def as_text(numbers: NDArray[np.floating[Any]]) -> NDArray[Any]:
    """Numbers as the names of categories: ``"3"`` of 3.0, ``"0.1"`` of a float32 0.1, None of NaN."""
    names = {v.item(): class_name(v) for v in np.unique(numbers[np.isfinite(numbers)])}
    return _filled(None if v != v else names.get(v, str(v)) for v in numbers.tolist())


def as_numbers(where: str, texts: NDArray[Any]) -> NDArray[np.float64]:
    """Text that is a number in each row, for a column that was one of numbers before.

    Args:
        where: the column in messages.
        texts: with None for gaps.

    Raises:
        ValueError: text that is none.
    """
    values = {t: math.nan if t is None else number_of(t) for t in dict.fromkeys(texts.tolist())}
    for text, value in values.items():
        if value is None:
            hint = written(text)
            raise ValueError(
                f"{where} holds {short(text)}, expected numbers as in training{f': {hint}' * bool(hint)}."
            )
    return np.array([values[t] for t in texts.tolist()], np.float64)


def check_written(where: str, texts: NDArray[Any]) -> None:
    """Refuses text that is meant as numbers, such as 1,050 and 12%.

    Args:
        where: the column in messages.
        texts: with None for gaps.

    Raises:
        ValueError: with the row.
    """
    listed = texts.tolist()
    counts = Counter(listed)
    del counts[None]
    numbers = {t for t in counts if number_of(t) is not None}
    hints = {t: hint for t in counts if t not in numbers and (hint := written(t))}
    alike, plain = sum(counts[t] for t in hints), sum(counts[t] for t in numbers)
    if hints and most(plain, alike, counts.total() - alike - plain):
        first = next(iter(hints))  # Counter keeps the order of the rows
        raise ValueError(
            f"{where}, row {listed.index(first)}: {got_written(first, hints[first])}; {AS_TEXT}."
        )


def check_plain(where: str, texts: NDArray[Any], few: int) -> None:
    """Refuses numbers that a table holds as text, such as ``"3.5"``.

    Codes stay: few different whole numbers, and text with leading zeros or more digits than a float has.

    Args:
        where: the column in messages.
        texts: with None for gaps.
        few: so many different whole numbers may be codes.

    Raises:
        ValueError: with one of them.
    """
    counts = Counter(text for text in texts.tolist() if text is not None)
    numbers = {text: value for text in counts if (value := number_of(text)) is not None}
    if 2 * sum(counts[text] for text in numbers) <= counts.total() or any(map(is_code, numbers)):
        return
    if len(counts) <= few and all(value.is_integer() for value in numbers.values()):
        return
    found = next((text for text, value in numbers.items() if not value.is_integer()), min(numbers))
    raise ValueError(
        f"{where} holds numbers as text, such as {short(found)}, expected numbers: convert them, in a "
        f"data frame by .astype(float); {AS_TEXT}."
    )


def _check_dates(where: str, words: Sequence[str]) -> None:
    """Refuses a column of which every cell that is no gap looks like a date, month, week or quarter."""
    if words and all(_DATE.fullmatch(word) or _PERIOD.fullmatch(word) for word in words):
        raise ValueError(f"{dates(where, words[0])[:-1]}; if the column is no date, {_NAMED}.")


def _filled(values: Iterable[str | None]) -> NDArray[Any]:
    listed = list(values)
    made = np.empty(len(listed), object)
    made[:] = listed
    return made


def _is_gap(value: Any) -> bool:
    """None, NaN, and what pandas has for nothing."""
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, (float, np.floating)) and math.isnan(value))
    )


def _is_number(kind: type) -> bool:
    return issubclass(kind, (int, float, np.number)) or kind.__name__ == "Decimal"
