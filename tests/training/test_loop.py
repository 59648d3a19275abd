"""The training loop: figures, validation, callbacks, interruption, divergence."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
import pytest

from portable_mlp import (
    MLP,
    BestEpoch,
    Callback,
    EarlyStopping,
    History,
    Metric,
    TrainingDiverged,
    backends,
    nn,
    optim,
    randomness,
)
from portable_mlp.backends import Backend, pieces
from portable_mlp.nn.parameters import named_leaves
from portable_mlp.optim import schedules
from portable_mlp.training import Run
from portable_mlp.training.problem import Data, is_foreign
from portable_mlp.training.split import held_out, split


def blobs(rows: int = 90) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    y = np.arange(rows) % 3
    return random.normal(size=(rows, 2)) + 2 * np.eye(3)[y][:, :2], y


X, Y = blobs()


def test_history_has_a_number_for_each_epoch(backend: Backend) -> None:
    squares = Metric("mean_square", lambda o, t, loss, ctx: ctx.xp.mean(o * o, axis=1))
    model = MLP([2, 4, 3], backend=backend, metrics=[squares])
    history = model.fit(X, Y, epochs=3, validation_data=(X[:30], Y[:30]))
    assert list(history) == [
        "loss",
        "mean_square",
        "val_loss",
        "val_mean_square",
        "learning_rate",
        "gradient_norm",
        "seconds",
        "samples_per_second",
    ]
    assert all(len(history[name]) == 3 for name in history)
    assert all(type(v) is float and math.isfinite(v) for n in history for v in history[n])
    assert history.epochs == 3
    assert history.last()["val_loss"] == history["val_loss"][-1]
    assert "epochs=3" in repr(history)


def test_figures_are_what_they_say() -> None:
    """One full-batch epoch with a tiny rate: all figures can be had from elsewhere."""
    weight = np.linspace(0.1, 2, len(Y))
    model = MLP([2, 4, 3], dtype="float64", l2=0.5, seed=1)
    before = model.evaluate(X, Y, sample_weight=weight)
    loss, gradients = model.loss_and_gradients(X, Y, sample_weight=weight)
    predicted = model.predict(X) == Y
    history = model.fit(
        X,
        Y,
        epochs=1,
        batch_size=None,
        learning_rate=1e-12,
        sample_weight=weight,
        validation_data=(X, Y, weight),
    )
    last = history.last()
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
    assert last["loss"] == pytest.approx(loss, rel=1e-12)
    assert last["loss"] == pytest.approx(before["loss"], rel=1e-12)
    assert last["val_loss"] == pytest.approx(loss, rel=1e-9)
    assert last["accuracy"] == pytest.approx((predicted * weight).sum() / weight.sum())
    assert last["gradient_norm"] == pytest.approx(norm, rel=1e-12)
    assert last["learning_rate"] == 1e-12


def test_loss_of_mini_batches_is_weighted_by_their_size() -> None:
    model = MLP([2, 4, 3], dtype="float64")
    expected = model.evaluate(X, Y)["loss"]
    history = model.fit(X, Y, epochs=1, batch_size=40, learning_rate=1e-15)  # 40 + 40 + 10 rows
    assert history["loss"][0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.filterwarnings("ignore:y is the same in each row")
def test_gradient_norm_is_the_root_mean_square_over_the_steps() -> None:
    """All rows are equal, so each mini-batch has the same gradient."""
    same_x, same_y = np.ones((90, 2)), np.ones(90, dtype=int)
    model = MLP([2, 4, 3], dtype="float64")
    _, gradients = model.loss_and_gradients(same_x, same_y)
    norm = math.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
    for steps in (1, 2):
        sgd = optim.SGD(1e-15, accumulation_steps=steps)
        history = model.fit(same_x, same_y, epochs=1, batch_size=30, optimizer=sgd)
        assert history["gradient_norm"][0] == pytest.approx(norm, rel=1e-9)


def test_a_sum_loss_is_a_sum() -> None:
    model = MLP([2, 4, 1], loss="sum_squared_error", dtype="float64")
    expected = float(((model.predict(X) - 1) ** 2).sum())
    target = np.ones((len(X), 1))
    assert model.evaluate(X, target)["loss"] == pytest.approx(expected)
    history = model.fit(X, target, epochs=1, batch_size=40, learning_rate=1e-15)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sum_squared_error"])
def test_accumulated_gradients_equal_one_large_batch(backend64: Backend, loss: str) -> None:
    target = Y if loss.startswith("softmax") else np.eye(3)[Y]
    weight = np.linspace(0, 1, len(Y))

    def trained(batch_size: int | None, steps: int) -> dict[str, np.ndarray]:
        model = MLP([2, 4, 3], activation="tanh", loss=loss, l2=0.1, backend=backend64)
        optimizer = optim.SGD(0.01, momentum=0.9, accumulation_steps=steps, clip_norm=1.0)
        model.fit(
            X, target, epochs=3, batch_size=batch_size, optimizer=optimizer, sample_weight=weight
        )
        return model.parameters()

    # 90 rows: three batches of 40, 40 and 10
    large, small = trained(None, 1), trained(40, 3)
    for name, value in large.items():
        np.testing.assert_allclose(small[name], value, rtol=1e-9, atol=1e-12)


def test_accumulation_moves_with_what_is_left_at_the_end_of_an_epoch() -> None:
    moves: list[bool] = []

    class Watch(Callback):
        before: Any = None

        def on_step_end(self, run: Run, step: int) -> None:
            now = np.array(run.carry.vector)
            moves.append(self.before is not None and not np.array_equal(now, self.before))
            self.before = now

        def on_train_begin(self, run: Run) -> None:
            self.before = np.array(run.carry.vector)

    model = MLP([2, 3])
    model.fit(
        X,
        Y,
        epochs=2,
        batch_size=20,
        optimizer=optim.Adam(accumulation_steps=2),
        callbacks=[Watch()],
    )
    assert moves == [False, True, False, True, True] * 2


def test_moving_average_of_the_weights() -> None:
    optimizer = optim.SGD(0.1, ema_decay=0.9)
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    class Watch(Callback):
        def on_step_end(self, run: Run, step: int) -> None:
            seen.append((np.array(run.carry.vector), np.array(run.carry.average)))

    model = MLP([2, 3], dtype="float64")
    average = np.concatenate([v.ravel() for v in model.parameters().values()])
    model.fit(X, Y, epochs=2, batch_size=30, optimizer=optimizer, callbacks=[Watch()])
    for t, (vector, found) in enumerate(seen, start=1):
        decay = min(0.9, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * vector
        np.testing.assert_allclose(found, average, rtol=1e-12)
    final = np.concatenate([v.ravel() for v in model.parameters().values()])
    np.testing.assert_array_equal(final, seen[-1][1])


def test_schedule_and_rate_reach_the_optimizer() -> None:
    model = MLP([2, 3], dtype="float64", metrics=())
    schedule = schedules.Step(every=2, gamma=0.1)
    history = model.fit(X, Y, epochs=5, learning_rate=0.5, optimizer="sgd", schedule=schedule)
    assert history["learning_rate"] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])


def test_reduce_on_plateau_follows_the_validation_loss() -> None:
    plateau = schedules.ReduceOnPlateau(gamma=0.5, patience=1, min_delta=10.0)
    history = MLP([2, 3]).fit(X, Y, epochs=6, learning_rate=0.1, schedule=plateau)
    assert history["learning_rate"] == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.025])


def test_early_stopping_restores_the_best_weights(backend: Backend) -> None:
    """The validation labels are wrong on purpose, so validation gets worse from the start."""
    stop = EarlyStopping(patience=3)
    model = MLP([2, 8, 3], backend=backend, metrics=())
    history = model.fit(
        X, Y, epochs=50, learning_rate=0.05, validation_data=(X, (Y + 1) % 3), callbacks=[stop]
    )
    best = int(np.argmin(history["val_loss"]))
    assert history.best_epoch == stop.best_epoch == best + 1
    assert history.epochs == best + 1 + 3
    assert history.stopped == "val_loss did not improve for 3 epochs"
    assert model.evaluate(X, (Y + 1) % 3)["loss"] == pytest.approx(
        min(history["val_loss"]), rel=1e-5
    )


def test_best_epoch_runs_to_the_end() -> None:
    best = BestEpoch("val_accuracy")
    model = MLP([2, 8, 3])
    history = model.fit(
        X, Y, epochs=20, learning_rate=0.05, validation_data=(X, (Y + 1) % 3), callbacks=[best]
    )
    assert history.epochs == 20
    assert history.best_epoch == int(np.argmax(history["val_accuracy"])) + 1  # ties: the first
    assert best.best == max(history["val_accuracy"])
    assert not history.stopped


def test_best_weights_with_a_moving_average() -> None:
    model = MLP([2, 8, 3])
    optimizer = optim.Adam(0.05, ema_decay=0.5)
    history = model.fit(
        X,
        Y,
        epochs=10,
        optimizer=optimizer,
        validation_data=(X, (Y + 1) % 3),
        callbacks=[BestEpoch()],
    )
    found = model.evaluate(X, (Y + 1) % 3)["loss"]
    assert found == pytest.approx(min(history["val_loss"]), rel=1e-6)


class PressesCtrlC(Callback):
    def __init__(self, epoch: int, step: int) -> None:
        self.at = (epoch, step)
        self.vector: Any = None

    def on_step_end(self, run: Run, step: int) -> None:
        if (run.history.epochs, step) == self.at:
            self.vector = run.problem.backend.to_numpy(run.carry.vector).copy()
            raise KeyboardInterrupt


def test_ctrl_c_leaves_a_usable_model_and_says_so(
    backend: Backend, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MLP([2, 4, 3], backend=backend, metrics=())
    press = PressesCtrlC(2, 1)
    history = model.fit(X, Y, epochs=10, batch_size=30, callbacks=[press])
    assert history.stopped == "interrupted"
    assert history.epochs == 2
    assert "Training interrupted after 2 whole epochs; the model keeps" in capsys.readouterr().err
    flat = np.concatenate([v.ravel() for v in model.parameters().values()])
    np.testing.assert_array_equal(flat, press.vector)
    assert np.isfinite(model.predict_proba(X)).all()
    assert model.fit(X, Y, epochs=1).epochs == 1


# -- divergence --------------------------------------------------------------------------------


def test_a_rate_too_large_is_named_and_the_last_finite_weights_stay(backend: Backend) -> None:
    target = X[:, :1] * 100
    model = MLP([2, 8, 1], loss="squared_error", backend=backend)
    with pytest.raises(TrainingDiverged) as caught:
        model.fit(X, target, epochs=50, batch_size=30, optimizer=optim.SGD(10.0))
    error = caught.value
    assert error.first in ("loss", "gradient", "weight")
    assert error.epoch >= 1
    assert f"epoch {error.epoch}, step {error.step}" in str(error)
    assert "learning rate" in str(error)
    assert "keeps the last weights with which everything was finite" in str(error)
    with np.errstate(all="raise"):
        assert np.isfinite(model.predict(X)).all()
    assert error.history is not None
    assert model.fit(X, target, epochs=1, learning_rate=1e-9).epochs == 1


@pytest.mark.parametrize("rate", [1e8, 1e12, 1e20, 1e30])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lion"])
def test_after_divergence_the_model_predicts_and_trains(rate: float, optimizer: str) -> None:
    model = MLP([2, 8, 8, 3], activation="silu")
    with np.errstate(all="ignore"):
        with contextlib.suppress(TrainingDiverged):  # a lucky path may end on finite numbers
            model.fit(X * 100, Y, epochs=5, batch_size=10, optimizer=optimizer, learning_rate=rate)
        assert np.isfinite(model.predict_proba(X * 100)).all()
        assert np.isfinite(model.fit(X, Y, epochs=1, learning_rate=1e-9)["loss"][0])
        for value in model.parameters().values():
            assert np.isfinite(value).all()


class SpoilsTheWeights(Callback):
    """What a diverged step does, then what a user does."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_step_end(self, run: Run, step: int) -> None:
        if step == 2:
            run.carry = run.carry._replace(vector=run.carry.vector * float("nan"))
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("mine")])
def test_an_end_among_non_finite_numbers_goes_back(
    backend: Backend, error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    model = MLP([2, 4, 3], backend=backend, metrics=())
    model.fit(X, Y, epochs=1)
    before = model.parameters()
    interrupted = isinstance(error, KeyboardInterrupt)
    with contextlib.nullcontext() if interrupted else pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y, epochs=3, batch_size=10, callbacks=[SpoilsTheWeights(error)])
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    if interrupted:
        assert "weights of the epoch's start, the last finite ones" in capsys.readouterr().err


