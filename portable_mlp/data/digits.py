"""The 8x8 digits, small enough to travel inside the package."""

from __future__ import annotations

import numpy as np

from portable_mlp.data.dataset import Dataset

# Each pixel counts the inked dots of a 4x4 block of the 32x32 original.
_MOST_INK = np.float32(16)


def load_digits() -> Dataset:
    """Load the 1,797 handwritten digits of 8x8 pixels that come with the package.

    No file outside the package is read and nothing is downloaded. 36 images of each class, 360
    together, are the test set; the other 1,437 are the training set. They were drawn once with
    numpy's Philox generator and their row numbers are stored beside the images, so the division
    is the same for every user, version and seed. The digits come from 13 writers and the division
    is by image, not by writer: expect a lower accuracy on the digits of a writer not seen.

    Returns:
        Dataset: Images ``(1437, 64)`` and ``(360, 64)``, float32 in [0, 1] in steps of 1/16;
            labels int64 in 0 .. 9.

    Example:
        >>> digits = load_digits()
        >>> digits
        Dataset('digits', 1437 training and 360 test images, 64 features, 10 classes)
        >>> digits.train_images.dtype, float(digits.train_images.max())
        (dtype('float32'), 1.0)

    Source:
        E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
        Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0.
    """
    from importlib import resources  # 7 ms

    stored = resources.files("portable_mlp.data").joinpath("digits.npz")
    with stored.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images = arrays["images"].astype(np.float32) / _MOST_INK  # (1797, 64)
        labels = arrays["labels"].astype(np.int64)  # (1797,)
        test_index = arrays["test_index"]  # (360,)
        attribution = str(arrays["attribution"])
    is_test = np.zeros(len(labels), dtype=np.bool_)
    is_test[test_index] = True
    return Dataset(
        name="digits",
        train_images=images[~is_test],
        train_labels=labels[~is_test],
        test_images=images[is_test],
        test_labels=labels[is_test],
        class_names=tuple("0123456789"),
        source=attribution,
    )
