"""Estimators of scikit-learn, taken over: the same predictions."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import Backend

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neural_network import MLPClassifier, MLPRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler  # noqa: E402

random = np.random.default_rng(0)
X = random.normal(5.0, 3.0, (60, 4))
CLASSES = (X[:, 0] > 5).astype(int) + (X[:, 1] > 6)
LABELS = (X[:, :3] > 5).astype(int)
NUMBERS = X @ random.normal(size=(4, 2))


def fitted(estimator: Any, y: Any, rows: Any = X) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge
        return estimator.fit(rows, y)


def quick(kind: Any = MLPClassifier, **options: Any) -> Any:
    return kind(hidden_layer_sizes=(6, 5), max_iter=20, random_state=0, **options)


def check_classes(estimator: Any, model: MLP) -> None:
    assert (np.asarray(estimator.classes_)[model.predict(X)] == estimator.predict(X)).all()
    np.testing.assert_allclose(model.predict_proba(X), estimator.predict_proba(X), atol=1e-12)
    assert model.backend.dtype_name == "float64"


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_many_classes(activation: str) -> None:
    estimator = fitted(quick(activation=activation), CLASSES)
    model = MLP.from_sklearn(estimator)
    check_classes(estimator, model)
    assert model.columns.classes == ()


@pytest.mark.parametrize(
    ("names", "known"),
    [
        (["no", "yes"], ("no", "yes")),
        ([-1, 1], ("-1", "1")),
        ([0, 1], ()),
        ([1.0, 2.0], ("1", "2")),
        ([False, True], ("False", "True")),
    ],
)
def test_two_classes_have_two_columns(names: list[Any], known: tuple[str, ...]) -> None:
    estimator = fitted(quick(), np.asarray(names)[(CLASSES > 0).astype(int)])
    model = MLP.from_sklearn(estimator)
    check_classes(estimator, model)
    assert model.columns.classes == known


def test_several_labels() -> None:
    estimator = fitted(quick(), LABELS)
    model = MLP.from_sklearn(estimator)
    assert (model.predict(X) == estimator.predict(X)).all()
    np.testing.assert_allclose(model.predict_proba(X), estimator.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("y", [NUMBERS, NUMBERS[:, 0]], ids=["two", "one"])
def test_numbers(y: Any) -> None:
    estimator = fitted(quick(MLPRegressor), y)
    found = MLP.from_sklearn(estimator).predict(X)
    np.testing.assert_allclose(found.reshape(y.shape), estimator.predict(X), rtol=1e-10)


def test_counts() -> None:
    estimator = fitted(quick(MLPRegressor, loss="poisson"), np.round(np.abs(NUMBERS[:, 0])))
    found = MLP.from_sklearn(estimator).predict(X)
    np.testing.assert_allclose(found[:, 0], estimator.predict(X), rtol=1e-10)


@pytest.mark.parametrize(
    "before",
    [
        [StandardScaler()],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False)],
        [MinMaxScaler((-1, 2))],
        [MinMaxScaler(), "passthrough", StandardScaler()],
        [],
    ],
    ids=str,
)
def test_pipelines(before: list[Any]) -> None:
    rows = np.hstack([X[:, :3], np.full((60, 1), 7.0)])  # a constant feature too
    pipeline = fitted(make_pipeline(*before, quick()), CLASSES, rows)
    model = MLP.from_sklearn(pipeline)
    np.testing.assert_allclose(model.predict_proba(rows), pipeline.predict_proba(rows), atol=1e-10)
    assert (model.scaling is None) == (not before)


def test_names_of_features() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    pipeline = fitted(make_pipeline(StandardScaler(), quick()), CLASSES, frame)
    model = MLP.from_sklearn(pipeline)
    assert model.columns.features == ("a", "b", "c", "d")
    assert (model.predict(frame) == pipeline.predict(frame)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["b", "a", "c", "d"]])


def test_single_precision_and_other_backends(backend: Backend) -> None:
    estimator = fitted(quick(), CLASSES, X.astype(np.float32))
    assert MLP.from_sklearn(estimator).backend.dtype_name == "float32"
    found = MLP.from_sklearn(estimator, backend=backend).predict_proba(X.astype(np.float32))
    np.testing.assert_allclose(found, estimator.predict_proba(X.astype(np.float32)), atol=1e-6)


def test_it_trains_on_and_is_saved(tmp_path: Any) -> None:
    model = MLP.from_sklearn(fitted(make_pipeline(StandardScaler(), quick()), CLASSES))
    model.save(tmp_path / "m.safetensors")
    before = model.evaluate(X, CLASSES)["loss"]
    model.fit(X, CLASSES, epochs=20, verbose=0)
    assert model.evaluate(X, CLASSES)["loss"] < before
    assert MLP.load(tmp_path / "m.safetensors").evaluate(X, CLASSES)["loss"] == pytest.approx(
        before
    )


def test_what_is_refused() -> None:
    for strange in (LogisticRegression(), make_pipeline(StandardScaler()), object(), None):
        with pytest.raises(TypeError, match="expected a fitted MLPClassifier or MLPRegressor"):
            MLP.from_sklearn(strange)
    with pytest.raises(ValueError, match="MLPClassifier is not fitted"):
        MLP.from_sklearn(MLPClassifier())
    for step in (RobustScaler(), MinMaxScaler(clip=True)):
        with pytest.raises(ValueError, match=rf"the step {type(step).__name__} comes before"):
            MLP.from_sklearn(fitted(make_pipeline(step, quick()), CLASSES))
    with pytest.raises(ValueError, match="knows the class '0' alone"):
        MLP.from_sklearn(fitted(quick(), CLASSES * 0))
    broken = fitted(quick(), CLASSES)
    broken.coefs_[0][0, 0] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        MLP.from_sklearn(broken)
