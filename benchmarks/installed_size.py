"""What ``pip install .`` puts on the disk: MiB of each package in a fresh environment."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from benchmarks.processes import ROOT, say
from benchmarks.tables import show

NAME = "size"
_TOOLS = ("pip", "setuptools")


def measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Needs a package index, or a wheel folder that pip knows."""
    say(f"{NAME}: pip install . in a fresh environment")
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        scripts = "Scripts" if sys.platform == "win32" else "bin"
        python = Path(folder, scripts, "python")
        command = [str(python), "-m", "pip", "install", "--quiet", str(ROOT)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"{NAME}: pip failed: {done.stderr.strip().splitlines()[-1:]}")
            return {}
        site = next(Path(folder).rglob("site-packages"))
        found = {d.name: bytes_of(d) for d in distributions(path=[str(site)])}
    return {"bytes": {n: b for n, b in sorted(found.items()) if n.lower() not in _TOOLS}}


def bytes_of(distribution: Distribution) -> int:
    """Of all files that belong to a package, compiled ones included."""
    paths = {Path(str(file.locate())) for file in distribution.files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def summary(found: dict[str, Any]) -> list[list[str]]:
    """Rows of package and MiB, the largest first; then all, and all but numpy."""
    sizes = found["bytes"]
    rows = sorted(sizes.items(), key=lambda item: -item[1])
    total = sum(sizes.values())
    rows += [("all", total), ("all but numpy", total - sizes.get("numpy", 0))]
    return [[name, f"{size / 2**20:.1f}"] for name, size in rows]


def show_all(found: dict[str, Any]) -> None:
    """A table."""
    if found:
        show("Installed size of pip install .", ("package", "MiB"), summary(found))
