"""The reader that suits a file, by the ending of its name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from portable_mlp.data.csv_file import opened, read_header
from portable_mlp.data.csv_stream import scan_csv
from portable_mlp.data.npy import scan_npy, scan_npz
from portable_mlp.data.parquet import parquet_names, scan_parquet
from portable_mlp.data.source import Source

SUFFIXES = (".csv", ".npy", ".npz", ".parquet")


def scan(
    path: str | Path,
    target: str | Path | None = None,
    task: str = "auto",
    *,
    features: Sequence[str] | None = None,
    least_classes: int = 2,
) -> Source:
    """A file as a source that a model can be trained from without loading it.

    Args:
        path: a .csv file with a header, a .parquet file, an .npz file whose samples are called ``X``, or
            an .npy file of the samples.
        target: name of the column to predict, or of the array (None for ``y``); for an .npy file the
            path of another with the targets.
        task: of a .csv or .parquet file: ``"classification"``, ``"regression"``, or ``"auto"``.
        features: of a .csv or .parquet file: names of the columns of X; None for all but the target.
        least_classes: of a .csv or .parquet file: as many a classification must have.

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
    path, suffix = Path(path), _suffix("scan", path)
    if suffix == ".npz":
        return scan_npz(path, y="y" if target is None else str(target))
    if target is None:
        kind = "path of the targets' .npy file" if suffix == ".npy" else "name of a column"
        raise ValueError(f"scan: target is None for {str(path)!r}, expected the {kind}.")
    if suffix == ".npy":
        return scan_npy(path, target)
    reader = scan_csv if suffix == ".csv" else scan_parquet
    return reader(path, str(target), task, features=features, least_classes=least_classes)


def scan_features(path: str | Path, features: Sequence[str] | None = None) -> Source:
    r"""The samples of a file without targets, as a source that a model can predict from.

    Args:
        path: as `scan` has it; an .npy file has nothing but samples.
        features: of a .csv or .parquet file: names of the columns of X, in this order; None for all.

    Raises:
        ValueError: another ending.
        DataFileError: the file is not what it should be.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "flowers.csv"
        ...     _ = path.write_text("name,width,length\nrose,3.5,5.1\n")
        ...     source = scan_features(path, ["length", "width"])
        ...     [piece.X.tolist() for piece in source.read([0])]
        [[[5.1, 3.5]]]
    """
    suffix = _suffix("scan_features", path)
    if suffix == ".npz":
        return scan_npz(path, y=None)
    if suffix == ".npy":
        return scan_npy(path)
    reader = scan_csv if suffix == ".csv" else scan_parquet
    return reader(path, None, features=features)


def column_names(path: str | Path) -> tuple[str, ...]:
    """Names of the columns of a .csv or .parquet file; none for arrays, which have no names.

    Args:
        path: as `scan` has it.

    Raises:
        ValueError: another ending.
        DataFileError: the file is not what it should be.
    """
    suffix, path = _suffix("column_names", path), Path(path)
    if suffix in (".npy", ".npz"):
        return ()
    if suffix == ".parquet":
        return parquet_names(path)
    with opened(path) as file:
        return read_header(path, file)[1]


def _suffix(who: str, path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(
            f"{who}: got {str(path)!r}, expected a name that ends in {', '.join(SUFFIXES)}."
        )
    return suffix
