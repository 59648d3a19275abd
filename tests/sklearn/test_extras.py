"""What scikit-learn's estimators do not have."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.metrics import make_scorer

from portable_mlp import Callback, nn, optim
from portable_mlp.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
REGRESSION = make_regression(80, 4, n_targets=2, noise=1.0, random_state=0)
NUMBERS = REGRESSION[0], REGRESSION[1] / 50
SHORT: dict[str, Any] = {"max_iter": 10, "hidden_layer_sizes": (8,), "random_state": 0}


pytestmark = pytest.mark.usefixtures("short_trainings")


@pytest.mark.parametrize(
    "given",
    [
        {"activation": "silu"},
        {"activation": ["tanh", nn.ELU()], "hidden_layer_sizes": (8, 6)},
        {"dropout": 0.2},
        {"normalization": "batch"},
        {"normalization": "layer", "dropout": [0.1]},
        {"layers": [nn.Dense(12), nn.LayerNorm(), nn.Mish()], "hidden_layer_sizes": (100,)},
        {"loss": "softmax_focal"},
        {"loss": "hinge"},
        {"optimizer": "adamw"},
        {"optimizer": optim.Lion(3e-3)},
        {"optimizer": "lbfgs", "max_iter": 30},
        {"schedule": "one_cycle"},
        {"weight_decay": 0.1, "clip_norm": 1.0},
        {"label_smoothing": 0.1},
        {"initializer": "he_normal"},
        {"average_weights": 0.9},
        {"dtype": "float32"},
    ],
    ids=str,
)
@pytest.mark.parametrize("classes", [2, 3])
def test_each_option_trains_and_changes_the_result(given: dict[str, Any], classes: int) -> None:
    rows = classes > Y
    options = SHORT | {"learning_rate_init": 0.03, "max_iter": 40, "batch_size": 25}
    plain = MLPClassifier(**options).fit(X[rows], Y[rows])
    model = MLPClassifier(**options | given).fit(X[rows], Y[rows])
    assert model.score(X[rows], Y[rows]) > 0.85
    assert model.predict(X[rows]).shape == (rows.sum(),)
    differ = model.coefs_[-1].shape != plain.coefs_[-1].shape
    assert differ or np.abs(model.coefs_[-1] - plain.coefs_[-1]).max() > 1e-9
    if given.get("loss") != "hinge":
        p = model.predict_proba(X[rows])
        assert p.shape == (rows.sum(), classes)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def test_loss_without_probabilities_says_so() -> None:
    model = MLPClassifier(**SHORT, loss="hinge").fit(X, Y)
    with pytest.raises(AttributeError, match="no attribute 'predict_proba'") as refused:
        model.predict_proba(X)
    assert "Hinge gives no probabilities" in str(refused.value.__cause__)


@pytest.mark.parametrize(
    "loss", ["huber", "absolute_error", nn.Quantile((0.1, 0.9)), "gaussian_nll"]
)
def test_losses_of_numbers(loss: Any) -> None:
    model = MLPRegressor(loss, **SHORT | {"max_iter": 300, "learning_rate_init": 0.02})
    found = model.fit(*NUMBERS).predict(NUMBERS[0])
    if isinstance(loss, nn.Quantile):
        below = (found[:, 0::2] < NUMBERS[1]).mean(), (found[:, 1::2] > NUMBERS[1]).mean()
        assert min(below) > 0.7
    else:
        assert model.score(*NUMBERS) > 0.7


def test_dropout_is_off_at_prediction_and_seeded() -> None:
    one, two = (MLPClassifier(**SHORT, dropout=0.5).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    np.testing.assert_array_equal(one.predict_proba(X), one.predict_proba(X))


def test_validation_rows_of_ones_own() -> None:
    train, held = np.arange(0, 150, 2), np.arange(1, 150, 2)
    model = MLPClassifier(**SHORT).fit(X[train], Y[train], X_val=X[held], y_val=Y[held])
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 10
    assert model.validation_scores_[-1] == model.score(X[held], Y[held])
    p = model.predict_proba(X[held])
    squares = sum((w**2).sum() for w in model.coefs_)
    loss = -np.log(p[np.arange(75), Y[held]]).mean() + 0.5 * 1e-4 * squares / 75
    assert model.validation_loss_curve_[-1] == pytest.approx(loss)
    assert model.history_["val_loss"] == model.validation_loss_curve_
    assert model.best_validation_score_ is None  # nobody asked for early stopping
    with pytest.raises(ValueError, match="got X_val alone, expected X_val and y_val"):
        model.fit(X, Y, X_val=X)


def test_validation_weights_count() -> None:
    rows, weights = np.arange(150), (Y == 0).astype(float)
    model = MLPClassifier(**SHORT)
    model.fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weights)
    alone = MLPClassifier(**SHORT).fit(X, Y, X_val=X[rows[Y == 0]], y_val=Y[Y == 0])
    np.testing.assert_allclose(model.validation_scores_, alone.validation_scores_)
    np.testing.assert_allclose(
        model.validation_loss_curve_, alone.validation_loss_curve_, rtol=1e-6
    )


def test_validation_loss_of_several_numbers_is_their_mean() -> None:
    x, y = NUMBERS
    model = MLPRegressor(**SHORT, alpha=2.0).fit(x, y, X_val=x, y_val=y)
    squares = sum((w**2).sum() for w in model.coefs_)
    loss = 0.5 * np.mean((model.predict(x) - y) ** 2) + 0.5 * 2.0 * squares / len(x)
    assert model.validation_loss_curve_[-1] == pytest.approx(loss)


def test_scoring_of_ones_own_chooses_the_weights() -> None:
    x, y = make_classification(200, weights=[0.8], flip_y=0.1, random_state=0)
    options = SHORT | {"max_iter": 30, "early_stopping": True, "validation_fraction": 0.3}
    model = MLPClassifier(**options, scoring="roc_auc").fit(x, y)
    assert max(model.validation_scores_) == model.best_validation_score_
    accuracy = MLPClassifier(**options).fit(x, y)
    assert accuracy.validation_scores_ != model.validation_scores_[: accuracy.n_iter_]
    again = MLPClassifier(**options, scoring=lambda est, x, y: est.score(x, y)).fit(x, y)
    assert again.validation_scores_ == accuracy.validation_scores_


def test_several_questions_at_once() -> None:
    y = np.stack([np.asarray(["a", "b", "c"])[Y], np.where(X[:, 0] > 5.8, "long", "short")], axis=1)
    model = MLPClassifier(**SHORT | {"max_iter": 400, "learning_rate_init": 0.02}).fit(X, y)
    assert [c.tolist() for c in model.classes_] == [["a", "b", "c"], ["long", "short"]]
    assert (model.predict(X) == y).mean(axis=0).min() > 0.9
    assert model.score(X, y) == (model.predict(X) == y).all(axis=1).mean()
    p = model.predict_proba(X)
    assert [part.shape for part in p] == [(150, 3), (150, 2)]
    for part, logs in zip(p, model.predict_log_proba(X), strict=True):
        np.testing.assert_allclose(part.sum(axis=1), 1)
        np.testing.assert_allclose(np.exp(logs), part)
    balanced = MLPClassifier(**SHORT, class_weight="balanced").fit(X, y)
    assert balanced.predict(X).shape == y.shape
    early = MLPClassifier(**SHORT, early_stopping=True).fit(X, y)
    assert len(early.validation_scores_) == early.n_iter_


def test_hidden_units_are_features() -> None:
    model = MLPClassifier(**SHORT | {"hidden_layer_sizes": (9, 5), "activation": "tanh"}).fit(X, Y)
    hidden = np.tanh(
        np.tanh(X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1] + model.intercepts_[1]
    )
    np.testing.assert_allclose(model.transform(X), hidden)
    assert model.get_feature_names_out()[-1] == "mlpclassifier4"
    flat = MLPRegressor(**SHORT | {"hidden_layer_sizes": ()}).fit(*NUMBERS)
    np.testing.assert_array_equal(flat.transform(NUMBERS[0]), NUMBERS[0])


def test_input_gradient_is_a_derivative() -> None:
    x, y = NUMBERS
    model = MLPRegressor(**SHORT, activation="tanh").fit(x, y)
    step, direction = 1e-6, np.asarray([0.3, -1.0, 0.5, 2.0])
    found = model.input_gradient(x)
    expected = (model.predict(x + step * direction) - model.predict(x - step * direction)) / (
        2 * step
    )
    np.testing.assert_allclose(found @ direction, expected, atol=1e-7)
    np.testing.assert_array_equal(model.input_gradient(x, 1), found[:, 1])


def test_callbacks_of_both_kinds() -> None:
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    from sklearn.callback import ScoringMonitor

    seen: list[int] = []

    class Count(Callback):
        def on_epoch_end(self, run: Any) -> None:
            seen.append(run.history.epochs)

    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(**SHORT, callbacks=[Count()]).set_callbacks(monitor).fit(X, Y)
    assert seen == list(range(1, 11))
    assert not hasattr(model, "_callback_fit_ctx")

    class StopAtThree:
        def setup(self, estimator: Any, context: Any) -> None: ...
        def teardown(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_begin(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_end(self, estimator: Any, context: Any, *, fitted_estimator: Any) -> bool:
            scores.append(fitted_estimator.score(X, Y))
            return context.task_id == 2 and context.task_name == "epoch"

    scores: list[float] = []
    stopped = MLPClassifier(**SHORT).set_callbacks(StopAtThree()).fit(X, Y)
    assert stopped.n_iter_ == 3
    assert scores[-1] == stopped.score(X, Y)


@pytest.mark.parametrize("library", ["torch", "array_api_strict"])
def test_another_librarys_arrays_in_and_out(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    pytest.importorskip("sklearn", minversion="1.9", reason="dispatch is there from 1.9 on")
    xp = pytest.importorskip(library, reason=f"{library} is not installed")
    x, y = xp.asarray(X), xp.asarray(Y)
    plain = MLPClassifier(**SHORT).fit(X, Y)
    if library == "array_api_strict":  # scikit-learn finds NaN by boolean indexing
        flags = xp.ArrayAPIStrictFlags(boolean_indexing=True, data_dependent_shapes=True)
    else:
        flags = warnings.catch_warnings()
    with flags, config_context(array_api_dispatch=True):
        model = MLPClassifier(**SHORT).fit(x, y)
        for found, expected in (
            (model.predict(x), plain.predict(X)),
            (model.predict_proba(x), plain.predict_proba(X)),
            (model.coefs_[0], plain.coefs_[0]),
        ):
            assert type(found) is type(x)
            np.testing.assert_allclose(np.asarray(found), expected, atol=1e-9)
        with pytest.raises(ValueError, match="same namespace"):
            model.predict(X)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_backend_of_ones_own(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    plain = MLPClassifier(**SHORT).fit(X, Y)
    model = MLPClassifier(**SHORT, backend=library).fit(X, Y)
    assert isinstance(model.coefs_[0], np.ndarray)
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), atol=1e-9)


def test_sparse_rows_are_made_dense() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    x = X * (X > 1)
    one = MLPClassifier(**SHORT).fit(x, Y)
    two = MLPClassifier(**SHORT).fit(sparse.csr_array(x), Y)
    np.testing.assert_array_equal(two.predict_proba(sparse.csc_array(x)), one.predict_proba(x))


def share_right(estimator: Any, X: Any, y: Any) -> float:
    return float((estimator.predict(X) == y).mean())


def fifteenths(model: Any) -> bool:
    """Whether the scores are shares of the 15 rows held out, each counted once."""
    return all(abs(15 * s - round(15 * s)) < 1e-9 for s in model.validation_scores_)


@pytest.mark.parametrize("scoring", [share_right, make_scorer(lambda y, z: (y == z).mean())])
def test_a_score_that_knows_no_weights_gets_none(scoring: Any) -> None:
    weights = np.linspace(0.5, 2, 150)
    model = MLPClassifier(early_stopping=True, scoring=scoring, **SHORT).fit(X, Y, weights)
    assert fifteenths(model)
    by_name = clone(model).set_params(scoring="accuracy").fit(X, Y, weights)
    by_default = clone(model).set_params(scoring=None).fit(X, Y, weights)
    assert by_name.validation_scores_ == pytest.approx(by_default.validation_scores_)
    assert not fifteenths(by_name)


def test_several_scores_are_refused_before_the_training() -> None:
    sentence = r"^MLPClassifier: scoring is \['accuracy'\], expected the name of one score"
    with pytest.raises(ValueError, match=sentence):
        MLPClassifier(scoring=["accuracy"], early_stopping=True).fit(X, Y)


def test_rows_held_out_are_not_weighted_by_their_class() -> None:
    weighted = MLPClassifier(early_stopping=True, class_weight={0: 5, 2: 0.1}, **SHORT).fit(X, Y)
    assert fifteenths(weighted)
    assert not np.allclose(weighted.loss_curve_, MLPClassifier(**SHORT).fit(X, Y).loss_curve_)


@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 80)])
def test_the_loss_of_several_numbers_is_that_of_their_mean(weights: Any) -> None:
    options: dict[str, Any] = {"solver": "lbfgs", "alpha": 5.0, **SHORT}
    model = MLPRegressor(**options).fit(*NUMBERS, weights)
    wrong = model.predict(NUMBERS[0]) - NUMBERS[1]
    penalty = 2.5 * sum((w**2).sum() for w in model.coefs_)
    penalty /= 80 if weights is None else weights.sum()
    squares = np.average(wrong**2 / 2, axis=0, weights=weights).mean()  # scikit-learn's
    assert model.loss_ == pytest.approx(squares + penalty)
    assert model.history_["loss"][-1] == pytest.approx(model.loss_)
