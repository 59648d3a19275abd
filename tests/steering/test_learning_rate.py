"""The learning-rate finder, on problems whose best rate is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TrainingDiverged, find_learning_rate, load_digits, nn
from portable_mlp.backends import Backend
from portable_mlp.data import scan
from portable_mlp.optim import SGD, Adam
from portable_mlp.steering import RateCurve

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 2))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def quadratic(*curvatures: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples for which the mean squared error of a linear model has these second derivatives."""
    rows, columns = 64, len(curvatures)
    orthogonal, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(rows, columns)))
    x = orthogonal * np.sqrt(rows * np.asarray(curvatures) / 2)
    return x, x @ np.ones((columns, 1))


def linear(inputs: int) -> MLP:
    layers = [nn.Dense(1, use_bias=False)]
    return MLP(layers=layers, inputs=inputs, loss="squared_error", dtype="float64")


@pytest.mark.parametrize("curvatures", [(1.0, 1.0), (0.01, 0.01), (300.0, 300.0), (1.0, 3.0, 10.0)])
def test_gradient_descent_on_a_quadratic(curvatures: tuple[float, ...]) -> None:
    """Best is 2 / (smallest + largest curvature); from 2 / largest on it diverges."""
    x, y = quadratic(*curvatures)
    best, limit = 2 / (min(curvatures) + max(curvatures)), 2 / max(curvatures)
    found = find_learning_rate(
        linear(x.shape[1]), x, y, optimizer="sgd", batch_size=None, smallest=1e-6, largest=1e4
    )
    assert best / 5 < found.suggestion < limit
    options: dict[str, Any] = {"optimizer": "sgd", "batch_size": None, "epochs": 200}
    model = linear(x.shape[1])
    model.fit(x, y, learning_rate=found.suggestion, **options)
    assert model.evaluate(x, y)["loss"] < 1e-9 * max(curvatures)
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged):
        linear(x.shape[1]).fit(x, y, learning_rate=12 * limit, **options)


def test_rate_scales_with_the_samples() -> None:
    """k times the samples is k² times the curvature."""
    x, y = quadratic(1.0, 2.0)
    options: dict[str, Any] = {"optimizer": "sgd", "batch_size": None, "steps": 200}
    first, second = (
        find_learning_rate(linear(2), k * x, y, smallest=1e-6, largest=1e3, **options).suggestion
        for k in (1, 10)
    )
    assert first / second == pytest.approx(100, rel=0.3)


@pytest.mark.parametrize(
    "optimizer", ["adam", SGD(momentum=0.9)], ids=lambda o: o if isinstance(o, str) else "momentum"
)
def test_digits_learn_nearly_as_well_as_with_the_best_rate(optimizer: Any) -> None:
    digits = load_digits()
    data = digits.train_images, digits.train_labels

    def loss(rate: float) -> float:
        model = MLP([64, 32, 10])
        with np.errstate(all="ignore"):
            try:
                return model.fit(*data, epochs=4, optimizer=optimizer, learning_rate=rate)["loss"][
                    -1
                ]
            except TrainingDiverged:
                return math.inf

    found = find_learning_rate(MLP([64, 32, 10]), *data, optimizer=optimizer)
    best = min(loss(float(rate)) for rate in 10 ** np.arange(-4, 1.5, 0.5))
    start = MLP([64, 32, 10]).evaluate(*data)["loss"]
    assert (loss(found.suggestion) - best) / (start - best) < 0.1


@pytest.mark.needs_argmax
def test_curve_is_that_of_the_rising_rate(backend: Backend) -> None:
    model = MLP([2, 4, 2], backend=backend)
    before = model.parameters()
    found = find_learning_rate(model, X, Y, batch_size=64, steps=20)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    assert found.rates[0] == pytest.approx(1e-7)
    assert found.rates[-1] == pytest.approx(10.0) or len(found.rates) < 20
    ratios = found.rates[1:] / found.rates[:-1]
    np.testing.assert_allclose(ratios, 1e8 ** (1 / 19))
    host = find_learning_rate(MLP([2, 4, 2]), X, Y, batch_size=64, steps=20)
    np.testing.assert_allclose(found.losses[:15], host.losses[:15], rtol=1e-4)


def test_the_model_stays_as_it_is() -> None:
    layers = [nn.Dense(4), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(2)]
    models = [MLP(layers=layers, inputs=2, scaling="standard") for _ in range(2)]
    for model in models:
        model.fit(X, Y, epochs=1)
    before = models[0].parameters()
    find_learning_rate(models[0], X, Y, steps=10)
    for name, value in models[0].parameters().items():
        np.testing.assert_array_equal(value, before[name])
    first, second = (model.fit(X, Y, epochs=1)["loss"] for model in models)
    assert first == second  # with the optimizer's state and the running statistics


def test_a_model_that_was_not_trained_has_no_scaling_afterwards() -> None:
    model = MLP([2, 2], scaling="standard")
    find_learning_rate(model, X, Y, steps=10)
    assert model.scaling is None
    assert model.training_record is None
    assert model.columns.features == ()


