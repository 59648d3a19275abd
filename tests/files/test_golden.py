"""Files of every version of the format that there was are read for ever."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import Backend
from portable_mlp.files import inspect
from portable_mlp.files.saved import VERSION

# names are saved, and plain arrays are given
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

FOLDER = Path(__file__).parent / "golden"
FILES = sorted(FOLDER.glob("*.safetensors"))


def test_every_version_has_golden_files() -> None:
    assert {path.name.partition("_")[0] for path in FILES} == {f"v{n + 1}" for n in range(VERSION)}
    assert len(FILES) == 3 * VERSION


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    model, samples = MLP.load(path), expected["samples"]
    if model.encoder is None:
        samples = np.asarray(samples)
    outputs, wanted = model.forward(samples), np.asarray(expected["outputs"])
    assert np.abs(outputs - wanted).max() <= 1e-6 * np.abs(wanted).max()
    predictions = model.predict(samples)
    if model.loss.classifies:
        assert predictions.tolist() == expected["predictions"]
    else:
        np.testing.assert_allclose(predictions, expected["predictions"], rtol=1e-6)
    assert f"v{inspect(path).format_version}" == path.name.partition("_")[0]


def test_a_table_of_the_first_version() -> None:
    encoder = inspect(FOLDER / "v1_table.safetensors").encoder
    assert encoder is not None
    assert encoder.used == ("age", "größe", "sex", "job", "town")
    assert len(encoder.categories[-1].levels) == 12


def test_golden_on_every_backend(backend: Backend) -> None:
    path = FOLDER / "v1_classifier.safetensors"
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    outputs = MLP.load(path, backend=backend).forward(np.asarray(expected["samples"]))
    np.testing.assert_allclose(outputs, expected["outputs"], atol=1e-5)


def test_what_the_first_version_says_of_itself() -> None:
    info = inspect(FOLDER / "v1_classifier.safetensors")
    assert info.columns.features == ("länge", "width", "height", "mass")
    assert info.columns.classes == ("a", "b", "c")
    assert info.training is not None
    assert info.training.optimizer == "AdamW(learning_rate=0.01)"
    assert (info.training.epochs, info.training.steps) == (5, 15)
    regressor = inspect(FOLDER / "v1_regressor.safetensors")
    assert (regressor.seed, regressor.dtype) == (2**64 - 1, "float64")
    assert (regressor.scaling, regressor.target_scaling) == ("/255", "standard")


def test_training_goes_on_from_the_first_version() -> None:
    model = MLP.load(FOLDER / "v1_regressor.safetensors")
    rng = np.random.default_rng(3)
    model.fit(rng.uniform(0, 255, size=(9, 2, 3)), rng.normal(size=(9, 2)), epochs=1)
    assert model.training_record is not None
    assert model.training_record.epochs == 6
