"""The estimators among scikit-learn's others, and their weights, pickles and failures."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import joblib
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_regression
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from portable_mlp import nn
from portable_mlp.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
NUMBERS = make_regression(60, 4, noise=1.0, random_state=0)
SHORT: dict[str, Any] = {"max_iter": 15, "hidden_layer_sizes": (8,), "random_state": 0}


pytestmark = pytest.mark.usefixtures("short_trainings")


def weights_of(model: Any) -> np.ndarray:
    return np.concatenate([w.ravel() for w in model.coefs_ + model.intercepts_])


def made(kind: str, **given: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    options = SHORT | {"batch_size": 1000, "learning_rate_init": 0.05, "alpha": 0.1} | given
    if kind == "classes":
        return MLPClassifier(**options), X, Y
    return MLPRegressor(**options), NUMBERS[0], NUMBERS[1] / 50


@pytest.mark.filterwarnings("ignore:Got `batch_size`")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_weight_two_is_a_row_twice_and_weight_zero_is_none(kind: str, solver: str) -> None:
    model, x, y = made(kind, solver=solver)
    counts = np.random.default_rng(0).integers(0, 3, len(y))
    weighted = clone(model).fit(x, y, sample_weight=counts)
    repeated = clone(model).fit(np.repeat(x, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weights_of(weighted), weights_of(repeated), rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_weights_of_one_are_no_weights(kind: str) -> None:
    model, x, y = made(kind, batch_size=32)
    alone = clone(model).fit(x, y)
    weighted = clone(model).fit(x, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(weights_of(weighted), weights_of(alone), rtol=1e-12, atol=1e-14)


def test_class_weight_is_a_weight_of_the_rows() -> None:
    rows = np.r_[0:50, 50:60, 100:130]
    balanced = MLPClassifier(**SHORT, class_weight="balanced").fit(X[rows], Y[rows])
    factors = len(rows) / (3 * np.bincount(Y[rows]))
    by_hand = MLPClassifier(**SHORT).fit(X[rows], Y[rows], sample_weight=factors[Y[rows]])
    np.testing.assert_allclose(weights_of(balanced), weights_of(by_hand))
    plain = MLPClassifier(**SHORT).fit(X[rows], Y[rows])
    assert np.abs(weights_of(plain) - weights_of(by_hand)).max() > 1e-5


def test_grid_search_and_cross_validation() -> None:
    names = np.asarray(["setosa", "versicolor", "virginica"])[Y]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), MLPClassifier(**SHORT)),
        {"mlpclassifier__learning_rate_init": [1e-5, 0.05], "mlpclassifier__dropout": [0.0]},
        cv=3,
    ).fit(X, names)
    assert search.best_params_["mlpclassifier__learning_rate_init"] == 0.05
    assert search.best_score_ > 0.9
    scores = cross_val_score(MLPRegressor(**SHORT, solver="lbfgs"), *NUMBERS, cv=3)
    assert scores.min() > 0.9


def test_two_processes_give_the_same_scores() -> None:
    model = MLPClassifier(**SHORT)
    one, two = (cross_val_score(model, X, Y, cv=2, n_jobs=n) for n in (1, 2))
    np.testing.assert_allclose(one, two)


def test_calibration_and_voting() -> None:
    mlp = MLPClassifier(**SHORT | {"learning_rate_init": 0.05})
    calibrated = CalibratedClassifierCV(mlp, cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert calibrated.score(X, Y) > 0.8
    voting = VotingClassifier([("m", mlp), ("l", LogisticRegression(max_iter=500))], voting="soft")
    assert voting.fit(X, Y).score(X, Y) > 0.9


def test_validation_rows_pass_through_a_pipeline() -> None:
    scale = np.asarray([1.0, 10.0, 100.0, 1000.0])
    with config_context(enable_metadata_routing=True):
        model = MLPClassifier(**SHORT, early_stopping=True).set_fit_request(X_val=True, y_val=True)
        pipe = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipe.fit(X[::2] * scale, Y[::2], X_val=X[1::2] * scale, y_val=Y[1::2])
    fitted = pipe[-1]
    alone = clone(model)
    scaler = StandardScaler().fit(X[::2] * scale)
    alone.fit(
        scaler.transform(X[::2] * scale),
        Y[::2],
        X_val=scaler.transform(X[1::2] * scale),
        y_val=Y[1::2],
    )
    np.testing.assert_allclose(fitted.validation_loss_curve_, alone.validation_loss_curve_)


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_a_pickle_holds_the_weights_and_not_the_optimizer(kind: str) -> None:
    model, x, y = made(kind, hidden_layer_sizes=(200,), batch_size=30)
    size = len(pickle.dumps(model.partial_fit(x, y, **_classes(kind))))
    parameters = weights_of(model).nbytes
    assert size < 2.2 * parameters + 10_000  # Adam's two moments would make it 4
    for _ in range(5):
        model.partial_fit(x, y)
    assert len(pickle.dumps(model)) < size + 3_000
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    again.partial_fit(x, y)
    assert not np.array_equal(weights_of(again), weights_of(model))


def _classes(kind: str) -> dict[str, Any]:
    return {"classes": [0, 1, 2]} if kind == "classes" else {}


def test_joblib(tmp_path: Any) -> None:
    model = MLPClassifier(**SHORT).fit(X, Y)
    joblib.dump(model, tmp_path / "m")
    np.testing.assert_array_equal(
        joblib.load(tmp_path / "m").predict_proba(X), model.predict_proba(X)
    )


def test_weights_put_in_place_are_used() -> None:
    model = MLPClassifier(**SHORT).fit(X, Y)
    before = model.predict_proba(X)
    other = clone(model).set_params(random_state=1).fit(X, Y)
    model.coefs_ = list(other.coefs_)
    model.intercepts_ = list(other.intercepts_)
    np.testing.assert_array_equal(model.predict_proba(X), other.predict_proba(X))
    model.coefs_[0] = np.zeros((4, 8))
    assert not np.array_equal(model.predict_proba(X), before)
    assert np.ptp(model.predict_proba(X), axis=0).max() == 0
    with pytest.raises(ValueError, match="read-only"):
        other.coefs_[0][0, 0] = 1.0


def test_partial_fit_keeps_the_optimizer_and_warm_start_too() -> None:
    """As one training: Adam's moments are not lost between the calls."""
    given = SHORT | {"shuffle": False, "tol": 0.0, "batch_size": 50}
    whole = MLPClassifier(**given | {"max_iter": 6}).fit(X, Y)
    passes = MLPClassifier(**given)
    for _ in range(6):
        passes.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_array_equal(weights_of(passes), weights_of(whole))
    warm = MLPClassifier(**given | {"max_iter": 3, "warm_start": True}).fit(X, Y).fit(X, Y)
    np.testing.assert_array_equal(weights_of(warm), weights_of(whole))
    assert warm.loss_curve_ == whole.loss_curve_


