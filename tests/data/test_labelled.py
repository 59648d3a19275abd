"""Targets of arrays as class numbers, and class numbers of a file as those of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.data import DataFileError, Source, scan_arrays, scan_csv
from portable_mlp.data.labelled import labelled, relabelled


def arrays(y: Any) -> Source:
    y = np.asarray(y)
    return scan_arrays(np.arange(2.0 * len(y)).reshape(-1, 2), y, block_rows=2)


def targets(source: Source) -> list[Any]:
    return np.concatenate([p.y for p in source.read(range(len(source.blocks)))]).tolist()


@pytest.mark.parametrize(
    ("y", "classes", "numbers"),
    [
        ([1, 2, 1, 3], ("1", "2", "3"), [0, 1, 0, 2]),
        ([-1.0, 1.0, 1.0], ("-1", "1"), [0, 1, 1]),
        ([True, False, True], ("0", "1"), [1, 0, 1]),
        ([[5], [4], [5]], ("4", "5"), [1, 0, 1]),
    ],
)
def test_whole_numbers_are_classes(y: Any, classes: tuple[str, ...], numbers: list[int]) -> None:
    source = labelled(arrays(y))
    assert source.columns.classes == classes
    assert targets(source) == numbers


def test_other_numbers_are_values() -> None:
    source = labelled(arrays([0.5, 1, 2]))
    assert (source.columns.classes, targets(source)) == ((), [[0.5], [1], [2]])
    assert targets(labelled(arrays([1, 2, 3]), "regression")) == [[1], [2], [3]]
    assert labelled(arrays([0.5, 1]), "classification").columns.classes == ("0.5", "1")
    assert labelled(arrays(range(51))).columns.classes == ()


@pytest.mark.parametrize(
    ("y", "task", "words"),
    [
        ([1.0, np.nan, 2.0], "auto", "d.npz: a target is nan, expected finite numbers."),
        (np.eye(3), "auto", "d.npz: the targets have shape (2, 3), expected one number for each"),
        ([1, 1, 1], "auto", "d.npz: the target is '1' in every line, expected at least two"),
    ],
)
def test_what_is_no_target(y: Any, task: str, words: str) -> None:
    with pytest.raises(DataFileError) as caught:
        labelled(arrays(y), task, name="d.npz")
    assert str(caught.value).startswith(words)


def test_class_numbers_of_a_model(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n1,owl\n2,cat\n3,owl\n")
    source = relabelled(scan_csv(path, "y"), ["dog", "cat", "owl"])
    assert targets(source) == [2, 1, 2]
    assert source.columns.classes == ("dog", "cat", "owl")
    assert str(source) == str(path)


def test_numbers_are_found_however_they_are_written() -> None:
    assert targets(relabelled(labelled(arrays([2, 1])), ["1.0", "2.0", "x"])) == [1, 0]


def test_strange_classes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,y\n1,owl\n2,\x1b[31m\n3,"b\n"\n')
    with pytest.raises(DataFileError) as caught:
        relabelled(scan_csv(path, "y"), ["cat", "owl"])
    assert str(caught.value) == (
        rf"{path}: the target has the classes '\x1b[31m', 'b', expected those that the model knows: "
        "'cat', 'owl'."
    )
