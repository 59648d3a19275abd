"""
A training that is killed
=========================

It goes on as if it had not been: the same weights, bit for bit.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from portable_mlp import MLP, Checkpoint, EarlyStopping, load_digits

# %%
# The program starts itself a second time, kills it after three checkpoints, and goes on from there.


def train(folder: Path) -> MLP:
    """What your program does, each time that it is started."""
    digits = load_digits()
    model = MLP([64, 64, 10], dropout=0.1, scaling="standard", seed=0)
    history = model.fit(
        digits.train_images,
        digits.train_labels,
        epochs=40,
        batch_size=32,
        validation_fraction=0.1,
        callbacks=[EarlyStopping(patience=10), Checkpoint(folder, every="10 steps")],
    )
    figures = model.evaluate(digits.test_images, digits.test_labels)
    print(f"{history.epochs} epochs, test accuracy {figures['accuracy']:.4f}", flush=True)
    return model


if len(sys.argv) > 1:
    train(Path(sys.argv[1]))
else:
    with tempfile.TemporaryDirectory() as name:
        killed, whole = Path(name, "killed"), Path(name, "whole")
        process = subprocess.Popen([sys.executable, sys.argv[0], str(killed)])  # noqa: S603
        while process.poll() is None and len(list(killed.glob("*.safetensors"))) < 3:
            time.sleep(0.01)
        process.kill()
        process.wait()
        print("killed; there are", *sorted(path.name for path in killed.glob("*.safetensors")))

        print("again:  ", end="")
        resumed = train(killed).parameters()
        print("in one: ", end="")
        in_one = train(whole).parameters()
    equal = all(np.array_equal(resumed[name], in_one[name]) for name in in_one)
    print("bit-equal" if equal else "NOT EQUAL")
