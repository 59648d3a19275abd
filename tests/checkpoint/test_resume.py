"""A training that was killed and resumed ends with the bits of one that was not interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import (
    BestEpoch,
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    JSONLinesLogger,
    TimeLimit,
    TrainingDiverged,
    nn,
    optim,
)
from portable_mlp.backends import Backend
from portable_mlp.data.source import Piece, Source
from portable_mlp.training import Run, StopTraining

from .programs import PLAIN, RNG, KillAt, Killed, Program, X, Y, same

ADAM = {"optimizer": optim.Adam(), "batch_size": 20}
EVERYTHING = {
    "optimizer": optim.AdamW(ema_decay=0.9, accumulation_steps=2, clip_norm=0.5),
    "schedule": "cosine",
    "validation_fraction": 0.2,
    "class_weight": "balanced",
    "batch_size": 16,
}
QUASI_NEWTON = {"optimizer": optim.LBFGS(history_size=3), "epochs": 7}
SMOOTH = [nn.Dense(5), nn.Tanh(), nn.Dense(3)]


@pytest.mark.parametrize(
    ("options", "steps"),
    [(ADAM, 9), (EVERYTHING, 6), (QUASI_NEWTON, 3)],
    ids=["adam", "all", "lbfgs"],
)
def test_killed_within_an_epoch(
    options: dict[str, Any], steps: int, backend: Backend, tmp_path: Path
) -> None:
    layers = SMOOTH if options is QUASI_NEWTON else Program().layers
    program = Program(backend, layers, fit=options)
    program.killed(tmp_path, steps + 2, "3 steps")
    checkpoint = Checkpoint(tmp_path, "3 steps")
    resumed = program.run(checkpoint)
    assert checkpoint.resumed_from == tmp_path / f"checkpoint-{steps:012d}.safetensors"
    same(resumed, program.run())


@pytest.mark.parametrize("every", [1, "2 steps", "3 epochs"])
@pytest.mark.parametrize("steps", [1, 5, 6, 10, 19])
def test_killed_and_killed_again(every: Any, steps: int, tmp_path: Path) -> None:
    program = Program(fit=EVERYTHING)
    for at in (steps, steps + 1):
        program.killed(tmp_path, at, every)
    same(program.run(Checkpoint(tmp_path, every)), program.run())


class Noisy(Source):
    """Rows in blocks."""

    def __init__(self) -> None:
        self.x = RNG.normal(size=(300, 3))
        self.sample_shape, self.blocks = (3,), (30,) * 10

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        for k in numbers:
            x = self.x[30 * k : 30 * k + 30]
            yield Piece(x, (x[:, 0] > 0).astype(int))


def test_rows_that_are_streamed(backend: Backend, tmp_path: Path) -> None:
    budget = 2 * 60 * 4 * np.dtype(backend.dtype_name).itemsize
    source = Noisy()
    fit = {"device_budget": budget, "validation_fraction": 0.2, "epochs": 3}
    program = Program(backend, fit=fit, data=(source,))
    program.killed(tmp_path, 17, "4 steps")  # in the second chunk of the second epoch
    same(program.run(Checkpoint(tmp_path, "4 steps")), program.run())


# -- callbacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1], ids=["before it", "after it"])
@pytest.mark.parametrize("at", [7, 12, 33])
def test_early_stopping_goes_on_with_its_best_weights(at: int, order: int, tmp_path: Path) -> None:
    program = Program(fit={"validation_fraction": 0.3, "epochs": 60, "learning_rate": 0.05})

    def run(*more: Callback, folder: Path = tmp_path) -> Any:
        callbacks = [EarlyStopping(patience=5), Checkpoint(folder)][::order]
        return program.run(*callbacks, *more)

    with pytest.raises(Killed):
        run(KillAt(at))
    resumed, whole = run(), run(folder=tmp_path / "whole")
    assert whole[1].stopped
    assert whole[1].best_epoch not in (None, whole[1].epochs)
    same(resumed, whole, further=False)
    again = run()  # it had ended: nothing is trained
    same(again, whole)


def test_the_best_epoch_may_be_before_the_kill(tmp_path: Path) -> None:
    program, worst = Program(fit={"validation_fraction": 0.3}), {"mode": "max"}
    with pytest.raises(Killed):
        program.run(Checkpoint(tmp_path), BestEpoch("val_loss", **worst), KillAt(11))
    resumed = program.run(Checkpoint(tmp_path), BestEpoch("val_loss", **worst))
    assert resumed[1].best_epoch == 1
    same(resumed, program.run(BestEpoch("val_loss", **worst)))


def test_another_monitor_is_refused(tmp_path: Path) -> None:
    program = Program(fit={"validation_fraction": 0.3})
    with pytest.raises(Killed):
        program.run(Checkpoint(tmp_path), BestEpoch("val_loss"), KillAt(9))
    with pytest.raises(ValueError, match="BestEpoch: monitor is 'loss', expected 'val_loss'"):
        program.run(Checkpoint(tmp_path), BestEpoch("loss"))


class Counts(Callback):
    """A callback with a state of every kind."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.steps = 0

    def on_train_begin(self, run: Run) -> None:
        self.state = {"nothing": None, "nan": np.nan, "pair": [1, "a"], "sum": np.zeros(3)}

    def on_step_end(self, run: Run, step: int) -> None:
        self.steps += 1
        self.state["sum"] = self.state["sum"] + self.steps
        self.state["inner"] = {"large": 2**60, "inf": -np.inf, "steps": self.steps}

    def state_dict(self, run: Run) -> dict[str, Any]:
        return self.state

    def load_state_dict(self, run: Run, state: Mapping[str, Any]) -> None:
        self.state, self.steps = dict(state), state["inner"]["steps"]


