"""Numbers that a data frame, a dictionary or a .parquet file holds as text are refused, codes are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portable_mlp import TableEncoder
from portable_mlp.tables import Frame, read_table

DECIMALS = ["0.5", "1.25", None, "0.5", "3"]
MANY = [str(k % 12) for k in range(40)]
SAID = "column 'c' holds numbers as text, such as '{}', expected numbers: convert them, in a data frame"


def tables_of(values: list[Any], folder: Path) -> dict[str, Any]:
    """A column of text from everything that keeps it apart from numbers."""
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    pq = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("narwhals")
    pq.write_table(pa.table({"c": values}), folder / "t.parquet")
    return {
        "parquet": read_table(folder / "t.parquet", None).X,
        "pandas": pd.DataFrame({"c": values}),
        "polars": pl.DataFrame({"c": values}),
        "dictionary": {"c": values},
    }


@pytest.mark.parametrize(
    ("values", "found"),
    [(DECIMALS, "0.5"), (MANY, "0"), ([f"{k}.5" for k in range(30)], "0.5"), (["1", "inf"], "inf")],
    ids=["decimals", "many whole ones", "different in each row", "infinity"],
)
def test_numbers_as_text_are_refused(tmp_path: Path, values: list[Any], found: str) -> None:
    for name, table in tables_of(values, tmp_path).items():
        with pytest.raises(ValueError, match=SAID.format(found)) as caught:
            TableEncoder.of(table)
        assert "--categorical (in Python categorical=" in str(caught.value), name
        if values in (DECIMALS, MANY):
            assert TableEncoder.of(table, categorical=["c"]).categories, name


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2", None, "3", "1"],
        [f"{k % 20:05}" for k in range(60)],
        [str(2**60 + k % 20) for k in range(60)],
        ["0.5", "low", "high", "low"],
    ],
    ids=["few whole ones", "leading zeros", "many digits", "among words"],
)
def test_codes_and_words_are_categories(tmp_path: Path, values: list[Any]) -> None:
    for name, table in tables_of(values, tmp_path).items():
        assert TableEncoder.of(table).categories[0].name == "c", name


def test_a_type_of_categories_says_that_they_are(tmp_path: Path) -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    pq = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"c": pa.array(DECIMALS).dictionary_encode()}), path)
    for table in (
        pd.DataFrame({"c": pd.Categorical(DECIMALS)}),
        pl.DataFrame({"c": pl.Series(DECIMALS, dtype=pl.Categorical)}),
        read_table(path, None).X,
        Frame.of({"c": DECIMALS}, ["c"]).take([True] * 5),
    ):
        assert TableEncoder.of(table).categories[0].levels == ("0.5", "1.25", "3")


def test_a_file_read_so_by_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("c,y\n0.5,1\n2.5,2\n0.5,1\n")
    table = read_table(tmp_path / "t.csv", "y", categorical=["c"])
    assert TableEncoder.of(table.X).categories[0].levels == ("0.5", "2.5")


def test_a_model_of_numbers_still_takes_them_as_text() -> None:
    encoder = TableEncoder.of({"c": [0.5, 1.25, 3.0]})
    assert (
        encoder.encode({"c": ["0.5", "3"]}).tolist() == encoder.encode({"c": [0.5, 3.0]}).tolist()
    )
