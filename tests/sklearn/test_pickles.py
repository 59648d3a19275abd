"""Pickles with the optimizer's state in them, and trainings that fail."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import joblib
from sklearn.base import clone
from sklearn.datasets import load_iris

from portable_mlp import optim
from portable_mlp.sklearn import MLPClassifier, MLPRegressor
from portable_mlp.training import Callback, Run

X, Y = load_iris(return_X_y=True)
SHORT: dict[str, Any] = {
    **{"max_iter": 5, "hidden_layer_sizes": (8,), "batch_size": 32, "learning_rate_init": 0.01}
}


pytestmark = pytest.mark.usefixtures("short_trainings")


def same(one: Any, other: Any) -> None:
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    assert one.loss_curve_ == other.loss_curve_
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def pickled(model: Any) -> Any:
    return pickle.loads(pickle.dumps(model))  # noqa: S301


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"optimizer": optim.Adam(0.01, accumulation_steps=2)},
        {"optimizer": optim.LBFGS()},
        {"average_weights": 0.9},
        {"dropout": 0.3, "normalization": "batch"},
        {"dtype": "float32", "schedule": "cosine"},
        {"backend": "torch"},
        {"backend": "jax"},
        {"random_state": np.random.RandomState(3)},
    ],
    ids=str,
)
@pytest.mark.parametrize("copied", [pickled, copy.deepcopy, copy.copy])
def test_training_goes_on_from_a_pickle(given: dict[str, Any], copied: Any) -> None:
    if "backend" in given:
        pytest.importorskip(given["backend"], reason=f"{given['backend']} is not installed")
    options = SHORT | {"random_state": 0, "pickle_optimizer": True} | given
    model = MLPClassifier(**copy.deepcopy(options))
    for _ in range(3):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    again = copied(model)
    random = isinstance(given.get("random_state"), np.random.RandomState)
    if random and copied is copy.copy:  # which share a generator
        again.random_state = copy.deepcopy(model.random_state)
    for _ in range(2):
        again.partial_fit(X, Y)
        model.partial_fit(X, Y)
    same(model, again)


def test_warm_start_goes_on_from_a_pickle(tmp_path: Any) -> None:
    model = MLPClassifier(**SHORT, random_state=0, warm_start=True, pickle_optimizer=True)
    joblib.dump(model.fit(X, Y), tmp_path / "model")
    again = joblib.load(tmp_path / "model")
    same(model.fit(X, Y), again.fit(X, Y))


def test_without_being_asked_a_pickle_is_smaller_and_the_optimizer_begins_anew() -> None:
    wide = SHORT | {"hidden_layer_sizes": (500,), "random_state": 0}
    model = MLPClassifier(**wide).fit(X, Y)
    plain = len(pickle.dumps(model))
    full = len(pickle.dumps(model.set_params(pickle_optimizer=True)))
    parameters = sum(w.nbytes for w in model.coefs_ + model.intercepts_)
    assert abs(full - plain - 2 * parameters) < 2_000  # Adam's two moments
    again = pickled(model.set_params(pickle_optimizer=False))
    again.partial_fit(X, Y)
    assert not np.array_equal(again.coefs_[0], model.partial_fit(X, Y).coefs_[0])


def test_a_clone_knows_nothing_of_a_training() -> None:
    model = MLPClassifier(**SHORT, random_state=0, pickle_optimizer=True).fit(X, Y)
    made = clone(model)
    assert made.pickle_optimizer
    assert not hasattr(made, "coefs_")
    same(made.fit(X, Y), clone(model).fit(X, Y))


def test_what_it_can_be() -> None:
    with pytest.raises(ValueError, match="pickle_optimizer is 'yes', expected True or False"):
        MLPRegressor(pickle_optimizer="yes").fit(X, Y)
    assert pickled(MLPRegressor(pickle_optimizer=True)).pickle_optimizer


class Fails(Callback):
    def on_epoch_end(self, run: Run) -> None:
        raise OSError("a callback that fails")


@pytest.mark.parametrize("way", ["partial_fit", "fit"])
def test_a_training_that_fails_leaves_the_weights_and_the_optimizer(way: str) -> None:
    model = MLPClassifier(**SHORT, random_state=0, warm_start=True).fit(X, Y)
    other = copy.deepcopy(model.set_params(pickle_optimizer=True))
    with pytest.raises(OSError, match="a callback that fails"):
        getattr(model.set_params(callbacks=[Fails()]), way)(X, Y)
    same(model, other)
    for each in (model, other):
        getattr(each.set_params(callbacks=None), way)(X, Y)
    same(model, other)


def test_copies_go_their_own_ways() -> None:
    model = MLPClassifier(**SHORT, random_state=0).fit(X, Y)
    before = model.predict_proba(X)
    copy.copy(model).partial_fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
