"""Estimators as files: exported, saved, and as an `MLP`."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from portable_mlp import MLP, plots
from portable_mlp.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]
SHORT: dict[str, Any] = {"max_iter": 20, "random_state": 0}


pytestmark = pytest.mark.usefixtures("short_trainings")


@pytest.mark.parametrize(
    ("estimator", "y"),
    [
        (MLPClassifier((5,), **SHORT), NAMES),
        (MLPClassifier((5,), normalization="batch", **SHORT), Y),
        (MLPClassifier((5,), **SHORT), Y + 1),
        (MLPClassifier((5,), **SHORT), Y == 1),
        (MLPClassifier((5,), **SHORT), np.stack([Y == 1, Y == 2], axis=1).astype(int)),
        (MLPRegressor(hidden_layer_sizes=(5,), **SHORT), X[:, 0]),
        (MLPRegressor("poisson", hidden_layer_sizes=(5,), **SHORT), X[:, :2]),
        (MLPClassifier((5,), categorical_features=[3], **SHORT), NAMES),
    ],
    ids=["names", "numbers", "from 1", "truths", "labels", "a number", "counts", "table"],
)
def test_files_predict_what_the_estimator_predicts(
    estimator: Any, y: np.ndarray, tmp_path: Path
) -> None:
    estimator.fit(X, y)
    wanted = estimator.predict(X)
    estimator.export(tmp_path / "model.py")
    found = runpy.run_path(str(tmp_path / "model.py"))["predict"](X)
    estimator.save(tmp_path / "model.safetensors")
    loaded = MLP.load(tmp_path / "model.safetensors")
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-9)
        np.testing.assert_array_equal(loaded.predict(X).reshape(wanted.shape), wanted)
        return
    number = wanted.dtype.kind == "i" and found.dtype.kind == "i"
    np.testing.assert_array_equal(found, wanted if number else wanted.astype(str))
    if wanted.ndim == 1:
        numbers = loaded.predict(X).astype(int).ravel()
        np.testing.assert_array_equal(estimator.classes_[numbers], wanted)


def test_an_mlp_of_its_own_that_knows_the_names() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(X, columns=list("pqrs"))
    estimator = MLPClassifier((5,), **SHORT).fit(frame, NAMES)
    model, before = estimator.to_mlp(), estimator.predict_proba(frame)
    assert model.columns.features == ("p", "q", "r", "s")
    assert model.columns.classes == ("a", "b", "c")
    model.fit(frame, Y, epochs=1)
    np.testing.assert_array_equal(estimator.predict_proba(frame), before)
    assert estimator._mlp.columns.classes == ()
    estimator.coefs_[0] = np.zeros((4, 5))
    assert not estimator.to_mlp().parameters()["dense_1.weight"].any()


def test_what_can_not_leave(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        MLPClassifier().export(tmp_path / "model.py")
    for options, y in ({"loss": "hinge"}, Y), ({}, np.stack([NAMES, NAMES], axis=1)):
        estimator = MLPClassifier((5,), **options, **SHORT).fit(X, y)
        with pytest.raises(ValueError, match="^MLPClassifier: export: with .* it is the estimator"):
            estimator.export(tmp_path / "model.py")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("y", [NAMES, Y + 1, Y == 1], ids=["names", "numbers", "truths"])
def test_pictures_of_a_classifier(y: np.ndarray) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    estimator = MLPClassifier((5,), label_smoothing=0.1, **SHORT).fit(X[:, :2], y)
    right = f"{(estimator.predict(X[:, :2]) == y).mean():.1%} of 150 samples are right"
    assert right in plots.confusion_matrix(estimator, X[:, :2], y).get_title("left")
    axes = plots.decision_boundary(estimator, X[:, :2], y, resolution=5)
    assert right in axes.get_title("left")
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [
        str(c) for c in estimator.classes_
    ]
    plots.reliability_diagram(estimator, X[:, :2], y)
    plots.gradients(estimator, X[:, :2], y)
    plots.activations(estimator, X[:, :2])
    plots.first_layer_weights(estimator, shape=(1, 2))


def test_pictures_of_a_regressor_and_of_what_is_none() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    estimator = MLPRegressor(hidden_layer_sizes=(5,), **SHORT).fit(X[:, :2], X[:, 2])
    plots.decision_boundary(estimator, X[:, :2], X[:, 2], resolution=5)
    with pytest.raises(
        TypeError, match="^confusion_matrix: the loss is HalfSquaredError, expected"
    ):
        plots.confusion_matrix(estimator, X[:, :2], X[:, 2])
    with pytest.raises(
        TypeError, match="^activations: got Pipeline, .*; of a pipeline its last step"
    ):
        plots.activations(make_pipeline(estimator), X[:, :2])
    with pytest.raises(NotFittedError):
        plots.activations(MLPRegressor(), X)
    known = MLPClassifier((5,), **SHORT).fit(X, NAMES)
    with pytest.raises(ValueError, match="^y has the label 'z', expected those of the training"):
        plots.confusion_matrix(known, X, np.where(NAMES == "a", "z", NAMES))
