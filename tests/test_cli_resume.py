"""Trainings on the command line that were killed, and go on."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from portable_mlp.cli import app

ENVIRONMENT = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
QUICK = ["--hidden", "8", "--epochs", "4", "--patience", "0"]


def run(*arguments: object) -> Any:
    done = CliRunner(env=ENVIRONMENT).invoke(app, ["train", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def flat(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "fruit.csv"
    random = np.random.default_rng(0)
    rows = [
        f"{a:.3f},{b:.3f},{'apple' if a > b else 'pear'}" for a, b in random.normal(size=(120, 2))
    ]
    path.write_text("\n".join(["length,weight,fruit", *rows]) + "\n")
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_table(table: Path, tmp_path: Path) -> None:
    arguments = [table, "--target", "fruit", *QUICK]
    checkpoints = ["--checkpoint-dir", tmp_path / "checkpoints"]
    names = [tmp_path / f"{name}.st" for name in ("whole", "half", "resumed")]
    assert run(*arguments, "--out", names[0]).exit_code == 0
    half = run(*arguments, *checkpoints, "--resume", "--epochs", 2, "--out", names[1])
    assert half.exit_code == 0, half.stderr  # nothing is there yet: it begins
    again = run(*arguments, *checkpoints)
    assert again.exit_code == 2
    assert "has checkpoints already, expected --resume to go on from them" in flat(again.stderr)
    resumed = run(*arguments, *checkpoints, "--resume", "--out", names[2])
    assert resumed.exit_code == 0, resumed.stderr
    assert "The training goes on with epoch 3, from" in resumed.stderr
    assert "epoch 3/4" in resumed.stderr
    assert "epoch 2/4" not in resumed.stderr
    assert sha256(names[2]) == sha256(names[0])
    other = run(*arguments, *checkpoints, "--resume", "--lr", "0.5")
    assert other.exit_code == 1
    assert "learning_rate was 0.001 and is 0.5" in other.stderr


def test_the_same_command_again_when_it_had_ended(table: Path, tmp_path: Path) -> None:
    out, folder = tmp_path / "out.st", tmp_path / "checkpoints"
    command = [table, "--target", "fruit", *QUICK, "--checkpoint-dir", folder, "--out", out]
    out.write_bytes(b"mine")
    refused = run(*command, "--resume")  # nothing is trained, since nothing could be saved
    assert refused.exit_code == 2
    assert "which is there already, expected a new name, or --force" in flat(refused.stderr)
    assert not folder.exists()
    out.unlink()
    assert run(*command, "--resume").exit_code == 0
    before = out.read_bytes(), out.stat().st_mtime_ns
    again = run(*command, "--resume")
    assert again.exit_code == 0, again.stderr
    assert "had ended after 4 epochs" in again.stderr
    assert f"sha256  {sha256(out)}" in again.stdout
    assert (out.read_bytes(), out.stat().st_mtime_ns) == before
    longer = run(*command, "--resume", "--epochs", 5)
    assert longer.exit_code == 1
    assert "is there already with another model, expected a new name, or --force" in longer.stderr
    assert out.read_bytes() == before[0]
    forced = run(*command, "--resume", "--epochs", 5, "--force")
    assert forced.exit_code == 0, forced.stderr
    assert "had ended after 5 epochs" in forced.stderr
    assert out.read_bytes() != before[0]


def test_a_folder_of_another_training(table: Path, tmp_path: Path) -> None:
    resumed = ["--checkpoint-dir", tmp_path, "--resume"]
    assert run(table, "--target", "fruit", *QUICK, *resumed).exit_code == 0
    other = tmp_path / "other.csv"
    other.write_text(table.read_text().replace("apple", "quince"))  # now the second
    for data in ([other, "--target", "fruit", *QUICK], ["digits", "--epochs", 1]):
        done = run(*data, *resumed)
        assert done.exit_code == 1
        assert "with other options or data:" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_data_set_after_a_kill(tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "portable_mlp", "train", "digits", "--epochs", "30"]
    folder, environment = tmp_path / "checkpoints", {**os.environ, **ENVIRONMENT}
    with_them = ["--checkpoint-dir", folder, "--checkpoint-every", "20 steps", "--resume"]

    def command(*more: object) -> list[str]:
        return [*arguments, *map(str, more)]

    process = subprocess.Popen(
        command(*with_them), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    while len(list(folder.glob("checkpoint-*.safetensors"))) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    done = [
        subprocess.run(command(*more), capture_output=True, text=True, check=False, env=environment)
        for more in ((*with_them, "--out", tmp_path / "resumed"), ("--out", tmp_path / "whole"))
    ]
    assert [d.returncode for d in done] == [0, 0], done[0].stderr
    assert "The training goes on with epoch" in done[0].stderr
    assert sha256(tmp_path / "resumed") == sha256(tmp_path / "whole")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--resume"], "--resume: expected --checkpoint-dir beside it."),
        (["--checkpoint-every", "3"], "--checkpoint-every: expected --checkpoint-dir beside it."),
        (["--checkpoint-dir", __file__], "expected a folder."),
        (
            ["--checkpoint-dir", "a", "--checkpoint-every", "soon"],
            "every is 'soon', expected a number",
        ),
        (
            ["--checkpoint-dir", "a", "--checkpoint-every", "0"],
            "every is 0, expected a number of epochs",
        ),
        (["--resmue"], "No such option"),
    ],
)
def test_options_that_can_not_be(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2
    assert told in flat(done.stderr)
    assert not list(tmp_path.iterdir())
