"""Going on: `partial_fit`, a second `fit`, and starting afresh."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, BestEpoch, Callback, nn, optim, randomness
from portable_mlp.backends import Backend
from portable_mlp.training import Run

RNG = np.random.default_rng(4)
X = RNG.normal(size=(96, 3)) * [1, 10, 100]
Y = (X[:, 0] + X[:, 1] / 10 > 0).astype(int) + (X[:, 2] > 50)
LAYERS = [nn.Dense(8), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.2), nn.Dense(3)]
OPTIMIZERS = {
    "adam": optim.Adam(),
    "average": optim.Adam(ema_decay=0.9),
    "both": optim.AdamW(ema_decay=0.9, accumulation_steps=2, clip_norm=0.5),
}


def model(backend: Any = "numpy", **options: Any) -> MLP:
    options = {"metrics": (), "scaling": "standard", "l2": 1e-3, "seed": 3} | options
    return MLP(layers=LAYERS, inputs=3, backend=backend, **options)


def same(one: MLP, other: MLP) -> None:
    """Weights, running statistics and scaling, bit for bit."""
    np.testing.assert_array_equal(one.forward(X), other.forward(X))
    for name, value in one.parameters().items():
        np.testing.assert_array_equal(value, other.parameters()[name], err_msg=name)


@pytest.mark.parametrize("name", ["adam", "both"])
def test_n_calls_are_n_epochs(name: str, backend: Backend) -> None:
    at_once, in_parts = model(backend), model(backend)
    history = at_once.fit(X, Y, epochs=4, batch_size=20, optimizer=OPTIMIZERS[name])
    in_parts.partial_fit(X, Y, batch_size=20, optimizer=OPTIMIZERS[name])
    losses = [in_parts.partial_fit(X, Y)["loss"][0] for _ in range(3)]
    same(at_once, in_parts)
    assert losses == history["loss"][1:]


def test_two_fits_of_two_epochs_are_one_of_four(backend: Backend) -> None:
    at_once, in_parts = model(backend), model(backend)
    at_once.fit(X, Y, epochs=4, batch_size=20, optimizer=OPTIMIZERS["average"])
    for _ in range(2):
        in_parts.fit(X, Y, epochs=2, batch_size=20, optimizer=OPTIMIZERS["average"])
    same(at_once, in_parts)


@pytest.mark.parametrize("name", ["adam", "average"])
def test_a_call_for_each_mini_batch_takes_the_steps_of_an_epoch(
    name: str, backend64: Backend
) -> None:
    """Up to rounding: rows that are gathered on the device may lie elsewhere in memory."""
    at_once, in_parts = (model(backend64, scaling=None) for _ in range(2))
    rows = X / [1, 10, 100]
    at_once.fit(rows, Y, epochs=1, batch_size=24, optimizer=OPTIMIZERS[name])
    order = randomness.permutation(3, 0, 96)
    for part in np.split(order, 4):
        in_parts.partial_fit(rows[part], Y[part], batch_size=24, optimizer=OPTIMIZERS[name])
    expected, found = at_once.parameters(), in_parts.parameters()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


class SeesThePlan(Callback):
    def on_train_begin(self, run: Run) -> None:
        self.plan = run.plan


def test_options_are_those_of_the_last_call() -> None:
    watch, made = SeesThePlan(), model()

    def options(**given: Any) -> tuple[int, str, float]:
        made.partial_fit(X, Y, callbacks=[watch], **given)
        plan = watch.plan
        return plan.batch_size, type(plan.optimizer).__name__, plan.learning_rate

    assert options() == (96, "Adam", 1e-3)  # fit's own: 128 rows, of which there are 96
    assert options(batch_size=30, learning_rate=0.1) == (30, "Adam", 0.1)
    assert options() == (30, "Adam", 0.1)
    assert options(optimizer="sgd") == (30, "SGD", 0.01)
    assert options(learning_rate=0.5) == (30, "SGD", 0.5)
    assert options(optimizer="sgd") == (30, "SGD", 0.01)
    made.fit(X, Y, epochs=2, batch_size=None, optimizer="lion", schedule="cosine")
    assert options() == (96, "Lion", optim.Lion().learning_rate)
    assert type(watch.plan.schedule).__name__ == "Constant"
    for moved in (pickle.loads(pickle.dumps(made)), copy.deepcopy(made), made.to("numpy")):  # noqa: S301
        made = moved
        assert options() == (96, "Lion", optim.Lion().learning_rate)


def test_weights_of_rows_and_a_source_are_those_of_fit() -> None:
    weight = np.linspace(0.1, 2, 96)
    one, other = model(), model()
    one.fit(X, Y, epochs=1, sample_weight=weight, batch_size=32)
    other.partial_fit(X, Y, sample_weight=weight, batch_size=32)
    same(one, other)


def test_the_first_call_scales_and_need_not_have_all_classes() -> None:
    made = model()
    with pytest.warns(UserWarning, match="y is the same in each row"):
        made.partial_fit(X[:40], np.zeros(40, int))
    assert made.scaling is not None
    np.testing.assert_allclose(made.scaling.shift, X[:40].mean(axis=0))
    made.partial_fit(X[40:], Y[40:])
    np.testing.assert_allclose(made.scaling.shift, X[:40].mean(axis=0))


def test_a_refused_call_changes_nothing() -> None:
    one, other = model(), model()
    for made in (one, other):
        made.partial_fit(X, Y, optimizer="sgd", learning_rate=0.1)
    for bad in ({"batch_size": 0}, {"optimizer": "sgdd"}, {"learning_rate": -1.0}):
        with pytest.raises(ValueError, match="batch_size|optimizer|learning_rate"):
            one.partial_fit(X, Y, **bad)
    with pytest.raises(ValueError, match="y holds the label 7"):
        one.partial_fit(X, Y + 5)
    for made in (one, other):
        made.partial_fit(X, Y)
    same(one, other)


class Fails(Callback):
    def on_train_begin(self, run: Run) -> None:
        raise RuntimeError("before the first epoch")


def test_a_training_that_never_began_changes_nothing() -> None:
    one, other = model(), model()
    for made in (one, other):
        made.partial_fit(X, Y)
    record = one.training_record
    with pytest.raises(RuntimeError, match="before the first epoch"):
        one.fit(X, Y, optimizer="sgd", callbacks=[Fails()])
    assert one.training_record is record
    for made in (one, other):
        made.partial_fit(X, Y)
    same(one, other)


# -- moving averages ------------------------------------------------------------------------------


def test_validation_and_predictions_are_of_the_average(backend: Backend) -> None:
    """Three steps at a large rate: the weights themselves are elsewhere."""
    optimizer = optim.SGD(0.5, ema_decay=0.99)
    made, raw = model(backend), model(backend)
    history = made.fit(
        X, Y, epochs=1, batch_size=32, optimizer=optimizer, validation_data=(X[:50], Y[:50])
    )
    raw.fit(X, Y, epochs=1, batch_size=32, optimizer=replace(optimizer, ema_decay=None))
    assert made.evaluate(X[:50], Y[:50])["loss"] == pytest.approx(history["val_loss"][0], rel=1e-6)
    assert abs(raw.evaluate(X[:50], Y[:50])["loss"] - history["val_loss"][0]) > 0.01
    first = model(backend).parameters()
    for name, last in raw.parameters().items():
        if name.endswith("weight"):
            mean = made.parameters()[name]
            assert np.abs(mean - first[name]).max() > 1e-3
            assert np.abs(mean - last).max() > 1e-3


def test_another_optimizer_goes_on_from_the_average() -> None:
    made = model()
    made.fit(X, Y, epochs=2, optimizer=OPTIMIZERS["average"])
    other = made.to("numpy")
    for each in (made, other):
        each.fit(X, Y, epochs=1, optimizer="sgd")
    same(made, other)


def test_after_best_epoch_the_average_and_the_weights_are_one() -> None:
    made = model()
    best = BestEpoch("loss", mode="max")  # of the first epoch, as the loss falls
    made.fit(X, Y, epochs=4, optimizer=OPTIMIZERS["average"], callbacks=[best])
    assert best.best_epoch == 1
    once = model()
    once.fit(X, Y, epochs=1, optimizer=OPTIMIZERS["average"])
    for name, value in once.parameters().items():
        np.testing.assert_array_equal(made.parameters()[name], value)
    seen: list[np.ndarray] = []

    class Watch(Callback):
        def on_train_begin(self, run: Run) -> None:
            seen.extend(np.array(v) for v in (run.carry.vector, run.carry.average))

    made.fit(X, Y, epochs=1, optimizer=OPTIMIZERS["average"], callbacks=[Watch()])
    np.testing.assert_array_equal(*seen)


# -- afresh ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 8])
def test_a_reset_model_is_one_that_was_just_made(seed: int | None, backend: Backend) -> None:
    made = model(backend)
    made.fit(X[:50] * 3, Y[:50], epochs=2, optimizer=OPTIMIZERS["both"])
    made.reset(seed)
    fresh = model(backend, seed=3 if seed is None else seed)
    assert made.seed == fresh.seed
    assert made.scaling is None
    assert made.training_record is None
    for name, value in fresh.parameters().items():
        np.testing.assert_array_equal(made.parameters()[name], value)
    histories = [m.fit(X, Y, epochs=2, batch_size=20) for m in (made, fresh)]
    assert histories[0]["loss"] == histories[1]["loss"]
    same(made, fresh)
    for m in (made, fresh):
        m.reset()
        m.partial_fit(X, Y)
    same(made, fresh)


def test_reset_forgets_what_was_worked_out_and_keeps_what_was_given() -> None:
    frame = pytest.importorskip("pandas").DataFrame(X, columns=["a", "b", "c"])
    first = model()
    first.fit(X, Y, epochs=1)
    made = MLP(
        [3, 1],
        loss="squared_error",
        scaling=first.scaling,
        target_scaling="standard",
        metrics=["r2"],
    )
    made.fit(frame, X[:, :1] * 9, epochs=1)
    moved = made.to("numpy", dtype="float64")
    for each in (made, moved):
        assert each.columns.features == ("a", "b", "c")
        assert each.target_scaling is not None
        each.reset()
        assert each.scaling is first.scaling
        assert each.target_scaling is None
        assert each.columns.features == ()
        each.fit(X, X[:, :1], epochs=1)
        assert each.target_scaling is not None
        np.testing.assert_allclose(1 / each.target_scaling.factor, X[:, :1].std(axis=0))


def test_a_seed_that_can_not_be_leaves_the_model_as_it_was() -> None:
    made = model()
    made.fit(X, Y, epochs=1)
    before = made.forward(X)
    with pytest.raises(ValueError, match="seed: got -1"):
        made.reset(-1)
    np.testing.assert_array_equal(made.forward(X), before)
    assert made.seed == 3


@dataclass(frozen=True)
class Mine(optim.SGD):
    """An optimizer of the user's own."""


def test_an_optimizer_of_ones_own_is_remembered() -> None:
    one, other = model(), model()
    one.fit(X, Y, epochs=2, optimizer=Mine(0.05, momentum=0.9))
    other.partial_fit(X, Y, optimizer=Mine(0.05, momentum=0.9))
    other.partial_fit(X, Y)
    same(one, other)


def test_after_other_weights_were_restored_the_optimizer_starts_afresh() -> None:
    """Its memory is of the path from the best epoch on, and the weights are not there."""

    class FirstIsBest(Callback):
        def on_epoch_end(self, run: Run) -> None:
            run.history.figures["loss"][-1] = float(run.history.epochs)

    one, other = model(), model()
    one.fit(X, Y, epochs=4, callbacks=[FirstIsBest(), BestEpoch("loss")])
    other.fit(X, Y, epochs=4)
    vector = one.parameters()
    other._weights = one._weights
    other._reached = other._reached.without_state()
    one.fit(X, Y, epochs=1)
    other.fit(X, Y, epochs=1)
    same(one, other)
    assert any((value != vector[name]).any() for name, value in one.parameters().items())
