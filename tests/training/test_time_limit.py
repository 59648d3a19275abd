"""A limit of time, by a clock of the tests' own; and other ends between two mini-batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, TimeLimit, optim
from portable_mlp.backends import Backend
from portable_mlp.training import Run, StopTraining, TrainingDiverged

X = np.random.default_rng(0).normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)


class Clock(Callback):
    """Goes on by a second with each mini-batch, and by ten with each epoch's validation."""

    def __init__(self) -> None:
        self.now, self.weights = 100.0, list[np.ndarray]()

    def __call__(self) -> float:
        return self.now

    def on_step_end(self, run: Run, step: int) -> None:
        self.now += 1
        self.weights.append(np.array(run.problem.backend.to_numpy(run.carry.vector)))

    def on_epoch_end(self, run: Run) -> None:
        self.now += 10


def trained(seconds: float, model: MLP | None = None, **options: Any) -> tuple[Any, Clock, MLP]:
    """Six mini-batches an epoch; 16 seconds."""
    clock, made = Clock(), model or MLP([2, 4, 2], metrics=())
    history = made.fit(
        X, Y, epochs=5, batch_size=10, callbacks=[clock, TimeLimit(seconds, clock)], **options
    )
    return history, clock, made


def flat(model: MLP) -> np.ndarray:
    return np.concatenate([value.ravel() for value in model.parameters().values()])


def test_it_ends_between_two_mini_batches(backend: Backend) -> None:
    history, clock, model = trained(19.5, MLP([2, 4, 2], metrics=(), backend=backend))
    assert history.epochs == 1
    assert history.stopped == "the time limit of 19.5 s was reached"
    assert len(clock.weights) == 6 + 4  # at 116 the second epoch begins, at 119.5 time is up
    np.testing.assert_array_equal(flat(model), clock.weights[-1])
    assert all(len(history[name]) == 1 for name in history)


@pytest.mark.parametrize("seconds", [6, 15.5, 16])
def test_an_epoch_whose_steps_are_done_has_its_figures(seconds: float) -> None:
    """At 6 with the last mini-batch, then while it is validated, then at its end."""
    history, clock, _ = trained(seconds, validation_data=(X, Y))
    assert history.epochs == len(history["val_loss"]) == 1
    assert len(clock.weights) == 6
    assert history.stopped == f"the time limit of {seconds:g} s was reached"


def test_in_the_first_epoch_there_are_no_figures() -> None:
    history, clock, model = trained(2)
    assert history.epochs == 0
    assert list(history) == []
    assert len(clock.weights) == 2
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.training_record is not None
    assert (model.training_record.epochs, model.training_record.steps) == (1, 2)


def test_each_training_has_its_own_time() -> None:
    model = MLP([2, 4, 2], metrics=())
    for _ in range(2):
        history, clock, _ = trained(7, model)
        assert (history.epochs, len(clock.weights)) == (1, 6)


def test_enough_time_ends_nothing() -> None:
    history, clock, _ = trained(80.5)
    assert history.epochs == 5
    assert history.stopped == ""
    assert clock.now == 180


def test_the_next_training_counts_what_was_done() -> None:
    """Adam's corrections go on after the updates that were made, not after those of a whole epoch."""
    seen: list[Any] = []

    class Watch(Callback):
        def on_train_begin(self, run: Run) -> None:
            plan = run.plan
            seen.append((plan.first_epoch, plan.first_step, plan.first_update))

    model = MLP([2, 4, 2], metrics=())
    optimizer = optim.Adam(accumulation_steps=2)
    trained(19.5, model, optimizer=optimizer)
    model.fit(X, Y, epochs=1, optimizer=optimizer, callbacks=[Watch()])
    assert seen == [(2, 10, 5)]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "60", True])
def test_seconds_that_can_not_be(seconds: Any) -> None:
    with pytest.raises(ValueError, match="TimeLimit: seconds is .* expected a number above 0"):
        TimeLimit(seconds)


def test_a_callback_of_ones_own_can_end_the_training_at_once() -> None:
    class Ends(Callback):
        def on_stop(self, run: Run, done: int) -> None:
            raise StopTraining("seen enough")

        def stops(self, run: Run) -> tuple[int, ...]:
            return (8,)

    ended: list[int] = []

    class Watch(Callback):
        def on_train_end(self, run: Run) -> None:
            ended.append(run.done)

    history = MLP([2, 2]).fit(X, Y, epochs=5, batch_size=10, callbacks=[Ends(), Watch()])
    assert (history.stopped, history.epochs, ended) == ("seen enough", 1, [2])


class Spoils(Callback):
    """Puts infinities in place of the weights after so many mini-batches."""

    def __init__(self, after: int) -> None:
        self._after = after

    def stops(self, run: Run) -> list[int]:
        return [self._after]

    def on_stop(self, run: Run, done: int) -> None:
        run.carry = run.carry._replace(vector=run.carry.vector * float("inf"))
        raise KeyboardInterrupt


def test_steps_that_were_taken_back_are_not_counted() -> None:
    interrupted = MLP([2, 4, 2], metrics=())
    interrupted.fit(X, Y, epochs=5, batch_size=10, callbacks=[Spoils(9)])
    assert interrupted.training_record is not None
    assert interrupted.training_record.steps == 6  # back to the start of the second epoch

    diverged = MLP([2, 4, 1], loss="squared_error")
    rows = np.where(np.arange(60)[:, None] == 35, 1e30, X)  # its loss is not finite
    seen = list[np.ndarray]()

    class Weights(Callback):
        def on_step_end(self, run: Run, step: int) -> None:
            seen.append(np.array(run.problem.backend.to_numpy(run.carry.vector)))

    with (
        np.errstate(all="ignore"),
        pytest.warns(UserWarning, match="has scale"),
        pytest.raises(TrainingDiverged),
    ):
        diverged.fit(rows, Y[:, None], epochs=5, batch_size=10, callbacks=[Weights()])
    record = diverged.training_record
    steps = 0 if record is None else record.steps  # with no step kept the model is as it was
    assert 0 <= steps < 6
    first = np.concatenate(
        [v.ravel() for v in MLP([2, 4, 1], loss="squared_error").parameters().values()]
    )
    np.testing.assert_array_equal(flat(diverged), [first, *seen][steps])
