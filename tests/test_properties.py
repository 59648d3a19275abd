"""Shapes and labels of any size, drawn by hypothesis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portable_mlp import MLP

pytestmark = pytest.mark.filterwarnings("ignore:y is the same in each row")

SETTINGS = settings(max_examples=40, deadline=None)


@SETTINGS
@given(
    rows=st.integers(1, 30),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    classes=st.integers(2, 5),
    batch_size=st.one_of(st.none(), st.integers(1, 40)),
    data=st.data(),
)
def test_any_shape_trains_and_predicts(
    rows: int, sizes: list[int], classes: int, batch_size: int | None, data: st.DataObject
) -> None:
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows))
    X = np.random.default_rng(0).normal(size=(rows, sizes[0]))
    model = MLP([*sizes, classes], dtype="float64")
    history = model.fit(X, labels, epochs=2, batch_size=batch_size)
    assert history.epochs == 2
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (rows, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert set(model.predict(X).tolist()) <= set(range(classes))
    one_hot = np.eye(classes)[labels]
    found, same = model.evaluate(X, labels), model.evaluate(X, one_hot)
    assert found["loss"] == pytest.approx(same["loss"], rel=1e-12)
    assert found["accuracy"] == same["accuracy"]


@SETTINGS
@given(
    labels=st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=6),
    classes=st.integers(2, 5),
    dtype=st.sampled_from(["int64", "float64"]),
)
def test_labels_are_in_range_or_refused(labels: list[int], classes: int, dtype: str) -> None:
    model = MLP([2, classes], metrics=())
    X = np.zeros((len(labels), 2))
    y = np.asarray(labels, dtype=dtype)
    if all(0 <= label < classes for label in y):
        assert model.fit(X, y, epochs=1).epochs == 1
    else:
        with pytest.raises(ValueError, match="y holds the label"):
            model.fit(X, y, epochs=1)


@SETTINGS
@given(
    x_shape=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    y_shape=st.lists(st.integers(0, 4), min_size=0, max_size=3),
    units=st.integers(1, 3),
)
def test_nothing_is_ever_broadcast(x_shape: list[int], y_shape: list[int], units: int) -> None:
    model = MLP([3, units], loss="squared_error")
    X, y = np.ones(x_shape), np.ones(y_shape)
    fits = (
        len(x_shape) == 2 and x_shape[1] == 3 and x_shape[0] > 0 and y_shape == [x_shape[0], units]
    )
    if fits:
        assert model.fit(X, y, epochs=1).epochs == 1
    else:
        with pytest.raises(ValueError, match="expected"):
            model.fit(X, y, epochs=1)