def test_a_callback_of_ones_own_keeps_its_state(tmp_path: Path) -> None:
    program, first, second, whole = Program(), Counts(), Counts(), Counts()
    with pytest.raises(Killed):
        program.run(Checkpoint(tmp_path, "3 steps"), first, KillAt(10))
    resumed = program.run(Checkpoint(tmp_path, "3 steps"), second)
    same(resumed, program.run(whole))
    np.testing.assert_equal(second.state, whole.state)
    assert second.steps == 20


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        (object(), "of type object"),
        (np.zeros(2, int), "of type ndarray"),
        (np.zeros(0), "of type ndarray"),
        ({1: 2}, "of type dict"),
        ({"$a": 2}, "of type dict"),
        ({1, 2}, "of type set"),
    ],
)
def test_a_state_that_no_file_can_hold_is_refused_at_once(
    bad: Any, shown: str, tmp_path: Path
) -> None:
    class Bad(Callback):
        def state_dict(self, run: Run) -> dict[str, Any]:
            return {"a": [bad]}

    program, bare = Program(), Program().made()
    with pytest.raises(
        ValueError, match="a callback's state_dict gave .* expected numbers"
    ) as caught:
        program.run(Checkpoint(tmp_path), Bad())
    assert shown in str(caught.value)
    assert not list(tmp_path.glob("checkpoint*"))
    assert bare.training_record is None


@pytest.mark.parametrize("logger", [CSVLogger, JSONLinesLogger])
def test_a_log_has_each_epoch_once(logger: type, tmp_path: Path) -> None:
    program, log, other = Program(fit={"epochs": 6}), tmp_path / "log", tmp_path / "other"
    program.run(logger(log), epochs=4)  # of a training before
    for at in (14, 17, 24):
        with pytest.raises(Killed):
            program.run(
                Checkpoint(tmp_path / "c", "4 epochs"), logger(log, append=True), KillAt(at)
            )
        with log.open("a") as file:
            file.write('{"epoch": 3, "lo')  # it was killed while it wrote
    program.run(Checkpoint(tmp_path / "c"), logger(log))
    program.run(logger(other))

    def epochs(path: Path) -> list[str]:
        lines = path.read_text().splitlines()
        return [line.split(",")[0].removeprefix('{"epoch": ') for line in lines]

    header = ["epoch"] if logger is CSVLogger else []
    assert epochs(log) == [*header, *"1234", *"123456"]
    assert epochs(other) == [*header, *"123456"]


