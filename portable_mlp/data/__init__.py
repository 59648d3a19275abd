"""Data sets to learn on: digits that come with the package, MNIST and Fashion-MNIST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.data.catalogue import DATASETS, load_dataset
    from portable_mlp.data.dataset import Dataset
    from portable_mlp.data.digits import load_digits
    from portable_mlp.data.errors import DataFileError, DownloadError
    from portable_mlp.data.idx import read_idx
    from portable_mlp.data.mnist import load_fashion_mnist, load_mnist

__all__ = [
    "DATASETS",
    "DataFileError",
    "Dataset",
    "DownloadError",
    "load_dataset",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_idx",
]

__getattr__, __dir__ = lazy.names(
    __name__,
    catalogue="DATASETS load_dataset",
    dataset="Dataset",
    digits="load_digits",
    errors="DataFileError DownloadError",
    idx="read_idx",
    mnist="load_fashion_mnist load_mnist",
)
