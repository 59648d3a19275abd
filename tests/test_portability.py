"""The same seed gives the same training on every backend."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from portable_mlp import MLP, Callback, nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.data import load_digits
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.optim import SCHEDULES, Adam
from portable_mlp.randomness import stream_keys
from portable_mlp.training import Run
from portable_mlp.training.epoch import Epoch, Plan
from portable_mlp.training.feed import Whole
from portable_mlp.training.problem import Data, Problem

STEPS = 50


class StepLosses(Callback):
    """The loss of each step: what it added to the epoch's sum, so it waits for the device."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._before = 0.0

    def on_step_end(self, run: Run, step: int) -> None:
        total = float(run.carry.totals.loss)
        self.losses.append(total - (self._before if step else 0.0))
        self._before = total


def mixed_layers(activation: str) -> list[nn.Layer]:
    """Every kind of layer that a training can meet."""
    return [
        nn.Scale(),
        *dense_stack([24, 16], activation, dropout=0.2, normalization="batch"),
        nn.Residual((nn.Dense(16), nn.LayerNorm(), nn.GELU(), nn.Dropout(0.1), nn.Dense(16))),
        nn.PReLU(),
        nn.Dense(10),
    ]


def losses(backend: Backend, activation: str, **options: object) -> list[float]:
    digits = load_digits()
    model = MLP(
        layers=mixed_layers(activation), inputs=64, backend=backend, seed=3, l2=1e-4, metrics=()
    )
    seen = StepLosses()
    rows = 25 * 32  # 25 steps an epoch
    model.fit(
        digits.train_images[:rows],
        digits.train_labels[:rows],
        epochs=2,
        batch_size=32,
        callbacks=[seen],
        **options,  # type: ignore[arg-type]
    )
    assert len(seen.losses) == STEPS
    return [loss / 32 for loss in seen.losses]


_reference: dict[tuple[str, str], list[float]] = {}


def reference(activation: str, dtype: str) -> list[float]:
    key = (activation, dtype)
    if key not in _reference:
        _reference[key] = losses(NumpyBackend(None, dtype), activation)
    return _reference[key]


def test_first_fifty_losses_in_single_precision(backend: Backend) -> None:
    # a smooth activation: at a kink of ReLU one rounding can decide a whole gradient
    found = np.asarray(losses(backend, "silu"))
    expected = np.asarray(reference("silu", "float64"))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_first_fifty_losses_in_double_precision(backend64: Backend) -> None:
    found = np.asarray(losses(backend64, "relu"))
    np.testing.assert_allclose(found, reference("relu", "float64"), rtol=1e-10)


def test_first_weights_are_equal_bit_for_bit(backend: Backend) -> None:
    made = MLP(layers=mixed_layers("relu"), inputs=64, backend=backend, seed=11).parameters()
    expected = MLP(layers=mixed_layers("relu"), inputs=64, seed=11).parameters()
    assert made.keys() == expected.keys()
    for name, value in made.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, expected[name])


def test_shuffles_are_equal_bit_for_bit(backend: Backend) -> None:
    problem = MLP([4, 3], backend=backend)._problem
    data = Data(backend.asarray(np.zeros((23, 4))), None, None)
    feed = Whole(data, 5, 7, backend)
    plan = Plan(problem, feed, 5, Adam(), 0.1, SCHEDULES["constant"], 3, 7)
    orders = []
    for number in range(3):
        epoch = Epoch(plan, number, 1.0, lambda epoch, carry, first, stop: carry)
        runs = [next(epoch.runs(i, i + 1)) for i in range(plan.batches)]
        batches = [backend.to_numpy(run.rows[run.first, ...]) for run in runs]
        order = np.concatenate(batches)
        assert sorted(order) == list(range(23))
        assert [len(b) for b in batches] == [5, 5, 5, 5, 3]
        orders.append(order.tolist())
    assert orders[0] != orders[1] != orders[2]
    generator = np.random.Generator(np.random.Philox(key=[7, 1], counter=[0, 0, 0, 2]))
    assert orders[2] == generator.permutation(23).tolist()


def test_dropout_masks_are_equal_bit_for_bit(backend: Backend) -> None:
    problem = MLP([8, 4], dropout=0.0, backend=backend)._problem
    x = backend.asarray(np.ones((16, 40)))

    def mask(problem: Problem, backend: Backend) -> np.ndarray:
        ctx = problem.context(backend.xp, stream_keys(5, 9, 2))
        layer = nn.Dropout(0.3)
        layer.forward(None, x, ctx)
        return backend.to_numpy(layer.forward(None, x, ctx)[0])  # the second stream

    found = mask(problem, backend)
    reference = MLP([8, 4])._problem
    x = np.ones((16, 40), dtype=np.float32)
    np.testing.assert_array_equal(found, mask(reference, reference.backend))
    assert set(np.unique(found)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((found == 0).mean() - 0.3) < 4 * (0.3 * 0.7 / found.size) ** 0.5


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_an_epoch_waits_for_the_device_at_most_eight_times(
    syncs: Counter[str], dropout: float
) -> None:
    digits = load_digits()
    rows = 100 * 4
    X, y = digits.train_images[:rows], digits.train_labels[:rows]
    model = MLP([64, 8, 10], dropout=dropout, backend="array-api-strict", device="device1", l1=1e-5)

    class Counts(Callback):
        def __init__(self) -> None:
            self.at_epoch_end: list[int] = []

        def on_train_begin(self, run: Run) -> None:
            self.at_epoch_end.append(sum(syncs.values()))

        def on_epoch_end(self, run: Run) -> None:
            self.at_epoch_end.append(sum(syncs.values()))

    counts = Counts()
    history = model.fit(
        X,
        y,
        epochs=3,
        batch_size=4,
        callbacks=[counts],
        validation_data=(X, y),
        class_weight="balanced",
    )
    assert history.epochs == 3
    each = np.diff(counts.at_epoch_end)
    assert len(each) == 3
    # the figures, and at its start a copy of the weights and of the optimizer's two moments
    assert each.max() <= 8, dict(syncs)