# -- ends ----------------------------------------------------------------------------------------


def test_a_training_that_had_ended_is_not_trained_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program, checkpoint = Program(), Checkpoint(tmp_path, "3 steps")
    first = program.run(checkpoint)
    assert checkpoint.resumed_from is None
    assert capfd.readouterr().err == ""
    before = [path.stat() for path in checkpoint.files()]
    second = program.run(checkpoint)
    assert [path.stat().st_mtime_ns for path in checkpoint.files()] == [
        s.st_mtime_ns for s in before
    ]
    assert checkpoint.resumed_from == checkpoint.files()[-1]
    assert (
        "checkpoint-000000000020.safetensors' had ended after 4 epochs." in capfd.readouterr().err
    )
    assert second[1]["seconds"] == first[1]["seconds"]
    same(second, first)


def test_more_epochs_than_were_planned(tmp_path: Path) -> None:
    program = Program()
    program.run(Checkpoint(tmp_path), epochs=2)
    same(program.run(Checkpoint(tmp_path), epochs=5), program.run(epochs=5))
    with pytest.raises(ValueError, match=r"has begun 5 epochs, got epochs=4, expected at least as"):
        program.run(Checkpoint(tmp_path), epochs=4)


def test_more_epochs_of_a_schedule_that_depends_on_them(tmp_path: Path) -> None:
    program = Program(fit={"schedule": "cosine"})
    program.run(Checkpoint(tmp_path), epochs=2)
    with pytest.warns(
        UserWarning, match=r"other bits .*: epochs was 2 and is 3, on which the sched"
    ):
        _, history = program.run(Checkpoint(tmp_path), epochs=3)
    assert history.epochs == 3


class StopsAt(Callback):
    def __init__(self, steps: int, error: BaseException) -> None:
        self.steps, self.error = steps, error

    def stops(self, run: Run) -> tuple[int, ...]:
        return (self.steps,)

    def on_stop(self, run: Run, done: int) -> None:
        raise self.error


