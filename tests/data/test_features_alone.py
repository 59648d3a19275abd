"""Rows without targets, and some columns of a file: what a saved model predicts from."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from portable_mlp.data import DataFileError, Source, csv_file, scan, scan_csv
from portable_mlp.data.scanning import column_names, scan_features

TEXT = "name,width,length,kind\nrose,3.5,5.1,a\niris,3.0,4.9,b\n"


def rows(source: Source) -> list[list[float]]:
    pieces = list(source.read(range(len(source.blocks))))
    assert all(piece.y is None for piece in pieces)
    return np.concatenate([piece.X for piece in pieces]).tolist()


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_columns_by_name_in_the_order_asked_for(tmp_path: Path) -> None:
    source = scan_features(write(tmp_path / "t.csv", TEXT), ["length", "width"])
    assert rows(source) == [[5.1, 3.5], [4.9, 3.0]]
    assert source.columns.features == ("length", "width")
    assert (source.columns.target, source.columns.classes) == ("", ())
    assert (source.blocks, source.sample_shape, str(source)) == ((2,), (2,), str(source))


def test_all_columns(tmp_path: Path) -> None:
    source = scan_features(write(tmp_path / "t.csv", 'a,b\n1,"2"\n3,4\n'))
    assert rows(source) == [[1, 2], [3, 4]]


def test_features_and_target_by_name(tmp_path: Path) -> None:
    source = scan_csv(write(tmp_path / "t.csv", TEXT), "kind", features=["length"])
    (piece,) = source.read([0])
    assert (piece.X.tolist(), piece.y.tolist()) == ([[5.1], [4.9]], [0, 1])


def test_one_class_is_enough_to_try_a_model_on(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a,y\n1,cat\n2,cat\n")
    assert scan(path, "y", least_classes=1).columns.classes == ("cat",)
    with pytest.raises(DataFileError, match="expected at least two classes"):
        scan(path, "y")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT + "tulip,1\n", "line 4 has 2 cells, expected 4 as in the header."),
        (TEXT + "tulip,1,2,c,d\n", "line 4 has 5 cells, expected 4 as in the header."),
        (TEXT + "tulip,,2,c\n", "line 4, column 'width': the cell is empty"),
        (TEXT + "tulip,1,two,c\n", "line 4, column 'length': got 'two', expected a number"),
        (TEXT + "tulip,nan,2,c\n", "line 4, column 'width': got nan, expected a finite number."),
        (
            "name,width,kind\n",
            "line 1: there is no column 'length', expected one of 'name', 'width'",
        ),
        (
            "width,length,width\n1,2,3\n",
            "line 1: 2 columns are named 'width', expected different names.",
        ),
        ("name,width,length,kind\n", "holds a header and no samples."),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(DataFileError) as caught:
        scan_features(path, ["length", "width"])
    assert str(caught.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize("seed", range(20))
def test_text_that_is_not_asked_for_may_hold_anything(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 64)  # rows end up in many blocks
    random = np.random.default_rng(seed)
    odd = ["plain", "a,b", 'a "b"', "two\nlines", "\r\n", "", " ", "1", '"', "é, ü\n"]
    x = random.normal(size=(50, 2)).round(3)
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator=["\n", "\r\n"][seed % 2])
        writer.writerow(["a", "note", "b", "remark"])
        for a, b in x.tolist():
            writer.writerow([a, random.choice(odd), b, random.choice(odd)])
    source = scan_features(path, ["b", "a"])
    assert len(source.blocks) > 5
    assert rows(source) == x[:, ::-1].tolist()


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    table = pa.table({"name": ["x", "y"], "b": [1, 2], "a": [0.5, 1.5], "kind": ["p", "q"]})
    pq.write_table(table, path)
    source = scan_features(path, ["a", "b"])
    assert rows(source) == [[0.5, 1], [1.5, 2]]
    assert source.columns.features == ("a", "b")
    assert column_names(path) == ("name", "b", "a", "kind")
    (piece,) = scan(path, "kind", features=["b"]).read([0])
    assert (piece.X.tolist(), piece.y.tolist()) == ([[1], [2]], [0, 1])
    with pytest.raises(DataFileError, match="there is no column 'c'"):
        scan_features(path, ["a", "c"])


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", np.eye(3))
    np.savez(tmp_path / "d.npz", X=np.eye(3), other=[1, 2])
    for name in ("X.npy", "d.npz"):
        assert rows(scan_features(tmp_path / name)) == np.eye(3).tolist()
        assert column_names(tmp_path / name) == ()


def test_names_of_columns(tmp_path: Path) -> None:
    assert column_names(write(tmp_path / "t.csv", TEXT)) == ("name", "width", "length", "kind")
    with pytest.raises(ValueError, match=r"got 't.xlsx', expected a name that ends in .csv"):
        column_names("t.xlsx")
