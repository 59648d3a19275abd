"""Columns that are meant as numbers never become categories, or other numbers, without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from portable_mlp import MLP, TableEncoder
from portable_mlp.cli import app
from portable_mlp.data import DataFileError
from portable_mlp.tables import read_table

PRICES = ["1,050", "999", "12,400", None, "87"]
WRITTEN = {
    "thousands": (PRICES, "1,050", "it has commas between thousands: write 1050"),
    "percent": (["12%", "7.5%", "?", "100%"], "12%", "it has a percent sign: write 12;"),
    "comma": (["1,5", "2", "0,25"], "1,5", "it has a decimal comma: write 1.5;"),
    "money": (["$3.50", "on request", "$4"], "$3.50", "it has a currency: write 3.50;"),
    "accounts": (["(12)", "7", "(1,234)"], "(12)", "it has parentheses for a minus: write -12;"),
    "other digits": (["\u0663", "4", "5"], "\u0663", "it has digits other than 0 to 9: write 3;"),
    "one of many": (
        ["1", "2", "3", "1_000"],
        "1_000",
        "underscores between thousands: write 1000;",
    ),
}
TEXT = {
    "zip codes": ["00501", "0050A", "A12"],
    "telephones": ["601 234 567", "601 234 568", "602 234 567"],
    "versions": ["1.2.3", "1.10.0", "2.0.1"],
    "ranges": ["10-20", "20-30", "30+"],
    "incomes": ["<=50K", ">50K"],
    "few percents": ["12%", "some", "much", "little"],
}


def write(path: Path, cells: list[Any]) -> Path:
    quoted = ['"' + cell + '"' if cell else "" for cell in cells]
    rows = [f"{cell},{k % 3}.5,{'ab'[k % 2]}" for k, cell in enumerate(quoted * 8)]
    path.write_text("\n".join(["c,x,y", *rows]) + "\n", encoding="utf-8")
    return path


def tables_of(cells: list[Any]) -> dict[str, Any]:
    """The same column from all that holds columns of text."""
    found: dict[str, Any] = {"dictionary": {"c": cells}, "rows": [[cell] for cell in cells]}
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    found["pandas"] = pd.DataFrame({"c": cells})
    found["polars"] = pl.DataFrame({"c": cells})
    found["pyarrow"] = pa.table({"c": cells})
    return found


@pytest.mark.parametrize("kind", WRITTEN)
def test_a_file_is_refused_with_line_cause_and_remedy(tmp_path: Path, kind: str) -> None:
    cells, first, hint = WRITTEN[kind]
    path = write(tmp_path / "t.csv", cells)
    with pytest.raises(DataFileError) as caught:
        read_table(path, "y")
    line = 2 + cells.index(first)
    assert str(caught.value).startswith(f"{path}: line {line}, column 'c': got {first!r}, expected")
    assert hint in str(caught.value)
    assert "name it in --categorical (in Python categorical=, categorical_features=)" in str(
        caught.value
    )
    table = read_table(path, "y", categorical=["c"])
    assert table.X.columns["c"][cells.index(first)] == first
    assert first in TableEncoder.of(table.X).categories[0].levels


@pytest.mark.parametrize("kind", WRITTEN)
def test_frames_are_refused_alike(kind: str) -> None:
    cells, first, hint = WRITTEN[kind]
    for name, table in tables_of(cells).items():
        with pytest.raises(ValueError, match="expected a number in plain digits") as caught:
            TableEncoder.of(table)
        place = "0" if name == "rows" else "c"
        row = cells.index(first)
        assert str(caught.value).startswith(
            f"X: column {place!r}, row {row}: got {first!r}, expected"
        )
        assert hint in str(caught.value)
        assert first in TableEncoder.of(table, categorical=[place]).categories[0].levels


@pytest.mark.parametrize("kind", TEXT)
def test_other_text_is_categories(tmp_path: Path, kind: str) -> None:
    cells = TEXT[kind]
    assert set(cells) == set(read_table(write(tmp_path / "t.csv", cells), "y").X.columns["c"])
    for table in tables_of(cells).values():
        assert set(TableEncoder.of(table).categories[0].levels) == set(cells)


def test_parquet_is_refused_alike(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": PRICES, "y": [0, 1, 0, 1, 0]}), path)
    with pytest.raises(DataFileError) as caught:
        read_table(path, "y")
    assert str(caught.value).startswith(
        f"{path}: column 'c', row 0: got '1,050', expected a number"
    )
    assert read_table(path, "y", categorical=["c"]).X.columns["c"].tolist() == PRICES
    pq.write_table(pa.table({"c": [1.5, 2, 3], "y": ["12%", "7%", "9%"]}), path)
    with pytest.raises(DataFileError, match="line 1, target 'y': got '12%', expected a number"):
        read_table(path, "y")


def test_predict_refuses_what_training_refuses() -> None:
    people = {"age": [31, 45, None, 28], "part": ["10%", "20%", "10%", "5%"]}
    model = MLP([TableEncoder.of(people, categorical=["part"]), 2], seed=0)
    model.fit(people, np.asarray([0, 1, 0, 1]), epochs=1)
    assert model.predict(people).shape == (4,)  # text stays text where it was text
    with pytest.raises(
        ValueError, match="'age' holds '1,050', expected numbers as in training: it has"
    ):
        model.predict({"age": ["1,050"], "part": ["10%"]})
    with pytest.raises(ValueError, match="'age' holds '1_0', expected numbers as in training"):
        model.predict({"age": ["1_0"], "part": ["10%"]})


def refused(*arguments: object) -> str:
    done = CliRunner(env={"COLUMNS": "100", "TERM": "dumb"}).invoke(
        app, [str(a) for a in arguments]
    )
    assert (done.exit_code, done.stdout) == (1, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize("gap", ["", "5"], ids=["a table with gaps", "plain numbers"])
def test_the_command_line_says_it_in_each_command(tmp_path: Path, gap: str) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    rows = [f"{k % 5},{'ab'[k % 2]}" for k in range(39)]
    good.write_text("\n".join(["price,y", *rows, f"{gap},a"]) + "\n")
    bad.write_text("\n".join(["price,y", *rows, '"1,050",b']) + "\n")
    done = CliRunner().invoke(
        app, ["train", str(good), "--target", "y", "--epochs", "1", "--out", str(tmp_path / "m.st")]
    )
    assert done.exit_code == 0, done.stderr
    commands = (
        ("train", bad, "--target", "y"),
        *((name, tmp_path / "m.st", bad) for name in ("predict", "evaluate")),
    )
    for command in commands:
        message = refused(*command)
        assert f"{bad}: line 41, column 'price': got '1,050', expected a number in plain" in message
        assert "write 1050, or 1.050 if the comma is a decimal one" in message
    bad.write_text(good.read_text().replace(",", ";").replace("5", "5,5"))
    for command in commands:
        assert (
            "cells are separated by ';', expected commas; of a file whose numbers have decimal"
            in refused(*command)
        )
