"""Tables that are parsed while they are trained from: the numbers are those of `csv` and `float`."""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path

import numpy as np
import pytest

from portable_mlp.data import DataFileError, csv_file, read_csv, scan_csv, target


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 64)


def plain(path: Path, target: str) -> tuple[list[list[float]], list[str]]:
    """The outside reference: Python's csv module and float."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    place = header.index(target)
    return [[float(c) for k, c in enumerate(row) if k != place] for row in rows], [
        row[place].strip() for row in rows
    ]


CELLS = ["1", "-2.5", " 3e-7 ", "0.1", '"4"', '" 5 "', "1000", "+.5", "123456789.123456789"]
LABELS = [
    "dog",
    " cat ",
    "b c",
    '"x, y"',
    '"two\nlines"',
    'half "quoted"',
    '5" pipe',
    "caf\u00e9",
    "a\x1cb",
]
ENDS = ["\n", "\n", "\n", "\r\n", "\r", "\n\n"]


def table(seed: int) -> str:
    """Some rows with all that is legal in a .csv file."""
    r = random.Random(seed)
    rows = ["a,y,b\n"]
    for _ in range(r.randrange(3, 60)):
        cells = [r.choice(CELLS), r.choice(LABELS), r.choice(CELLS)]
        rows.append(",".join(cells) + r.choice(ENDS))
    return "\ufeff" * (seed % 2) + "".join(rows) + '1,dog,2\n3,cat,"4"' + "\n" * (seed % 3)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("seed", range(40))
def test_numbers_and_classes_are_those_of_csv_and_float(path: Path, seed: int) -> None:
    path.write_bytes(table(seed).encode())
    x, labels = plain(path, "y")
    source = scan_csv(path, "y")
    pieces = list(source.read(range(len(source.blocks))))
    assert np.concatenate([piece.X for piece in pieces]).tolist() == x
    numbers = np.concatenate([piece.y for piece in pieces])
    assert [source.columns.classes[k] for k in numbers] == labels
    assert [len(piece.X) for piece in pieces] == list(source.blocks)
    assert len(source.blocks) > 2 or len(x) < 12
    assert source.rows == len(x)
    whole = read_csv(path, "y")
    assert whole.X.tolist() == x
    assert whole.y.tolist() == numbers.tolist()


@pytest.mark.usefixtures("small_blocks")
def test_blocks_in_any_order(path: Path) -> None:
    path.write_text("a,y\n" + "".join(f"{k},{k % 3}\n" for k in range(100)))
    source = scan_csv(path, "y")
    order = [3, 0, len(source.blocks) - 1, 3]
    starts = np.cumsum((0, *source.blocks))
    for number, piece in zip(order, source.read(order), strict=True):
        rows = list(range(starts[number], starts[number + 1]))
        assert piece.X.tolist() == [[k] for k in rows]
        assert piece.y.tolist() == [k % 3 for k in rows]
    assert source.sample_shape == (1,)
    assert (source.columns.features, source.columns.target) == (("a",), "y")


def test_a_regression(path: Path) -> None:
    path.write_text("a,y\n1,0.5\n2,1e3\n")
    source = scan_csv(path, "y")
    assert source.columns.classes == ()
    (piece,) = source.read([0])
    assert (piece.y.tolist(), piece.y.dtype) == ([[0.5], [1000.0]], np.float64)
    assert scan_csv(path, "y", "classification").columns.classes == ("0.5", "1000")


WRONG = [
    ("1,2\n", "line {} has 2 cells, expected 3 as in the header."),
    ("1,,3\n", "line {}, column 'b': the cell is empty; fill it in"),
    ("1,2,\n", "line {}, target 'y': the cell is empty; leave such lines out."),
    ("1,red,3\n", "line {}, column 'b': got 'red', expected a number; turn text into"),
    ("1,inf,3\n", "line {}, column 'b': got inf, expected a finite number."),
    ("1,\x1c2,3\n", "line {}, column 'b': got '\\x1c2', expected a number; turn text into"),
    ("1,2,nan\n", "line {}, target 'y': got nan, expected a finite number;"),
    ('1,2,"3\n' + "1,2,3\n" * 40_000, "the row that begins in line {}: field larger than"),
]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(("wrong", "message"), WRONG)
@pytest.mark.parametrize(
    "before",
    [
        *("1,2,3\n", '1,"2",3\n', '"\n1",2,3\n', "\n1,2,3\r\n", "1,2,3\r"),
        "1,2.50000,3\r\n",  # a block ends in the middle of the fifth \r\n
    ],
)
def test_lines_are_counted_through_all_blocks(
    path: Path, wrong: str, message: str, before: str
) -> None:
    text = "a,b,y\n" + before * 50
    text = text if text.endswith(("\n", "\r")) else text + "\n"
    path.write_bytes((text + wrong).encode())
    line = 1 + len(text.encode().splitlines())
    with pytest.raises(DataFileError) as caught:
        scan_csv(path, "y", "regression")
    assert str(caught.value).startswith(f"{path}: " + message.format(line))


@pytest.mark.parametrize("row", ["1,dog,2\n", '"1","x",2\r\n', " 1 ,caf\u00e9,-.5e3\r"])
def test_a_plain_table_is_left_to_numpy(
    path: Path, monkeypatch: pytest.MonkeyPatch, row: str
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read cell by cell")

    monkeypatch.setattr(csv_file.Layout, "_carefully", refuse)
    path.write_bytes(("a,y,b\n" + row * 9 + "1,cat,2").encode())
    assert scan_csv(path, "y").blocks == (10,)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_a_file_without_line_feeds(path: Path) -> None:
    path.write_text("a,y\r" + "1,2.5\r" * 100, newline="")
    assert scan_csv(path, "y").blocks == (10,) * 10


def test_a_label_that_is_no_label(path: Path) -> None:
    path.write_text("a,y\n1,cat\n2," + "z" * 200_000 + "\n")
    with pytest.raises(DataFileError, match="the row that begins in line 3: field larger than"):
        scan_csv(path, "y")


def test_rows_that_are_all_too_long(path: Path) -> None:
    path.write_text("a,y\n" + "1,2,3\n" * 9)
    with pytest.raises(DataFileError, match="line 2 has 3 cells, expected 2 as in the header"):
        scan_csv(path, "y")


def test_text_far_down_among_numbers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 256)
    path.write_text("a,y\n" + "".join(f"1,{k}.5\n" for k in range(500)) + "1,n/a\n")
    with pytest.raises(DataFileError, match="line 502, target 'y': got 'n/a', expected a number"):
        scan_csv(path, "y")


@pytest.mark.parametrize("read", [scan_csv, read_csv])
def test_names_are_no_classes(path: Path, monkeypatch: pytest.MonkeyPatch, read: object) -> None:
    monkeypatch.setattr(target, "MOST_LABELS", 60)
    assert callable(read)
    path.write_text("a,y\n" + "".join(f"1,id{k}\n" for k in range(61)))
    message = "target 'y' has more than 60 different values, expected classes; is it a name"
    with pytest.raises(DataFileError, match=message):
        read(path, "y")
    path.write_text("a,y\n" + "".join(f"1,{k}.5\n" for k in range(61)))
    with pytest.raises(DataFileError, match=message):
        read(path, "y", "classification")
    read(path, "y")  # a regression


def test_a_file_that_changes_meanwhile(path: Path) -> None:
    path.write_text("a,y\n1,2\n3,4\n")
    source = scan_csv(path, "y")
    path.write_text("a,y\n1,2\n3,4\n5,6\n")
    with pytest.raises(DataFileError, match="t.csv: was changed since it was looked at first"):
        next(iter(source.read([0])))
    path.unlink()
    with pytest.raises(DataFileError, match="t.csv: there is no such file"):
        next(iter(source.read([0])))


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes here")
def test_what_can_be_read_once_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(
        DataFileError, match="pipe.csv: is no regular file, expected one that can be"
    ):
        scan_csv(tmp_path / "pipe.csv", "y")


def test_an_unknown_task(path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'regression'"):
        scan_csv(path, "y", "regresion")


def test_digits_that_are_lost_are_pointed_out_once(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,a,y\n" + "9007199254740993,6e23,0\n9007199254740992,1,1\n" * 9)
    lost = "t.csv: column 'id' holds whole numbers of which float64 loses digits, such as 9007199"
    with pytest.warns(UserWarning, match=lost) as caught:
        scan_csv(path, "y")
    assert len(caught) == 1
