"""Data sets to learn on (digits, MNIST, Fashion-MNIST), and data of your own.

`read_csv`, `load_npz` and `read_idx` read what fits into memory; `scan` and the functions that begin
with ``scan_`` make a `Source` of what need not: a model is trained from it while it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.data.arrays import scan_arrays
    from portable_mlp.data.batches import scan_batches
    from portable_mlp.data.catalogue import DATASETS, load_dataset
    from portable_mlp.data.columns import Columns
    from portable_mlp.data.csv_stream import scan_csv
    from portable_mlp.data.dataset import Dataset
    from portable_mlp.data.digits import load_digits
    from portable_mlp.data.errors import DataFileError, DownloadError, NotNumbersError
    from portable_mlp.data.idx import read_idx
    from portable_mlp.data.mnist import load_fashion_mnist, load_mnist
    from portable_mlp.data.npy import load_npz, scan_npy, scan_npz
    from portable_mlp.data.parquet import scan_parquet
    from portable_mlp.data.scanning import scan
    from portable_mlp.data.source import Piece, Source
    from portable_mlp.data.table import Table, read_csv

__all__ = [
    "DATASETS",
    "Columns",
    "DataFileError",
    "Dataset",
    "DownloadError",
    "NotNumbersError",
    "Piece",
    "Source",
    "Table",
    "load_dataset",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "load_npz",
    "read_csv",
    "read_idx",
    "scan",
    "scan_arrays",
    "scan_batches",
    "scan_csv",
    "scan_npy",
    "scan_npz",
    "scan_parquet",
]

__getattr__, __dir__ = lazy.names(
    __name__,
    arrays="scan_arrays",
    batches="scan_batches",
    catalogue="DATASETS load_dataset",
    columns="Columns",
    csv_stream="scan_csv",
    dataset="Dataset",
    digits="load_digits",
    errors="DataFileError DownloadError NotNumbersError",
    idx="read_idx",
    mnist="load_fashion_mnist load_mnist",
    npy="load_npz scan_npy scan_npz",
    parquet="scan_parquet",
    scanning="scan",
    source="Piece Source",
    table="Table read_csv",
)