@pytest.mark.parametrize("steps", [7, 10])
def test_ctrl_c(steps: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = Program(fit=EVERYTHING)
    _, history = program.run(Checkpoint(tmp_path, "2 steps"), StopsAt(steps, KeyboardInterrupt()))
    assert history.stopped == "interrupted"
    resumed = program.run(Checkpoint(tmp_path, "2 steps"))
    same(resumed, program.run())
    assert "The training goes on with epoch 2" in capfd.readouterr().err


@pytest.mark.parametrize("looks", [0, 1, 4])
def test_a_limit_of_time_is_a_pause(looks: int, tmp_path: Path) -> None:
    """Nothing is lost, though the limit comes before the first checkpoint that was planned."""
    program, clock = Program(fit=EVERYTHING), iter([0.0, *[1.0] * looks, *[99.0] * 99])
    limit = TimeLimit(10, clock=lambda: next(clock))
    _, history = program.run(Checkpoint(tmp_path, 100), limit)
    assert history.stopped == "the time limit of 10 s was reached"
    checkpoint = Checkpoint(tmp_path, 100)
    resumed = program.run(checkpoint)
    assert checkpoint.resumed_from is not None
    assert int(checkpoint.resumed_from.stem[-12:]) > 0
    same(resumed, program.run())


def test_a_limit_of_time_at_the_end_of_an_epoch_is_a_pause(tmp_path: Path) -> None:
    program = Program()

    class Limit(TimeLimit):
        def on_progress(self, run: Run, done: int) -> None:
            """Not within an epoch."""

    _, history = program.run(Checkpoint(tmp_path, 100), Limit(1e-9))
    assert (history.epochs, history.stopped) == (1, "the time limit of 1e-09 s was reached")
    same(program.run(Checkpoint(tmp_path, 100)), program.run())


@pytest.mark.parametrize("steps", [7, 10])
def test_a_callback_that_ends_it_has_ended_it(steps: int, tmp_path: Path) -> None:
    program, enough = Program(), StopTraining("it is enough")
    first = program.run(Checkpoint(tmp_path), StopsAt(steps, enough))
    second = program.run(Checkpoint(tmp_path))
    assert second[1].stopped == "it is enough"
    same(second, first)


@np.errstate(all="ignore")
@pytest.mark.filterwarnings("ignore:X. feature . has scale")
@pytest.mark.parametrize("first", ["gradient", "weight"])
def test_what_diverges_diverges_where_it_did(first: str, tmp_path: Path) -> None:
    layers = [nn.Dense(4), nn.ReLU(), nn.Dense(4), nn.ReLU(), nn.Dense(3)]
    program = Program(layers=layers, fit={"optimizer": "sgd", "learning_rate": 1e4})
    if first == "gradient":
        data = (np.where(np.arange(96)[:, None] == 50, 1e30 * X, X), Y)
        program = Program(layers=[nn.Dense(4), nn.Dense(3)], model={"scaling": None}, data=data)
    with pytest.raises(TrainingDiverged) as whole:
        program.run()
    assert whole.value.first == first
    assert (whole.value.epoch, whole.value.step) > (1, 2)
    models = []
    for _ in range(2):
        model = program.made()
        options = {"epochs": 4, "batch_size": 20, "verbose": 0, **program.fit}
        with pytest.raises(TrainingDiverged) as caught:
            model.fit(*program.data, **options, callbacks=[Checkpoint(tmp_path, "1 steps")])
        assert str(caught.value) == str(whole.value)
        models.append(model.parameters())
    for name, value in models[1].items():
        assert np.isfinite(value).all()
        if first == "weight":  # else what is kept is a step later: the one before it is not known
            np.testing.assert_array_equal(value, models[0][name])


# -- when there is one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, [0, 5, 10, 15, 20]),
        (np.int64(3), [0, 15, 20]),
        ("2 epochs", [0, 10, 20]),
        ("1 epoch", [0, 5, 10, 15, 20]),
        ("7 steps", [0, 7, 14, 20]),
        ("5 steps", [0, 5, 10, 15, 20]),
        ("1 h", [0, 20]),
    ],
)
def test_when_they_are_written(every: Any, expected: list[int], tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path, every, keep=99)
    Program().run(checkpoint)
    assert [int(path.stem[-12:]) for path in checkpoint.files()] == expected


def test_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    checkpoint = Checkpoint(tmp_path, "3 s", keep=99)
    Program(fit={"batch_size": 1}).run(checkpoint)
    steps = [int(path.stem[-12:]) for path in checkpoint.files()]
    assert steps[0] == 0
    assert steps[-1] == 4 * 96
    assert any(step % 96 for step in steps), "expected some within an epoch"


@pytest.mark.parametrize(
    "every",
    [0, -1, 1.5, True, None, "", "ten steps", "1.5 steps", "0 s", "3 weeks", "1.2.3 s", [1]],
)
def test_every_that_can_not_be(every: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"Checkpoint: every is .*, expected a number of epochs, or"
    ):
        Checkpoint(tmp_path, every)


@pytest.mark.parametrize("keep", [0, -1, None, 1.5])
def test_keep_that_can_not_be(keep: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="Checkpoint: keep is .*, expected a whole number of at least 1"
    ):
        Checkpoint(tmp_path, keep=keep)


