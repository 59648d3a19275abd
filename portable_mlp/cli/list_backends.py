"""``portable-mlp backends``."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from portable_mlp import backends


def list_backends(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Which backends can be used here, and why the others can't."""
    found = backends.status()
    if as_json:
        typer.echo(json.dumps({s.name: vars(s) for s in found}))
        return
    table = Table(title="backends")
    for column in ("backend", "usable", "version", "device"):
        table.add_column(column, no_wrap=True)
    for s in found:
        table.add_row(s.name, "yes" if s.usable else "no", s.version, s.device)
    console = Console()
    console.print(table)
    for s in found:
        if not s.usable:
            typer.echo(f"{s.name}: {s.reason}\n    {s.install}")
        elif s.advice:
            typer.echo(f"{s.name}: {s.advice}")
