"""Make ``digits.npz``, the copy of the 8x8 digits that the package carries.

Run once, with scikit-learn installed::

    python tests/data/make_digits.py portable_mlp/data/digits.npz

The file is part of the package and is not made again: the test set in it is fixed. It holds

- ``images``: (1797, 64) uint8, ink counts in 0 .. 16, rows of 8 one after the other;
- ``labels``: (1797,) uint8, the digit, 0 .. 9;
- ``test_index``: (360,) uint16, sorted row numbers of the test set;
- ``attribution``: one string, authors and licence.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEST_IMAGES_PER_CLASS = 36  # 10 classes: 360 of 1,797, one fifth
SPLIT_KEY = 1998  # the year of the data set; any fixed number would do

ATTRIBUTION = (
    "Optical Recognition of Handwritten Digits (the 1,797 digits of its test file), "
    "E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository, "
    "https://doi.org/10.24432/C50P49, licensed under CC BY 4.0 "
    "(https://creativecommons.org/licenses/by/4.0/). Changes: values stored as 8-bit integers, "
    "converted from the copy in scikit-learn; a list of test rows added."
)


def draw_test_index(labels: NDArray[Any]) -> NDArray[np.uint16]:
    """Draw the same number of rows of every class, without replacement.

    Args:
        labels: (n,) integers.

    Returns:
        Sorted row numbers, (360,) for ten classes.
    """
    generator = np.random.Generator(np.random.Philox(key=SPLIT_KEY))
    chosen = [
        generator.permutation(np.flatnonzero(labels == digit))[:TEST_IMAGES_PER_CLASS]
        for digit in range(10)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.uint16)


def digits_arrays() -> dict[str, NDArray[Any]]:
    """Collect everything that goes into the file."""
    source = importlib.import_module("sklearn.datasets")  # needed for this script only
    images, labels = source.load_digits(return_X_y=True)
    small = images.astype(np.uint8)
    assert np.array_equal(small, images), "the values are whole numbers"
    return {
        "images": small,
        "labels": labels.astype(np.uint8),
        "test_index": draw_test_index(labels),
        "attribution": np.array(ATTRIBUTION),
    }


if __name__ == "__main__":
    arrays = digits_arrays()
    np.savez_compressed(
        sys.argv[1],
        images=arrays["images"],
        labels=arrays["labels"],
        test_index=arrays["test_index"],
        attribution=arrays["attribution"],
    )
