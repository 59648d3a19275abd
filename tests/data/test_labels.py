"""Labels of a target as people and libraries write them: gaps, codes, truths, numbers in two forms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from portable_mlp.data import DataFileError, read_csv, scan_csv, scan_parquet
from portable_mlp.data.labelled import relabelled
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


def targets(source: Any) -> list[int]:
    """All class numbers of a source."""
    return [int(y) for piece in source.read(range(len(source.blocks))) for y in piece.y]


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


@pytest.mark.parametrize(
    ("labels", "classes", "numbers"),
    [
        (["TRUE", "true", "false"], ("True", "false"), [0, 0, 1]),
        (["1.0", "1", "A"], ("1", "A"), [0, 0, 1]),
        (["007", "7", "7.0"], ("007", "7"), [0, 1, 1]),
        (["3.10", "3.1", "A"], ("3.1", "3.10", "A"), [1, 0, 2]),
        (["true", "false"], ("false", "true"), [1, 0]),
    ],
)
def test_one_class_written_in_two_ways(
    tmp_path: Path, labels: list[str], classes: tuple[str, ...], numbers: list[int]
) -> None:
    path, other = table(tmp_path, labels), parquet(tmp_path, list(labels))
    for found in (read_csv(path, "y"), read_table(path, "y"), read_table(other, "y")):
        assert (found.classes, found.y.tolist()) == (classes, numbers * 3)
    for source in (scan_csv(path, "y"), scan_parquet(other, "y")):
        assert (source.columns.classes, targets(source)) == (classes, numbers * 3)


@pytest.mark.parametrize(
    ("known", "labels", "numbers"),
    [
        (["false", "true"], ["TRUE", "False"], [1, 0]),
        (["1.0", "A"], ["1", "A"], [0, 1]),
        (["007", "07", "7"], ["07", "7"], [1, 2]),
        (["+1", "-1", "A"], ["1", "-1"], [0, 1]),
    ],
)
def test_labels_are_found_as_they_would_be_now(
    tmp_path: Path, known: list[str], labels: list[str], numbers: list[int]
) -> None:
    assert targets(relabelled(scan_csv(table(tmp_path, labels), "y"), known)) == numbers * 3


def test_truths_of_a_library_are_the_words_of_a_file(tmp_path: Path) -> None:
    source = scan_parquet(parquet(tmp_path, [True, False]), "y")
    assert targets(relabelled(source, ["false", "true"])) == [1, 0] * 3


@pytest.mark.parametrize(
    ("known", "labels", "strange"),
    [
        (["007", "07"], ["7", "8"], "classes '7', '8'"),
        (["007", "A"], ["7", "A"], "class '7'"),
        (["7", "A"], ["07", "A"], "class '07'"),
        (["1e0", "1.00", "A"], ["+1", "A"], "class '+1'"),
    ],
)
def test_a_label_that_is_no_class_for_sure_is_refused(
    tmp_path: Path, known: list[str], labels: list[str], strange: str
) -> None:
    with pytest.raises(
        DataFileError, match=f"the target has the {strange.replace('+', '.')}, expected those"
    ):
        relabelled(scan_csv(table(tmp_path, labels), "y"), known)


def test_truths_among_numbers_are_told_how_to_be_written(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\ntrue,1\n")
    with pytest.raises(
        DataFileError, match="got 'true', expected a number: write 1 for true and 0"
    ):
        read_csv(path, "y")
