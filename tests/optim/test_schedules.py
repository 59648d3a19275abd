"""Every schedule against PyTorch's or against its formula, worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.nn.losses import CustomLoss
from portable_mlp.optim import SCHEDULES, SGD, Schedule, schedules
from portable_mlp.optim.schedules import (
    Constant,
    Cosine,
    CosLog4,
    Exponential,
    FlatCosine,
    InverseScaling,
    OneCycle,
    Progress,
    ReduceOnPlateau,
    Step,
    WarmUp,
)
from portable_mlp.training import Callback

Golden = dict[str, np.ndarray]


def factors(schedule: Schedule, steps: int = 40, steps_per_epoch: int = 4) -> np.ndarray:
    """The factor of each step of a training of so many."""
    epochs = steps // steps_per_epoch
    return np.asarray([schedule.factor(Progress(k, steps_per_epoch, epochs)) for k in range(steps)])


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("cosine", Cosine()),
        ("cosine_final", Cosine(final=0.2)),
        ("one_cycle", OneCycle()),  # 25 · 4000 = 1e5, PyTorch's way to name the last rate
    ],
)
@pytest.mark.parametrize("steps_per_epoch", [1, 4, 40])
def test_schedule_of_steps_matches_golden(
    name: str, schedule: Schedule, steps_per_epoch: int, golden: Golden
) -> None:
    found = factors(schedule, steps_per_epoch=steps_per_epoch)
    np.testing.assert_allclose(found, golden[f"schedule.{name}"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "schedule"), [("step", Step(every=3, gamma=0.5)), ("exponential", Exponential())]
)
def test_schedule_of_epochs_matches_golden(name: str, schedule: Schedule, golden: Golden) -> None:
    """It moves between epochs and not within them."""
    expected = golden[f"schedule.{name}"]
    np.testing.assert_allclose(factors(schedule, steps_per_epoch=1), expected, rtol=1e-9)
    found = factors(schedule, 120, steps_per_epoch=3)
    np.testing.assert_allclose(found, np.repeat(expected, 3), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("patience_0", ReduceOnPlateau("loss", 0.3, 0, 0.0)),
        ("patience_2", ReduceOnPlateau("loss", 0.3, 2, 0.0)),
        ("patience_3_threshold", ReduceOnPlateau("loss", 0.3, 3, 0.05)),
        ("patience_1_minimum", ReduceOnPlateau("loss", 0.3, 1, 0.0, 0.02)),
    ],
)
def test_plateau_matches_golden(name: str, schedule: Schedule, golden: Golden) -> None:
    losses = golden["plateau.losses"].tolist()
    found = [schedule.epoch_factor({"loss": losses[:epoch]}) for epoch in range(len(losses))]
    np.testing.assert_allclose(found, golden[f"plateau.{name}"], rtol=1e-9, atol=0)


def test_plateau_looks_at_its_figure() -> None:
    falling, flat = [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]
    schedule = ReduceOnPlateau("val_loss", gamma=0.5, patience=1)
    assert schedule.epoch_factor({"loss": falling, "val_loss": flat}) == 0.5
    assert schedule.epoch_factor({"loss": flat, "val_loss": falling}) == 1.0
    assert schedule.epoch_factor({"loss": flat}) == 0.5, "there is no validation"
    message = r"ReduceOnPlateau: monitor is 'val_los', expected one of loss, val_loss\."
    with pytest.raises(ValueError, match=message):
        ReduceOnPlateau("val_los").epoch_factor({"loss": flat, "val_loss": flat})


ROOT = math.sqrt(0.5)
# (schedule, step, steps per epoch, epochs, factor); worked out by hand
POINTS: list[tuple[Schedule, int, int, int, float]] = [
    (Constant(), 0, 4, 5, 1.0),
    (Constant(), 19, 4, 5, 1.0),
    (Step(), 39, 4, 20, 1.0),  # the last step of epoch 9
    (Step(), 40, 4, 20, 0.1),  # the first of epoch 10
    (Step(every=2, gamma=0.5), 9, 1, 10, 0.0625),  # ⌊9 / 2⌋ = 4 drops
    (Exponential(gamma=0.5), 11, 4, 5, 0.25),
    (InverseScaling(), 0, 4, 5, 1.0),
    (InverseScaling(), 3, 4, 5, 0.5),
    (InverseScaling(power=1.0), 9, 4, 5, 0.1),
    (Cosine(), 0, 4, 6, 1.0),
    (Cosine(), 8, 4, 6, 0.75),  # a third of the way: ½ (1 + cos 60°)
    (Cosine(), 12, 4, 6, 0.5),
    (Cosine(final=0.2), 8, 4, 6, 0.8),
    (FlatCosine(), 0, 4, 6, 1.0),
    (FlatCosine(), 12, 4, 6, 1.0),
    (FlatCosine(), 16, 4, 6, 0.75),  # a third of the second half
    (FlatCosine(), 18, 4, 6, 0.5),
    (FlatCosine(), 20, 4, 6, 0.25),
    (FlatCosine(flat=0.0), 8, 4, 6, 0.75),
    (FlatCosine(flat=0.25), 15, 4, 6, 0.5),  # 6 flat steps and half of 18
    (CosLog4(), 0, 5, 3, 0.0),
    (CosLog4(), 1, 5, 3, 0.0),  # log₂ 2 = 1: the first wave is over after 1/15
    (CosLog4(), 3, 5, 3, 0.0),  # log₂ 4
    (CosLog4(), 7, 5, 3, 0.0),  # log₂ 8
    (CosLog4(), 5, 5, 3, 0.5 * (1 - math.cos(2 * math.pi * math.log2(6)))),
    (CosLog4(), 6, 50, 3, 0.5 * (1 - math.cos(2 * math.pi * math.log2(1.6)))),
    (CosLog4(), 11, 5, 3, 0.5 * (1 - math.cos(2 * math.pi * math.log2(12)))),
    (WarmUp(), 0, 4, 50, 0.01),
    (WarmUp(), 98, 4, 50, 0.99),
    (WarmUp(), 99, 4, 50, 1.0),
    (WarmUp(), 150, 4, 50, 1.0),
    (WarmUp(1), 0, 4, 5, 1.0),
    (WarmUp(8, Cosine()), 3, 4, 4, 0.5 * 0.5 * (1 + math.cos(math.pi * 3 / 16))),
    (WarmUp(8, Cosine()), 8, 4, 4, 0.5),
    (OneCycle(), 0, 4, 10, 0.04),
    (OneCycle(), 5, 4, 10, 0.52),  # half-way from 0.04 up to 1
    (OneCycle(), 10, 4, 10, 1.0),
    (OneCycle(), 25, 4, 10, 0.500005),  # half-way from 1 down to 1e-5
    (OneCycle(rise=0.5, start_divisor=2.0, end_divisor=4.0), 30, 4, 10, 0.625),
    (ReduceOnPlateau(), 7, 4, 5, 1.0),
]


@pytest.mark.parametrize(("schedule", "step", "steps_per_epoch", "epochs", "factor"), POINTS)
def test_factor_by_hand(
    schedule: Schedule, step: int, steps_per_epoch: int, epochs: int, factor: float
) -> None:
    found = schedule.factor(Progress(step, steps_per_epoch, epochs))
    assert found == pytest.approx(factor, rel=1e-12, abs=1e-12)


def test_wave_of_coslog4_is_at_its_top_half_way_in_its_logarithm() -> None:
    for wave in range(4):
        fraction = (2 ** (wave + 0.5) - 1) / 15
        progress = Progress(round(fraction * 10**9), 10**9, 1)
        assert CosLog4().factor(progress) == pytest.approx(1.0, abs=1e-12)


def test_warm_up_hands_the_figures_on() -> None:
    flat = {"loss": [1.0] * 4}
    assert WarmUp(5, ReduceOnPlateau("loss", 0.5, 2)).epoch_factor(flat) == 0.5
    assert WarmUp(5).epoch_factor(flat) == 1.0


def test_beyond_the_plan_the_last_factor_stays() -> None:
    """A count that runs over must not send a cosine up again."""
    late = Progress(60, 4, 10)
    for schedule, last in (
        (Cosine(), 0.0),
        (FlatCosine(), 0.0),
        (CosLog4(), 0.0),
        (OneCycle(), 1e-5),
    ):
        assert schedule.factor(late) == pytest.approx(last, abs=1e-15)
    assert late.epoch == 15
    assert late.fraction == 1.0


def subclasses(of: type[Schedule]) -> Iterator[type[Schedule]]:
    """All subclasses that portable_mlp.optim defines, however deep."""
    for cls in of.__subclasses__():
        if cls.__module__.startswith("portable_mlp.optim"):
            yield cls
            yield from subclasses(cls)


def test_no_schedule_is_without_a_point_worked_out_by_hand() -> None:
    """Who adds a schedule adds its points."""
    defined = set(subclasses(Schedule))
    assert defined == {type(point[0]) for point in POINTS}
    assert defined == {type(schedule) for schedule in SCHEDULES.values()}
    for schedule in SCHEDULES.values():
        assert schedule == type(schedule)(), "a name stands for the default numbers"
        assert getattr(schedules, type(schedule).__name__) is type(schedule)


DEFAULTS: dict[type[Schedule], dict[str, Any]] = {
    Constant: {},
    Step: {"every": 10, "gamma": 0.1},
    Exponential: {"gamma": 0.95},
    InverseScaling: {"power": 0.5},
    Cosine: {"final": 0.0},
    FlatCosine: {"flat": 0.5},
    CosLog4: {},
    WarmUp: {"steps": 100, "then": Constant()},
    OneCycle: {"rise": 0.25, "start_divisor": 25.0, "end_divisor": 1e5},
    ReduceOnPlateau: {
        "monitor": "val_loss",
        "gamma": 0.1,
        "patience": 10,
        "min_delta": 1e-4,
        "minimum": 0.0,
    },
}


def numbers_of(schedule: Schedule) -> dict[str, Any]:
    return {field.name: getattr(schedule, field.name) for field in fields(schedule)}


def test_defaults() -> None:
    """A changed default changes everybody's training: it is to be changed here too."""
    assert {type(s): numbers_of(s) for s in SCHEDULES.values()} == DEFAULTS


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_are_shares(name: str) -> None:
    """Of every schedule with a name: finite, in [0, 1], the same when asked again, frozen."""
    schedule = SCHEDULES[name]
    found = factors(schedule, 60, 3)
    assert np.all((found >= 0) & (found <= 1))
    np.testing.assert_array_equal(found, factors(schedule, 60, 3))
    assert schedule.epoch_factor({"loss": [2.0, 1.0]}) == 1.0
    with pytest.raises(FrozenInstanceError):
        schedule.gamma = 0.5  # type: ignore[attr-defined]