def test_sums_that_overflow_are_divergence_too() -> None:
    model = MLP([1, 1], loss="squared_error")
    large = np.full((1024, 1), 1e18)
    with pytest.warns(UserWarning, match="y has scale 1e"):  # noqa: SIM117
        with pytest.raises(TrainingDiverged, match="first"):
            model.fit(np.ones((1024, 1)), large, epochs=3)
    assert np.isfinite(model.predict(np.ones((1, 1)))).all()


def test_running_statistics_that_overflow_are_found() -> None:
    model = MLP(layers=[nn.Dense(4), nn.BatchNorm(), nn.Dense(3)], inputs=2, metrics=())
    with pytest.warns(UserWarning, match="X: feature 0 has scale"):  # noqa: SIM117
        with pytest.raises(TrainingDiverged) as caught:
            model.fit(X * 1e25, Y, epochs=1)
    assert caught.value.first in ("gradient", "running statistic")


def test_a_gradient_that_is_not_a_number_is_no_convergence() -> None:
    def broken(outputs: Any, targets: Any, xp: Any) -> tuple[Any, Any]:
        return xp.sum(outputs, axis=1), outputs * math.nan

    model = MLP([2, 1], loss=nn.CustomLoss(broken), metrics=())
    with pytest.raises(TrainingDiverged) as caught:
        model.fit(X, X[:, :1], epochs=3, optimizer="lbfgs")
    assert caught.value.first == "gradient"


