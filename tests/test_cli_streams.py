"""Standard input, output and error that are full, closed, or without a reader."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.data import Columns

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full, nor perhaps bash")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a model for it."""
    folder = tmp_path_factory.mktemp("streams")
    x = np.random.default_rng(0).normal(size=(9, 3))
    lines = ["a,b,y", *(",".join(map(str, row)) for row in x.tolist())]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    model = MLP([2, 1], loss="squared_error")
    model.columns = Columns(features=("a", "b"), target="y")
    model.save(folder / "m.st")
    return folder


def run(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    command = f"'{sys.executable}' -m portable_mlp {line}"
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=120,
    )


@pytest.mark.parametrize(
    "command",
    [
        "info m.st",
        "evaluate m.st t.csv --json",
        "predict m.st t.csv",
        "train t.csv --target y --epochs 1 2>&1 >/dev/full | grep -v ^epoch >&2; exit ${PIPESTATUS[0]} ",
        "backends",
        "--version",
        "--help",
    ],
)
def test_a_full_disk_as_standard_output_is_one_sentence(folder: Path, command: str) -> None:
    done = run(folder, f"{command} >/dev/full")
    words = "portable-mlp: standard output: can't be written: No space left on device.\n"
    assert (done.returncode, done.stderr) == (1, words)


@pytest.mark.parametrize("command", ["info m.st", "predict m.st t.csv", "evaluate m.st t.csv"])
def test_a_closed_standard_output_is_one_sentence(folder: Path, command: str) -> None:
    done = run(folder, f"{command} >&-")
    words = "portable-mlp: standard output: can't be written: it is closed.\n"
    assert (done.returncode, done.stderr) == (1, words)


def test_what_needs_no_standard_output_is_done_without(folder: Path, tmp_path: Path) -> None:
    done = run(folder, f"predict m.st t.csv --out {tmp_path}/p.csv <&- >&-")
    assert (done.returncode, done.stderr) == (0, f"portable-mlp: {tmp_path}/p.csv: 9 rows\n")


def test_a_closed_standard_input_is_one_sentence(folder: Path) -> None:
    done = run(folder, "predict m.st - <&-")
    assert done.returncode == 1
    assert done.stderr.startswith("portable-mlp: standard input: can't be copied to ")
    assert done.stderr.endswith(": it is closed.\n")


@pytest.mark.parametrize("error", ["2>&-", "2>/dev/full"])
def test_the_exit_code_stays_where_nobody_can_be_told(folder: Path, error: str) -> None:
    assert run(folder, f"info m.st >/dev/null {error}").returncode == 0
    assert run(folder, f"info m.st >/dev/full {error}").returncode == 1
    assert run(folder, f"info no.st {error}").returncode == 1


def test_a_reader_that_has_gone_ends_it_quietly(folder: Path) -> None:
    done = run(folder, "info m.st | true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
