"""Tables as people have them: each is read, or refused in one line that says where."""

from __future__ import annotations

import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from portable_mlp.data import DataFileError, Table, read_csv, scan_csv


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.csv"


def read(path: Path, text: str | bytes, target: str = "y", task: str = "auto") -> Table:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_csv(path, target, task)


def refused(path: Path, text: str | bytes, target: str = "y", task: str = "auto") -> str:
    with pytest.raises(DataFileError) as caught:
        read(path, text, target, task)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()  # one line, whatever is in the file
    return message.removeprefix(f"{path}: ")


def test_text_labels(path: Path) -> None:
    table = read(path, "a,y,b\n1,dog,2\n3,cat,4\n5, dog ,6\n")
    assert (table.features, table.target, table.classes) == (("a", "b"), "y", ("cat", "dog"))
    assert table.X.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert table.y.tolist() == [1, 0, 1]
    assert (table.X.dtype, table.y.dtype) == (np.float64, np.int64)


def test_classes_are_numbers_in_their_order(path: Path) -> None:
    table = read(path, "a,y\n1,10\n2,9\n3,9.0\n4,12345678\n")
    assert table.classes == ("9", "10", "12345678")
    assert table.y.tolist() == [1, 0, 0, 2]


@pytest.mark.parametrize(
    "codes",
    [["007", "12", "7"], ["1152921504606846976", "1152921504606846977", "7"]],
    ids=["leading zeros", "more digits than a float has"],
)
def test_codes_are_classes_as_they_are_written(path: Path, codes: list[str]) -> None:
    table = read(path, "a,y\n" + "".join(f"{k},{code}\n" for k, code in enumerate(codes * 2)))
    assert table.classes == tuple(codes)
    assert table.y.tolist() == [0, 1, 2] * 2
    source = scan_csv(path, "y")
    assert source.columns.classes == table.classes


@pytest.mark.parametrize("values", [[0.5, 1, 2], list(range(51))], ids=["not whole", "too many"])
def test_numbers_are_regression(path: Path, values: list[float]) -> None:
    table = read(path, "a,y\n" + "".join(f"1,{v}\n" for v in values))
    assert table.y.tolist() == [[v] for v in values]
    assert table.classes == ()


def test_fifty_whole_numbers_are_classes(path: Path) -> None:
    assert len(read(path, "a,y\n" + "".join(f"1,{v}\n" for v in range(50))).classes) == 50


def test_the_task_can_be_forced(path: Path) -> None:
    whole, halves = "a,y\n1,0\n2,1\n", "a,y\n1,0.5\n2,1.5\n3,0.5\n"
    assert read(path, whole, task="regression").y.tolist() == [[0], [1]]
    table = read(path, halves, task="classification")
    assert (table.y.tolist(), table.classes) == ([0, 1, 0], ("0.5", "1.5"))
    message = refused(path, "a,y\n1,0\n2,dog\n", task="regression")
    assert message == "line 3, target 'y': got 'dog', expected a number for a regression."
    with pytest.raises(ValueError, match="Did you mean 'regression'"):
        read(path, whole, task="regresion")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffa,y\n1,2.5\n",
        "a,y\r\n1,2.5\r\n",
        'a,"y"\n"1","2.5"\n',
        " a , y \n 1 , 2.5 \n",
        "\n\na,y\n  \n\n1,2.5\n\n",
        "a,y\n1,2.5",
        "a,y\n1e0,+2.5",
    ],
    ids=["BOM", "CRLF", "quoted", "spaces", "blank lines", "no last newline", "exponent"],
)
def test_the_same_table(path: Path, text: str) -> None:
    table = read(path, text)
    assert (table.features, table.X.tolist(), table.y.tolist()) == (("a",), [[1]], [[2.5]])