def test_the_penalty_counts_once() -> None:
    options: dict[str, Any] = {"loss": "sum_squared_error", "l2": 10.0, "dtype": "float64"}
    target = np.ones((90, 1))
    model = MLP([2, 1], **options)
    expected = model.evaluate(X, target)["loss"]
    history = model.fit(X, target, epochs=1, batch_size=10, learning_rate=1e-15)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-9)
    weights = []
    for batch, steps in ((None, 1), (10, 9)):
        model = MLP([2, 1], **options)
        sgd = optim.SGD(1e-4, accumulation_steps=steps)
        model.fit(X, target, epochs=3, batch_size=batch, optimizer=sgd)
        weights.append(model.parameters()["dense_1.weight"])
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-9)


def test_every_callback_ends_also_when_one_fails() -> None:
    ended: list[str] = []

    class Fails(Callback):
        def on_train_end(self, run: Run) -> None:
            raise RuntimeError("first")

    class Ends(Callback):
        def on_train_end(self, run: Run) -> None:
            ended.append("second")

    with pytest.raises(RuntimeError, match="first"):
        MLP([2, 3]).fit(X, Y, epochs=1, callbacks=[Fails(), Ends()])
    assert ended == ["second"]


def spoiled(where: str, when: int) -> tuple[MLP, Callback]:
    """A model whose layer "spoiler" gives infinity in one place, from the when-th forward on."""

    class Spoiler(nn.Elementwise):
        def value(self, z: Any, xp: Any) -> Any:
            return z * (math.inf if where == "loss" and calls() > when else 1.0)

        def derivative(self, z: Any, a: Any, xp: Any) -> Any:
            bad = where == "gradient" and calls.count > when
            return xp.ones_like(z) * (math.inf if bad else 1.0)

    class Calls:
        count = 0

        def __call__(self) -> int:
            return self.count

    calls = Calls()

    class Counter(Callback):
        """Counts finished steps; the second run through the epoch is counted by `divergence`."""

        def on_step_end(self, run: Run, step: int) -> None:
            calls.count = step + 1

    layers = [nn.Dense(4, name="first"), Spoiler(name="spoiler"), nn.Dense(3, name="last")]
    return MLP(layers=layers, inputs=2, metrics=()), Counter()