BAD: list[tuple[type[Schedule], str, Any, str]] = [
    (Step, "every", 0, "a whole number of at least 1"),
    (Step, "every", 2.5, "a whole number of at least 1"),
    (Step, "every", True, "a whole number of at least 1"),
    (Step, "gamma", 0.0, "a number above 0"),
    (Exponential, "gamma", 0.0, "a number above 0"),
    (InverseScaling, "power", -0.5, "a number of at least 0"),
    (Cosine, "final", -0.1, "a share in [0, 1]"),
    (Cosine, "final", 1.1, "a share in [0, 1]"),
    (FlatCosine, "flat", -0.1, "a share in [0, 1)"),
    (FlatCosine, "flat", 1.0, "a share in [0, 1)"),
    (WarmUp, "steps", 0, "a whole number of at least 1"),
    (WarmUp, "steps", 1.5, "a whole number of at least 1"),
    (WarmUp, "steps", True, "a whole number of at least 1"),
    (OneCycle, "rise", 0.0, "a share inside (0, 1)"),
    (OneCycle, "rise", 1.0, "a share inside (0, 1)"),
    (OneCycle, "start_divisor", 0.5, "a number of at least 1"),
    (OneCycle, "end_divisor", 0.0, "a number of at least 1"),
    (ReduceOnPlateau, "gamma", 1.0, "a number inside (0, 1)"),
    (ReduceOnPlateau, "gamma", 0.0, "a number inside (0, 1)"),
    (ReduceOnPlateau, "patience", -1, "a whole number of at least 0"),
    (ReduceOnPlateau, "min_delta", -1e-4, "a number of at least 0"),
    (ReduceOnPlateau, "minimum", -0.1, "a share in [0, 1]"),
    (ReduceOnPlateau, "minimum", 1.1, "a share in [0, 1]"),
]


