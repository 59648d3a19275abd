"""The reader that suits a file, by the ending of its name."""

from __future__ import annotations

from pathlib import Path

from portable_mlp.data.csv_stream import scan_csv
from portable_mlp.data.npy import scan_npy, scan_npz
from portable_mlp.data.parquet import scan_parquet
from portable_mlp.data.source import Source

SUFFIXES = (".csv", ".npy", ".npz", ".parquet")


def scan(path: str | Path, target: str | Path | None = None, task: str = "auto") -> Source:
    """A file as a source that a model can be trained from without loading it.

    Args:
        path: a .csv file with a header, a .parquet file, an .npz file whose samples are called ``X``, or
            an .npy file of the samples.
        target: name of the column to predict, or of the array (None for ``y``); for an .npy file the
            path of another with the targets.
        task: of a .csv or .parquet file: ``"classification"``, ``"regression"``, or ``"auto"``.

    Returns:
        What `scan_csv`, `scan_parquet`, `load_npz` and `scan_npy` say. An IDX file is read by `read_idx`
        and passed to `scan_arrays`.

    Raises:
        ValueError: another ending, or no target.
        DataFileError: the file is not what it should be.

    Example:
        >>> scan("flowers.xlsx", "kind")
        Traceback (most recent call last):
            ...
        ValueError: scan: got 'flowers.xlsx', expected a name that ends in .csv, .npy, .npz, .parquet.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"scan: got {str(path)!r}, expected a name that ends in {', '.join(SUFFIXES)}."
        )
    if suffix == ".npz":
        return scan_npz(path, y="y" if target is None else str(target))
    if target is None:
        kind = "path of the targets' .npy file" if suffix == ".npy" else "name of a column"
        raise ValueError(f"scan: target is None for {str(path)!r}, expected the {kind}.")
    if suffix == ".npy":
        return scan_npy(path, target)
    reader = scan_csv if suffix == ".csv" else scan_parquet
    return reader(path, str(target), task)