@pytest.mark.parametrize("loss", ["squared_error", "sum_squared_error"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_those_of_the_mini_batches(loss: str, weighted: bool) -> None:
    """Full batch, first step: what `evaluate` says, penalties included; a sum loss for each sample."""
    y = X[:, :1] + 1
    weight = RANDOM.uniform(0, 2, len(X)) if weighted else None
    model = MLP([2, 5, 1], loss=loss, l2=0.3, dtype="float64")
    found = find_learning_rate(model, X, y, batch_size=None, sample_weight=weight, steps=10)
    said = model.evaluate(X, y, sample_weight=weight)["loss"]
    mass = 1.0
    if loss == "sum_squared_error":
        mass = len(X) if weight is None else float(weight.sum())
    assert found.losses[0] == pytest.approx(said / mass, rel=1e-12)


def test_mini_batches_are_those_of_a_training() -> None:
    model = MLP([2, 5, 2], dtype="float64")
    weight = RANDOM.uniform(0, 2, len(X))
    found = find_learning_rate(
        *(model, X, Y), batch_size=60, steps=12, smallest=1e-12, largest=1e-11, sample_weight=weight
    )
    mass = [weight_of.sum() for weight_of in _batches_of(weight, 60)]
    of_an_epoch = found.losses[:4] @ mass / weight.sum()
    assert of_an_epoch == pytest.approx(
        model.evaluate(X, Y, sample_weight=weight)["loss"], rel=1e-9
    )


def _batches_of(weight: np.ndarray, size: int) -> list[np.ndarray]:
    from portable_mlp import randomness

    order = randomness.permutation(0, 0, len(weight))
    return [weight[order[k : k + size]] for k in range(0, len(order), size)]


def test_gradient_accumulation_has_a_rate_for_each_update() -> None:
    found = find_learning_rate(
        MLP([2, 4, 2]), X, Y, optimizer=Adam(accumulation_steps=2), batch_size=50, steps=40
    )
    np.testing.assert_array_equal(found.rates[::2], found.rates[1::2])
    assert (found.rates[2::2] > found.rates[:-2:2]).all()


def test_a_source_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=X, y=Y)
    found = find_learning_rate(MLP([2, 8, 2]), scan(path), optimizer="sgd", largest=100.0)
    host = find_learning_rate(MLP([2, 8, 2]), X, Y, optimizer="sgd", largest=100.0)
    np.testing.assert_allclose(found.losses, host.losses, rtol=1e-5)


def test_a_loss_that_explodes_ends_it() -> None:
    found = find_learning_rate(linear(2), *quadratic(1.0, 1.0), optimizer="sgd", largest=1e30)
    assert len(found.rates) < 60
    assert found.losses[-1] > 4 * found.losses[0]
    assert 0.05 < found.suggestion < 2


def test_no_fall_is_no_suggestion() -> None:
    x, y = quadratic(1.0, 1.0)
    model = linear(2)
    model.set_parameters({"dense_1.weight": np.ones((2, 1))})  # the solution
    found = find_learning_rate(model, x, y, optimizer="sgd", batch_size=None)
    assert not found.falls
    assert str(found).startswith("no learning rate is suggested: ")
    with pytest.raises(
        ValueError, match="the loss fell at no rate from 1.0e-07 to .*expected a model"
    ):
        _ = found.suggestion


def test_noise_alone_is_no_fall() -> None:
    losses = np.random.default_rng(0).normal(1, 0.1, 100)
    assert not RateCurve(np.geomspace(1e-7, 10, 100), losses, 100).falls


def test_a_negative_loss_is_one_like_any_other() -> None:
    rates = np.geomspace(1e-7, 10, 81)
    valley = (np.log10(rates) + 2) ** 2 / 10  # smallest at 0.01
    for shift in (0, -1, -100):
        found = RateCurve(rates, valley + shift, 81)
        assert found.falls
        assert found.suggestion == pytest.approx(0.0025, rel=0.01)


def test_text_says_where_it_comes_from() -> None:
    x, y = quadratic(1.0, 1.0)
    found = find_learning_rate(
        linear(2), x, y, optimizer="sgd", batch_size=None, smallest=1e-4, largest=0.1
    )
    assert str(found) == (
        "learning rate 0.025: a quarter of 0.1, where the loss was smallest in 100 steps from 1.0e-04 "
        "to 1.0e-01; it still fell at the last of them, so a larger one may be better"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"smallest": 0}, "smallest is 0, expected a finite number above 0"),
        ({"largest": "big"}, "largest is 'big', expected a finite number above 0"),
        ({"smallest": 1.0, "largest": 0.1}, "expected a rate that rises"),
        ({"steps": 5}, "steps is 5, expected a whole number of at least 10"),
        ({"steps": 20.0}, "steps is 20.0, expected a whole number"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"optimizer": "lbfgs"}, "got LBFGS, which finds the length of each step by itself"),
        ({"batch_size": 0}, "batch_size: got 0, expected a whole number of at least 1"),
    ],
)
def test_options_that_can_not_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        find_learning_rate(MLP([2, 2]), X, Y, **options)
