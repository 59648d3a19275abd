"""With the same parameters and the same random_state, scikit-learn's estimators and ours are one."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="it compares with scikit-learn 1.9")

import sklearn.neural_network as theirs
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification, make_regression

import portable_mlp.sklearn as ours

IRIS, DIGITS = load_iris(return_X_y=True), load_digits(n_class=5, return_X_y=True)
TWO = IRIS[0][:100], np.asarray(["no", "yes"])[IRIS[1][:100]]
NUMBERS = make_regression(150, 8, n_targets=3, noise=5.0, random_state=0)
NUMBERS = NUMBERS[0], NUMBERS[1] / 100
NUMBER = NUMBERS[0], NUMBERS[1][:, 0]
COUNTS = IRIS[0], np.stack([IRIS[1], IRIS[1] + 2], axis=1)
LABELS = make_multilabel_classification(60, random_state=0)
SGD = {"solver": "sgd", "learning_rate_init": 0.05}
CASES: dict[str, tuple[str, tuple[Any, Any], dict[str, Any]]] = {
    "classes": ("MLPClassifier", IRIS, {"batch_size": 32}),
    "two classes": ("MLPClassifier", TWO, {"batch_size": 32, "alpha": 1.0}),
    "one output layer": ("MLPClassifier", IRIS, {"hidden_layer_sizes": ()}),
    "several layers": ("MLPClassifier", IRIS, {"hidden_layer_sizes": (9, 7), "activation": "tanh"}),
    "labels": ("MLPClassifier", LABELS, {"batch_size": 25}),
    "logistic": ("MLPClassifier", TWO, {**SGD, "activation": "logistic", "batch_size": 16}),
    "invscaling": ("MLPClassifier", IRIS, {**SGD, "learning_rate": "invscaling", "power_t": 0.2}),
    "adaptive": ("MLPClassifier", IRIS, {**SGD, "learning_rate": "adaptive", "tol": 0.01}),
    "momentum": ("MLPClassifier", IRIS, {**SGD, "nesterovs_momentum": False}),
    "no momentum": ("MLPClassifier", IRIS, {**SGD, "momentum": 0.0}),
    "in order": ("MLPClassifier", IRIS, {"batch_size": 40, "shuffle": False}),
    "stops": ("MLPClassifier", IRIS, {"tol": 0.05, "n_iter_no_change": 3, "max_iter": 300}),
    "early stopping": ("MLPClassifier", DIGITS, {"early_stopping": True, "n_iter_no_change": 4}),
    "early stopping, two": ("MLPClassifier", TWO, {"early_stopping": True, "tol": 0.1}),
    "early stopping, labels": ("MLPClassifier", LABELS, {"early_stopping": True}),
    "a number": ("MLPRegressor", NUMBER, {"batch_size": 64, "alpha": 1.0}),
    "numbers": ("MLPRegressor", NUMBERS, {"batch_size": 64, "alpha": 1.0}),
    "numbers, early stopping": ("MLPRegressor", NUMBERS, {"early_stopping": True, "alpha": 3.0}),
    "identity": ("MLPRegressor", NUMBER, {**SGD, "activation": "identity"}),
    "poisson": ("MLPRegressor", (IRIS[0], IRIS[1]), {"loss": "poisson", "batch_size": 40}),
    "poissons": ("MLPRegressor", COUNTS, {"loss": "poisson"}),
    "adam": ("MLPRegressor", NUMBER, {"beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}),
    "lbfgs": ("MLPClassifier", IRIS, {"solver": "lbfgs"}),
    "lbfgs, a number": ("MLPRegressor", NUMBER, {"solver": "lbfgs", "alpha": 1.0}),
}
SAME = ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_")
CLOSE = ("loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_")


def both(name: str, given: dict[str, Any]) -> tuple[Any, Any]:
    options = {"max_iter": 20, "hidden_layer_sizes": (10,), "random_state": 3} | given
    return tuple(getattr(module, name)(**options) for module in (theirs, ours))


def check(their: Any, our: Any, tolerance: float = 1e-9) -> None:
    for name in SAME:
        assert getattr(our, name) == getattr(their, name), name
    for name in CLOSE:
        expected = getattr(their, name, None)
        if expected is None:
            assert getattr(our, name, None) is None, name
        else:
            found = getattr(our, name)
            np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance, err_msg=name)
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(our, name), getattr(their, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES)
def test_training_is_the_same(case: str) -> None:
    name, (X, y), given = CASES[case]
    their, our = (model.fit(X, y) for model in both(name, given))
    check(their, our)
    np.testing.assert_array_equal(our.predict(X).shape, their.predict(X).shape)
    if name == "MLPClassifier":
        np.testing.assert_array_equal(our.classes_, their.classes_)
        np.testing.assert_array_equal(our.predict(X), their.predict(X))
        np.testing.assert_allclose(our.predict_proba(X), their.predict_proba(X), atol=1e-9)
        np.testing.assert_allclose(our.predict_log_proba(X), their.predict_log_proba(X), atol=1e-6)
    else:
        np.testing.assert_allclose(our.predict(X), their.predict(X), atol=1e-9)
    assert our.score(X, y) == pytest.approx(their.score(X, y), abs=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_training_from_given_weights_is_the_same(solver: str) -> None:
    """No random number on either side: weights from here, rows in their order."""
    X, y = IRIS
    random = np.random.default_rng(0)
    shapes = [(4, 6), (6, 3)]
    given = {"solver": solver, "shuffle": False, "batch_size": 25, "hidden_layer_sizes": (6,)}
    models = [m.partial_fit(X, y, classes=[0, 1, 2]) for m in both("MLPClassifier", given)]
    for model in models:
        random = np.random.default_rng(0)
        model.coefs_ = [random.normal(size=shape) for shape in shapes]
        model.intercepts_ = [random.normal(size=shape[1]) for shape in shapes]
        model.set_params(warm_start=True)
        if hasattr(model, "_optimizer"):
            del model._optimizer  # its memory is of other weights
        model.fit(X, y)
    check(*models)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_partial_fit_is_the_same() -> None:
    X, y = IRIS
    falling = {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1}
    their, our = both("MLPClassifier", {"batch_size": 20, **falling})
    for start in range(0, 150, 50):
        for model in (their, our):
            model.partial_fit(X[start : start + 50], y[start : start + 50], classes=[0, 1, 2])
    check(their, our)
    assert our.n_iter_ == 1
    assert len(our.loss_curve_) == 3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_weighted_training_is_the_same(name: str) -> None:
    """Weights and biases: in the loss of an epoch our batches count by weight, theirs by rows."""
    X, y = IRIS
    weights = np.random.default_rng(0).uniform(0, 3, len(y))
    their, our = (m.fit(X, y, sample_weight=weights) for m in both(name, {"batch_size": 40}))
    for a, b in zip(our.coefs_ + our.intercepts_, their.coefs_ + their.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    whole = [m.fit(X, y, sample_weight=weights) for m in both(name, {"batch_size": 150})]
    check(*whole)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_single_precision_stays_single() -> None:
    X, y = IRIS[0].astype(np.float32), IRIS[1]
    their, our = (model.fit(X, y) for model in both("MLPClassifier", {"batch_size": 50}))
    assert {w.dtype for w in our.coefs_ + our.intercepts_} == {np.dtype("float32")}
    assert our.predict_proba(X).dtype == np.float32
    check(their, our, 1e-4)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parameters_have_their_names_order_and_defaults(name: str) -> None:
    expected = inspect.signature(getattr(theirs, name)).parameters
    found = list(inspect.signature(getattr(ours, name)).parameters.values())
    same, more = found[: len(expected)], found[len(expected) :]
    for mine, their in zip(same, expected.values(), strict=True):
        assert (mine.name, mine.default, mine.kind) == (their.name, their.default, their.kind)
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in more)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_public_names_are_all_there(name: str, solver: str) -> None:
    their, our = (m.fit(*IRIS) for m in both(name, {"solver": solver, "max_iter": 200}))
    missing = {n for n in dir(their) if not n.startswith("_")} - set(dir(our))
    if solver == "lbfgs":
        missing -= {"partial_fit"}  # their regressor has it, though lbfgs has no passes
    assert not missing


def test_every_warning_of_theirs_is_one_of_ours() -> None:
    X, y = IRIS
    for given in ({"max_iter": 2}, {"batch_size": 1000, "max_iter": 2}):
        said = []
        for model in both("MLPClassifier", given):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(X, y)
            said.append(sorted((w.category.__name__, str(w.message)) for w in caught))
        assert said[0] == said[1]
