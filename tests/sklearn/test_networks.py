"""``layers`` and ``network``: networks of the user's own."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from portable_mlp import MLP, nn
from portable_mlp.sklearn import MLPClassifier, MLPRegressor

X, Y = load_iris(return_X_y=True)
SHORT: dict[str, Any] = {"max_iter": 10, "random_state": 0}


pytestmark = pytest.mark.usefixtures("short_trainings")


def narrow(inputs: int, outputs: int) -> list[nn.Layer]:
    return [nn.Dense(2 * inputs), nn.Tanh(), nn.Dense(outputs)]


@pytest.mark.parametrize(
    "network",
    [
        [nn.Dense(8), nn.Tanh(), nn.Dense(3)],
        (nn.Dense(8), nn.Tanh(), nn.Dense(3)),
        nn.Network.of([nn.Dense(8), nn.Tanh(), nn.Dense(3)]),
        narrow,
        lambda inputs, outputs: nn.Network.of(narrow(inputs, outputs)),
    ],
    ids=["list", "tuple", "Network", "function", "function that gives a Network"],
)
def test_a_network_is_the_layers_with_the_last_one(network: Any) -> None:
    model = MLPClassifier(network=network, **SHORT).fit(X, Y)
    hidden = MLPClassifier(layers=[nn.Dense(8), nn.Tanh()], **SHORT).fit(X, Y)
    np.testing.assert_array_equal(model.predict_proba(X), hidden.predict_proba(X))
    assert [w.shape for w in model.coefs_] == [(4, 8), (8, 3)]
    assert model.transform(X).shape == (150, 8)


def test_a_network_is_cloned_and_not_written_to() -> None:
    network = [nn.Dense(8), nn.BatchNorm(), nn.Tanh(), nn.Dense(3)]
    before = copy.deepcopy(network)
    model = MLPClassifier(network=network, **SHORT).fit(X, Y)
    assert network == before
    assert model.get_params()["network"] is network
    made = clone(model)
    assert made.network == network
    assert made.network is not network
    np.testing.assert_array_equal(made.fit(X, Y).coefs_[0], model.coefs_[0])
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    network[0] = nn.Dense(2)  # afterwards, it is another list
    assert model.predict(X).shape == (150,)
    model.set_params(network=None, layers=[nn.Dense(5), nn.ReLU()]).fit(X, Y)
    assert model.coefs_[0].shape == (4, 5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_batch_normalization_with_lbfgs_predicts_with_the_weights_found(dtype: str) -> None:
    options: dict[str, Any] = {"solver": "lbfgs", "normalization": "batch", "dtype": dtype}
    model = MLPClassifier((16,), alpha=0, max_iter=100, random_state=0, **options).fit(X, Y)
    # the loss knows the biased variance, predictions the unbiased one
    assert log_loss(Y, model.predict_proba(X)) == pytest.approx(model.loss_, rel=0.05, abs=1e-3)
    assert model.score(X, Y) > 0.97


def test_a_search_over_networks_and_layers() -> None:
    grid = [
        {"network": [narrow, [nn.Dense(3)]]},
        {"layers": [[], [nn.Dense(4), nn.ReLU()]]},
        {"hidden_layer_sizes": [(4,), (4, 3)], "activation": ["relu", ("tanh", nn.Mish())]},
    ]
    fits = GridSearchCV(MLPClassifier(**SHORT), grid[:2], cv=2).fit(X, Y)
    assert len(fits.cv_results_["params"]) == 4
    wide = {"hidden_layer_sizes": [(4, 3)], "activation": [("tanh", nn.Mish()), "relu"]}
    GridSearchCV(MLPClassifier(**SHORT), wide, cv=2, n_jobs=2).fit(X, Y)


def test_a_network_of_a_regressor_with_several_outputs() -> None:
    y = X[:, :2]
    model = MLPRegressor(network=narrow, **SHORT).fit(X, y)
    assert model.predict(X).shape == y.shape


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            {"network": narrow, "layers": []},
            r"MLPClassifier: got layers=\[\] beside network, which takes its place; expected one of",
        ),
        (
            {"hidden_layer_sizes": (4, 3), "layers": []},
            r"MLPClassifier: got hidden_layer_sizes=\(4, 3\) beside layers, which takes its place",
        ),
        ({"hidden_layer_sizes": 7, "network": narrow}, "got hidden_layer_sizes=7 beside network"),
        ({"activation": "tanh", "layers": []}, "got activation='tanh' beside layers"),
        ({"dropout": [0.1], "layers": []}, r"got dropout=\[0.1\] beside layers"),
        ({"normalization": "batch", "network": narrow}, "got normalization='batch' beside network"),
        ({"initializer": "zeros", "network": narrow}, "got initializer='zeros' beside network"),
        (
            {"network": [nn.Dense(4)]},
            r"MLPClassifier: network gives 4 outputs, expected 3, as many as y and the loss want",
        ),
        ({"network": [nn.Dense]}, r"MLPClassifier: network: layers\[0\]: got .*with parentheses"),
        ({"network": nn.Dense(3)}, r"MLPClassifier: network: layers: got Dense\(.*list of layers"),
        ({"network": lambda i, o: 3}, "MLPClassifier: network: layers: got 3, expected a list of"),
        ({"network": []}, "MLPClassifier: network: layers: got none, expected at least one"),
        ({"network": MLP([4, 3])}, r"network: layers: got MLP\(.*expected a list of layers"),
        ({"network": "relu"}, r"network: layers\[0\]: got 'r', expected a layer"),
    ],
)
def test_networks_that_can_not_be(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        MLPClassifier(**SHORT | given).fit(X, Y)


def test_the_same_sizes_as_by_default_are_no_second_choice() -> None:
    for sizes in (100, [100], np.asarray([100])):
        MLPClassifier(sizes, layers=[], **SHORT | {"max_iter": 1}).fit(X, Y)


def test_two_classes_have_one_output() -> None:
    two = Y < 2
    with pytest.raises(ValueError, match=r"gives 2 outputs, expected 1.*\(two classes have one\)"):
        MLPClassifier(network=[nn.Dense(2)], **SHORT).fit(X[two], Y[two])
    with pytest.raises(ValueError, match="expected 1, as many as y and the loss want; a function"):
        MLPRegressor(network=[nn.Dense(2)], **SHORT).fit(X, Y)
    MLPClassifier(network=narrow, **SHORT).fit(X[two], Y[two])
    options = {"network": [nn.Dense(2)], "loss": "softmax_cross_entropy"}
    assert MLPClassifier(**options, **SHORT).fit(X[two], Y[two]).predict_proba(X).shape == (150, 2)
