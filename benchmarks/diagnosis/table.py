"""The markdown tables of a blind test.

python -m benchmarks.diagnosis.table found.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.diagnosis import scores
from benchmarks.diagnosis.scores import Row, Share
from portable_mlp.diagnosis.catalogue import CATALOGUE


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("found", type=Path, help="JSON file of the blind test")
    print(markdown(json.loads(parser.parse_args(arguments).found.read_text(encoding="utf-8"))))


def markdown(result: Mapping[str, Any]) -> str:
    """Totals, and a row for each fault."""
    records = result["programs"]
    faulty = [r for r in records if r["planted"]]
    healthy = [r for r in records if not r["planted"]]
    alarms, (usual, most) = scores.false_alarms(records), scores.seconds(records)
    failed = len(scores.exceptions(records))
    lines = [
        f"{len(faulty)} programs with faults and {len(healthy)} healthy ones, set {result['set']}, "
        f"seed {result['seed']}. A report took {usual:.2g} s (median), at most {most:.2g} s; "
        f"{_counted(failed, 'exception')}.",
        "",
        *_rows(
            ("", "share", "95 %", "of"),
            [
                *_of_all(scores.totals(records)),
                _line("healthy programs with a finding (false alarms)", alarms),
            ],
        ),
        "",
        *_rows(
            ("faults", "planted", "named first", "among three", "or noted", "precision"),
            [_numbers(r, r.name) for r in scores.totals(records)],
        ),
        "",
        *_rows(
            ("fault", "planted", "named first", "among three", "or noted", "precision"),
            [_numbers(r, titled(r.name)) for r in scores.of_each_fault(records)],
        ),
        "",
        "Named first: the first finding names a planted fault of the program. Among three: this fault is "
        "among the first three findings. Precision: share of the findings that name a planted fault. "
        "An exception counts as nothing found.",
    ]
    return "\n".join(lines)


def titled(name: str) -> str:
    """A fault's name with what the catalogue calls it."""
    id, _, which = name.partition(" ")
    title = CATALOGUE[id].title if id in CATALOGUE else ""
    return " ".join(part for part in (f"**{id}**", f"({which})" if which else "", title) if part)


def _of_all(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    made = [r for r in rows if r.name == "all faulty programs"]
    return [
        line
        for r in made
        for line in (
            _line("programs whose first finding names a planted fault", r.first),
            _line("planted faults among the first three findings", r.recall),
            _line("findings that name a planted fault (precision)", r.precision),
        )
    ]


def _line(name: str, share: Share) -> tuple[str, ...]:
    low, high = share.interval
    return name, str(share), f"{low:.3f}-{high:.3f}", str(share.whole)


def _numbers(r: Row, name: str) -> tuple[str, ...]:
    shares = (r.first, r.recall, r.seen, r.precision)
    return name, str(r.n), *(f"{s.value:.2f}" if s.whole else "-" for s in shares)


def _rows(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    ruler = ["---", *["---:"] * (len(head) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (head, ruler, *rows)]


def _counted(n: int, what: str) -> str:
    return f"{n or 'no'} {what}{'' if n == 1 else 's'}"


if __name__ == "__main__":
    main()