@pytest.mark.parametrize(("where", "layer"), [("loss", "spoiler"), ("gradient", "first.bias")])
def test_layer_and_kind_are_found(where: str, layer: str) -> None:
    model, counter = spoiled(where, when=-1)
    with pytest.raises(TrainingDiverged) as caught:
        model.fit(X, Y, epochs=1, batch_size=30, callbacks=[counter])
    assert (caught.value.epoch, caught.value.step) == (1, 1)
    assert caught.value.first == where
    assert caught.value.layer == layer


def test_a_weight_that_overflows_is_found() -> None:
    model = MLP([2, 3], loss="squared_error", metrics=())
    with pytest.raises(TrainingDiverged) as caught:
        model.fit(X, np.ones((90, 3)), epochs=1, batch_size=30, optimizer="sgd", learning_rate=1e39)
    assert caught.value.first == "weight"
    assert caught.value.step == 1
    assert caught.value.layer.startswith("dense_1")


def test_the_exact_step_is_found() -> None:
    """The third batch's rows alone overflow: the loss of step 3 is the first bad number."""
    order = randomness.permutation(0, 0, 90)
    X_bad = X.copy()
    X_bad[order[70]] = 1e38
    model = MLP([2, 3], loss="squared_error", metrics=(), weight_init=nn.Constant(1.0))
    with pytest.warns(UserWarning, match="X: feature 0 has scale"):  # noqa: SIM117
        with pytest.raises(TrainingDiverged) as caught:
            model.fit(X_bad, np.ones((90, 3)), epochs=1, batch_size=30, optimizer="sgd")
    assert (caught.value.step, caught.value.first) == (3, "loss")
    before = MLP(
        [2, 3], loss="squared_error", metrics=(), weight_init=nn.Constant(1.0)
    ).parameters()
    assert not np.array_equal(model.parameters()["dense_1.weight"], before["dense_1.weight"])