def test_a_quoted_cell_holds_commas_and_quotes(path: Path) -> None:
    table = read(path, 'a,"the ""y"", here"\n1,"x, y"\n2,z\n', 'the "y", here')
    assert table.classes == ("x, y", "z")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,y\n1,2,3\n1,2\n", "line 3 has 2 cells, expected 3 as in the header."),
        ("a,b,y\n1,2,3\n\n1,2,3,4\n", "line 4 has 4 cells, expected 3"),
        ("a,b,y\n1,2,3\n1,,3\n", "line 3, column 'b': the cell is empty; fill it in"),
        ("a,b,y\n1,2,3\n1, ,3\n", "line 3, column 'b': the cell is empty; fill it in"),
        ("a,b,y\n1,2,3\n1,2,\n", "line 3, target 'y': the cell is empty; leave such lines out."),
        ("y,a,b\n1,2,red\n", "line 2, column 'b': got 'red', expected a number; turn text into"),
        ("a,y\n1,2\ninf,3\n", "line 3, column 'a': got inf, expected a finite number."),
        ("a,b,y\n1,2,3\n\n\n1,NaN,3\n", "line 5, column 'b': got nan, expected a finite number."),
        ("a,y\n1,2\n2,nan\n", "line 3, target 'y': got nan, expected a finite number;"),
        ("a,y\n1,2\n2,-inf\n", "line 3, target 'y': got -inf, expected a finite number;"),
        ('a,y\n1,"2\n2"\n3,4\nx,6\n', "line 5, column 'a': got 'x', expected a number"),
        ("a,y\n1,2\n" + "z" * 999 + ",3\n", "line 3, column 'a': got '" + "z" * 37 + "...', expec"),
        (
            "a,y\n1,2\n\x1b[31m\x07,3\n",
            r"line 3, column 'a': got '\x1b[31m\x07', expected a number",
        ),
        ("", "is empty, expected a header and some samples."),
        ("\n\n", "is empty, expected a header and some samples."),
        ("a,y\n", "holds a header and no samples."),
        ("y\n1\n2\n", "line 1: the only column is the target 'y', expected features."),
        ("y,a,y\n1,2,3\n", "line 1: 2 columns are named 'y'."),
        ("a,b,y,a\n1,2,3,4\n", "line 1: 2 columns are named 'a', expected different names."),
        (",a,y\n0,1,2\n1,3,4\n", "line 1: column 1 has no name; row numbers, as pandas writes"),
        (
            "a,y\n1,cat\n2,cat\n",
            "target 'y' is 'cat' in every line, expected at least two classes.",
        ),
        ("a,y\n1,0\n2,0.0\n", "target 'y' is '0' in every line, expected at least two classes."),
        ('a,y\n1,2\n"3,4\n' + "5,6\n" * 40_000, "the row that begins in line 3: field larger than"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(path: Path, text: str, message: str) -> None:
    assert refused(path, text).startswith(message)


@pytest.mark.parametrize(
    ("header", "target", "words"),
    [
        (
            "size,Price",
            "prise",
            "line 1: there is no column 'prise', expected one of 'size', 'Price'.",
        ),
        ("size,Price", "prise", "Did you mean 'Price'?"),
        ("size,Price", "price", "Did you mean 'Price'?"),
        (
            "size;price",
            "price",
            "line 1: cells are separated by ';', expected commas; of a file whose",
        ),
        ("size\tprice", "price", r"line 1: cells are separated by '\t', expected commas."),
        ("1,2", "y", "These are numbers: is a header missing?"),
        ("1,2,yes", "y", "Most of these are numbers: is a header missing?"),
        ("2019,price,kind", "prices", "Did you mean 'price'?"),
        (",".join(f"c{k}" for k in range(90)), "y", "'c19' and 70 more."),
        ('"a\nb",c', "y", r"expected one of 'a\nb', 'c'."),
    ],
)
def test_no_such_column(path: Path, header: str, target: str, words: str) -> None:
    assert words in refused(path, header + "\n1,2\n", target)


def test_one_slip_among_many_numbers_is_no_class(path: Path) -> None:
    rows = "".join(f"1,{k}.5\n" for k in range(60))
    assert refused(path, f"a,y\n{rows}1,n/a\n") == (
        "line 62, target 'y': got 'n/a', expected a number for a regression."
    )
    assert len(read(path, f"a,y\n{rows}1,dear\n", task="classification").classes) == 61


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "a,y\n1,caf\u00e9\n2,b\n".encode("latin-1"),
        "a,y\n1,2\n".encode("utf-16"),
    ],
    ids=["image", "Latin-1", "UTF-16"],
)
def test_what_is_not_utf_8(path: Path, content: bytes) -> None:
    message = refused(path, content)
    assert message.startswith("is no text in UTF-8 (byte 0x")
    assert message.endswith("a spreadsheet saves it as CSV UTF-8.")


def test_any_bytes_give_a_table_or_one_kind_of_error(path: Path) -> None:
    random, told = np.random.default_rng(0), list[str]()
    for _ in range(300):
        pieces = random.choice(
            [b"a", b"y", b"1", b",", b'"', b"\n", b"\r", b"\0", b" ", b"\xc3"], 30
        )
        path.write_bytes(b"a,y\n1,2\n" * int(random.integers(2)) + b"".join(pieces.tolist()))
        try:
            read_csv(path, "y")
        except DataFileError as error:
            told.append(str(error))
    assert len(told) > 100
    assert all(message.isprintable() for message in told)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="nope.csv: there is no such file."):
        read_csv(tmp_path / "nope.csv", "y")
    with pytest.raises(DataFileError, match="can't be read: "):
        read_csv(tmp_path, "y")


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes here")
def test_a_table_from_a_pipe(path: Path) -> None:
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("a,y\n1,dog\n2,cat\n",))
    writer.start()
    assert read_csv(path, "y").X.tolist() == [[1], [2]]
    writer.join()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything can be read here")
def test_a_file_that_may_not_be_read(path: Path) -> None:
    path.write_text("a,y\n1,2\n")
    path.chmod(0)
    with pytest.raises(DataFileError, match="can't be read: Permission denied"):
        read_csv(path, "y")


def test_memory_is_a_few_times_the_numbers_and_not_a_list_of_strings(path: Path) -> None:
    row = ",".join(["0.123456"] * 40)
    path.write_text(",".join(f"c{k}" for k in range(39)) + ",y\n" + f"{row}\n" * 3000)
    tracemalloc.start()
    table = read_csv(path, "y", "regression")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * table.X.nbytes
