"""What other libraries' optimizers and estimators take a model by: objective, slopes, layers, orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, nn
from portable_mlp.backends import Backend
from portable_mlp.data.arrays import scan_arrays
from portable_mlp.optim import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 4))
Y = RNG.integers(0, 3, 30)
LAYERS = [nn.Dense(6), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.2), nn.Dense(3)]


def trained(backend: Backend, **given: Any) -> MLP:
    model = MLP(layers=LAYERS, inputs=4, backend=backend, **given)
    model.fit(X, Y, epochs=2, batch_size=8)
    return model


def test_input_gradient_is_the_derivative(backend64: Backend) -> None:
    model = trained(backend64, scaling="standard")
    direction, step = np.asarray([0.5, -1.0, 2.0, 0.3]), 1e-6
    found = model.input_gradient(X)
    assert found.shape == (30, 3, 4)
    slope = (model.forward(X + step * direction) - model.forward(X - step * direction)) / (2 * step)
    np.testing.assert_allclose(found @ direction, slope, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(model.input_gradient(X, 2), found[:, 2])
    with pytest.raises(ValueError, match=r"input_gradient: output is 3, expected one of 0\.\.2"):
        model.input_gradient(X, 3)


def test_activations_lead_to_the_outputs(backend64: Backend) -> None:
    model = trained(backend64)
    hidden, last = model.activations(X, "tanh_1"), model.parameters()
    assert hidden.shape == (30, 6)
    outputs = hidden @ last["dense_2.weight"] + last["dense_2.bias"]
    np.testing.assert_allclose(model.forward(X), outputs, atol=1e-12)
    np.testing.assert_allclose(model.activations(X, "dense_2"), model.forward(X), atol=1e-12)
    with pytest.raises(ValueError, match=r"layer: got 'tanh', .* Did you mean 'tanh_1'"):
        model.activations(X, "tanh")


def test_objective_is_the_loss_of_the_vector(backend64: Backend) -> None:
    model = MLP([4, 5, 3], l2=0.1, penalty_per_batch=True, backend=backend64)
    weights = RNG.uniform(0, 2, 30)
    objective = model.objective(X, Y, sample_weight=weights)
    vector = np.concatenate([array.ravel() for array in model.parameters().values()])
    value, gradient = objective(vector)
    expected, named = model.loss_and_gradients(X, Y, sample_weight=weights)
    assert value == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, np.concatenate([g.ravel() for g in named.values()]))
    direction = RNG.normal(size=vector.size)
    slope = (
        objective(vector + 1e-6 * direction)[0] - objective(vector - 1e-6 * direction)[0]
    ) / 2e-6
    assert gradient @ direction == pytest.approx(slope, rel=1e-6)
    again = np.concatenate([array.ravel() for array in model.parameters().values()])
    np.testing.assert_array_equal(again, vector)


def test_a_snapshot_is_a_model(backend: Backend) -> None:
    kept: list[MLP] = []

    class Keep(Callback):
        def on_epoch_end(self, run: Any) -> None:
            kept.append(model.with_weights(run.snapshot()))

    model = MLP(layers=LAYERS, inputs=4, metrics=[], backend=backend)
    model.fit(X, Y, epochs=3, batch_size=8, callbacks=[Keep()])
    np.testing.assert_array_equal(kept[-1].forward(X), model.forward(X))
    assert not np.array_equal(kept[0].forward(X), model.forward(X))


def test_penalty_per_batch_is_divided_by_each_batch(backend64: Backend) -> None:
    """Of 30 rows in batches of 20 the last one has 10, and twice the penalty."""
    model = MLP([4, 3], l2=0.7, penalty_per_batch=True, backend=backend64)
    w = model.parameters()["dense_1.weight"].copy()
    b = model.parameters()["dense_1.bias"].copy()
    values = []
    for rows in (slice(0, 20), slice(20, 30)):
        x, t = X[rows], np.eye(3)[Y[rows]]
        z = x @ w + b
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        n = len(x)
        values.append(n * (-np.log((p * t).sum(axis=1)).mean() + 0.35 * (w**2).sum() / n))
        w, b = w - 0.1 * (x.T @ (p - t) + 0.7 * w) / n, b - 0.1 * (p - t).mean(axis=0)
    history = model.fit(X, Y, epochs=1, batch_size=20, optimizer=SGD(0.1), shuffle=False)
    np.testing.assert_allclose(model.parameters()["dense_1.weight"], w, atol=1e-12)
    assert history["loss"][0] == pytest.approx(sum(values) / 30, rel=1e-12)
    z = X @ w + b
    loss = -(z[np.arange(30), Y] - np.log(np.exp(z).sum(axis=1))).mean()
    assert model.evaluate(X, Y)["loss"] == pytest.approx(loss + 0.35 * (w**2).sum() / 30)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_penalty_per_batch_counts_weights(backend64: Backend, accumulation: int) -> None:
    """A row twice, or with weight 2; with gradients added up a step is one large batch."""
    counts = RNG.integers(1, 3, 30)
    optimizer = SGD(0.1, accumulation_steps=accumulation)
    size = 30 if accumulation == 1 else 10
    models = [MLP([4, 3], l2=0.7, penalty_per_batch=True, backend=backend64) for _ in range(2)]
    given: dict[str, Any] = {"epochs": 3, "optimizer": optimizer, "shuffle": False}
    models[0].fit(X, Y, batch_size=size, sample_weight=counts, **given)
    given["optimizer"] = SGD(0.1)
    models[1].fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts), batch_size=None, **given)
    for a, b in zip(models[0].parameters().values(), models[1].parameters().values(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_rows_in_an_order_of_ones_own(backend64: Backend) -> None:
    """Whatever says the order: the rows reversed, and given in reverse."""
    seen: list[tuple[int, int]] = []

    def reversed_order(epoch: int, rows: int) -> np.ndarray:
        seen.append((epoch, rows))
        return np.arange(rows)[::-1]

    one, two = (MLP([4, 3], backend=backend64) for _ in range(2))
    one.fit(X, Y, epochs=2, batch_size=8, shuffle=reversed_order)
    two.fit(X[::-1], Y[::-1], epochs=2, batch_size=8, shuffle=False)
    assert seen == [(0, 30), (1, 30)]
    for a, b in zip(one.parameters().values(), two.parameters().values(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("shuffle", "sentence"),
    [
        (lambda epoch, rows: np.zeros(rows, int), r"expected each of the rows 0\.\.29 once"),
        (lambda epoch, rows: np.arange(rows - 1), r"gave int64 numbers of shape \(29,\)"),
        (lambda epoch, rows: np.arange(rows) + 1, "expected each of the rows"),
        (lambda epoch, rows: np.arange(rows) * 1.0, "gave float64 numbers"),
    ],
)
def test_an_order_that_is_none_is_refused(shuffle: Any, sentence: str) -> None:
    model = MLP([4, 3])
    before = model.parameters()
    with pytest.raises(ValueError, match=sentence):
        model.fit(X, Y, epochs=1, batch_size=8, shuffle=shuffle)
    np.testing.assert_array_equal(model.parameters()["dense_1.weight"], before["dense_1.weight"])
    with pytest.raises(TypeError, match="shuffle: got 'no', expected True, False or a function"):
        model.fit(X, Y, epochs=1, shuffle="no")


def test_rows_that_are_streamed_have_no_order_of_their_own() -> None:
    source = scan_arrays(X, Y)
    with pytest.raises(
        ValueError, match="streamed in an order of their own; expected shuffle=True"
    ):
        MLP([4, 3]).fit(source, epochs=1, batch_size=4, device_budget=200, shuffle=False)
