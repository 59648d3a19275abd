"""``portable-mlp export`` as a user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from portable_mlp import MLP
from portable_mlp.cli import app
from portable_mlp.data.columns import Columns

HOSTILE = ('"""', "\n')\x1b[31m")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portable_mlp", "export", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"},
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = MLP([2, 3, 2], seed=1)
    model.columns = Columns(HOSTILE, "y", HOSTILE)
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


def test_a_python_file(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "flowers.py"
    done = run(saved, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.endswith(f"flowers.py: 17 parameters, {out.stat().st_size:,} bytes\n")
    code = (
        "import sys; sys.path.insert(0, '.'); import flowers; "
        "print(ascii(flowers.predict([[1, 2]])[0]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    model = MLP.load(saved)
    model.columns = Columns()
    assert said.stdout == f"{HOSTILE[model.predict([[1, 2]])[0]]!a}\n"


@pytest.mark.usefixtures("onnxruntime")
def test_onnx(saved: Path, tmp_path: Path) -> None:
    done = run(saved, "--out", tmp_path / "m.onnx")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    from onnxruntime import InferenceSession

    session = InferenceSession(str(tmp_path / "m.onnx"))
    label, probabilities = session.run(None, {"X": np.ones((4, 2), np.float32)})
    assert set(label) <= set(HOSTILE)
    assert probabilities.shape == (4, 2)


def test_wrong_usage(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "there.py"
    out.write_text("mine")
    for arguments, code, words in (
        ((saved,), 2, "Missing option '--out'"),
        ((saved, "--out", tmp_path / "m.txt"), 2, "expected a name that ends in .onnx or .py"),
        ((saved, "--out", out), 2, "there already, expected a new name, or --force"),
        ((saved, "--out", tmp_path / "no" / "m.py"), 2, "expected a file in a folder that exists"),
        ((saved, "--fromat", "onnx", "--out", out), 2, "No such option"),
        ((tmp_path / "no.safetensors", "--out", tmp_path / "m.py"), 1, "can't be read"),
        ((out, "--out", tmp_path / "m.py"), 1, "there.py"),
    ):
        done = CliRunner().invoke(app, ["export", *map(str, arguments)], terminal_width=300)
        flat = " ".join(done.stderr.replace("│", " ").split())
        assert (done.exit_code, words in flat) == (code, True), (arguments, flat)
        assert "Traceback" not in done.stderr
    assert out.read_text() == "mine"
    done = CliRunner().invoke(app, ["export", str(saved), "--out", str(out), "--force"])
    assert done.exit_code == 0
    assert out.read_text() != "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "there.py"]