# -- the rest ----------------------------------------------------------------------------------


def test_validation_split_takes_each_class_in_proportion(backend: Backend) -> None:
    y = np.repeat([0, 1, 2], [50, 30, 20])
    x = np.arange(100.0)[:, None]
    data = Data(backend.asarray(x), backend.asarray(y, backend.index_dtype), None)
    labels = backend.to_numpy(data.y)
    out = held_out(len(labels), labels, 0.2, 3)
    training, validation, total = split(data, out, backend)
    places = backend.to_numpy(validation.x)[:, 0].astype(int)
    assert total is None
    assert np.bincount(y[places]).tolist() == [10, 6, 4]
    together = np.concatenate([places, backend.to_numpy(training.x)[:, 0].astype(int)])
    assert sorted(together.tolist()) == list(range(100))
    assert np.array_equal(backend.to_numpy(validation.y), y[places])


def test_validation_rows_are_not_trained_on() -> None:
    model = MLP([2, 3])
    seen = model.fit(X, Y, epochs=2, batch_size=None, validation_fraction=0.3)
    order = randomness.generator(0, "validation split").permutation(90)
    order = order[np.argsort(Y[order], kind="stable")]
    held_out = order[((np.arange(27) + 0.5) * 90 / 27).astype(int)]
    changed = X.copy()
    changed[held_out] = 50.0
    again = MLP([2, 3]).fit(changed, Y, epochs=2, batch_size=None, validation_fraction=0.3)
    assert again["loss"] == seen["loss"]
    assert again["val_loss"] != seen["val_loss"]


def test_epoch_lines(capsys: pytest.CaptureFixture[str]) -> None:
    MLP([2, 3]).fit(X, Y, epochs=2, verbose=2)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  loss ")
    assert "accuracy" in lines[1]


def test_progress_bar_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    MLP([2, 3]).fit(X, Y, epochs=2, batch_size=10, verbose=1, validation_fraction=0.2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "epoch 2/2" in captured.err
    assert "loss" in captured.err


def test_silent_by_default_away_from_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    MLP([2, 3]).fit(X, Y, epochs=2)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_callbacks_see_the_end_also_when_training_fails() -> None:
    events: list[str] = []

    class Watch(Callback):
        def on_train_end(self, run: Run) -> None:
            events.append("end")

        def on_epoch_end(self, run: Run) -> None:
            raise RuntimeError("mine")

    model = MLP([2, 3])
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y, epochs=2, callbacks=[Watch()])
    assert events == ["end"]
    assert np.isfinite(model.predict_proba(X)).all()


def test_lbfgs_converges_and_says_so() -> None:
    model = MLP([2, 3], l2=0.1, dtype="float64", metrics=())
    history = model.fit(X, Y, epochs=200, optimizer=optim.LBFGS(tolerance=1e-6))
    assert history.stopped == "converged"
    assert history.epochs < 60
    _, gradients = model.loss_and_gradients(X, Y)
    assert max(float(np.abs(g).max()) for g in gradients.values()) <= 1e-6


