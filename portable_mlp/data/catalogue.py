"""All data sets by name."""

from __future__ import annotations

import os

from portable_mlp.data.dataset import Dataset, Progress
from portable_mlp.data.digits import load_digits
from portable_mlp.data.mnist import load_fashion_mnist, load_mnist

DATASETS: tuple[str, ...] = ("digits", "mnist", "fashion-mnist")


def load_dataset(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    progress: Progress | None = None,
) -> Dataset:
    """Load a data set by its name.

    Args:
        name: One of ``DATASETS``.
        folder: Where the files of ``mnist`` or ``fashion-mnist`` are; see ``load_mnist``.
        download: Whether missing files may be downloaded.
        progress: Called with (bytes done, bytes in all) while downloading.

    Returns:
        Images float32 in [0, 1] and labels, divided into training and test part.

    Raises:
        ValueError: The name is unknown, or a folder is given for ``digits``, which has none.
        FileNotFoundError: Files are missing and may not be downloaded; the message lists them.
        DataFileError: A file is damaged, or isn't what its name says.
        DownloadError: No mirror delivered, or the files could not be stored.

    Example:
        >>> load_dataset("digits")
        Dataset('digits', 1437 training and 360 test images, 64 features, 10 classes)
    """
    if name == "mnist":
        return load_mnist(folder, download=download, progress=progress)
    if name == "fashion-mnist":
        return load_fashion_mnist(folder, download=download, progress=progress)
    if name != "digits":
        raise ValueError(
            f"load_dataset: name is {name!r}, expected one of {', '.join(DATASETS)}; likely "
            "cause: a spelling mistake."
        )
    if folder is not None:
        raise ValueError(
            f"load_dataset: folder is {os.fspath(folder)!r}, expected None, because the digits "
            "come with the package; likely cause: a folder that was meant for mnist."
        )
    return load_digits()
