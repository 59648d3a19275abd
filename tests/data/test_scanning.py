"""The reader is chosen by the ending of the name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from portable_mlp.data import Source, scan


def test_each_ending(tmp_path: Path) -> None:
    (tmp_path / "t.CSV").write_text("a,y\n1,0.5\n2,7\n")
    np.save(tmp_path / "X.npy", np.array([[1], [2]]))
    np.save(tmp_path / "y.npy", np.array([[0.5], [7]]))
    np.savez(
        tmp_path / "d.npz", X=np.array([[1], [2]]), y=np.array([[0.5], [7]]), z=np.ones((2, 1))
    )
    sources: list[Source] = [
        scan(tmp_path / "t.CSV", "y"),
        scan(str(tmp_path / "X.npy"), str(tmp_path / "y.npy")),
        scan(tmp_path / "d.npz"),
    ]
    for source in sources:
        (piece,) = source.read([0])
        assert (piece.X.tolist(), piece.y.tolist()) == ([[1], [2]], [[0.5], [7]])
    (piece,) = scan(tmp_path / "d.npz", "z").read([0])
    assert piece.y.tolist() == [[1], [1]]


def test_a_table_in_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1, 2], "y": [0.0, 7.0]}), tmp_path / "t.parquet")
    (piece,) = scan(tmp_path / "t.parquet", "y", "regression").read([0])
    assert (piece.X.tolist(), piece.y.tolist()) == ([[1], [2]], [[0], [7]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t.xlsx", "got 't.xlsx', expected a name that ends in .csv, .npy, .npz, .parquet"),
        ("t", "got 't', expected a name that ends in"),
        ("t.csv", "target is None for 't.csv', expected the name of a column"),
        ("t.parquet", "target is None for 't.parquet', expected the name of a column"),
        ("X.npy", "target is None for 'X.npy', expected the path of the targets' .npy file"),
    ],
)
def test_what_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scan(name)
