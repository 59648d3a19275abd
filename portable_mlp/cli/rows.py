"""Files of the user's as rows that a model can be trained on, tried on, or predict from."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from portable_mlp.cli.common import note
from portable_mlp.cli.streams import reason
from portable_mlp.data import DataFileError, NotNumbersError, Piece, Source, scan
from portable_mlp.data.columns import MOST_NAMES, Columns, no_such
from portable_mlp.data.csv_file import wrong_separator
from portable_mlp.data.labelled import labelled, relabelled
from portable_mlp.data.scanning import SUFFIXES, column_names, scan_features
from portable_mlp.model import MLP
from portable_mlp.tables import TableEncoder, TableRows, read_table
from portable_mlp.tables.source import EncodedTable

_COPY = "standard input.csv"
_LARGEST = 1e30
"""Room for a network's sums below the largest number of single precision, 3e38."""


def is_file(data: str) -> bool:
    """Whether a user means a file, and no data set by its name."""
    path = Path(data)
    return path.suffix.lower() in SUFFIXES or path.name != data or path.exists()


def check_file(file: Path) -> None:
    """Refuses a file that is not there or ends in another way than those that can be read.

    Raises:
        DataFileError: with what was expected.
    """
    if file.suffix.lower() not in SUFFIXES:
        raise DataFileError(f"{file}: expected a file that ends in {', '.join(SUFFIXES)}.")
    if not file.exists():
        raise DataFileError(f"{file}: there is no such file.")


@contextmanager
def file_or_stdin(file: Path) -> Iterator[Path]:
    """The file, or for ``-`` what comes by standard input, in a file that can be read twice."""
    if str(file) != "-":
        yield file
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, _COPY)
        try:
            with path.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        except OSError as error:
            raise DataFileError(
                f"standard input: can't be copied to {path.parent.parent}: {reason(error)}."
            ) from None
        try:
            yield path
        except DataFileError as error:
            raise DataFileError(str(error).replace(str(path), shown(path))) from None


@contextmanager
def known_columns() -> Iterator[None]:
    """Text in a column of a trained model is told as what it is: encoding it is no way out any more."""
    try:
        yield
    except NotNumbersError as error:
        found, advice, _ = str(error).rpartition("; turn text into columns")
        if not advice:
            raise
        raise DataFileError(f"{found}, as in the rows that the model was trained on.") from None


def shown(file: Path) -> str:
    """What messages call a file."""
    return "standard input" if file.name == _COPY else str(file)


def training_rows(file: Path, target: str | None, task: str, drop: Sequence[str]) -> Source:
    """The rows of a file with their targets.

    Args:
        file: that is there, with an ending that can be read.
        target: name of a column or of an array, or path of an .npy file.
        task: one of `TASKS`.
        drop: names of columns that are no features.

    Raises:
        ValueError: no target, or no such column to drop.
        DataFileError: the file is not what it should be.
    """
    names = column_names(file)
    suffix = file.suffix.lower()
    if target is None and suffix != ".npz":
        expected = f"the name of the column to predict, one of {_listed(names)}"
        if suffix == ".npy":
            expected = "the path of the .npy file with the targets"
        raise ValueError(f"--target: expected {expected}.")
    if not names:
        if drop:
            raise ValueError("--drop: the columns of an array have no names.")
        return labelled(scan(file, target), task, name=str(file))
    features = _kept(file, names, target, drop) if drop else None
    return scan(file, target, task, features=features)


def _kept(file: Path, names: Sequence[str], target: str | None, drop: Sequence[str]) -> list[str]:
    """The columns that are features."""
    for name in drop:
        if name not in names or name == target:
            others = [other for other in names if other != target]
            raise no_such("column to drop", str(file), name, others)
    return [name for name in names if name not in (target, *drop)]


def raw_rows(
    file: Path, target: str | None, task: str, drop: Sequence[str], categorical: Sequence[str]
) -> TableRows:
    """The rows of a table with text or gaps, as they stand there.

    Args:
        file: that is there, with an ending that can be read.
        target: name of a column.
        task: one of `TASKS`.
        drop: names of columns that are no features.
        categorical: names of columns that are categories, also where they hold numbers.

    Raises:
        ValueError: columns without names.
        DataFileError: the file is not what it should be, or there is no such column.
    """
    names = column_names(file)
    if not names:
        raise ValueError("--categorical: the columns of an array have no names.")
    features = _kept(file, names, target, drop)
    for name in categorical:
        if name not in features:
            raise no_such("column for --categorical", str(file), name, features)
    return read_table(file, target, task, features=features, categorical=categorical)


