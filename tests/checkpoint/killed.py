"""python killed.py KIND KILLS FOLDER: trainings in forked processes, ended with SIGKILL, gone on with.

Prints what was found as JSON. A forked process has all modules and compiled code already, so that a kill
takes a fraction of the second that a new interpreter takes to start.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from portable_mlp import MLP, BestEpoch, Checkpoint, nn, optim
from portable_mlp.checkpoint import file

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 4))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def mlp(folder: Path, out: Path) -> None:
    layers = [nn.Dense(8), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.1), nn.Dense(2)]
    model = MLP(layers=layers, inputs=4, scaling="standard", seed=1)
    model.fit(
        *(X, Y),
        epochs=8,
        batch_size=8,
        verbose=0,
        validation_fraction=0.2,
        schedule="cosine",
        optimizer=optim.AdamW(ema_decay=0.9, accumulation_steps=2),
        callbacks=[Checkpoint(folder, "3 steps"), BestEpoch()],
    )
    model.save(out)


def estimator(folder: Path, out: Path) -> None:
    from portable_mlp.sklearn import MLPClassifier

    made = MLPClassifier(
        (8,),
        max_iter=8,
        batch_size=8,
        early_stopping=True,
        n_iter_no_change=9,
        random_state=0,
        callbacks=[Checkpoint(folder, "3 steps")],
    ).fit(X, Y)
    curves = (made.loss_curve_, made.validation_scores_)
    out.write_bytes(b"".join(np.asarray(a).tobytes() for a in (*made.coefs_, *curves)))


def command_line(folder: Path, out: Path) -> None:
    from portable_mlp.cli import app

    table = out.parent / "table.csv"
    if not table.exists():
        rows = "".join(f"{a:.3f},{b:.3f},{c}\n" for (a, b, *_), c in zip(X, Y, strict=True))
        table.write_text(f"a,b,c\n{rows}")
    options = ["--target", "c", "--hidden", "8", "--epochs", "8", "--patience", "0", "--resume"]
    with_them = [
        "--checkpoint-dir",
        str(folder),
        "--checkpoint-every",
        "3 steps",
        "--batch-size",
        "8",
    ]
    app(["train", str(table), *options, *with_them, "--out", str(out)], standalone_mode=False)


def forked(train: object, folder: Path, out: Path) -> int:
    """The id of a process that trains, saves, and ends with 0."""
    if process := os.fork():
        return process
    code = 1
    try:
        train(folder, out)  # type: ignore[operator]
        code = 0
    finally:
        os._exit(code)


def main(kind: str, wanted: int, place: Path) -> None:
    said = os.dup(1)  # trainings say more than is wanted here
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    train = {"mlp": mlp, "estimator": estimator, "command_line": command_line}[kind]
    train(place / "0", place / "whole")  # compiles what the processes have then
    whole, started = (place / "whole").read_bytes(), time.perf_counter()
    code = os.waitpid(forked(train, place / "1", place / "1.model"), 0)[1]
    seconds, number, last = time.perf_counter() - started, 2, -1
    equal = [code == 0 and (place / "1.model").read_bytes() == whole]
    kills = went_back = within = read = failed = 0
    rng = random.Random(0)
    while kills < wanted or last >= 0:
        folder, out = place / f"{number}", place / f"{number}.model"
        process = forked(train, folder, out)
        if kills < wanted:
            time.sleep(rng.uniform(0, seconds / 3))
            os.kill(process, signal.SIGKILL)
        code = os.waitpid(process, 0)[1]
        if not os.WIFSIGNALED(code):  # it was quicker
            failed += code != 0
            equal.append(code == 0 and out.read_bytes() == whole)
            number, last = number + 1, -1
            continue
        kills += 1
        files = sorted(folder.glob("checkpoint-*.safetensors"))
        newest = max((int(path.stem[-12:]) for path in files), default=-1)
        went_back += newest < last
        within += newest > 0
        last = newest
        for path in files:
            file.read(path)
            read += 1
    found = {"kills": kills, "went back": went_back, "within": within, "read": read}
    os.write(said, json.dumps(found | {"failed": failed, "equal": equal}).encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
