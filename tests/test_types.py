"""The types that the package ships: a small program of a user's passes `mypy --strict`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import portable_mlp

SETTINGS = """
[mypy]
strict = true
{path}

[mypy-portable_mlp.*]
ignore_errors = true

[mypy-torch.*,jax.*,jaxlib.*,cupy.*,dpnp.*,numba.*,matplotlib.*,array_api_strict.*,pyarrow.*,narwhals.*]
follow_imports = skip
ignore_missing_imports = true
"""

GOOD = """
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, assert_type

import numpy as np

from portable_mlp import (
    MLP,
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    TensorBoardLogger,
    find_learning_rate,
    load_digits,
    overfit_one_batch,
    plots,
)
from portable_mlp.nn import BatchNorm, Dense, Layer, ReLU, SoftmaxCrossEntropy
from portable_mlp.optim import Adam
from portable_mlp.training import Run


class Prints(Callback):
    def on_epoch_end(self, run: Run) -> None:
        assert_type(run.history.epochs, int)


def network(widths: Sequence[int]) -> list[Layer]:
    layers: list[Layer] = []
    for width in widths:
        layers += [Dense(width), BatchNorm(), ReLU()]
    return [*layers, Dense(10)]


def main() -> None:
    digits = load_digits()
    model = MLP(layers=network([32]), inputs=64, loss=SoftmaxCrossEntropy(), backend="numpy", seed=1)
    found = find_learning_rate(model, digits.train_images, digits.train_labels, steps=50)
    assert_type(found.suggestion, float)
    assert_type(overfit_one_batch(model, digits.train_images, digits.train_labels).reached, bool)
    history = model.fit(
        digits.train_images,
        digits.train_labels,
        epochs=5,
        optimizer=Adam(weight_decay=1e-4),
        learning_rate=found.suggestion,
        validation_fraction=0.1,
        callbacks=[EarlyStopping(patience=3), CSVLogger("log.csv"), TensorBoardLogger("runs"), Prints()],
    )
    assert_type(history, History)
    assert_type(history["loss"], list[float])
    assert_type(model.evaluate(digits.test_images, digits.test_labels), dict[str, float])
    plots.loss_curves(history, figure="accuracy")
    plots.confusion_matrix(model, digits.test_images, digits.test_labels)
    model.save("model.safetensors")
    assert_type(MLP.load("model.safetensors", backend="numpy"), MLP)
    assert_type(model.predict(np.zeros((2, 64))), Any)
"""

BAD = """
from portable_mlp import MLP, find_learning_rate, plots

model = MLP([2, 3], sed=1)
model.fit([[0, 1]], [0], epocs=3)
find_learning_rate(model, [[0, 1]], [0], step=50)
plots.loss_curves(3)
rate: str = find_learning_rate(model, [[0, 1]], [0]).suggestion
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What mypy says of each program."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    folder = tmp_path_factory.mktemp("user")
    root = Path(portable_mlp.__file__).parent.parent
    path = "" if root.name == "site-packages" else f"mypy_path = {root}"  # where it is found anyway
    (folder / "mypy.ini").write_text(SETTINGS.format(path=path))
    for name, program in (("good", GOOD), ("bad", BAD)):
        (folder / f"{name}.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--cache-dir", ".cache", "good.py", "bad.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    lines = done.stdout.splitlines()
    return {
        name: "\n".join(line for line in lines if line.startswith(name)) for name in ("good", "bad")
    } | {"all": done.stdout + done.stderr}


def test_the_package_says_that_it_has_types() -> None:
    assert (Path(portable_mlp.__file__).parent / "py.typed").exists()


def test_a_program_with_every_type_passes(said: dict[str, str]) -> None:
    assert "Found 5 errors in 1 file" in said["all"]
    assert said["good"] == ""


@pytest.mark.parametrize(
    "words", ['"sed"', '"epocs"', '"step"', '"loss_curves"', "Incompatible types in assignment"]
)
def test_a_slip_is_found(said: dict[str, str], words: str) -> None:
    assert words in said["bad"], said["all"]
