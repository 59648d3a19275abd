"""What a blind test is worth in numbers: from records of programs to shares and their intervals.

A record is a dictionary: ``number``, ``planted`` (each with ``name``, ``place``, ``accepted`` and
``words``), ``found`` and ``noted`` (ids), ``ok``, ``seconds`` and ``exception``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

MOST = 3
"""Findings of a report that count."""
Record = Mapping[str, Any]


class Share(NamedTuple):
    """So many of so many."""

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.part / self.whole if self.whole else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of Wilson."""
        if not self.whole:
            return float("nan"), float("nan")
        z, n, p = 1.96, self.whole, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
        return max(0.0, middle - half), min(1.0, middle + half)

    def __str__(self) -> str:
        return f"{self.value:.3f}" if self.whole else "-"


class Row(NamedTuple):
    """Scores of some faulty programs.

    Args:
        name: of what they have in common.
        n: planted faults.
        first: share of the programs whose first finding names a planted fault.
        recall: share of the planted faults that one of the findings names.
        seen: the same with what is only noted.
        precision: share of the findings that name a planted fault.
    """

    name: str
    n: int
    first: Share
    recall: Share
    seen: Share
    precision: Share


def found(record: Record) -> list[str]:
    """Ids of the findings that count."""
    return list(record["found"])[:MOST]


def row(name: str, records: Sequence[Record], of: Callable[[Any], bool] = lambda p: True) -> Row:
    """Scores of programs with a planted fault of a kind; recall is that of this kind alone.

    Args:
        name: of the row.
        records: of faulty programs; those without a fault of the kind are left out.
        of: whether a planted fault is of the kind.
    """
    chosen = [r for r in records if any(of(p) for p in r["planted"])]
    faults = [(r, p) for r in chosen for p in r["planted"] if of(p)]
    findings = [(r, id) for r in chosen for id in found(r)]
    return Row(
        name,
        len(faults),
        _share(bool(found(r)) and _named(found(r)[0], r) for r in chosen),
        _share(bool(set(found(r)) & set(p["accepted"])) for r, p in faults),
        _share(bool({*found(r), *r["noted"]} & set(p["accepted"])) for r, p in faults),
        _share(_named(id, r) for r, id in findings),
    )


def of_each_fault(records: Sequence[Record]) -> list[Row]:
    """A row for each kind of fault, in the order of their names."""
    names = sorted({p["name"] for r in records for p in r["planted"]})
    return [row(name, records, lambda p, name=name: p["name"] == name) for name in names]


def totals(records: Sequence[Record]) -> list[Row]:
    """Rows of all faulty programs and of parts of them."""
    faulty = [r for r in records if r["planted"]]
    made = [
        row("all faulty programs", faulty),
        row("one fault", [r for r in faulty if len(r["planted"]) == 1]),
        row("two faults", [r for r in faulty if len(r["planted"]) == 2]),
    ]
    for place in ("gradient", "forward", "training", "weights", "data"):
        made.append(
            row(f"faults of the {place}", faulty, lambda p, place=place: p["place"] == place)
        )
    return [r for r in made if r.n]


def false_alarms(records: Sequence[Record]) -> Share:
    """Share of the healthy programs with a finding, or with an exception."""
    return _share(bool(r["exception"]) or not r["ok"] for r in records if not r["planted"])


def false_ids(records: Sequence[Record]) -> dict[str, int]:
    """How often each id was named that was not planted, the most frequent first."""
    counts: dict[str, int] = {}
    for r in records:
        for id in found(r):
            if not _named(id, r):
                counts[id] = counts.get(id, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def exceptions(records: Sequence[Record]) -> list[Record]:
    """Records of programs for which there was no report."""
    return [r for r in records if r["exception"]]


def seconds(records: Sequence[Record]) -> tuple[float, float]:
    """``(median, greatest)`` of a report."""
    times = [r["seconds"] for r in records]
    return (median(times), max(times)) if times else (float("nan"), float("nan"))


def _named(id: str, record: Record) -> bool:
    return any(id in p["accepted"] for p in record["planted"])


def _share(hits: Iterable[bool]) -> Share:
    listed = [bool(hit) for hit in hits]
    return Share(sum(listed), len(listed))
