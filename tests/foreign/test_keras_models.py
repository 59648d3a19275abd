"""Networks of Keras, taken over: the same predictions."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn

pytest.importorskip("torch", reason="torch, Keras' backend in these tests, is not installed")
os.environ.setdefault("KERAS_BACKEND", "torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras", reason="keras is not installed")
# of Keras' own code
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling"),
]
L = keras.layers
X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)

LAYERS = {
    "dense": lambda: [L.Dense(3)],
    "dense without bias": lambda: [L.Dense(3, use_bias=False)],
    "batch norm": lambda: [L.BatchNormalization(epsilon=1e-2, momentum=0.9)],
    "batch norm alone": lambda: [L.BatchNormalization(center=False, scale=False)],
    "layer norm": lambda: [L.LayerNormalization()],
    "layer norm without shift": lambda: [L.LayerNormalization(center=False)],
    "rms norm": lambda: [L.RMSNormalization()],
    "relu": lambda: [L.ReLU()],
    "relu with a slope": lambda: [L.ReLU(negative_slope=0.3)],
    "leaky": lambda: [L.LeakyReLU(0.2)],
    "elu": lambda: [L.ELU(0.7)],
    "prelu": lambda: [L.PReLU()],
    "softmax": lambda: [L.Softmax()],
    "dropout": lambda: [L.Dropout(0.2)],
    "flatten": lambda: [L.Flatten()],
    "nested": lambda: [keras.Sequential([L.Dense(4, activation="tanh")])],
    **{
        name: lambda name=name: [L.Dense(4, activation=name), L.Activation(name)]
        for name in (
            *("linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "softplus"),
            *("sigmoid", "tanh", "softmax"),
        )
    },
}


def built(*layers: Any, inputs: tuple[int, ...] = (5,)) -> Any:
    module = keras.Sequential([keras.Input(inputs), *layers])
    random = np.random.default_rng(1)
    module.set_weights(
        [random.uniform(0.3, 1.3, w.shape) - 0.5 * (w.ndim > 1) for w in module.get_weights()]
    )
    return module


def answer(module: Any, rows: np.ndarray = X) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(module(rows, training=False)))


@pytest.mark.parametrize("kind", LAYERS)
def test_each_layer(kind: str) -> None:
    module = built(L.Dense(5), *LAYERS[kind](), L.Dense(2))
    model = MLP.from_keras(module)
    wanted = answer(module)
    np.testing.assert_allclose(model.predict(X), wanted, atol=1e-6 * max(1, abs(wanted).max()))


def test_double_precision() -> None:
    if keras.backend.backend() != "torch":
        pytest.skip("this backend of Keras has no double precision unless it is told so")
    module = keras.Sequential(
        [keras.Input((5,), dtype="float64"), L.Dense(2, activation="tanh", dtype="float64")]
    )
    rows = X.astype(np.float64)
    model = MLP.from_keras(module)
    assert model.backend.dtype_name == "float64"
    kernel = keras.ops.convert_to_numpy(module.layers[0].kernel)
    assert (model.parameters()["dense_1.weight"] == kernel).all()
    np.testing.assert_allclose(model.predict(rows), answer(module, rows), atol=1e-6)


@pytest.mark.parametrize("word", ["softmax", "log_softmax"])
def test_the_end_of_a_classifier(word: str) -> None:
    module = built(L.Dense(4, activation="relu"), L.Dense(3, activation=word))
    model, wanted = MLP.from_keras(module), answer(module)
    probabilities = np.exp(wanted) if word == "log_softmax" else wanted
    np.testing.assert_allclose(model.predict_proba(X), probabilities, atol=1e-6)
    assert (model.predict(X) == wanted.argmax(1)).all()


def test_yes_or_no_and_a_loss_that_was_asked_for() -> None:
    module = built(L.Dense(1, activation="sigmoid"))
    model = MLP.from_keras(module)
    np.testing.assert_allclose(model.predict_proba(X), answer(module), atol=1e-6)
    assert isinstance(MLP.from_keras(module, loss="squared_error").network.layers[-1], nn.Sigmoid)


def test_images_behind_a_rescaling() -> None:
    module = built(L.Rescaling(1 / 255), L.Flatten(), L.Dense(2), inputs=(3, 4))
    images = np.random.default_rng(1).integers(0, 256, (7, 3, 4)).astype(np.float32)
    model = MLP.from_keras(module)
    np.testing.assert_allclose(model.predict(images), answer(module, images), atol=1e-6)
    assert model.scaling is not None
    assert model.scaling.kind == "/255"


def test_other_scalings() -> None:
    normal = L.Normalization()
    normal.adapt(3 + 2 * X)
    for first in (L.Rescaling(0.5, offset=1.0), normal, L.Normalization(mean=2.0, variance=4.0)):
        module = built(first, L.Dense(2))
        if first is normal:
            first.adapt(3 + 2 * X)  # built() put other numbers in its place
        np.testing.assert_allclose(MLP.from_keras(module).predict(X), answer(module), atol=1e-6)


def test_its_running_statistics_go_on() -> None:
    module = built(L.BatchNormalization(momentum=0.7), L.Dense(1))
    model = MLP.from_keras(module)
    rows = np.tile(X, (100, 1))
    module(rows, training=True)
    model.fit(rows, rows[:, :1], epochs=1, batch_size=None, learning_rate=1e-12, verbose=0)
    # Keras moves the biased variance in, PyTorch and this library the unbiased one: 1/3999 more
    np.testing.assert_allclose(model.predict(X), answer(module), atol=1e-3)


class Twice(L.Dense):
    def call(self, inputs: Any, training: Any = None) -> Any:
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: L.Reshape((5, 1)), "layer 'odd' is a Reshape, expected one of Activation, Batch"),
        (lambda: L.GaussianNoise(0.1), "layer 'odd' is a GaussianNoise"),
        (lambda: Twice(5), "layer 'odd' is a Twice"),
        (lambda: L.Dense(5, activation="hard_sigmoid"), "layer 'odd' .* activation 'hard_sigmoid'"),
        (lambda: L.Dense(5, activation=lambda x: x), "layer 'odd' .* activation '<lambda>'"),
        (lambda: L.Activation("log_softmax"), "a layer is LogSoftmax, expected it as the last one"),
        (lambda: L.ReLU(max_value=6), "layer 'odd' is a ReLU with a max_value"),
        (lambda: L.LayerNormalization(rms_scaling=True), "layer 'odd' is one with rms_scaling"),
        (lambda: L.Rescaling(2.0), "layer 'odd' is a Rescaling behind others"),
    ],
)
def test_what_is_refused(layer: Any, words: str) -> None:
    odd = layer()
    odd.name = "odd"
    module = keras.Sequential([keras.Input((5,)), L.Dense(5), odd])
    if not isinstance(odd, L.Reshape):
        module.add(L.Dense(1))
    with pytest.raises(ValueError, match=words):
        MLP.from_keras(module)


def test_what_is_no_network() -> None:
    inputs = keras.Input((5,))
    functional = keras.Model(inputs, L.Dense(2)(inputs))
    for strange in (functional, L.Dense(2), "model.keras", None, keras.Sequential):
        with pytest.raises(
            TypeError, match=r"from_keras: got [\w ]+, expected a Sequential of Keras"
        ):
            MLP.from_keras(strange)
    with pytest.raises(ValueError, match="is not built, expected one that knows its inputs"):
        MLP.from_keras(keras.Sequential([L.Dense(2)]))
    module = keras.Sequential([keras.Input((2, 3)), L.Dense(4, name="wide")])
    with pytest.raises(ValueError, match="layer 'wide': Dense: a sample has shape .* Flatten"):
        MLP.from_keras(module)
    module = keras.Sequential([keras.Input((None, 3)), L.Dense(4)])
    with pytest.raises(ValueError, match=r"shape \(None, 3\), expected a length for each axis"):
        MLP.from_keras(module)
    for bad in (L.BatchNormalization(name="norm"), L.LayerNormalization(axis=1, name="norm")):
        module = keras.Sequential([keras.Input((2, 3)), bad, L.Flatten(), L.Dense(4)])
        with pytest.raises(ValueError, match="layer 'norm' is one"):
            MLP.from_keras(module)
