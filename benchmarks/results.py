"""Files in benchmarks/results: one a machine and setting, with a section for each measurement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.machine import blas, today

FOLDER = Path(__file__).parent / "results"


def default_name() -> str:
    """The date, and whose kernels numpy's BLAS runs: different ones don't mix in a file."""
    kernels = blas().get("kernels")
    return f"{today()}-{kernels.lower()}" if kernels else today()


def save(name: str, section: str, about: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Puts a section into the file of that name; other sections stay as they are.

    Args:
        name: of the file, without its ending.
        section: such as ``"training"``.
        about: machine, versions, date, command.
        found: raw figures.

    Returns:
        The file.
    """
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    content[section] = json.loads(
        json.dumps({"about": about, "found": found}),
        parse_float=lambda text: float(f"{float(text):.6g}"),
    )
    path.write_text(_one_line_a_list(json.dumps(content, indent=1)) + "\n")
    return path


def _one_line_a_list(text: str) -> str:
    """Indented JSON with each list of numbers on one line."""
    return re.sub(r"\[[^][{}\"]*\]", lambda found: " ".join(found[0].split()), text)


def load_all() -> dict[str, dict[str, Any]]:
    """Sections of each file, by the file's name, in the order of the names."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