def test_lbfgs_leaves_running_statistics_of_the_last_weights(backend64: Backend) -> None:
    layers = [nn.Dense(8), nn.Residual([nn.BatchNorm(), nn.Tanh()]), nn.Dense(3)]
    model = MLP(layers=layers, inputs=2, backend=backend64, metrics=())
    model.fit(X, Y, epochs=12, optimizer="lbfgs")
    hidden = X @ model.parameters()["dense_1.weight"] + model.parameters()["dense_1.bias"]
    mean, variance = (backend64.to_numpy(a) for _, a in named_leaves(model._weights.state))
    np.testing.assert_allclose(mean, hidden.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(variance, hidden.var(axis=0, ddof=1), rtol=1e-9)


def test_history_names_what_it_knows() -> None:
    history = History()
    history.add({"loss": 1.0})
    with pytest.raises(KeyError, match="got 'lost', expected one of loss"):
        history["lost"]
    assert history.as_dict() == {"loss": [1.0], "best_epoch": None, "stopped": ""}


# -- what a compiled loop must not change ---------------------------------------------------------


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_users_own_layer_runs_as_it_is_written(name: str) -> None:
    if backends.BACKENDS[name].missing():
        pytest.skip(f"{name} is not installed")
    calls: list[float] = []

    class Watched(nn.ReLU):
        def value(self, z: Any, xp: Any) -> Any:
            calls.append(float(z[0, 0]))  # a number of this very step, as a print would show it
            return super().value(z, xp)

    model = MLP(layers=[nn.Dense(4), Watched(), nn.Dense(3)], inputs=2, backend=name, metrics=())
    model.fit(X, Y, epochs=2, batch_size=10)
    assert len(calls) == 18
    assert len(set(calls)) > 9


def test_code_of_the_users_own_is_recognised() -> None:
    def square(z: Any, xp: Any) -> Any:
        return z * z

    def foreign(**options: Any) -> bool:
        return MLP(**options)._problem.has_foreign_code

    assert not foreign(sizes=[2, 3], metrics=["accuracy"])
    custom = nn.CustomActivation(square, square)
    assert foreign(layers=[nn.Dense(3), custom], inputs=2)
    assert foreign(layers=[nn.Residual((nn.Dense(2), custom)), nn.Dense(3)], inputs=2)
    assert foreign(sizes=[2, 3], metrics=[Metric("mine", lambda o, t, loss, ctx: o[:, 0])])
    assert foreign(sizes=[2, 3], loss=nn.CustomLoss(lambda o, t, xp: (o[:, 0], o)))

    class Mine(optim.SGD):
        pass

    assert is_foreign(Mine())
    assert not is_foreign(optim.SGD())


def test_nothing_that_was_handed_in_is_written_to(backend: Backend) -> None:
    x, y = np.array(X, dtype=np.float32), np.array(Y)
    model = MLP([2, 4, 3], backend=backend, metrics=())
    weights = model.parameters()
    given_x, given_y = backend.asarray(x), backend.asarray(y, backend.index_dtype)
    model.set_parameters(weights)
    kept = {name: value.copy() for name, value in weights.items()}
    model.fit(given_x, given_y, epochs=2, batch_size=None)
    model.fit(given_x, given_y, epochs=2, batch_size=7)
    np.testing.assert_array_equal(backend.to_numpy(given_x), x)
    np.testing.assert_array_equal(backend.to_numpy(given_y), y)
    for name, value in weights.items():
        np.testing.assert_array_equal(value, kept[name])


def test_a_snapshot_stays_while_training_goes_on(backend: Backend) -> None:
    class Keeps(Callback):
        def on_epoch_end(self, run: Run) -> None:
            kept.append(run.kept_snapshot())
            values.append(np.array(backend.to_numpy(kept[-1].vector)))

    kept: list[Any] = []
    values: list[np.ndarray] = []
    model = MLP([2, 4, 3], backend=backend, metrics=())
    model.fit(X, Y, epochs=3, batch_size=10, callbacks=[Keeps()])
    for snapshot, value in zip(kept, values, strict=True):
        np.testing.assert_array_equal(backend.to_numpy(snapshot.vector), value)
    assert (values[0] != values[2]).any()


def test_weights_of_a_model_are_not_those_of_the_next_training(backend: Backend) -> None:
    model = MLP([2, 4, 3], backend=backend, metrics=())
    model.fit(X, Y, epochs=1, batch_size=10)
    copy_of_it = model.to(backend)
    before = copy_of_it.parameters()
    model.fit(X, Y, epochs=1, batch_size=10)
    for name, value in copy_of_it.parameters().items():
        np.testing.assert_array_equal(value, before[name])


# -- arrays that are kept apart (JAX) --------------------------------------------------------------


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(pieces, "LARGE", 20)


class SeesForms(Callback):
    """What form the vector has while it moves; looks into the carry on the way if it is told to."""

    def __init__(self, looks: bool) -> None:
        self.looks, self.forms = looks, set[str]()
        self.shapes: set[tuple[int, ...]] = set()

    def on_progress(self, run: Run, done: int) -> None:
        self.forms.add(type(run.moving.vector).__name__)
        if self.looks:
            self.shapes.add(run.carry.vector.shape)

    def on_epoch_end(self, run: Run) -> None:
        self.shapes.add(run.carry.vector.shape)


@pytest.mark.usefixtures("apart")
def test_arrays_are_apart_while_they_move_and_whole_for_who_asks() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(70, 6)), random.integers(0, 3, 70)

    def trained(looks: bool) -> tuple[SeesForms, dict[str, np.ndarray]]:
        model = MLP([6, 9, 8, 3], backend="jax", dtype="float64", seed=1)
        watch = SeesForms(looks)
        model.fit(
            x,
            y,
            epochs=3,
            batch_size=16,
            optimizer="adam",
            callbacks=[watch],
            verbose=0,
            validation_data=(x, y),
        )
        return watch, model.parameters()

    (blind, expected), (curious, found) = trained(False), trained(True)
    assert blind.forms == {"Pieces"}
    assert "Pieces" in curious.forms
    assert blind.shapes == curious.shapes == {(6 * 9 + 9 + 9 * 8 + 8 + 8 * 3 + 3,)}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, atol=1e-15)