# -- other trainings -----------------------------------------------------------------------------

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "batch_size was 20 and is 32": ({"batch_size": 32}, {}, None),
    "learning_rate was 0.001 and is 0.01": ({"learning_rate": 0.01}, {}, None),
    "optimizer changed": ({"optimizer": "sgd", "learning_rate": 0.001}, {}, None),
    "schedule was Constant() and is Cosine(final=0.0)": ({"schedule": "cosine"}, {}, None),
    "seed was 3 and is 4": ({}, {"seed": 4}, None),
    "l2=0.001, per_batch=False) and is Penalty(l1=0.0, l2=0.1, per_batch=False)": (
        {},
        {"l2": 0.1},
        None,
    ),
    "shuffle was True and is False": ({"shuffle": False}, {}, None),
    "scaling changed": ({}, {"scaling": "minmax"}, None),
    "sample weights was none and is 9.6": ({"sample_weight": np.full(96, 0.1)}, {}, None),
    "validation rows was none and is 96": ({"validation_data": (X, Y)}, {}, None),
    "data changed": ({}, {}, (X + 1e-3, Y)),
    "training rows was 96 and is 95": ({}, {}, (X[1:], Y[1:])),
    "metrics was none and is f1_macro": ({}, {"metrics": ["f1_macro"]}, None),
}


@pytest.mark.parametrize("told", CHANGES)
def test_a_training_with_other_options_is_refused(told: str, tmp_path: Path) -> None:
    fit, model, data = CHANGES[told]
    program = Program()
    program.run(Checkpoint(tmp_path), epochs=2)
    other = Program(model=model, fit={"epochs": 2, **fit}, data=data or (X, Y))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        ValueError, match=r"with other options or data: .*; expected the same, or"
    ) as got:
        other.run(Checkpoint(tmp_path))
    assert told in str(got.value)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    same(program.run(Checkpoint(tmp_path), epochs=2), program.run(epochs=2))


def test_other_validation_data_of_as_many_rows_are_refused(tmp_path: Path) -> None:
    program = Program(fit={"validation_data": (X, Y)})
    program.run(Checkpoint(tmp_path), epochs=2)
    with pytest.raises(ValueError, match="data changed"):
        program.run(Checkpoint(tmp_path), validation_data=(X, Y[::-1]))


WEIGHTS = np.linspace(0.5, 1.5, 96)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ({"sample_weight": WEIGHTS}, {"sample_weight": WEIGHTS[::-1]}),
        ({"class_weight": {0: 2.0, 1: 1.0, 2: 1.0}}, {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0}}),
        (
            {"sample_weight": WEIGHTS, "validation_fraction": 0.2},
            {"sample_weight": WEIGHTS[::-1], "validation_fraction": 0.2},
        ),
    ],
)
def test_other_weights_of_rows_are_refused(
    was: dict[str, Any], now: dict[str, Any], tmp_path: Path
) -> None:
    y = np.arange(96) % 3  # so that the weights of the classes have the same sum
    program = Program(data=(X, y), fit={"epochs": 1})
    _, first = program.run(Checkpoint(tmp_path), **was)
    assert program.run(Checkpoint(tmp_path), **was)[1]["loss"] == first["loss"]
    words = r"data: sample weights was \d\S* in all, SHA-256 \w+ and is \d.*; expected the same"
    with pytest.raises(ValueError, match=words):
        program.run(Checkpoint(tmp_path), **now)


def test_other_validation_weights_are_refused(tmp_path: Path) -> None:
    program = Program(fit={"epochs": 1})
    program.run(Checkpoint(tmp_path), validation_data=(X, Y, WEIGHTS))
    program.run(Checkpoint(tmp_path), validation_data=(X, Y, WEIGHTS))
    with pytest.raises(
        ValueError, match=r"data: validation weights was 96 in all, .* and is 96 in"
    ):
        program.run(Checkpoint(tmp_path), validation_data=(X, Y, WEIGHTS[::-1]))
    with pytest.raises(
        ValueError, match=r"data: validation weights was 96 in all, .* and is none;"
    ):
        program.run(Checkpoint(tmp_path), validation_data=(X, Y))


def test_another_network_is_refused(tmp_path: Path) -> None:
    Program().run(Checkpoint(tmp_path), epochs=2)
    with pytest.raises(ValueError, match="layers changed"):
        Program(layers=[nn.Dense(3)]).run(Checkpoint(tmp_path), epochs=2)


