"""A page with what each command of the command line says of itself."""

import os
import subprocess
import sys
from pathlib import Path

import typer.main
from pages import write

from portable_mlp.cli import app as command_line


def said(*words):
    """The help of one command, 96 signs wide."""
    plain = {"COLUMNS": "96", "TERM": "dumb", "NO_COLOR": "1", "TERMINAL_WIDTH": "96"}
    command = [sys.executable, "-m", "portable_mlp", *words, "--help"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=os.environ | plain
    )
    lines = [line.rstrip() for line in done.stdout.strip().splitlines()]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def write_page(app):
    """Writes the page where Sphinx will read it."""
    commands = typer.main.get_command(command_line).commands
    parts = ["# The command line\n", said()]
    parts += [f"## portable-mlp {name}\n\n{said(name)}" for name in commands]
    write(Path(app.srcdir) / "_made" / "command_line.md", "\n".join(parts))


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", write_page)
    return {"parallel_read_safe": True}