@pytest.mark.usefixtures("apart")
def test_divergence_of_arrays_that_are_apart() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 6)), random.normal(size=(40, 2)) * 1e3
    model = MLP([6, 9, 2], backend="jax", loss="squared_error", seed=1)
    with pytest.raises(TrainingDiverged):
        model.fit(x, y, epochs=50, batch_size=8, optimizer="sgd", learning_rate=10.0, verbose=0)
    assert all(np.isfinite(v).all() for v in model.parameters().values())
    assert model.predict(x).shape == (40, 2)


# -- calls after some mini-batches only ------------------------------------------------------------


class StopsAt(Callback):
    """Remembers when it was called, and the weights."""

    def __init__(self, *numbers: int) -> None:
        self.numbers, self.asked = numbers, 0
        self.seen: list[int] = []
        self.weights: list[np.ndarray] = []

    def stops(self, run: Run) -> tuple[int, ...]:
        self.asked += 1
        return self.numbers

    def on_stop(self, run: Run, done: int) -> None:
        self.seen.append(done)
        self.weights.append(np.array(run.problem.backend.to_numpy(run.carry.vector)))


class WantsEachStep(Callback):
    def __init__(self) -> None:
        self.weights: list[np.ndarray] = []

    def on_step_end(self, run: Run, step: int) -> None:
        self.weights.append(np.array(run.problem.backend.to_numpy(run.carry.vector)))


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ((1, 9, 10, 20, 27), [1, 9, 10, 20, 27]),
        ((20, 1, 9), [1, 9, 20]),
        ((0, -3, 28, 10**9, 5), [5]),
        (np.asarray([3, 18]), [3, 18]),
        ((), []),
    ],
    ids=["in order", "out of order", "out of range", "array", "none"],
)
def test_stops_are_counted_over_the_epochs(asked: Any, called: list[int]) -> None:
    watch = StopsAt(*asked)
    MLP([2, 4, 3], metrics=()).fit(X, Y, epochs=3, batch_size=10, callbacks=[watch])
    assert watch.seen == called
    assert watch.asked == 1


def test_a_stop_that_is_named_twice_is_one_call() -> None:
    watch = StopsAt(5, 5, 7)
    MLP([2, 4, 3], metrics=()).fit(X, Y, epochs=1, batch_size=10, callbacks=[watch])
    assert watch.seen == [5, 7]


