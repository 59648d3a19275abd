"""Batches that are made anew in each epoch, and those that can't be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.data import scan_batches

Batch = tuple[Any, Any]


def numbered(*rows: int) -> list[Batch]:
    """Batches of so many rows."""
    starts = np.cumsum((0, *rows))
    return [(np.arange(a, a + n)[:, None], np.arange(a, a + n)) for a, n in zip(starts, rows)]  # noqa: B905


class Loader:
    def __init__(self) -> None:
        self.passes = 0

    def __iter__(self) -> Iterator[Batch]:
        self.passes += 1
        return iter(numbered(3, 4, 2))


@pytest.mark.parametrize("make", [numbered(3, 4, 2), Loader(), lambda: iter(numbered(3, 4, 2))])
@pytest.mark.parametrize("rows", [None, 9])
def test_every_pass_gives_all_rows(make: Any, rows: int | None) -> None:
    source = scan_batches(make, rows=rows)
    assert (source.blocks, source.sample_shape) == ((9,), (1,))
    for _ in range(3):
        pieces = list(source.read([0]))
        assert [len(piece.X) for piece in pieces] == [3, 4, 2]
        assert np.concatenate([p.X[:, 0] for p in pieces]).tolist() == list(range(9))
        assert np.concatenate([p.y for p in pieces]).tolist() == list(range(9))


def test_only_the_first_batch_is_asked_for_where_rows_are_given() -> None:
    asked = []

    def make() -> Iterator[Batch]:
        for batch in numbered(3, 4, 2):
            asked.append(len(batch[0]))
            yield batch

    scan_batches(make, rows=9)
    assert asked == [3]
    scan_batches(make)
    assert asked == [3, 3, 4, 2]


def test_lists_and_no_targets() -> None:
    (piece,) = scan_batches([([[1, 2], [3, 4]], None)]).read([0])
    assert piece.X.tolist() == [[1, 2], [3, 4]]
    assert piece.y is None


@pytest.mark.parametrize("make", [iter(numbered(3)), (b for b in numbered(3)), 7])
def test_what_can_be_iterated_over_once_only(make: Any) -> None:
    with pytest.raises(TypeError, match="pass a function that returns a new iterator each time"):
        scan_batches(make)


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], "there are no rows, expected batches"),
        ([(np.zeros((0, 2)), np.zeros(0))], "there are no rows, expected batches"),
        ([np.zeros((2, 2))], r"batch 0 is ndarray, expected a pair \(X, y\)"),
        ([*numbered(2), (1, 2, 3)], r"batch 1 is tuple, expected a pair \(X, y\)"),
        ([(np.zeros(3), np.zeros(3))], r"in batch 0 X has shape \(3,\) and y \(3,\), expected"),
        (
            [(np.zeros((3, 1)), np.zeros(4))],
            r"in batch 0 X has shape \(3, 1\) and y \(4,\), expected",
        ),
        ([([["a"]], [0])], "X of batch 0 holds <U1 data, expected numbers"),
        ([([[1]], ["a"])], "y of batch 0 holds <U1 data, expected numbers"),
        (
            [*numbered(3), (np.array([[0.0], [np.nan], [1]]), np.zeros(3))],
            r"Input X of batch 1 contains nan at \[1, 0\], expected finite numbers: fill or drop",
        ),
        (
            [(np.zeros((2, 1)), np.array([0.5, np.inf]))],
            r"Input y of batch 0 contains inf at \[1\]",
        ),
        ([([[1], [2, 3]], [0, 1])], "X of batch 0 can't be made a numpy array: "),
    ],
)
def test_what_is_no_batch(batches: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^scan_batches: " + message):
        scan_batches(batches)


def test_messages_name_it_as_users_do() -> None:
    source = scan_batches([(np.zeros((4, 2)), None)])
    with pytest.raises(ValueError, match="^scan_batches: has no targets"):
        MLP([2, 2]).fit(source, epochs=1)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            (np.zeros((2, 3)), np.zeros(2)),
            r"batch 1 has samples and targets of shapes \(\(3,\), \(\)\)",
        ),
        (
            (np.zeros((2, 1)), np.zeros((2, 1))),
            r"shapes \(\(1,\), \(1,\)\), expected \(\(1,\), \(\)\)",
        ),
        (
            (np.zeros((2, 1)), None),
            r"shapes \(\(1,\), None\), expected \(\(1,\), \(\)\) as in the first",
        ),
    ],
)
def test_a_batch_of_another_shape(other: Any, message: str) -> None:
    source = scan_batches([*numbered(3), other])
    with pytest.raises(ValueError, match=message):
        list(source.read([0]))


@pytest.mark.parametrize(
    ("later", "said"), [((3, 2), "5 rows"), ((3, 4, 9), "at least 16 rows"), ((), "0 rows")]
)
def test_another_number_of_rows_in_a_later_pass(later: tuple[int, ...], said: str) -> None:
    passes = iter([numbered(3, 4), numbered(*later)])
    source = scan_batches(lambda: next(passes))
    with pytest.raises(ValueError, match=f"a pass gave {said}, expected 7 as at first"):
        list(source.read([0]))


def test_an_endless_pass_is_left() -> None:
    given = []

    def make() -> Iterator[Batch]:
        while True:
            given.append(3)
            yield np.zeros((3, 1)), np.zeros(3)

    with pytest.raises(ValueError, match="a pass gave at least 9 rows, expected 7 as at first"):
        list(scan_batches(make, rows=7).read([0]))
    assert len(given) == 4  # one to see the shapes


def test_rows_that_were_said_wrong() -> None:
    with pytest.raises(ValueError, match="a pass gave 7 rows, expected 8 as at first"):
        list(scan_batches(numbered(3, 4), rows=8).read([0]))
    with pytest.raises(ValueError, match="rows is 0, expected at least 1"):
        scan_batches(numbered(3), rows=0)
