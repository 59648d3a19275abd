"""A data set's shapes fit each other, and data sets are found by name."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.data import DATASETS, Dataset, load_dataset, load_digits


def test_load_dataset_knows_the_digits() -> None:
    """The digits are found by name."""
    assert DATASETS == ("digits", "mnist", "fashion-mnist")
    assert np.array_equal(load_dataset("digits").test_labels, load_digits().test_labels)


def test_load_dataset_refuses_unknown_names_and_a_folder_for_digits() -> None:
    """A misspelt name is answered with the right ones."""
    with pytest.raises(ValueError, match="'minst', expected one of digits, mnist, fashion-mnist"):
        load_dataset("minst")
    with pytest.raises(ValueError, match="folder is 'here', expected None"):
        load_dataset("digits", "here")


def test_dataset_refuses_shapes_that_do_not_fit() -> None:
    """Labels as a column, unflattened images and two image sizes are refused."""
    images, labels = np.zeros((3, 4), np.float32), np.zeros(3, np.int64)
    with pytest.raises(ValueError, match=r"train_labels \(3, 1\), expected"):
        Dataset("t", images, labels[:, None], images, labels, ("a",), "s")
    with pytest.raises(ValueError, match=r"test_images has shape \(3, 2, 2\)"):
        Dataset("t", images, labels, images.reshape(3, 2, 2), labels, ("a",), "s")
    with pytest.raises(ValueError, match="4 features and test_images 3"):
        Dataset("t", images, labels, images[:, :3], labels, ("a",), "s")


def test_dataset_is_shown_in_one_line() -> None:
    """Showing a data set doesn't print its pixels."""
    assert repr(load_digits()) == (
        "Dataset('digits', 1437 training and 360 test images, 64 features, 10 classes)"
    )