def test_stops_see_the_weights_of_their_step_and_change_none(backend: Backend) -> None:
    def trained(*callbacks: Callback) -> np.ndarray:
        model = MLP([2, 4, 3], backend=backend, metrics=())
        model.fit(X, Y, epochs=2, batch_size=10, callbacks=callbacks)
        return np.concatenate([v.ravel() for v in model.parameters().values()])

    one, two, each = StopsAt(1, 4, 9, 13, 18), StopsAt(13, 2), WantsEachStep()
    alone, stopped = trained(), trained(one, two)
    np.testing.assert_array_equal(stopped, alone)
    np.testing.assert_array_equal(one.weights[-1], alone)
    np.testing.assert_array_equal(one.weights[3], two.weights[1])
    np.testing.assert_array_equal(trained(each), alone)
    for done, weights in zip(one.seen, one.weights, strict=True):
        np.testing.assert_array_equal(weights, each.weights[done - 1])


def test_stops_beside_a_callback_that_wants_each_step() -> None:
    watch, each = StopsAt(2, 11, 18), WantsEachStep()
    MLP([2, 4, 3], metrics=()).fit(X, Y, epochs=2, batch_size=10, callbacks=[each, watch])
    assert watch.seen == [2, 11, 18]
    assert len(each.weights) == 18
    for done, weights in zip(watch.seen, watch.weights, strict=True):
        np.testing.assert_array_equal(weights, each.weights[done - 1])


def test_stops_of_a_second_training_start_again() -> None:
    model, watch = MLP([2, 4, 3], metrics=()), StopsAt(3)
    for _ in range(2):
        model.fit(X, Y, epochs=1, batch_size=10, callbacks=[watch])
    assert watch.seen == [3, 3]


def test_ctrl_c_in_a_stop_keeps_its_weights() -> None:
    class Presses(StopsAt):
        def on_stop(self, run: Run, done: int) -> None:
            super().on_stop(run, done)
            raise KeyboardInterrupt

    model, press = MLP([2, 4, 3], metrics=()), Presses(12)
    history = model.fit(X, Y, epochs=5, batch_size=10, callbacks=[press], verbose=0)
    assert (history.stopped, history.epochs, press.seen) == ("interrupted", 1, [12])
    flat = np.concatenate([v.ravel() for v in model.parameters().values()])
    np.testing.assert_array_equal(flat, press.weights[0])


@pytest.mark.parametrize("rows", [1, 3])
def test_a_mini_batch_of_one_row(rows: int) -> None:
    model = MLP([2, 4, 1], loss="squared_error", metrics=())
    history = model.fit(X[:rows], X[:rows, :1], epochs=2, batch_size=1)
    assert np.isfinite(history["loss"]).all()


class Figures(Callback):
    """Puts figures in place of those of the loss."""

    def __init__(self, *values: float) -> None:
        self._values = values

    def on_epoch_end(self, run: Run) -> None:
        run.history.figures["loss"][-1] = self._values[run.history.epochs - 1]


@pytest.mark.parametrize(
    ("values", "epochs", "best"),
    [
        ([math.nan] * 9, 3, 0),
        ([math.nan, 1.0, math.nan, math.nan, math.nan, 0.5], 5, 2),
        ([math.nan, math.nan, 2.0, 1.0, 3.0, 3.0, 3.0, 0.0], 7, 4),
    ],
)
def test_a_figure_that_is_nan_is_no_improvement(
    values: list[float], epochs: int, best: int
) -> None:
    stop = EarlyStopping("loss", patience=3)
    history = MLP([2, 2]).fit(np.eye(2), [0, 1], epochs=9, callbacks=[Figures(*values), stop])
    assert history.epochs == epochs
    assert stop.best_epoch == best
    assert history.best_epoch == (best or None)


@pytest.mark.parametrize(("ties", "kept"), [("first", 1), ("last", 4)])
def test_equally_good_epochs(ties: str, kept: int) -> None:
    """An accuracy that stays at 1."""
    x, y = np.asarray([[-1.0], [1.0]] * 20), np.arange(40) % 2
    model = MLP(layers=[nn.Dense(2, nn.Constant(0.0))], inputs=1)
    model.set_parameters({"dense_1.weight": [[-1.0, 1.0]]})
    best = BestEpoch("val_accuracy", ties=ties)
    history = model.fit(x, y, epochs=4, validation_data=(x, y), callbacks=[best])
    assert set(history["val_accuracy"]) == {1.0}
    assert (best.best_epoch, history.best_epoch) == (kept, kept)
    with pytest.raises(ValueError, match="BestEpoch: ties is 'newest', expected 'first' or 'last'"):
        BestEpoch(ties="newest")
