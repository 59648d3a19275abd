"""What a file says of itself."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP, __version__, nn, optim
from portable_mlp.data.columns import Columns
from portable_mlp.files import ModelInfo, inspect

# names are saved, and plain arrays are given
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.fixture
def info(model_file: Path) -> ModelInfo:
    layers = [nn.Dense(4), nn.Residual([nn.Dense(4), nn.ReLU()], name="block"), nn.Dense(2)]
    model = MLP(layers=layers, inputs=3, scaling="standard", l2=0.01, seed=7, dtype="float64")
    model.columns = Columns(("a", "b", "c\x1b[31m"), "colour", ("red", "green"))
    model.fit(X, np.arange(40) % 2, epochs=3, batch_size=16, optimizer="sgd", learning_rate=0.5)
    model.save(model_file)
    return inspect(model_file)


def test_what_it_says(info: ModelInfo, model_file: Path) -> None:
    assert info.format_version == 1
    assert info.written_by == f"portable_mlp {__version__}"
    assert [tuple(row) for row in info.layers] == [
        ("dense_1", (4,), 16),
        ("block", (4,), 20),
        ("dense_2", (2,), 10),
    ]
    assert info.parameters["block.dense_1.weight"] == (4, 4)
    assert sum(np.prod(shape) for shape in info.parameters.values()) == 46
    assert (info.sample_shape, info.dtype, info.seed) == ((3,), "float64", 7)
    assert info.loss == {"type": "SoftmaxCrossEntropy", "label_smoothing": 0.0}
    assert info.penalty == {"l1": 0.0, "l2": 0.01}
    assert info.metrics == ("accuracy",)
    assert (info.scaling, info.target_scaling) == ("standard", None)
    assert info.columns.classes == ("red", "green")
    assert info.sha256 == hashlib.sha256(model_file.read_bytes()).hexdigest()


def test_the_training(info: ModelInfo) -> None:
    record = info.training
    assert record is not None
    assert (record.epochs, record.steps, record.batch_size) == (3, 9, 16)
    assert record.optimizer == "SGD(learning_rate=0.5)"
    assert record.schedule == "Constant"
    assert record.stopped == ""
    assert record.figures.keys() == {"accuracy", "gradient_norm", "learning_rate", "loss"}
    assert record.data is not None
    assert (record.data.shape, record.data.dtype) == ((40, 3), "float64")
    assert (record.backend, record.device, record.precision) == ("numpy", "cpu", "float32")
    assert record.versions["numpy"] == np.__version__
    assert record.versions["portable_mlp"] == __version__
    assert record.versions["python"] == ".".join(map(str, sys.version_info[:3]))


def test_as_a_dictionary(info: ModelInfo) -> None:
    made = info.to_dict()
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert made["layers"][0] == {
        **{"type": "Dense", "name": "dense_1", "units": 4, "use_bias": True},
        **{"weight_init": "glorot_uniform", "bias_init": "zeros", "output": [4], "parameters": 16},
    }
    assert made["layers"][1]["layers"][0]["type"] == "Dense"
    assert made["training"]["data"]["shape"] == [40, 3]
    assert made["columns"]["target"] == "colour"


def test_as_a_page(info: ModelInfo) -> None:
    page = str(info)
    for line in (
        f"model file, format 1, written by portable_mlp {__version__}",
        "block    (4,)            20",
        "46 parameters, float64, samples of shape (3,), samples scaled 'standard'",
        "loss SoftmaxCrossEntropy(label_smoothing=0.0), penalty (l1=0.0, l2=0.01), seed 7",
        "features: a, b, c\\x1b[31m",
        "classes: red, green",
        "trained for 3 epochs, 9 steps on float64 data of shape (40, 3): SGD(learning_rate=0.5)",
        f"sha256 {info.sha256}",
    ):
        assert line in page.splitlines()
    assert page.replace("\n", "").isprintable()


def test_a_model_that_was_not_trained(model_file: Path) -> None:
    MLP([3, 2]).save(model_file)
    info = inspect(model_file)
    assert info.training is None
    assert "not trained" in str(info)
    assert info.to_dict()["training"] is None


def test_a_figure_that_is_not_finite(model_file: Path) -> None:
    model = MLP([3, 1], loss="squared_error", metrics=["mean_squared_error"], dtype="float64")
    large = (X, np.full((40, 1), 1e200))
    with np.errstate(over="ignore"):
        model.fit(X, X[:, :1], epochs=1, validation_data=large)
    model.save(model_file)
    record = inspect(model_file).training
    assert record is not None
    assert record.figures["val_mean_squared_error"] is None
    assert "val_mean_squared_error not finite" in str(inspect(model_file))
    assert MLP.load(model_file).training_record == record


def test_an_optimizer_of_ones_own(model_file: Path) -> None:
    class Mine(optim.SGD):
        def __init__(self) -> None:
            super().__init__(0.25)

    model = MLP([3, 2])
    model.fit(X, np.arange(40) % 2, epochs=1, optimizer=Mine(), learning_rate=0.5)
    model.save(model_file)
    record = inspect(model_file).training
    assert record is not None
    assert record.optimizer == "Mine(learning_rate=0.5)"
    assert Mine().learning_rate == 0.25


def test_it_needs_no_other_library(model_file: Path) -> None:
    MLP([3, 2]).save(model_file)
    code = (
        "import sys; from portable_mlp.files import inspect; inspect(sys.argv[1]);"
        "print(*{'torch', 'jax', 'safetensors', 'array_api_compat', 'typer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
