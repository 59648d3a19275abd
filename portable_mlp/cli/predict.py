"""``portable-mlp predict``: what a saved model says of the rows of a file."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from portable_mlp.cli.common import (
    BackendOption,
    DeviceOption,
    ModelArgument,
    check_out,
    failures,
    load_model,
    note,
    printable,
    usage_errors,
)
from portable_mlp.cli.figures import as_class_numbers
from portable_mlp.cli.rows import (
    check_file,
    class_names,
    file_or_stdin,
    known_columns,
    model_rows,
    pieces_of,
)
from portable_mlp.cli.streams import standard_output
from portable_mlp.data import Source
from portable_mlp.data.opened import Opened
from portable_mlp.files import atomic
from portable_mlp.model import MLP
from portable_mlp.nn import Loss


def predict(
    model: ModelArgument,
    file: Annotated[Path, typer.Argument(help="The rows; - for a .csv by standard input.")],
    out: Annotated[Path, typer.Option(help="Write a .csv there; - for standard output.")] = Path(
        "-"
    ),
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    proba: Annotated[
        bool, typer.Option("--proba", help="Add a column with the probability of each class.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write a JSON object for each row in place of a .csv.")
    ] = False,
    backend: BackendOption = "numpy",
    device: DeviceOption = None,
) -> None:
    """Write what a saved model says of each row of a file; columns are found by their names."""
    to_file = str(out) != "-"
    with usage_errors():
        check_out(out if to_file else None, force, model, file)
    loaded = load_model(model, backend, device)
    if proba and not _has_probabilities(loaded):
        raise typer.BadParameter(
            f"--proba: is for classifiers, the model has the loss {type(loaded.loss).__name__}."
        )
    with failures(file), file_or_stdin(file) as path, known_columns():
        check_file(path)
        source = model_rows(path, loaded)
        blocks = (_json if as_json else _csv)(path, loaded, source, proba)
        if to_file:
            atomic.write(out, (block.encode() for block in blocks), overwrite=force)
            note(f"{out}: {source.rows:,} rows")
        else:
            _print(blocks)


def _has_probabilities(model: MLP) -> bool:
    return model.loss.classifies and type(model.loss).probabilities is not Loss.probabilities


def _csv(file: Path, model: MLP, source: Source, proba: bool) -> Iterator[str]:
    """The answers as a table, block after block, the header with the first."""
    header: Sequence[str] | None = None
    for X, _ in pieces_of(file, model, source):  # noqa: N806
        names, columns = _answers(model, X)
        if proba:
            likely, probabilities = _probabilities(model, X)
            names, columns = [*names, *likely], [*columns, *probabilities]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if header is None:
            header = names
            writer.writerow(header)
        writer.writerows(zip(*columns, strict=True))
        yield text.getvalue()


def _json(file: Path, model: MLP, source: Source, proba: bool) -> Iterator[str]:
    """A line for each row: ``{"prediction": ..., "probabilities": {class: ...}}``.

    A prediction is a class, a number, {label: 0 or 1}, or a list of several numbers.
    """
    for X, _ in pieces_of(file, model, source):  # noqa: N806
        names, columns = _answers(model, X)
        said = list(zip(*columns, strict=True))
        likely = list(zip(*_probabilities(model, X)[1], strict=True)) if proba else [()] * len(said)
        lines = []
        for answer, shares in zip(said, likely, strict=True):
            found: dict[str, Any] = {"prediction": _plain(model, names, answer)}
            if proba:
                found["probabilities"] = dict(
                    zip(class_names(model), map(_number, shares), strict=True)
                )
            lines.append(json.dumps(found, ensure_ascii=False) + "\n")
        yield "".join(lines)


def _plain(model: MLP, names: Sequence[str], answer: Sequence[Any]) -> Any:
    """What `_answers` says of one row, for JSON."""
    if not model.loss.classifies:
        numbers = [_number(number) for number in answer]
        return numbers[0] if len(numbers) == 1 else numbers
    if len(answer) == 1:
        return str(answer[0])
    return {name: int(label) for name, label in zip(names, answer, strict=True)}


def _number(text: str) -> float | None:
    """JSON has no infinity."""
    number = float(text)
    return number if math.isfinite(number) else None


def _answers(model: MLP, X: NDArray[Any]) -> tuple[list[str], list[Any]]:  # noqa: N803
    """Names of columns, and what stands in them: class names, 0 or 1 for each label, numbers."""
    predicted, name = (
        model.predict(Opened(X, model.columns.features)),
        model.columns.target or "prediction",
    )
    if model.loss.classifies:
        predicted, classes = as_class_numbers(predicted), class_names(model)
        if predicted.ndim == 1:
            return [name], [np.array(classes, object)[predicted]]
        return list(classes), list(predicted.T)
    count = predicted.shape[1]
    names = [name] if count == 1 else [f"{name}[{k}]" for k in range(count)]
    return names, list(predicted.T.astype(str))  # as few digits as give the same number again


def _probabilities(model: MLP, X: NDArray[Any]) -> tuple[list[str], list[Any]]:  # noqa: N803
    """A column for each class."""
    p = model.predict_proba(Opened(X, model.columns.features))
    if p.shape[1] == 1:
        p = np.concatenate([1 - p, p], axis=1)
    return [f"proba_{name}" for name in class_names(model)], list(p.T.astype(str))


def _print(blocks: Iterator[str]) -> None:
    terminal = sys.stdout.isatty()
    for block in blocks:
        with standard_output():
            if terminal:  # names of classes are from files
                typer.echo("\n".join(map(printable, block.splitlines())))
            else:
                left = memoryview(block.encode())
                while (
                    left
                ):  # with PYTHONUNBUFFERED a write may take a part only, when a disk is full
                    left = left[sys.stdout.buffer.write(left) :]
