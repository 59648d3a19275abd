"""A labelled data set with its fixed division into training and test part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# No generated ==: comparing arrays gives an array, which has no truth value.
Progress = Callable[[int, int], object]
"""Called with (bytes done, bytes in all) while a file is downloaded."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Images as rows of numbers, their labels, and where they come from.

    The arrays are numpy's and belong to the caller: every load makes new ones.

    Args:
        name: Short name, for example ``"mnist"``.
        train_images: ``(n_train, features)``, float32, grey values in [0, 1], row by row;
            0 is the background, 1 the strongest ink.
        train_labels: ``(n_train,)``, int64, in 0 .. classes - 1.
        test_images: ``(n_test, features)``, like ``train_images``.
        test_labels: ``(n_test,)``, like ``train_labels``.
        class_names: What label 0, 1, ... stands for.
        source: Authors, title, address and licence.

    Raises:
        ValueError: The shapes don't fit each other.

    Example:
        >>> import numpy as np
        >>> images, labels = np.zeros((2, 4), np.float32), np.array([0, 1])
        >>> Dataset("tiny", images, labels, images, labels, ("no", "yes"), "made up")
        Dataset('tiny', 2 training and 2 test images, 4 features, 2 classes)
    """

    name: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    source: str

    def __post_init__(self) -> None:
        """Refuse shapes that don't belong together."""
        for part, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.ndim != 2 or labels.shape != images.shape[:1]:
                raise ValueError(
                    f"Dataset {self.name!r}: {part}_images has shape {images.shape} and "
                    f"{part}_labels {labels.shape}, expected (n, features) and (n,); likely "
                    "cause: images that were not flattened, or labels of another part."
                )
        if self.train_images.shape[1] != self.test_images.shape[1]:
            raise ValueError(
                f"Dataset {self.name!r}: train_images has {self.train_images.shape[1]} features "
                f"and test_images {self.test_images.shape[1]}, expected the same number; likely "
                "cause: images of two sizes."
            )

    @property
    def features(self) -> int:
        """Number of inputs of a network for these images: pixels in one image.

        Example:
            >>> from portable_mlp.data import load_digits
            >>> load_digits().features
            64
        """
        return int(self.train_images.shape[1])

    @property
    def classes(self) -> int:
        """Number of outputs of a network for these labels.

        Example:
            >>> from portable_mlp.data import load_digits
            >>> load_digits().classes
            10
        """
        return len(self.class_names)

    def __repr__(self) -> str:
        """Say what is inside in one line, without the numbers."""
        return (
            f"Dataset({self.name!r}, {len(self.train_images)} training and "
            f"{len(self.test_images)} test images, {self.features} features, "
            f"{self.classes} classes)"
        )