def test_early_stopping_may_be_switched_between_trainings() -> None:
    """scikit-learn stops with a TypeError: it takes tol from None."""
    model = MLPClassifier(**SHORT, early_stopping=True, warm_start=True).fit(X, Y)
    model.set_params(early_stopping=False).partial_fit(X, Y)
    assert model.best_loss_ == model.loss_curve_[-1]
    model.set_params(early_stopping=True).fit(X, Y)
    assert model.best_validation_score_ == max(model.validation_scores_)


def test_what_came_in_is_not_written_to_and_a_failure_leaves_the_estimator() -> None:
    x, y, w = X.copy(), Y.copy(), np.ones(len(Y))
    model = MLPClassifier(**SHORT, class_weight="balanced").fit(x, y, sample_weight=w)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    np.testing.assert_array_equal(w, 1)
    before, attributes = weights_of(model), set(vars(model))
    for bad in (
        lambda: model.fit(X * np.nan, Y),
        lambda: model.fit(X, Y, sample_weight=-w),
        lambda: model.set_params(alpha=-1).fit(X, Y),
        lambda: model.set_params(alpha=0, solver="sgd", learning_rate_init=1e300).fit(X, Y),
    ):
        with pytest.raises(ValueError):
            bad()
    np.testing.assert_array_equal(weights_of(model), before)
    assert set(vars(model)) == attributes


def test_divergence_says_what_and_where() -> None:
    model = MLPRegressor(**SHORT, solver="sgd", activation="identity", learning_rate_init=1e6)
    with pytest.raises(
        ValueError, match=r"non-finite parameter weights.*diverged in epoch \d, step \d"
    ):
        model.fit(*NUMBERS)
    with pytest.raises(NotFittedError):
        model.predict(NUMBERS[0])
    with pytest.raises(NotFittedError):
        MLPClassifier().score(X, Y)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"activation": "rellu"},
            "activation: got 'rellu', expected one of .* Did you mean 'relu'",
        ),
        ({"solver": "adams"}, "solver: got 'adams', expected one of .* Did you mean 'adam'"),
        ({"learning_rate": 0.1}, "learning_rate is 0.1, expected one of constant"),
        ({"learning_rate_init": -1}, "learning_rate_init is -1, expected a finite number above 0"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must be > 0, got"),
        ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes must be > 0, got"),
        ({"batch_size": 0}, "batch_size is 0, expected 'auto' or a whole number"),
        ({"dropout": 1.0}, r"rate is 1.0, expected a share in \[0, 1\)"),
        ({"dropout": [0.1, 0.2]}, "dropout: got 2 values, expected 1"),
        ({"loss": "squared_error"}, "loss: got 'squared_error', expected one of"),
        ({"normalization": "bach"}, "normalization: got 'bach', .* Did you mean 'batch'"),
        ({"optimizer": "adamv"}, "optimizer: got 'adamv'"),
        ({"backend": "numpi"}, "backend: got 'numpi', .* Did you mean 'numpy'"),
        ({"class_weight": "balance"}, "class_weight is 'balance', expected 'balanced'"),
        ({"average_weights": 2}, "average_weights is 2, expected"),
        (
            {"layers": nn.Dense(3), "hidden_layer_sizes": 100},
            r"layers: got Dense\(.*expected a list of layers",
        ),
        ({"callbacks": 3}, "callbacks: got 3, expected a list of Callback objects"),
        ({"solver": "lbfgs", "dropout": 0.5}, "got dropout beside solver='lbfgs'"),
    ],
)
def test_a_parameter_that_can_not_be_is_refused_in_a_sentence(
    given: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        MLPClassifier(**SHORT | given).fit(X, Y)
