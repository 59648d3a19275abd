"""Data sets to learn on (digits, MNIST, Fashion-MNIST), and tables of your own."""

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
    from portable_mlp.data.table import Table, read_csv

__all__ = [
    "DATASETS",
    "DataFileError",
    "Dataset",
    "DownloadError",
    "Table",
    "load_dataset",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "read_csv",
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
    table="Table read_csv",
)