def test_a_second_training_wants_a_folder_of_its_own(tmp_path: Path) -> None:
    (model, _), program = Program().run(Checkpoint(tmp_path / "1")), Program()
    again = {"epochs": 3, "batch_size": 20, "verbose": 0}
    with pytest.raises(
        ValueError, match="training before was 0 epochs, 0 steps, 0 updates and is 4 ep"
    ):
        model.fit(X, Y, **again, callbacks=[Checkpoint(tmp_path / "1")])
    with pytest.raises(Killed):
        model.fit(X, Y, **again, callbacks=[Checkpoint(tmp_path / "2", "2 steps"), KillAt(8)])
    model, _ = program.run()
    model.fit(X, Y, **again, callbacks=[Checkpoint(tmp_path / "2", "2 steps")])
    expected = program.run(epochs=7)[0]
    np.testing.assert_array_equal(model.forward(X), expected.forward(X))


def test_a_refused_checkpoint_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    Program().run(Checkpoint(tmp_path), epochs=2)
    model = Program(model={"seed": 5}).made()
    before = model.parameters()
    with pytest.raises(ValueError, match="seed was 3 and is 5"):
        model.fit(X, Y, epochs=2, batch_size=20, verbose=0, callbacks=[Checkpoint(tmp_path)])
    assert model.training_record is None
    assert model.scaling is None
    np.testing.assert_equal(model.parameters(), before)


# -- other conditions ----------------------------------------------------------------------------


def test_other_threads_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program()
    program.killed(tmp_path, 12, 1)
    monkeypatch.setattr(type(PLAIN), "threads", lambda self: 77)
    with pytest.warns(
        UserWarning, match=r"may end with other bits than .*: threads was \d+ and is 77\."
    ):
        same(program.run(Checkpoint(tmp_path)), program.run())


def test_another_backend_goes_on_up_to_rounding(tmp_path: Path) -> None:
    strict = pytest.importorskip("array_api_strict")
    assert strict is not None
    program = Program(model={"dtype": "float64"})
    program = Program("numpy", model={"dtype": "float64"}, fit=EVERYTHING)
    program.killed(tmp_path, 12, "2 steps")
    other = Program("array-api-strict", model={"dtype": "float64"}, fit=EVERYTHING)
    with pytest.warns(UserWarning, match="backend was numpy and is array-api-strict"):
        model, history = other.run(Checkpoint(tmp_path, "2 steps"))
    expected, whole = program.run()
    np.testing.assert_allclose(model.forward(X), expected.forward(X), rtol=1e-9)
    np.testing.assert_allclose(history["loss"], whole["loss"], rtol=1e-9)


def test_a_lambda_of_the_users_own_is_known_again(tmp_path: Path) -> None:
    """Where it lies in memory is another place each time."""

    def program() -> Program:
        return Program(layers=[nn.Dense(4), Squared(lambda x: x * x), nn.Dense(3)])

    program().killed(tmp_path, 9, "2 steps")
    same(program().run(Checkpoint(tmp_path, "2 steps")), program().run())


class Squared(nn.Layer):
    """x²; its function is an option that has no name."""

    def __init__(self, function: Any) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "name", None)

    def __repr__(self) -> str:
        return f"Squared({self.function!r})"

    def forward(self, params: Any, x: Any, ctx: Any) -> Any:
        return self.function(x), x

    def backward(self, params: Any, cache: Any, dy: Any, ctx: Any) -> Any:
        return 2 * cache * dy, None


def test_two_checkpoints_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="got more than one Checkpoint, expected one"):
        Program().run(Checkpoint(tmp_path / "a"), Checkpoint(tmp_path / "b"))


def test_a_model_can_be_told_to_begin_afresh(tmp_path: Path) -> None:
    program = Program()
    program.run(Checkpoint(tmp_path, resume=False))
    with pytest.raises(
        FileExistsError, match=r"has checkpoints already, expected an empty folder, or"
    ):
        program.run(Checkpoint(tmp_path, resume=False))
