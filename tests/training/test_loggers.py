"""The figures of each epoch in a file."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, CSVLogger, JSONLinesLogger, Metric, TrainingDiverged
from portable_mlp.training import Run

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
LOGGERS = [CSVLogger, JSONLinesLogger]


def rows(path: Path) -> list[dict[str, Any]]:
    text = path.read_bytes().decode()
    assert text.endswith("\n")
    assert "\r" not in text
    if path.suffix == ".jsonl":
        return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    found = list(csv.DictReader(text.splitlines(), strict=True))
    assert all(None not in row and None not in row.values() for row in found)  # as the header
    return [{n: float(v) if v else None for n, v in row.items()} for row in found]


def path_of(logger: type, folder: Path) -> Path:
    return folder / ("log.csv" if logger is CSVLogger else "log.jsonl")


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize("place", ["no/log", "."])
def test_a_file_that_can_not_be_is_refused_in_a_sentence_before_training(
    logger: type, place: str, tmp_path: Path
) -> None:
    model = MLP([2, 3, 2])
    before = model.parameters()
    words = f"^{logger.__name__}: got '.*', expected a file in a folder that exists.$"
    with pytest.raises(FileNotFoundError, match=words):
        model.fit(X, Y, epochs=1, callbacks=[logger(tmp_path / place)])
    assert all((before[name] == now).all() for name, now in model.parameters().items())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("logger", LOGGERS)
def test_each_number_of_each_epoch(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    history = MLP([2, 3, 2]).fit(X, Y, epochs=3, validation_fraction=0.2, callbacks=[logger(path)])
    found = rows(path)
    assert [row.pop("epoch") for row in found] == [1, 2, 3]
    assert [list(row) for row in found] == [list(history)] * 3
    for name in history:
        assert [row[name] for row in found] == history[name]  # no digit is lost
    assert list(tmp_path.iterdir()) == [path]


class ReadsTheFile(Callback):
    def __init__(self, path: Path) -> None:
        self.path, self.seen = path, list[int]()

    def on_epoch_end(self, run: Run) -> None:
        self.seen.append(len(rows(self.path)))


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_row_is_in_the_file_before_the_next_epoch(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    reader = ReadsTheFile(path)
    MLP([2, 2]).fit(X, Y, epochs=3, callbacks=[logger(str(path)), reader])
    assert reader.seen == [1, 2, 3]


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_second_training_goes_on_and_may_have_more_columns(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    model, log = MLP([2, 2]), logger(path)
    first = model.fit(X, Y, epochs=2, callbacks=[log])
    second = model.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[log])
    third = model.fit(X, Y, epochs=1, callbacks=[log])
    found = rows(path)
    assert [row["epoch"] for row in found] == [1, 2, 3, 4, 5]
    losses = [*first["loss"], *second["loss"], *third["loss"]]
    assert [row["loss"] for row in found] == losses
    shown = [row.get("val_loss") for row in found]
    assert shown == [None, None, *second["val_loss"], None]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_file_with_rows_is_not_overwritten(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    model = MLP([2, 2])
    model.fit(X, Y, epochs=1, callbacks=[logger(path)])
    before, weights = path.read_bytes(), model.parameters()
    with pytest.raises(
        FileExistsError, match="log.*has rows already, expected a new file; append="
    ):
        model.fit(X, Y, epochs=1, callbacks=[logger(path)])
    assert path.read_bytes() == before
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, weights[name])
    model.fit(X, Y, epochs=1, callbacks=[logger(path, append=True)])
    assert path.read_bytes().startswith(before)
    assert [row["epoch"] for row in rows(path)] == [1, 2]


@pytest.mark.parametrize("logger", LOGGERS)
def test_an_empty_file_is_a_new_one(logger: type, tmp_path: Path) -> None:
    """Such as one of a training that diverged in its first epoch."""
    path = path_of(logger, tmp_path)
    model = MLP([2, 1], loss="squared_error")
    with pytest.raises(TrainingDiverged):
        model.fit(
            *(X, X[:, :1]),
            batch_size=10,
            optimizer="sgd",
            learning_rate=1e30,
            callbacks=[logger(path)],
        )
    assert path.read_bytes() == b""
    model.reset()
    model.fit(X, X[:, :1], epochs=1, callbacks=[logger(path)])
    assert len(rows(path)) == 1


@pytest.mark.parametrize("logger", LOGGERS)
def test_a_line_that_was_cut_short_spoils_no_other(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    model = MLP([2, 2])
    model.fit(X, Y, epochs=2, callbacks=[logger(path)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    model.fit(X, Y, epochs=1, callbacks=[logger(path, append=True)])
    lines = path.read_bytes().splitlines()
    assert lines[:-1] == whole[:-5].splitlines()
    if logger is CSVLogger:
        assert rows(path)[-1]["epoch"] == 3
    else:
        assert json.loads(lines[-1])["epoch"] == 3


@pytest.mark.parametrize("logger", LOGGERS)
def test_no_folder_is_said_before_the_training(logger: type, tmp_path: Path) -> None:
    model = MLP([2, 2])
    before = model.parameters()
    with pytest.raises(FileNotFoundError):
        model.fit(X, Y, callbacks=[logger(tmp_path / "none" / "log")])
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("age,city\n3,Rome\n")
    with pytest.raises(
        ValueError, match="begins with 'age,city', expected the header of an earlier"
    ):
        MLP([2, 2]).fit(X, Y, callbacks=[CSVLogger(path, append=True)])
    assert path.read_text() == "age,city\n3,Rome\n"


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize(
    ("held", "words"),
    [
        ("caf\xe9,1\n".encode("latin-1"), "is no text in UTF-8, expected"),
        (b"epoch,loss\n" + b"1,2\n" * 9999 + b"\xff\n", "is no text in UTF-8, expected"),
        (b"a diary", "begins with 'a diary', expected"),
        (b"1\n2\n", "begins with '1', expected"),
        (b'{"loss": 2}\n', "begins with '.*loss.*', expected"),
    ],
)
def test_a_file_of_something_else_stays_as_it_is(
    logger: type, held: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "notes"
    path.write_bytes(held)
    with pytest.raises(ValueError, match=f"^{logger.__name__}: '.*notes' {words} .*epoch"):
        MLP([2, 2]).fit(X, Y, epochs=1, callbacks=[logger(path, append=True)])
    assert path.read_bytes() == held


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize("append", [True, False])
def test_a_device_is_refused(logger: type, append: bool) -> None:
    """One such as /dev/full can be read without end."""
    path = Path("/dev/full")
    if not path.exists():
        pytest.skip("there is no /dev/full")
    with pytest.raises(ValueError, match="'/dev/full' is a device or a pipe, expected a file"):
        MLP([2, 2]).fit(X, Y, epochs=1, callbacks=[logger(path, append=append)])


class PutsAFolderThere(Callback):
    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_begin(self, run: Run) -> None:
        self.path.unlink()
        self.path.mkdir()


@pytest.mark.parametrize("logger", LOGGERS)
def test_an_error_of_the_disk_names_the_file(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    words = f"^{logger.__name__}: '.*log.*' can't be written: Is a directory, expected a file that"
    with pytest.raises(IsADirectoryError, match=words):
        MLP([2, 2]).fit(X, Y, epochs=1, callbacks=[logger(path), PutsAFolderThere(path)])


@pytest.mark.parametrize("logger", LOGGERS)
def test_names_with_commas_and_numbers_that_are_none(logger: type, tmp_path: Path) -> None:
    path = path_of(logger, tmp_path)
    odd = Metric('mean, "odd"\nand long', lambda o, t, loss, ctx: o[:, 0] * math.nan)
    with np.errstate(all="ignore"):
        MLP([2, 2], metrics=[odd]).fit(X, Y, epochs=2, callbacks=[logger(path)])
    if logger is CSVLogger:
        with path.open(newline="") as file:
            table = list(csv.DictReader(file, strict=True))
        assert [row[odd.name] for row in table] == ["nan", "nan"]
    else:
        assert [row[odd.name] for row in rows(path)] == [None, None]
