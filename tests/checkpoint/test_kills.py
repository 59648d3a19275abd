"""A hundred real processes, killed with SIGKILL; `python -m benchmarks.resume_kills` has more kinds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from portable_mlp.checkpoint import file

PROGRAM = """
import sys
import numpy as np
from portable_mlp import MLP, BestEpoch, Checkpoint, nn, optim
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.training import Callback

class Tells(Callback):
    def on_train_begin(self, run):
        print("begun", flush=True)

X = np.random.default_rng(0).normal(size=(200, 4))
y = (X[:, 0] * X[:, 1] > 0).astype(int)
layers = [nn.Dense(8), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.1), nn.Dense(2)]
plain = NumpyBackend(compiler="none")
model = MLP(layers=layers, inputs=4, scaling="standard", backend=plain, seed=1)
model.fit(
    X, y, epochs=25, batch_size=8, verbose=0, validation_fraction=0.2, schedule="cosine",
    optimizer=optim.AdamW(ema_decay=0.9, accumulation_steps=2),
    callbacks=[Checkpoint(sys.argv[1], "3 steps"), BestEpoch(), Tells()],
)
model.save(sys.argv[2])
"""


def start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def ended(folder: Path, out: Path) -> int:
    process = start(folder, out)
    process.communicate()
    return process.returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_ten_times(tmp_path: Path) -> None:
    assert ended(tmp_path / "a", tmp_path / "whole") == 0
    rng, folder, last, kills = random.Random(0), tmp_path / "b", -1, 0
    while kills < 10:
        process = start(folder, tmp_path / "resumed")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0, 0.04))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == 0:
            break
        kills += 1
        files = sorted(folder.glob("checkpoint-*.safetensors"))
        newest = max((int(path.stem[-12:]) for path in files), default=-1)
        assert newest >= last, "it never goes back"
        last = newest
        for path in files:
            file.read(path)
    assert kills >= 3
    if kills == 10:
        assert ended(folder, tmp_path / "resumed") == 0
    assert (tmp_path / "resumed").read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
@pytest.mark.parametrize("kind", ["mlp", "estimator", "command_line"])
def test_thirty_times_each(kind: str, tmp_path: Path) -> None:
    if kind == "estimator":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    command = [
        sys.executable,
        str(Path(__file__).with_name("killed.py")),
        kind,
        "30",
        str(tmp_path),
    ]
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}  # threads do not survive a fork
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=alone)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == 30
    assert found["failed"] == found["went back"] == 0
    assert found["within"] > 0, "some were killed after the first steps"
    assert all(found["equal"]), found
