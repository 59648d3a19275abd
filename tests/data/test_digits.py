"""The digits that come with the package are the real ones, and their division never moves."""

from __future__ import annotations

import hashlib
import importlib.util
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.data import load_digits


def test_shapes_types_and_range() -> None:
    """Images are float32 sixteenths in [0, 1], labels int64, 1,437 and 360 of them."""
    digits = load_digits()
    assert digits.train_images.shape == (1437, 64)
    assert digits.test_images.shape == (360, 64)
    for images, labels in (
        (digits.train_images, digits.train_labels),
        (digits.test_images, digits.test_labels),
    ):
        assert images.dtype == np.float32
        assert labels.dtype == np.int64
        assert labels.shape == images.shape[:1]
        assert images.min() == 0.0
        assert images.max() == 1.0
        assert np.array_equal(images * 16, np.round(images * 16))
    assert (digits.features, digits.classes) == (64, 10)
    assert digits.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")


def test_every_class_has_36_test_images() -> None:
    """No class is rarer than another in the test set."""
    assert np.bincount(load_digits().test_labels).tolist() == [36] * 10


def test_the_division_is_fixed_for_ever() -> None:
    """The sum of the test set as it was when first published."""
    digits = load_digits()
    content = (digits.test_images * 16).astype(np.uint8).tobytes()
    content += digits.test_labels.astype(np.uint8).tobytes()
    assert hashlib.sha256(content).hexdigest() == (
        "e478119e28eacb82faacf038d5a8ccd72ab256bb55c4c7f832e22f9e52a8309c"
    )


def test_authors_and_licence_are_named() -> None:
    """CC BY asks for authors, source, licence and what was changed."""
    source = load_digits().source
    for word in ("Alpaydin", "Kaynak", "https://doi.org/10.24432/C50P49", "CC BY 4.0", "Changes"):
        assert word in source


def test_each_load_belongs_to_the_caller() -> None:
    """Writing into a loaded array doesn't change the next load."""
    first = load_digits()
    first.train_images[:] = -1
    assert load_digits().train_images.min() == 0.0


def test_stored_file_is_what_its_script_makes() -> None:
    """The package's copy has the numbers of scikit-learn's, and the drawn test rows."""
    pytest.importorskip("sklearn", reason="scikit-learn, the source of the digits, is missing")
    made = _script().digits_arrays()
    path = resources.files("portable_mlp.data").joinpath("digits.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        assert set(stored) == set(made)
        for name in made:
            assert stored[name].dtype == made[name].dtype
            assert np.array_equal(stored[name], made[name])


def _script() -> Any:
    path = Path(__file__).with_name("make_digits.py")
    spec = importlib.util.spec_from_file_location("make_digits", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
