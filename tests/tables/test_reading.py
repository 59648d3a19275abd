"""Tables with text and gaps from files."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.data import DataFileError, read_csv
from portable_mlp.tables import TableEncoder, read_table


def table(tmp_path: Path, text: str, **options: Any) -> Any:
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, options.pop("target", "y"), **options)


def test_numbers_text_and_gaps(tmp_path: Path) -> None:
    text = 'a,b,y\n1, x ,no\n?,"y, z",yes\n NaN ,,no\n3.5,x,no\n'
    found = table(tmp_path, text)
    a, b = found.X.columns["a"], found.X.columns["b"]
    assert a.dtype == np.float64
    assert [None if v != v else v for v in a] == [1, None, None, 3.5]
    assert b.tolist() == ["x", "y, z", None, "x"]
    assert (found.y.tolist(), found.classes, found.target) == ([0, 1, 0, 0], ("no", "yes"), "y")


def test_some_columns_and_no_target(tmp_path: Path) -> None:
    found = table(tmp_path, "a,b,y\n1,x,2\n", target=None, features=["y", "b"])
    assert found.X.names == ("y", "b")
    assert (found.y, found.target, found.classes) == (None, "", ())


def test_numbers_as_categories_keep_their_zeros(tmp_path: Path) -> None:
    found = table(tmp_path, "zip,y\n01067,1.5\n10115,2.5\n", categorical=["zip"])
    assert found.X.columns["zip"].tolist() == ["01067", "10115"]
    assert found.y.tolist() == [[1.5], [2.5]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a,y\n1,0\n2,1\n3,0\nx,1\n",
            r"t.csv: line 5, column 'a': got 'x', expected a number as in 3 ",
        ),
        ("a,y\n1,0\ninf,1\n", r"t.csv: line 3, column 'a': got inf, expected a finite number"),
        (
            "a,y\n2020-01-31,0\n,1\n",
            r"t.csv: column 'a' holds dates such as '2020-01-31', expected",
        ),
        ("a,y\n1,0\n2\n", r"t.csv: line 3 has 1 cells, expected 2 as in the header"),
        ("a,y\nx,0\nz,\n", r"t.csv: line 3, target 'y': the cell is empty"),
        ("a,y\n", r"t.csv: holds a header and no samples"),
        ("a,b\n1,2\n", r"there is no column 'y'"),
        ("a,a,y\n1,2,3\n", r"2 columns are named 'a'"),
        ("a,y\nx,1\nz,1\n", r"target 'y' is '1' in every line"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataFileError, match=words) as caught:
        table(tmp_path, text)
    assert str(caught.value).count(str(tmp_path)) == 1


def test_parquet_says_the_same(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {
        "a": [1, None, 3],
        "b": ["x", "?", None],
        "c": pa.array(["u", "v", "u"]).dictionary_encode(),
        "d": [True, False, None],
        "y": [0, 1, 0],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("a,b,c,d,y\n1,x,u,True,0\n,?,v,False,1\n3,,u,,0\n")
    found, text = (read_table(tmp_path / f"t.{end}", "y") for end in ("parquet", "csv"))
    assert TableEncoder.of(found.X) == TableEncoder.of(text.X)
    assert (found.y == text.y).all()
    assert found.classes == text.classes == ("0", "1")


def test_parquet_that_can_not_be_taken(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    for column, words in (
        ([datetime.date(2024, 2, 29)], "column 'a' holds dates such as '2024-02-29', expected"),
        ([datetime.timedelta(1)], "column 'a' holds time spans"),
        ([[1]], "column 'a' holds list"),
    ):
        pq.write_table(pa.table({"a": column, "y": [1.5]}), path)
        with pytest.raises(DataFileError, match=words):
            read_table(path, "y")
    pq.write_table(pa.table({"a": [1, 2], "y": [1.5, None]}), path)
    with pytest.raises(DataFileError, match="row 1, target 'y': the cell is null"):
        read_table(path, "y")


def test_samples_and_targets_together_are_no_table(tmp_path: Path) -> None:
    found = table(tmp_path, "a,b,y\n1,x,no\n2,z,yes\n3,x,no\n")
    (tmp_path / "n.csv").write_text("a,y\n1,0\n2,1\n")
    encoder = TableEncoder.of(found.X)
    model = MLP([encoder, 2])
    for call in (TableEncoder.of, encoder.encode, model.predict, lambda t: model.fit(t, found.y)):
        with pytest.raises(
            TypeError, match="X is of type TableRows, which holds the targets .*: pass its .X"
        ):
            call(found)
    plain = MLP([2, 2])
    for both in (found, read_csv(tmp_path / "n.csv", "y")):
        with pytest.raises(TypeError, match=r"X is of type Table.*, pass its \.X and its \.y\."):
            plain.predict(both)


def test_digits_that_are_lost_are_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x,y\n9007199254740993,a,0\n9007199254740992,b,1\n00,a,1\n")
    lost = "t.csv: column 'id' .* digits, such as 9007199254740993, which becomes 9007199254740992"
    with pytest.warns(UserWarning, match=lost):
        read_table(path, "y")
    table = read_table(path, "y", categorical=["id"])
    assert table.X.columns["id"].tolist() == ["9007199254740993", "9007199254740992", "00"]
