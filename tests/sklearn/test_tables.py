"""Estimators that take data frames with text, categories and gaps."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("pandas", reason="pandas is not installed")
pytest.importorskip("narwhals", reason="narwhals is not installed")

import pandas as pd
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from portable_mlp import TableEncoder, optim
from portable_mlp.sklearn import MLPClassifier, MLPRegressor

RANDOM = np.random.default_rng(0)
ROWS = 160
X = pd.DataFrame(
    {
        "age": np.where(RANDOM.random(ROWS) < 0.1, np.nan, RANDOM.normal(40, 10, ROWS)),
        "job": RANDOM.choice(["clerk", "cook", "nurse", None], ROWS),
        "town": RANDOM.choice([f"town {k}" for k in range(14)], ROWS),
        "member": RANDOM.random(ROWS) < 0.5,
        "code": RANDOM.integers(0, 4, ROWS),
    }
)
Y = np.where((X["job"] == "cook") ^ X["member"], "high", "low")
NUMBERS = (X["job"] == "cook") * 2.0 + X["age"].fillna(40) / 10
SHORT: dict[str, Any] = {
    "max_iter": 12,
    "hidden_layer_sizes": (8,),
    "random_state": 0,
    "learning_rate_init": 0.02,
    "categorical_features": "from_dtype",
}


pytestmark = pytest.mark.usefixtures("short_trainings")


def classifier(**given: Any) -> MLPClassifier:
    return MLPClassifier(**SHORT | given)


def same_weights(one: Any, other: Any) -> None:
    mine, others = one._model().parameters(), other._model().parameters()
    assert mine.keys() == others.keys()
    for name, weight in mine.items():
        np.testing.assert_array_equal(weight, others[name], err_msg=name)


def test_a_table_is_learnt() -> None:
    model = classifier(max_iter=300).fit(X, Y)
    assert model.score(X, Y) > 0.95
    assert model.encoder_.outputs == (
        *("age", "age is missing", "code", "job=clerk", "job=cook", "job=nurse"),
        *("member=True", "town"),
    )
    assert model.n_features_in_ == 5
    assert model.feature_names_in_.tolist() == list(X)
    assert model.coefs_[0].shape == (7 + 8, 8)
    assert model.get_feature_names_out().tolist() == [f"mlpclassifier{k}" for k in range(8)]
    assert model.transform(X).shape == (ROWS, 8)
    assert model.input_gradient(X, 0).shape == (ROWS, 8)
    assert MLPRegressor(**SHORT | {"max_iter": 300}).fit(X, NUMBERS).score(X, NUMBERS) > 0.9


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_it_is_the_training_on_the_encoded_rows(kind: Any, solver: str) -> None:
    x, y = X.drop(columns="town"), Y if kind is MLPClassifier else NUMBERS
    options = SHORT | {"solver": solver}
    model = kind(**options).fit(x, y)
    numbers = TableEncoder.of(x).encode(x)
    other = kind(**options | {"categorical_features": None}).fit(numbers, y)
    same_weights(model, other)
    np.testing.assert_array_equal(model.predict(x), other.predict(numbers))
    assert other.encoder_ is None


def test_the_seed_draws_the_vectors_too() -> None:
    one, again, other = (classifier(random_state=k).fit(X, Y) for k in (1, 1, 2))
    same_weights(one, again)
    vectors = [m._mlp.parameters()["embedding_1.column_1"] for m in (one, other)]
    assert np.abs(vectors[0] - vectors[1]).max() > 0.5


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_what_is_held_out_is_not_looked_at(scoring: str | None) -> None:
    """The encoder knows nothing of the rows held out, which the score sees as they were given."""
    seen = []

    def score(model: Any, x: Any, y: Any) -> float:
        seen.append(x)
        return float(model.score(x, y))

    asked = score if scoring else None
    model = classifier(early_stopping=True, validation_fraction=0.3, scoring=asked).fit(X, Y)
    if scoring:
        held = seen[0]
        assert list(held) == list(X)
        kept = X.drop(index=held.index)
        assert len(held) == 48
        assert model.encoder_ == TableEncoder.of(kept)
    assert model.encoder_ != TableEncoder.of(X)
    assert len(model.validation_scores_) == model.n_iter_
    plain = classifier(early_stopping=True, validation_fraction=0.3).fit(X, Y)
    same_weights(model, plain)


def test_validation_rows_of_ones_own() -> None:
    model = classifier().fit(X[:100], Y[:100], X_val=X[100:], y_val=Y[100:])
    assert model.encoder_ == TableEncoder.of(X[:100])
    assert len(model.validation_loss_curve_) == 12
    last = -np.log(model.predict_proba(X[100:]))[np.arange(60), (Y[100:] == "low").astype(int)]
    penalty = 0.5e-4 * sum((w**2).sum() for w in model.coefs_)
    np.testing.assert_allclose(
        model.validation_loss_curve_[-1], last.mean() + penalty / 60, atol=2e-6
    )
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        classifier().fit(X, Y, X_val=X[["age", "job"]], y_val=Y)


@pytest.mark.parametrize("chosen", [["code"], [4], [False] * 4 + [True], np.array([4])])
def test_numbers_that_are_categories(chosen: Any) -> None:
    model = classifier(categorical_features=chosen).fit(X, Y)
    assert model.encoder_ == TableEncoder.of(X, categorical=["code"])
    assert "code=3" in model.encoder_.outputs
    rows = model.predict_proba(X.assign(code=X["code"].astype(float)))
    np.testing.assert_array_equal(rows, model.predict_proba(X))


@pytest.mark.parametrize("wrong", ["code", ["cod"], [5], [-1], [True], 3, "from_type", [1.5]])
def test_what_names_no_column_is_refused(wrong: Any) -> None:
    model = classifier(categorical_features=wrong)
    with pytest.raises(ValueError, match=r"^categorical_features is .*expected 'from_dtype', None"):
        model.fit(X, Y)
    assert not hasattr(model, "coefs_")


def test_arrays_and_lists() -> None:
    rows = X.to_numpy().tolist()
    model = classifier().fit(rows, Y)
    assert model.encoder_.names == tuple("01234")
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(model.predict(rows), model.predict(X.to_numpy()))
    named = classifier().fit(X, Y)
    same_weights(named, model)
    with pytest.warns(UserWarning, match="valid feature names") as caught:
        found = named.predict(X.to_numpy())
    assert len(caught) == 1
    np.testing.assert_array_equal(found, model.predict(rows))


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_frames(library: str) -> None:
    owner = pytest.importorskip(library, reason=f"{library} is not installed")
    pytest.importorskip("sklearn", minversion="1.9", reason="it took only pandas before 1.9")
    if library == "polars":
        frame = owner.DataFrame(
            {name: [None if pd.isna(v) else v for v in X[name].tolist()] for name in X}
        )
    else:
        frame = owner.Table.from_pandas(X)
    model = classifier(early_stopping=True).fit(frame, Y)
    same_weights(model, classifier(early_stopping=True).fit(X, Y))
    np.testing.assert_array_equal(model.predict(frame), model.predict(X))


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (X[X.columns[::-1]], ValueError, "same order"),
        (X.drop(columns="age"), ValueError, "yet now missing"),
        (X.iloc[:0], ValueError, r"X has 0 sample\(s\), expected at least 1\."),
        (X.to_dict("list"), TypeError, "X is of type dict, expected a data frame"),
        (X.to_numpy()[:, :3], ValueError, "3 features, but MLPClassifier is expecting 5"),
        ([[1, "a"], [2]], ValueError, "X is ragged"),
        (X.assign(age="old"), ValueError, "column 'age' holds 'old', expected numbers as in train"),
        (X.assign(age=np.inf), ValueError, "column 'age' holds inf in row 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_other_columns_are_refused(wrong: Any, error: type, words: str) -> None:
    model = classifier(max_iter=1).fit(X, Y)
    with pytest.raises(error, match=words):
        model.predict(wrong)


def test_a_failed_fit_leaves_it_as_it_was() -> None:
    model = classifier(max_iter=2).fit(X, Y)
    before, encoder = model.predict_proba(X), model.encoder_
    with pytest.raises(ValueError, match="holds dates such as"):
        model.fit(X.assign(age=pd.Timestamp("2020-01-01")), Y)
    with pytest.raises(ValueError, match=r"X has 1 sample\(s\), expected at least 2 to learn"):
        model.fit(X[:1], Y[:1])
    assert model.encoder_ is encoder
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_clone_pickle_and_search() -> None:
    model = classifier().fit(X, Y)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.encoder_ == model.encoder_
    assert clone(model).categorical_features == "from_dtype"
    assert not hasattr(clone(model), "encoder_")
    search = GridSearchCV(
        classifier(), {"alpha": [1e-4, 1.0], "categorical_features": ["from_dtype", ["code"]]}, cv=2
    )
    search.fit(X, Y)
    assert set(search.predict(X)) <= {"high", "low"}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    columns = make_column_transformer(("drop", ["code"]), remainder="passthrough")
    columns.set_output(transform="pandas").set_params(verbose_feature_names_out=False)
    assert np.isfinite(cross_val_score(make_pipeline(columns, classifier()), X, Y, cv=2)).all()


@pytest.mark.filterwarnings("ignore:X. column 'job'. 160 of 160 cells")
def test_going_on_keeps_the_encoder() -> None:
    """What a later table has besides counts as not seen; nothing is worked out again."""
    later = X.assign(job="pilot", age=X["age"] + 100)
    whole = classifier(max_iter=6, shuffle=False).fit(X, Y)
    for_two = classifier(max_iter=3, shuffle=False, warm_start=True).fit(X, Y)
    encoder = for_two.encoder_
    same_weights(for_two.fit(X, Y), whole)
    for_two.fit(later, Y)
    assert for_two.encoder_ is encoder
    passes = classifier(shuffle=False)
    passes.partial_fit(X, Y, classes=["high", "low"])
    encoder = passes.encoder_
    for _ in range(5):
        passes.partial_fit(X, Y)
    same_weights(passes, whole)
    passes.partial_fit(later, Y)
    assert passes.encoder_ is encoder


def test_a_new_training_forgets_the_table() -> None:
    model = classifier(max_iter=1).fit(X, Y)
    model.fit(X.to_numpy(), Y)
    assert not hasattr(model, "feature_names_in_")
    numbers = X[["code"]].to_numpy(float)
    model.set_params(categorical_features=None).fit(numbers, Y)
    assert model.encoder_ is None
    assert model.n_features_in_ == 1
    assert model.predict(numbers).shape == (ROWS,)


def test_other_weights_and_backends() -> None:
    model = classifier(average_weights=0.9, optimizer=optim.AdamW(1e-2)).fit(X, Y)
    before = model.predict_proba(X)
    model.coefs_[0] = model.coefs_[0] * 0
    assert np.abs(model.predict_proba(X) - before).max() > 1e-3
    assert model._mlp.backend.dtype_name == "float64"
    small = classifier(dtype="float32", hidden_layer_sizes=()).fit(X[["age", "member"]], Y)
    assert small._mlp.backend.dtype_name == "float32"
    encoded = small.encoder_.encode(X[["age", "member"]])
    np.testing.assert_array_equal(small.transform(X[["age", "member"]]), encoded)


def test_what_a_mask_hides_is_a_gap() -> None:
    rows = np.array([[1.0, 2], [2, 3], [3, 1], [1e9, 5]])
    masked = np.ma.masked_greater(rows, 10)
    gaps = np.where(rows > 10, np.nan, rows)
    y = [0, 1, 0, 1]
    made = {}
    for name, x in (("masked", masked), ("gaps", gaps)):
        model = MLPClassifier((2,), max_iter=2, categorical_features="from_dtype", random_state=0)
        with pytest.warns(ConvergenceWarning):
            made[name] = model.fit(x, y)
    expected = made["gaps"].predict_proba(gaps)
    np.testing.assert_array_equal(made["masked"].predict_proba(masked), expected)
