"""Data frames: their numbers, their names, and what is said with and without narwhals."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.data import frames
from portable_mlp.data.columns import Columns

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.asarray([0, 1, 2, 0, 1, 2])
NAMES = ("a", "b", "c", "d")

pandas = pytest.importorskip("pandas")


@pytest.fixture
def frame() -> Any:
    return pandas.DataFrame(X, columns=list(NAMES))


@pytest.fixture
def no_narwhals(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "narwhals"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "narwhals", None)


def trained(x: Any, y: Any = Y) -> MLP:
    model = MLP([4, 3])
    model.fit(x, y, epochs=1)
    return model


@pytest.mark.usefixtures("no_narwhals")
def test_without_narwhals_frames_of_numbers_are_taken(frame: Any) -> None:
    model = trained(frame)
    assert model.columns.features == NAMES
    np.testing.assert_array_equal(model.predict(frame), trained(X).predict(X))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c", "d"]])
    with pytest.raises(ValueError, match=r"contains NaN at \[2, 1\], column 'b'"):
        model.predict(frame.assign(b=[1, 2, None, 4, 5, 6]))


@pytest.mark.usefixtures("no_narwhals")
def test_without_narwhals_the_way_to_the_name_is_said(frame: Any) -> None:
    expected = (
        r"X must be numeric, got float and str: encode text as numbers first \(pip install "
        r"'portable_mlp\[frames\]' names the column\)\."
    )
    with pytest.raises(ValueError, match=expected):
        trained(frame.assign(city="x"))


@pytest.mark.usefixtures("no_narwhals")
def test_without_narwhals_polars_frames_are_taken() -> None:
    polars = pytest.importorskip("polars")
    model = trained(polars.DataFrame(X, schema=list(NAMES)))
    assert model.columns.features == NAMES
    with pytest.raises(TypeError, match="X is of type LazyFrame"):
        model.predict(polars.LazyFrame({"a": [1.0]}))


def test_a_frame_of_one_type_is_not_copied(frame: Any) -> None:
    pytest.importorskip("narwhals")
    assert np.shares_memory(frames.numbers("X", frame), frame.to_numpy())


def test_names_go_where_the_model_goes(frame: Any) -> None:
    y = pandas.Series(Y, name="kind")
    model = trained(frame, y)
    expected = Columns(NAMES, "kind")
    assert model.columns == expected
    assert model.to("numpy", dtype="float64").columns == expected
    assert pickle.loads(pickle.dumps(model)).columns == expected  # noqa: S301


def test_names_that_were_given_before_are_kept(frame: Any) -> None:
    model = MLP([4, 3])
    model.columns = Columns(NAMES, "kind", ("x", "y", "z"))
    model.fit(frame, pandas.Series(Y, name="other"), epochs=1)
    assert model.columns == Columns(NAMES, "kind", ("x", "y", "z"))
    with pytest.raises(ValueError, match="unseen at fit time: 'e'; .* now missing: 'd'"):
        model.fit(frame.rename(columns={"d": "e"}), Y, epochs=1)


def test_names_of_a_refused_training_are_forgotten(frame: Any) -> None:
    model = MLP([4, 3], scaling="standard")
    with pytest.raises(ValueError, match="y holds the label 3"):
        model.fit(frame, Y + 1, epochs=1)
    assert model.columns == Columns()
    assert model.scaling is None
    model.fit(X, Y, epochs=1)
    assert model.columns == Columns()


def test_many_names_are_not_all_listed() -> None:
    wide = pandas.DataFrame(np.ones((6, 9)), columns=list("abcdefghi"))
    model = MLP([9, 3])
    model.fit(wide, Y, epochs=1)
    with pytest.raises(ValueError, match="unseen at fit time: 'A', 'B', 'C', 'D', 'E' and 4 more"):
        model.predict(wide.rename(columns=str.upper))


def test_columns_without_names_are_compared_with_none(frame: Any) -> None:
    model = trained(X)
    assert model.predict(frame).shape == (6,)  # nothing to compare with
    named = trained(frame)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        named.predict(pandas.DataFrame(X))


def test_targets_in_a_frame_have_columns() -> None:
    y = pandas.DataFrame({"price": X[:, 0]})
    model = MLP([4, 1], loss="squared_error")
    model.fit(X, y, epochs=1)
    assert model.columns == Columns((), "price")
    both = MLP([4, 2], loss="squared_error")
    both.fit(X, y.assign(rent=1.0), epochs=1)
    assert both.columns == Columns()


def test_what_has_columns_and_is_no_frame() -> None:
    assert not frames.is_frame(MLP([4, 3]))
    assert not frames.is_frame(X)
    with pytest.raises(TypeError, match="X is of type MLP, expected an array"):
        trained(MLP([4, 3]))