def model_rows(file: Path, model: MLP, target: str | None = None) -> Source:
    """The rows of another file, as a model knows them: its features, in its order.

    Args:
        file: that is there, with an ending that can be read.
        model: that was trained on rows like these.
        target: of the file, as in `training_rows`; None for the features alone.

    Raises:
        DataFileError: the file is not what it should be, or not like the one the model was trained on.
    """
    known, names = model.columns, column_names(file)
    if model.encoder is not None:
        return _encoded_rows(file, model, model.encoder, target, names)
    features, told = None, ""
    if names:
        features = _of_file(known, names, target)
        told = _compare(file, features, names, {known.target, target})
    elif known.features:
        told = "its columns have no names, so they are taken in the order of the model's."
    task = "classification" if model.loss.classifies else "regression"
    if target is None:
        source = scan_features(file, features)
    elif names:
        source = scan(file, target, task, features=features, least_classes=1)
    else:
        source = labelled(scan(file, target), task, 1, name=str(file))
    _check_width(file, source, model)
    if source.columns.classes:
        source = relabelled(source, class_names(model))
    if told:  # not before all refusals
        note(f"{shown(file)}: {told}")
    return source


def _encoded_rows(
    file: Path, model: MLP, encoder: TableEncoder, target: str | None, names: Sequence[str]
) -> Source:
    """The same for a model that takes tables."""
    if not names:
        raise DataFileError(
            f"{shown(file)}: its columns have no names, expected those that the model was trained on."
        )
    unused = set(encoder.names) - set(encoder.used)
    told = _compare(file, encoder.used, names, {model.columns.target, target, *unused})
    table = read_table(
        file,
        target,
        "classification" if model.loss.classifies else "regression",
        features=encoder.used,
        categorical=encoder.categorical,
        least_classes=1,
    )
    table = table._replace(X=replace(table.X, name=shown(file)))  # in what the encoder warns of
    source: Source = EncodedTable(file, table, encoder)
    if source.columns.classes:
        source = relabelled(source, class_names(model))
    if told:
        note(f"{shown(file)}: {told}")
    return source


def pieces_of(file: Path, model: MLP, source: Source) -> Iterator[Piece]:
    """All rows of `model_rows`, each looked at by `checked`."""
    columns = source.columns
    if not columns.features:
        columns = replace(columns, features=model.columns.features)
    for piece in source.read(range(len(source.blocks))):
        yield checked(file, columns, piece)


def checked(file: Path, columns: Columns, piece: Piece) -> Piece:
    """The same rows, none of them with numbers for which single precision has no room.

    Args:
        file: where they are from.
        columns: their names.
        piece: the rows.

    Raises:
        DataFileError: with the column.
    """
    for what, numbers, names in (
        ("column", piece.X, columns.features),
        ("target", piece.y, (columns.target,) if columns.target else ()),
    ):
        if numbers is None or numbers.dtype.kind != "f":
            continue
        for place in np.argwhere(~(np.abs(numbers) <= _LARGEST))[:1].tolist():
            name = repr(names[place[1]]) if names else ", ".join(map(str, place[1:]))
            raise DataFileError(
                f"{shown(file)}: {what} {name} holds {numbers[tuple(place)]}, expected numbers between "
                f"-{_LARGEST:g} and {_LARGEST:g}; leave such rows out, or give it in another unit."
            )
    return piece


def class_names(model: MLP) -> tuple[str, ...]:
    """What the class numbers stand for; the numbers themselves where no names are known."""
    units = model.network.output_shape(model.sample_shape)[0]
    return model.columns.classes or tuple(map(str, range(max(units, 2))))


def _of_file(known: Columns, names: Sequence[str], target: str | None) -> list[str]:
    """Columns of a file that hold the features of a model; one of lists holds many of them."""
    if not known.features:
        return [name for name in names if name not in (known.target, target)]
    there = set(names)
    return list(
        dict.fromkeys(name if name in there else _list_name(name, there) for name in known.features)
    )


def _list_name(feature: str, there: set[str]) -> str:
    name = feature.rpartition("[")[0]
    return name if name in there else feature


def _compare(
    file: Path, features: Sequence[str], names: Sequence[str], targets: set[str | None]
) -> str:
    """Refuses a file that lacks columns; which of its columns are not used."""
    wanted, there = set(features), set(names)
    missing = [name for name in features if name not in there]
    extra = [name for name in names if name not in wanted and name not in targets]
    if missing:
        if mistake := wrong_separator(names):
            raise DataFileError(f"{shown(file)}: {mistake}.")
        instead = f"; it has {_listed(extra)}, which the model does not know" if extra else ""
        raise DataFileError(
            f"{shown(file)}: lacks {_listed(missing)}, expected the columns that the model was trained "
            f"on{instead}."
        )
    return f"{_listed(extra)} not used: the model was trained without." if extra else ""


def _check_width(file: Path, source: Source, model: MLP) -> None:
    if source.sample_shape != model.sample_shape:
        found, expected = (
            f"{shape[0]} features" if len(shape) == 1 else f"samples of shape {shape}"
            for shape in (source.sample_shape, model.sample_shape)
        )
        raise DataFileError(
            f"{shown(file)}: has {found}, expected {expected}, which the model was trained on."
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(repr, names[:MOST_NAMES])) + more
