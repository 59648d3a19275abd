"""``portable-mlp gallery``: networks that people asked about, diagnosed and mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from portable_mlp.cli.common import fail, failures, usage_errors
from portable_mlp.diagnosis import DoctorReport
from portable_mlp.files import atomic
from portable_mlp.gallery import System, systems
from portable_mlp.gallery.outcome import Outcome, outcome_of
from portable_mlp.gallery.outcome import table as page
from portable_mlp.nn.choices import check_name

TABLE_SEEDS = (0, 1, 2)


def gallery(
    id: Annotated[
        str | None, typer.Argument(help="Such as S11.", show_default="list all of them")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the first weights.")] = 0,
    table: Annotated[
        Path | None,
        typer.Option(help="Run all of them on three seeds (20 minutes) and write the page there."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Networks that people asked about: as posted, diagnosed, mended, beside the post's own figure."""
    found = systems()
    if table is not None:
        _write(found, table)
        return
    if id is None:
        _list(found, as_json)
        return
    id = {name.lower(): name for name in found}.get(id.lower(), id)
    with usage_errors():
        check_name("system", id, tuple(found))
    system = found[id]
    quiet = as_json or not sys.stderr.isatty()

    def tell(words: str, report: DoctorReport | None) -> None:
        if report is not None and not as_json:
            typer.echo(
                f"\nThe diagnosis of the posted program ({report.seconds:.1f} s):\n\n{report}\n"
            )
        elif not quiet:
            typer.echo(f"... {words}", err=True)

    if not as_json:
        typer.echo(f"{system.id}: {system.title}\n  {system.network}\n  Seen: {system.symptom}")
    try:
        outcome = outcome_of(system, seed, tell=tell)
    except FileNotFoundError as error:
        fail(str(error))
    if as_json:
        typer.echo(json.dumps(outcome.to_dict(), allow_nan=False))
        return
    Console().print(_figures(system, outcome))
    typer.echo(system.explanation)


def _list(found: dict[str, System], as_json: bool) -> None:
    if as_json:
        rows = [
            {"id": s.id, "title": s.title, "network": s.network, "claim": s.claim}
            for s in found.values()
        ]
        typer.echo(json.dumps(rows))
        return
    shown = Table(title="portable-mlp gallery ID")
    for column in ("id", "what", "network"):
        shown.add_column(column)
    for s in found.values():
        shown.add_row(s.id, s.title + (" (needs MNIST)" if s.needs_mnist else ""), s.network)
    Console().print(shown)


def _figures(system: System, outcome: Outcome) -> Table:
    shown = Table(
        title=f"{system.id}, seed {outcome.seed}; the post says: {system.claim or 'nothing'}"
    )
    for column in ("figure", "as posted", "mended"):
        shown.add_column(column)
    for name in dict.fromkeys((*outcome.posted, *outcome.fixed)):
        cells = [
            f"{figures[name]:.4g}" if name in figures else ""
            for figures in (outcome.posted, outcome.fixed)
        ]
        shown.add_row(name, *cells)
    return shown


def _write(found: dict[str, System], path: Path) -> None:
    outcomes = []
    for system in found.values():
        for seed in TABLE_SEEDS:
            typer.echo(f"{system.id}, seed {seed}", err=True)
            try:
                outcomes.append(outcome_of(system, seed))
            except FileNotFoundError as error:
                fail(str(error))
            last = outcomes[-1]
            if not (last.named and last.reached and not last.fixed_blocking):
                typer.echo(f"  short of what is expected: {last}", err=True)
    with failures(), atomic.telling(path, "be written", "a file in a folder that exists"):
        path.write_text(page(found, outcomes), encoding="utf-8")
