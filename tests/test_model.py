"""What a user holds: construction, training, prediction, moving between backends."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn, optim
from portable_mlp.backends import Backend
from portable_mlp.data import load_digits
from portable_mlp.nn import LOSSES

XOR = np.asarray([[0, 0], [0, 1], [1, 0], [1, 1]])
LABELS = np.asarray([0, 1, 1, 0])


def blobs(rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three clouds of points in the plane and their numbers."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % 3
    return random.normal(size=(rows, 2)) * 0.3 + np.asarray([[0, 0], [2, 0], [0, 2]])[y], y


@pytest.mark.needs_argmax
def test_xor_on_every_backend(backend: Backend) -> None:
    model = MLP([2, 8, 2], activation="tanh", backend=backend, seed=1)
    history = model.fit(XOR, LABELS, epochs=80, batch_size=None, learning_rate=0.1)
    assert model.predict(XOR).tolist() == LABELS.tolist()
    assert history["accuracy"][-1] == 1
    figures = model.evaluate(XOR, LABELS)
    assert figures["accuracy"] == 1
    assert figures["loss"] < 0.05
    probabilities = model.predict_proba(XOR)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


def test_digits_reach_what_they_should() -> None:
    digits = load_digits()
    model = MLP([64, 64, 10], seed=0)
    model.fit(digits.train_images, digits.train_labels, epochs=40, batch_size=32)
    assert model.evaluate(digits.test_images, digits.test_labels)["accuracy"] >= 0.97


def test_two_trainings_in_a_row_equal_one(backend: Backend) -> None:
    X, y = blobs()
    at_once = MLP([2, 6, 3], dropout=0.2, backend=backend, metrics=(), seed=4)
    at_once.fit(X, y, epochs=6, batch_size=16)
    in_parts = MLP([2, 6, 3], dropout=0.2, backend=backend, metrics=(), seed=4)
    in_parts.fit(X, y, epochs=2, batch_size=16)
    in_parts.fit(X, y, epochs=4, batch_size=16)
    for name, value in at_once.parameters().items():
        np.testing.assert_array_equal(in_parts.parameters()[name], value)


def test_the_same_seed_gives_the_same_model_and_another_another() -> None:
    X, y = blobs()

    def weights(seed: int) -> np.ndarray:
        model = MLP([2, 6, 3], dropout=0.5, seed=seed)
        model.fit(X, y, epochs=3)
        return model.parameters()["dense_1.weight"]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_nothing_the_caller_passed_in_is_written_to(backend: Backend) -> None:
    X, y = blobs()
    weight = np.linspace(0.5, 1.5, len(y))
    inputs = [X, y, weight, X.astype(np.float32), y.astype(np.int32)]
    for array in inputs:
        array.flags.writeable = False
    before = [array.copy() for array in inputs]
    model = MLP([2, 6, 3], backend=backend, metrics=(), seed=4)
    model.fit(X, y, sample_weight=weight, epochs=2, validation_data=(X, y, weight))
    model.fit(inputs[3], inputs[4], epochs=2, validation_fraction=0.2)
    model.forward(X)
    for array, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_moving_keeps_the_answers(backend: Backend) -> None:
    X, y = blobs()
    layers = [nn.Dense(8), nn.BatchNorm(), nn.ReLU(), nn.Dense(3)]
    model = MLP(layers=layers, inputs=2, seed=2)
    model.fit(X, y, epochs=5)
    moved = model.to(backend.name, device=backend.device_name)
    assert moved.backend.name == backend.name
    np.testing.assert_allclose(moved.predict_proba(X), model.predict_proba(X), atol=1e-6)
    back = moved.to("numpy")
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(back.parameters()[name], value)
    np.testing.assert_array_equal(back.predict_proba(X), model.predict_proba(X))


def test_a_moved_model_trains_on_and_leaves_the_first_alone() -> None:
    X, y = blobs()
    model = MLP([2, 4, 3])
    before = model.parameters()
    moved = model.to("numpy", dtype="float64")
    moved.fit(X, y, epochs=2)
    assert moved.parameters()["dense_1.weight"].dtype == np.float64
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains(name: str) -> None:
    X, y = blobs()
    outputs, target = 1, X[:, :1] * 0.5 + 1.0
    if name.startswith("softmax"):
        outputs, target = 3, y
    elif name.startswith("binary"):
        target = (y[:, None] == 1).astype(float)
    elif name == "hinge":
        target = np.where(y[:, None] == 1, 1.0, -1.0)
    elif name == "gaussian_nll":
        outputs = 2
    model = MLP([2, 8, outputs], activation="tanh", loss=name, seed=0)
    rate = 1e-3 if name.startswith(("sum", "half_sum")) else 1e-2
    history = model.fit(X, target, epochs=60, batch_size=20, learning_rate=rate)
    assert history["loss"][-1] < history["loss"][0]
    assert len(model.predict(X)) == len(X)
    if model.loss.classifies:
        assert history["accuracy"][-1] > 0.9


def test_several_quantiles_cover_their_share() -> None:
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (2000, 1))
    y = X + random.normal(size=(2000, 1)) * 0.2
    loss = nn.Quantile((0.1, 0.5, 0.9))
    model = MLP([1, 16, 3], activation="tanh", loss=loss)
    model.fit(X, y, epochs=60, learning_rate=1e-2, schedule="cosine")
    covered = (y <= model.predict(X)).mean(axis=0)
    np.testing.assert_allclose(covered, [0.1, 0.5, 0.9], atol=0.03)


def test_summary_counts_every_parameter() -> None:
    model = MLP(layers=[nn.Flatten(), nn.Dense(5), nn.BatchNorm(), nn.Dense(2)], inputs=(4, 4))
    text = model.summary()
    assert model.parameter_count == 16 * 5 + 5 + 10 + 12
    assert f"{model.parameter_count:,} parameters, float32, numpy on cpu" in text
    assert [line.split()[0] for line in text.splitlines()[1:-1]] == [
        "flatten_1",
        "dense_1",
        "batch_norm_1",
        "dense_2",
    ]
    assert "dense_1" in repr(model)


def test_images_go_through_flatten() -> None:
    X = np.random.default_rng(0).normal(size=(12, 3, 4))
    model = MLP(layers=[nn.Flatten(), nn.Dense(2)], inputs=(3, 4))
    model.fit(X, np.arange(12) % 2, epochs=1)
    assert model.predict(X).shape == (12,)


def test_loss_and_gradients_are_named_and_right() -> None:
    X, y = blobs()
    model = MLP([2, 5, 3], activation="tanh", l2=0.1, l1=0.01, dtype="float64", seed=3)
    loss, gradients = model.loss_and_gradients(X, y)
    assert loss == pytest.approx(model.evaluate(X, y)["loss"], rel=1e-12)
    parameters = model.parameters()
    assert list(gradients) == list(parameters)
    direction = {n: np.random.default_rng(1).normal(size=v.shape) for n, v in parameters.items()}
    expected = sum(float((gradients[n] * direction[n]).sum()) for n in parameters)

    def at(step: float) -> float:
        model.set_parameters({n: v + step * direction[n] for n, v in parameters.items()})
        return model.loss_and_gradients(X, y)[0]

    h = 1e-3
    numeric = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert numeric == pytest.approx(expected, rel=1e-8)


def test_loss_and_gradients_with_dropout_depend_on_the_step() -> None:
    X, y = blobs()
    model = MLP([2, 16, 3], dropout=0.5)
    first, again = (model.loss_and_gradients(X, y)[0] for _ in range(2))
    assert first == again
    assert first != model.loss_and_gradients(X, y, step=1)[0]


def test_weights_mean_copies() -> None:
    X, y = blobs(12)
    weight = np.asarray([0, 1, 2] * 4)
    copies = np.repeat(np.arange(12), weight)
    by_weight = MLP([2, 5, 3], dtype="float64", l2=0.01)
    by_weight.fit(X, y, sample_weight=weight, epochs=20, batch_size=None)
    by_copy = MLP([2, 5, 3], dtype="float64", l2=0.01)
    by_copy.fit(X[copies], y[copies], epochs=20, batch_size=None)
    for name, value in by_copy.parameters().items():
        np.testing.assert_allclose(by_weight.parameters()[name], value, rtol=1e-9, atol=1e-12)


def test_class_weight_is_a_sample_weight() -> None:
    X, y = blobs(12)
    factors = {0: 2.0, 2: 0.5}
    by_class, by_sample = MLP([2, 5, 3]), MLP([2, 5, 3])
    one = by_class.fit(X, y, class_weight=factors, epochs=5)
    two = by_sample.fit(X, y, sample_weight=[factors.get(c, 1.0) for c in y.tolist()], epochs=5)
    assert one["loss"] == two["loss"]
    balanced = MLP([2, 5, 3]).fit(X, y, class_weight="balanced", epochs=2)
    plain = MLP([2, 5, 3]).fit(X, y, epochs=2)
    assert balanced["loss"] == pytest.approx(plain["loss"], rel=1e-6)  # the classes are balanced


def test_class_weight_for_one_yes_no_label() -> None:
    X, y = blobs(12)
    target = (y == 1).astype(float)[:, None]
    one = MLP([2, 4, 1], loss="binary_cross_entropy")
    two = MLP([2, 4, 1], loss="binary_cross_entropy")
    a = one.fit(X, target, class_weight={1: 3.0}, epochs=2)
    b = two.fit(X, target, sample_weight=1 + 2 * target[:, 0], epochs=2)
    assert a["loss"] == b["loss"]


def test_pickle_and_copy(backend: Backend) -> None:
    X, y = blobs()
    layers = [nn.Dense(4), nn.BatchNorm(), nn.ReLU(), nn.Dense(3)]
    model = MLP(layers=layers, inputs=2, backend=backend, metrics=())
    model.fit(X, y, epochs=2)
    expected = model.predict_proba(X)
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):  # noqa: S301
        np.testing.assert_array_equal(again.predict_proba(X), expected)
        again.fit(X, y, epochs=1)
    np.testing.assert_array_equal(model.predict_proba(X), expected)


def test_set_parameters_round_trip_and_refusals() -> None:
    model, other = MLP([2, 3, 2], seed=0), MLP([2, 3, 2], seed=1)
    other.set_parameters(model.parameters())
    np.testing.assert_array_equal(other.predict_proba(XOR), model.predict_proba(XOR))
    with pytest.raises(
        ValueError, match=r"set_parameters: got 'w', expected one of dense_1\.weight"
    ):
        model.set_parameters({"w": np.ones(2)})
    with pytest.raises(ValueError, match=r"dense_1\.bias has shape \(4,\), expected \(3,\)"):
        model.set_parameters({"dense_1.bias": np.ones(4)})


def test_prediction_of_no_rows_and_of_many(backend: Backend) -> None:
    model = MLP([2, 4, 3], backend=backend)
    assert model.predict_proba(np.zeros((0, 2))).shape == (0, 3)
    X = np.random.default_rng(0).normal(size=(9001, 2))
    together = model.predict_proba(X)
    assert together.shape == (9001, 3)
    np.testing.assert_allclose(together[5000:5010], model.predict_proba(X[5000:5010]), atol=1e-6)


def test_answers_have_the_precision_of_the_model(backend64: Backend) -> None:
    model = MLP([2, 4, 3], backend=backend64)
    assert model.predict_proba(XOR).dtype == np.float64
    assert model.forward(XOR.astype(np.float32)).dtype == np.float64


def test_softmax_before_cross_entropy_is_pointed_out() -> None:
    with pytest.warns(UserWarning, match="softmax is applied twice"):
        MLP(layers=[nn.Dense(3), nn.Softmax()], inputs=2)


def test_initial_weights_by_activation() -> None:
    def largest(activation: str) -> float:
        weight = MLP([1000, 50, 2], activation=activation).parameters()["dense_1.weight"]
        return float(np.abs(weight).max())

    assert largest("relu") == pytest.approx((6 / 1000) ** 0.5, rel=1e-2)
    assert largest("tanh") == pytest.approx((6 / 1050) ** 0.5, rel=1e-2)
    assert largest("selu") > 3.5 * (1 / 1000) ** 0.5  # normal


def check_training(backend: str | Backend, optimizer: str) -> None:
    X, y = blobs()
    model = MLP([2, 8, 3], backend=backend, metrics=(), activation="tanh", seed=0)
    rates: dict[str, Any] = {"lion": 0.01, "sgd": 0.5, "momentum": 0.1, "nesterov": 0.1}
    rate = rates.get(optimizer, 0.05)
    options: dict[str, Any] = {} if optimizer == "lbfgs" else {"learning_rate": rate}
    history = model.fit(X, y, epochs=12, batch_size=20, optimizer=optimizer, **options)
    assert history["loss"][-1] < 0.6 * history["loss"][0]


@pytest.mark.parametrize("optimizer", optim.OPTIMIZERS)
def test_every_optimizer_trains(optimizer: str) -> None:
    check_training("numpy", optimizer)


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", "nesterov"])
def test_every_backend_trains(backend: Backend, optimizer: str) -> None:
    check_training(backend, optimizer)


def test_a_custom_pair_and_a_custom_loss() -> None:
    cube = nn.CustomActivation(lambda z, xp: z * z * z, lambda z, xp: 3 * z * z)

    def fourth_power(outputs: Any, targets: Any, xp: Any) -> tuple[Any, Any]:
        e = outputs - targets
        return xp.sum(e**4, axis=1), 4 * e**3

    X, _ = blobs()
    target = X[:, :1] ** 3
    layers = [nn.Dense(4), cube, nn.Dense(1)]
    model = MLP(layers=layers, inputs=2, loss=nn.CustomLoss(fourth_power), metrics=())
    history = model.fit(X, target, epochs=100, learning_rate=0.01)
    assert history["loss"][-1] < 0.05 * history["loss"][0]
