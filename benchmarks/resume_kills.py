"""Ends trainings with kill -9, starts them again, and looks at the folder and at the last weights.

python -m benchmarks.resume_kills --kills 100
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from benchmarks.processes import ROOT
from portable_mlp.checkpoint import file
from portable_mlp.files import ModelFileError

# argv: folder of the checkpoints, file of the model, folder of the data
BEGIN = """
import sys
from pathlib import Path
import numpy as np
from portable_mlp import MLP, BestEpoch, Callback, Checkpoint, EarlyStopping, load_digits, nn, optim
from portable_mlp.data import scan

class Tells(Callback):
    told = False

    def on_progress(self, run, done):  # after the first steps: what had to be compiled is compiled
        if not self.told:
            print("begun", flush=True)
        self.told = True

digits = load_digits()
X, y = digits.train_images, digits.train_labels
layers = [nn.Dense(64), nn.BatchNorm(), nn.SiLU(), nn.Dropout(0.2), nn.Dense(10)]
options = {"verbose": 0}
"""
END = """
options["callbacks"] = [Checkpoint(sys.argv[1], every), *callbacks, Tells()]
model.fit(X, y, **options)
model.save(sys.argv[2], overwrite=True)
"""
IN_MEMORY = """
model = MLP(layers=layers, inputs=64, scaling="standard", backend=backend, seed=1)
options |= dict(
    epochs=12, batch_size=32, validation_fraction=0.2, schedule="cosine", class_weight="balanced",
    optimizer=optim.AdamW(ema_decay=0.99, accumulation_steps=2, clip_norm=1.0),
)
every, callbacks = "5 steps", [BestEpoch()]
"""
PROGRAMS = {
    "numpy: AdamW, moving average, accumulation, best epoch": "backend = 'numpy'" + IN_MEMORY,
    "numpy: rows that are streamed, early stopping": """
folder = Path(sys.argv[3])
if not (folder / "y.npy").exists():
    np.save(folder / "X.npy", np.tile(X, (4, 1)).astype("f4")), np.save(folder / "y.npy", np.tile(y, 4))
X, y = scan(folder / "X.npy", target=folder / "y.npy"), None
model = MLP(layers=layers, inputs=64, scaling="standard", seed=1)
options |= dict(epochs=8, batch_size=64, validation_fraction=0.2, device_budget=2**19)
every, callbacks = "0.05 s", [EarlyStopping(patience=3)]
""",
    "numpy: L-BFGS": """
model = MLP([64, 16, 10], activation="tanh", scaling="standard", dtype="float64", seed=1)
options |= dict(epochs=120, optimizer="lbfgs")
every, callbacks = 1, []
""",
    "torch: AdamW, moving average, accumulation, best epoch": "backend = 'torch'" + IN_MEMORY,
    "jax: AdamW, moving average, accumulation, best epoch": "backend = 'jax'" + IN_MEMORY,
}


def main() -> None:
    """Kills, counts, prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    programs = [name for name in PROGRAMS if find_spec(name.partition(":")[0])]
    rng = random.Random(options.seed)  # noqa: S311
    total: Counter[str] = Counter()
    for number, name in enumerate(programs):
        kills = options.kills // len(programs) + (number < options.kills % len(programs))
        counts = killed(PROGRAMS[name], kills, rng)
        print(f"{name}: {told(counts)}", flush=True)
        total += counts
    print(f"all: {told(total)}")


def told(counts: Counter[str]) -> str:
    """One line."""
    return (
        f"{counts['kills']} kills ({counts['early']} before the first steps, "
        f"{counts['half written']} that left a half-written file), "
        f"{counts['files']} checkpoints read, {counts['unreadable']} unreadable, "
        f"{counts['empty']} folders left without one, {counts['trainings']} trainings ended, "
        f"{counts['equal']} of them bit-equal"
    )


def killed(code: str, kills: int, rng: random.Random) -> Counter[str]:
    """What was found after so many kills of one program."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        whole, *seconds = finished(code, place / "whole", place / "whole.model", place)
        while counts["kills"] < kills:
            folder, out = place / f"checkpoints{counts['trainings']}", place / "resumed.model"
            while counts["kills"] < kills:
                if not kill_one(code, folder, out, place, rng, seconds, counts):
                    break
                look(folder, counts)
            found, *_ = finished(code, folder, out, place)
            counts["trainings"] += 1
            counts["equal"] += found == whole
    return counts


def command(code: str, *arguments: Path) -> list[str]:
    return [sys.executable, "-c", BEGIN + code + END, *map(str, arguments)]


def finished(code: str, folder: Path, out: Path, place: Path) -> tuple[bytes, float, float]:
    """The model's file when nobody interfered; seconds before the first steps, and of the rest."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command(code, folder, out, place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout is not None  # noqa: S101
    process.stdout.readline()
    began = time.perf_counter()
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors.decode())
    return out.read_bytes(), began - started, time.perf_counter() - began


def kill_one(
    code: str,
    folder: Path,
    out: Path,
    place: Path,
    rng: random.Random,
    seconds: list[float],
    counts: Counter[str],
) -> bool:
    """Whether the program was killed before it ended; one in eight before its first steps."""
    process = subprocess.Popen(
        command(code, folder, out, place),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout is not None  # noqa: S101
    before, training = seconds
    early = rng.random() < 0.125
    if early:
        time.sleep(rng.uniform(0, before))
    else:
        process.stdout.readline()
        time.sleep(rng.uniform(0, training / 3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if process.returncode == 0:
        return False
    counts["kills"] += 1
    counts["early"] += early
    counts["half written"] += any(folder.glob("*.tmp"))
    return True


def look(folder: Path, counts: Counter[str]) -> None:
    """Reads every checkpoint that is there."""
    files = list(folder.glob("checkpoint-*.safetensors"))
    known = f"had some: {folder.name}"
    counts["empty"] += not files and counts[known]
    counts[known] = bool(files)
    for path in files:
        counts["files"] += 1
        try:
            file.read(path)
        except ModelFileError:
            counts["unreadable"] += 1


if __name__ == "__main__":
    main()
