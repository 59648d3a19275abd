"""Labels of a target as people and libraries write them: gaps, codes, truths, numbers in two forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from portable_mlp.data import DataFileError, read_csv, scan_csv, scan_parquet
from portable_mlp.tables import read_table

GAPS = ["NA", "nan", "None", "null", "N/A", "?", "<NA>"]


def table(folder: Path, labels: list[str], name: str = "t") -> Path:
    """A .csv file whose target has these labels, each thrice."""
    path = folder / f"{name}.csv"
    lines = [f"{k}.5,{label}" for k, label in enumerate(labels * 3)]
    path.write_text("\n".join(["a,y", *lines]) + "\n")
    return path


def parquet(folder: Path, labels: list[object]) -> Path:
    """The same as a .parquet file."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = folder / "t.parquet"
    pq.write_table(pa.table({"a": [0.5] * 3 * len(labels), "y": labels * 3}), path)
    return path


@pytest.mark.parametrize("task", ["auto", "classification"])
@pytest.mark.parametrize("others", [["yes", "no"], ["0", "1"]], ids=["words", "numbers"])
@pytest.mark.parametrize("gap", GAPS)
def test_a_word_for_a_gap_is_no_class(
    tmp_path: Path, gap: str, others: list[str], task: str
) -> None:
    path = table(tmp_path, [*others, gap])
    for read in (read_csv, scan_csv, read_table):
        with pytest.raises(DataFileError, match=r"t\.csv: line 4, target 'y': got ") as caught:
            read(path, "y", task)
        said = (
            f"got '{gap}', which stands for a gap, expected a class or a number: leave such lines"
        )
        assert said in str(caught.value) or (gap == "nan" and others[0] == "0")


def test_likewise_in_parquet(tmp_path: Path) -> None:
    path = parquet(tmp_path, ["yes", "no", "n/a"])
    said = r"target 'y': got 'n/a', which stands for a gap"
    with pytest.raises(DataFileError, match=f"row group 0, row 2, {said}"):
        scan_parquet(path, "y")
    with pytest.raises(DataFileError, match=said):
        read_table(path, "y")


def test_other_words_and_marks_are_classes(tmp_path: Path) -> None:
    path = table(tmp_path, ["-", "no damage", "nano"])
    assert read_csv(path, "y").classes == ("-", "nano", "no damage")