@pytest.mark.parametrize(("cls", "name", "value", "expected"), BAD)
def test_bad_number_is_refused(cls: type[Schedule], name: str, value: Any, expected: str) -> None:
    with pytest.raises(ValueError) as error:
        cls(**{name: value})
    assert str(error.value) == f"{cls.__name__}: {name} is {value!r}, expected {expected}."


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (Step, "every", 1),
        (InverseScaling, "power", 0.0),
        (Cosine, "final", 0.0),
        (Cosine, "final", 1.0),
        (FlatCosine, "flat", 0.0),
        (WarmUp, "steps", 1),
        (OneCycle, "start_divisor", 1.0),
        (OneCycle, "end_divisor", 1.0),
        (ReduceOnPlateau, "patience", 0),
        (ReduceOnPlateau, "min_delta", 0.0),
        (ReduceOnPlateau, "minimum", 0.0),
        (ReduceOnPlateau, "minimum", 1.0),
    ],
)
def test_number_at_the_edge_is_taken(cls: type[Schedule], name: str, value: float) -> None:
    assert getattr(cls(**{name: value}), name) == value


def test_numpy_scalars_become_plain_numbers() -> None:
    schedule = ReduceOnPlateau(gamma=np.float64(0.5), patience=np.int64(3))  # type: ignore[arg-type]
    assert schedule == ReduceOnPlateau(gamma=0.5, patience=3)
    assert type(schedule.gamma) is float
    assert Step(np.int64(3)) == Step(3)  # type: ignore[arg-type]
    factor = Exponential(np.float32(0.5)).factor(Progress(3, 1, 9))  # type: ignore[arg-type]
    assert type(factor) is float


