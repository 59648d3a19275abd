"""What the estimators refuse in a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

from portable_mlp import MLP, BestEpoch, nn
from portable_mlp.sklearn import MLPClassifier, MLPRegressor
from portable_mlp.sklearn.words import own_names

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]


def test_a_label_to_validate_on_that_was_never_trained_on() -> None:
    other = np.where(NAMES == "b", "z", NAMES)
    with pytest.raises(ValueError, match="y_val: y has the label 'z', expected those of the"):
        MLPClassifier((4,), max_iter=2).fit(X, NAMES, X_val=X, y_val=other)
    several = np.stack([NAMES, NAMES], axis=1)
    with pytest.raises(ValueError, match="y_val: y has the label 'z', expected those of the"):
        MLPClassifier((4,), max_iter=2).fit(
            X, several, X_val=X, y_val=np.stack([NAMES, other], axis=1)
        )


@pytest.mark.parametrize(
    ("estimator", "data", "sentence"),
    [
        (MLPRegressor(), (X, NAMES), "^MLPRegressor: y holds text, such as 'a', expected numbers"),
        (MLPRegressor(), (X, NAMES.astype(object)), "^MLPRegressor: y holds text, such as 'a'"),
        (MLPRegressor(), (X, NAMES.tolist()), "for classes choose MLPClassifier"),
        (
            MLPRegressor(categorical_features="from_dtype"),
            (X, NAMES),
            "^MLPRegressor: y holds text, such as 'a', expected numbers",
        ),
        (
            MLPClassifier(),
            (NAMES[:, None], Y),
            "^MLPClassifier: X holds text, such as 'a', .* or categorical_features='from_dtype'",
        ),
        (
            MLPClassifier(class_weight={0: 1, 7: 2}),
            (X, Y),
            "^MLPClassifier: class_weight has the class 7, expected those of y: 0, 1, 2",
        ),
        (
            MLPClassifier(class_weight={"a": -1}),
            (X, NAMES),
            "^MLPClassifier: class_weight of the class 'a' is -1, expected a finite number of at",
        ),
        (
            MLPClassifier(class_weight=[{0: 1, 1: 2}]),
            (X, Y),
            "^MLPClassifier: class_weight is a list, expected {class: factor}: y asks one question",
        ),
        (
            MLPClassifier(),
            (X, Y, "balanced"),
            "^MLPClassifier: sample_weight is 'balanced', expected one number for each row",
        ),
        (
            MLPClassifier((10**7, 10**7)),
            (X, Y),
            "^MLPClassifier: 100,.* parameters need 800,.* expected smaller layers",
        ),
        *(
            (
                MLPClassifier(solver="lbfgs", **given),
                (X, Y),
                f"^MLPClassifier: got {next(iter(given))} beside solver='lbfgs', expected ",
            )
            for given in (
                *({"clip_norm": 1.0}, {"weight_decay": 0.1}, {"schedule": "cosine"}),
                *({"average_weights": True}, {"callbacks": [BestEpoch()]}),
            )
        ),
    ],
)
def test_sentences_name_the_estimators_parameters(
    estimator: Any, data: tuple[Any, ...], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        estimator.fit(*data)


def test_numbers_as_text_are_numbers_where_scikit_learn_takes_them() -> None:
    y = np.array([str(number) for number in X[:, 0]], object)
    one, other = (
        MLPRegressor(hidden_layer_sizes=(4,), solver="lbfgs", random_state=0) for _ in range(2)
    )
    np.testing.assert_array_equal(one.fit(X, y).coefs_[0], other.fit(X, X[:, 0]).coefs_[0])


def test_validation_data_that_can_not_be() -> None:
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2)
    with pytest.raises(ValueError, match="^y_val: y has 2 columns, expected 1, as in the training"):
        model.fit(X, X[:, 0], X_val=X, y_val=X[:, :2])
    with pytest.raises(ValueError, match="^sample_weight_val holds negative"):
        model.fit(X, X[:, 0], X_val=X, y_val=X[:, 0], sample_weight_val=-np.ones(150))
    model.partial_fit(X, X[:, 0])
    with pytest.raises(ValueError, match="y has 2 columns, expected 1"):
        model.partial_fit(X, X[:, :2])


def test_numbers_that_nothing_scales_are_warned_of_in_scikit_learns_words() -> None:
    large = X * [1, 1, 1e5, 1]
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2)
    with (
        pytest.warns(ConvergenceWarning),
        pytest.warns(UserWarning, match="feature 2 has scale 6.9e.05; .*make_pipeline") as said,
    ):
        model.fit(large, Y)
    assert not [w for w in said if "MLP(" in str(w.message)]
    with (
        pytest.warns(ConvergenceWarning),
        pytest.warns(UserWarning, match="y has scale 2e.05; .*TransformedTargetRegressor") as said,
    ):
        model.fit(X, Y * 1e5)
    assert not [w for w in said if "MLP(" in str(w.message)]


def test_class_weights_of_a_batch_that_lacks_a_class() -> None:
    model = MLPClassifier((4,), class_weight={1: 5.0, 2: 3.0}, random_state=0)
    rows = Y < 2
    model.partial_fit(X[rows], Y[rows], classes=[0, 1, 2])
    other = MLPClassifier((4,), random_state=0)
    weights = np.where(Y[rows] == 1, 5.0, 1.0)
    other.partial_fit(X[rows], Y[rows], weights, classes=[0, 1, 2])
    np.testing.assert_array_equal(model.coefs_[0], other.coefs_[0])


DATES = np.datetime64("2020-01-01") + np.arange(600).reshape(150, 4)


@pytest.mark.parametrize("made", [MLPClassifier, MLPRegressor])
def test_masks_and_dates_never_become_other_numbers(made: Any) -> None:
    estimator = made(hidden_layer_sizes=(2,), max_iter=2)
    hidden = np.ma.masked_greater(X, 5)
    masked = "^{} is a masked array, expected a plain one: masked values would be used"
    dates = "^{} must be numeric, got dtype datetime64.*turn dates into numbers first"
    for x, message in ((hidden, masked), (DATES, dates)):
        with pytest.raises(ValueError, match=message.format("X")):
            estimator.fit(x, Y)
        with pytest.raises(ValueError, match=message.format("X")):
            estimator.fit(X, Y, X_val=x, y_val=Y)
    with pytest.raises(ValueError, match="^X must be numeric, got dtype timedelta64"):
        estimator.fit(DATES - DATES[0, 0], Y)
    with pytest.raises(ValueError, match=masked.format("y")):
        estimator.fit(X, np.ma.masked_equal(Y, 2))
    with pytest.raises(ValueError, match=masked.format("sample_weight")):
        estimator.fit(X, Y, np.ma.masked_equal(Y + 1, 2))
    assert not hasattr(estimator, "coefs_")
    with pytest.warns(ConvergenceWarning):
        estimator.fit(X, Y)
    for x, message in ((hidden, masked), (DATES, dates)):
        with pytest.raises(ValueError, match=message.format("X")):
            estimator.predict(x)


def test_dates_are_no_numbers_to_predict_but_may_be_classes() -> None:
    with pytest.raises(ValueError, match="^y must be numeric, got dtype datetime64"):
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=2).fit(X, DATES[:, 0])
    pd = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="^X must be numeric, got dtype datetime64"):
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=2).fit(pd.DataFrame(DATES), Y)
    with pytest.warns(ConvergenceWarning):
        fitted = MLPClassifier((2,), max_iter=2).fit(X, DATES[Y, 0])
    assert fitted.predict(X).dtype.kind == "M"


@pytest.mark.parametrize("table", [None, "from_dtype"])
@pytest.mark.parametrize(
    ("labels", "kind"), [([1, "a"], "int, such as 1"), (["a", None], "NoneType, such as None")]
)
def test_labels_of_two_types(labels: list[Any], kind: str, table: Any) -> None:
    y = np.array(labels * 75, object)
    sentence = f"^MLPClassifier: y holds text, such as 'a', and {kind}, expected labels of one type"
    with pytest.raises(ValueError, match=sentence):
        MLPClassifier(categorical_features=table).fit(X, y)


def test_probabilities_that_a_loss_has_not() -> None:
    model = MLPClassifier(loss="hinge", max_iter=2)
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model.set_params(loss=nn.Hinge()), "predict_log_proba")
    assert hasattr(model.set_params(loss="softmax_focal"), "predict_proba")
    assert hasattr(model.set_params(loss=None), "predict_proba")


def test_balanced_classes_need_all_rows() -> None:
    model = MLPClassifier((4,), class_weight="balanced")
    with pytest.raises(
        ValueError, match="^MLPClassifier: class_weight is 'balanced' beside partial"
    ):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert not hasattr(model, "classes_")


def test_an_array_of_another_library_than_the_backend() -> None:
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    sentence = "X is a array-api-strict array .*: choose backend='array-api-strict', or pass X as"
    with pytest.raises(ValueError, match=sentence), own_names(MLPClassifier()):
        MLP([4, 3]).fit(strict.asarray(X), Y, epochs=1)