class Weights(Callback):
    """Keeps the weights after each step."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def on_step_end(self, run: Any, step: int) -> None:
        self.seen.append(np.array(run.problem.backend.to_numpy(run.carry.vector)))


def train(schedule: Schedule) -> tuple[Any, np.ndarray]:
    """``(history, how far each step moved the bias)`` in 4 epochs of 3 steps at the rate 0.5.

    There is one weight, which sees only zeros, and one bias, whose gradient is always 1.
    """
    loss = CustomLoss(lambda o, t, xp: ((o - t)[:, 0], xp.ones_like(o)))
    model = MLP([1, 1], loss=loss, metrics=[], dtype="float64")
    weights, zeros = Weights(), np.zeros((6, 1))
    history = model.fit(
        zeros,
        zeros,
        epochs=4,
        batch_size=2,
        optimizer=SGD(0.5),
        schedule=schedule,
        callbacks=[weights],
    )
    bias = np.asarray([0.0, *(w[1] for w in weights.seen)])
    return history, -np.diff(bias)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_step_of_a_training_has_its_factor(name: str) -> None:
    """Also for a schedule that is yet to be written. The loss falls, so no plateau comes up."""
    history, moved = train(SCHEDULES[name])
    expected = 0.5 * factors(SCHEDULES[name], 12, 3)
    np.testing.assert_allclose(moved, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(history["learning_rate"], expected[2::3], rtol=1e-12, atol=1e-15)


def test_plateau_in_a_training() -> None:
    """The loss falls by less than min_delta: epochs 1 and 2 at the full rate, then reductions."""
    schedule = ReduceOnPlateau(gamma=0.5, patience=0, min_delta=100.0)
    _, moved = train(schedule)
    np.testing.assert_allclose(moved, 0.5 * np.repeat([1.0, 1.0, 0.5, 0.25], 3), rtol=1e-9)
