"""The doctor beside a training of the library: what it names and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, Doctor, EarlyStopping, TrainingDiverged, nn, optim
from portable_mlp.backends import Backend, pieces
from portable_mlp.diagnosis.doctor.own_model import model_patient
from portable_mlp.training import Run

Model = Callable[..., MLP]


def clouds(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes, 4 features of about 1."""
    random = np.random.default_rng(seed)
    centres, labels = 2 * random.normal(size=(3, 4)), random.integers(0, 3, 200)
    return centres[labels] + random.normal(size=(200, 4)), labels


X, Y = clouds()
T = np.sin(X[:, :1]) + 0.5 * X[:, 1:2]
FIT: dict[str, Any] = {"epochs": 60, "batch_size": 32, "learning_rate": 0.01}


def trained(model: MLP, x: np.ndarray = X, y: np.ndarray = Y, **options: Any) -> Doctor:
    """The doctor of a training, whatever becomes of that."""
    doctor = options.pop("doctor", None) or Doctor(quiet=True)
    with np.errstate(all="ignore"), contextlib.suppress(TrainingDiverged):
        model.fit(x, y, callbacks=[doctor], **{**FIT, **options})
    return doctor


def ids(doctor: Doctor) -> list[str]:
    return [f.id for f in doctor.findings]


def same(model: MLP, other: MLP) -> None:
    expected = other.parameters()
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


# -- it changes nothing ----------------------------------------------------------------------------


def alike(make: Callable[[], MLP], y: np.ndarray = Y, **options: Any) -> None:
    watched, alone = make(), make()
    history = watched.fit(X, y, callbacks=[Doctor(quiet=True)], **options)
    expected = alone.fit(X, y, **options)
    same(watched, alone)
    assert history["loss"] == expected["loss"]


def test_weights_are_the_same_to_the_last_bit(backend: Backend) -> None:
    alike(lambda: MLP([4, 6, 3], backend=backend, metrics=()), epochs=3, batch_size=32)


def test_weights_are_the_same_in_double_precision(backend64: Backend) -> None:
    alike(lambda: MLP([4, 6, 3], backend=backend64, metrics=()), epochs=3, batch_size=32)


@pytest.mark.parametrize(
    "optimizer",
    ["lbfgs", optim.Adam(accumulation_steps=2), optim.SGD(0.05, momentum=0.9, ema_decay=0.9)],
    ids=["lbfgs", "accumulation", "average"],
)
def test_weights_are_the_same_with_every_kind_of_step(optimizer: Any) -> None:
    layers = [nn.Dense(6), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.2), nn.Dense(3)]
    if optimizer == "lbfgs":
        layers = [nn.Dense(6), nn.Tanh(), nn.Dense(3)]
    alike(lambda: MLP(layers=layers, inputs=4), epochs=5, batch_size=32, optimizer=optimizer)


def test_weights_are_the_same_where_arrays_move_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax", reason="jax is not installed")
    monkeypatch.setattr(pieces, "LARGE", 20)
    alike(lambda: MLP([4, 9, 8, 3], backend="jax"), epochs=3, batch_size=32)


def test_trials_change_neither_the_model_nor_the_data() -> None:
    x, y = 1000 * X, Y.copy()
    kept = x.copy()
    watched, alone = MLP([4, 8, 3], activation="tanh"), MLP([4, 8, 3], activation="tanh")
    doctor = trained(watched, x, y, learning_rate=0.001)
    alone.fit(x, y, **{**FIT, "learning_rate": 0.001})
    assert len(doctor.report().trials) > 1
    same(watched, alone)
    np.testing.assert_array_equal(x, kept)


# -- causes ----------------------------------------------------------------------------------------


def shuffled(values: np.ndarray) -> np.ndarray:
    return np.random.default_rng(5).permutation(values)


def test_too_long_a_step_is_still_raised_and_named() -> None:
    doctor, model = Doctor(quiet=True), MLP([4, 16, 3])
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged):
        model.fit(X, Y, epochs=60, optimizer="sgd", learning_rate=100.0, callbacks=[doctor])
    (found,) = doctor.findings
    assert (found.id, found.blocking) == ("D01", True)
    assert "smaller" in found.fix


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("optimizer", ["adam", optim.SGD(1.0, momentum=0.9)])
def test_too_short_a_step(activation: str, optimizer: Any) -> None:
    model = MLP([4, 16, 3], activation=activation)
    (found,) = trained(model, learning_rate=1e-7, optimizer=optimizer).findings
    assert (found.id, found.blocking) == ("D03", True)


@pytest.mark.parametrize(
    ("activation", "optimizer", "rate"),
    [("tanh", "adam", 0.001), ("relu", "sgd", 0.01), ("silu", "sgd", 0.01)],
)
def test_inputs_that_are_not_scaled(activation: str, optimizer: str, rate: float) -> None:
    model = MLP([4, 16, 3], activation=activation)
    found = trained(model, 1000 * X, optimizer=optimizer, learning_rate=rate).findings[0]
    assert (found.id, found.blocking, found.where) == ("D05", True, ("X",))


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("init", ["zeros", nn.Constant(0.1)], ids=["zeros", "constant"])
def test_first_weights_that_are_alike(activation: str, init: Any) -> None:
    found = trained(MLP([4, 16, 8, 3], activation=activation, weight_init=init)).findings[0]
    assert (found.id, found.blocking) == ("D09", True)
    assert "dense_2.weight" in found.where


def test_first_weights_that_are_too_large() -> None:
    model = MLP([4, 16, 16, 3], activation="tanh", weight_init=nn.Normal(30.0))
    assert "D06" in ids(trained(model))


def test_labels_that_do_not_belong_to_the_rows() -> None:
    (found,) = trained(MLP([4, 16, 3]), y=shuffled(Y)).findings
    assert (found.id, found.blocking, found.where) == ("D24", None, ("X", "Y"))


def test_numbers_that_do_not_belong_to_the_rows() -> None:
    assert ids(trained(MLP([4, 16, 1], loss="squared_error"), y=shuffled(T))) == ["D24"]


@pytest.mark.parametrize("options", [{"activation": "gelu"}, {"loss": "huber"}], ids=str)
def test_labels_beside_a_network_that_is_not_recognised(options: dict[str, Any]) -> None:
    model = MLP([4, 16, 1 if "loss" in options else 3], **options)
    assert ids(trained(model, y=shuffled(T if "loss" in options else Y))) == ["D24"]


@pytest.mark.filterwarnings("ignore:y has scale")
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_targets_of_another_size(loss: str, activation: str) -> None:
    model = MLP([4, 16, 1], loss=loss, activation=activation)
    found = trained(model, y=1e5 * T).findings[0]
    assert (found.id, found.blocking) == ("D34", True)


@pytest.mark.parametrize(
    ("loss", "y"), [("softmax_cross_entropy", Y), ("huber", T)], ids=["known", "not recognised"]
)
def test_units_that_are_dead(loss: str, y: np.ndarray) -> None:
    dead = nn.Dense(16, bias_init=nn.Constant(-20.0))
    layers = [dead, nn.ReLU(), nn.Dense(3 if y is Y else 1)]
    (found,) = trained(MLP(layers=layers, inputs=4, loss=loss), y=y).findings
    assert (found.id, found.blocking) == ("D10", True)
    assert "100% of the units" in found.evidence


def test_a_hidden_softmax() -> None:
    layers = [nn.Dense(16), nn.Softmax(), nn.Dense(3)]
    assert "D19" in ids(trained(MLP(layers=layers, inputs=4), learning_rate=0.001))


def quarters() -> tuple[np.ndarray, np.ndarray]:
    """XOR: no straight line helps."""
    x = np.random.default_rng(3).uniform(-1, 1, (200, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


@pytest.mark.parametrize("sizes", [[2, 2], [2, 8, 2]])
def test_a_network_that_is_a_straight_line(sizes: list[int]) -> None:
    model = MLP(sizes, activation="identity")
    assert ids(trained(model, *quarters()))[0] == "D21"


def test_a_straight_line_that_is_not_recognised() -> None:
    layers = [nn.Dense(16), nn.BatchNorm(), nn.Dense(2)]
    assert "D21" in ids(trained(MLP(layers=layers, inputs=2), *quarters()))


# -- healthy trainings -----------------------------------------------------------------------------


def targets(loss: str, x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if loss == "softmax_cross_entropy":
        return labels
    if loss == "binary_cross_entropy":
        return (x[:, :1] * x[:, 1:2] > 0) * 1.0
    noise = np.random.default_rng(1).normal(size=(len(x), 1))
    return np.sin(x[:, :1]) + 0.5 * x[:, 1:2] + 0.1 * noise


def healthy(seed: int, loss: str, layers: Any = None, fit: Any = None, **options: Any) -> None:
    x, labels = clouds(seed)
    outputs = 3 if loss == "softmax_cross_entropy" else 1
    if layers is not None:
        model = MLP(layers=[*layers, nn.Dense(outputs)], inputs=4, loss=loss, seed=seed, **options)
    else:
        model = MLP([4, 16, outputs], loss=loss, seed=seed, **options)
    doctor = Doctor(quiet=True)
    model.fit(x, targets(loss, x, labels), callbacks=[doctor], **{**FIT, **(fit or {})})
    report = doctor.report()
    assert report.ok, str(report)
    assert len(report.probes) > 5
    json.dumps(report.to_dict(), allow_nan=False)


LOSSES = ["softmax_cross_entropy", "binary_cross_entropy", "squared_error", "huber"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu"])
def test_activations_and_losses(loss: str, activation: str) -> None:
    for seed in range(3):
        healthy(seed, loss, activation=activation)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "layers",
    [
        [nn.Dense(16), nn.BatchNorm(), nn.ReLU()],
        [nn.Dense(16), nn.LayerNorm(), nn.ReLU()],
        [nn.Dense(32), nn.ReLU(), nn.Dropout(0.2)],
        [nn.Dense(16), nn.Residual((nn.Dense(16), nn.ReLU()))],
    ],
    ids=["batch norm", "layer norm", "dropout", "residual"],
)
def test_layers(loss: str, layers: list[nn.Layer]) -> None:
    for seed in range(2):
        healthy(seed, loss, layers)


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "huber"])
@pytest.mark.parametrize(
    "fit",
    [
        {"optimizer": optim.SGD(0.02, momentum=0.9), "learning_rate": None},
        {"optimizer": "lbfgs", "learning_rate": None},
        {"optimizer": optim.Adam(0.01, accumulation_steps=2), "learning_rate": None},
        {"optimizer": optim.Adam(0.01, ema_decay=0.99), "learning_rate": None},
        {"sample_weight": np.linspace(0.1, 2, 200)},
        {"batch_size": None, "epochs": 200},
        {"schedule": "cosine"},
        {"validation_fraction": 0.2},
    ],
    ids=["momentum", "lbfgs", "accumulation", "average", "weights", "full batch", "cosine", "val"],
)
def test_ways_of_training(loss: str, fit: dict[str, Any]) -> None:
    for seed in range(2):
        healthy(seed, loss, fit=fit)


@pytest.mark.parametrize("options", [{"l2": 0.01}, {"dtype": "float64"}], ids=str)
def test_options(options: dict[str, Any]) -> None:
    for loss in LOSSES:
        healthy(0, loss, **options)


def test_images_and_a_training_that_goes_on() -> None:
    layers = [nn.Flatten(), nn.Dense(16), nn.GELU(), nn.Dense(3)]
    model = MLP(layers=layers, inputs=(2, 2))
    for _ in range(2):
        assert trained(model, X.reshape(-1, 2, 2)).report().ok


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_very_few_rows(rows: int) -> None:
    assert trained(MLP([4, 16, 3]), X[:rows], Y[:rows]).report().ok


# -- how it behaves --------------------------------------------------------------------------------


def test_without_trials() -> None:
    model = MLP([4, 16, 3], weight_init="zeros")
    report = trained(model, doctor=Doctor(verify=False, quiet=True)).report()
    assert report.findings[0].id == "D09"
    assert report.trials == []
    assert not report.verified
    assert all(f.blocking is None for f in report.findings)


def test_it_speaks_once_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    trained(MLP([4, 16, 3]), doctor=Doctor(), verbose=0)
    trained(MLP([4, 16, 3]), doctor=Doctor(), verbose=0, learning_rate=1e-7)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("Doctor:") == 2
    healthy, ill = captured.err.split("Doctor:")[1:]
    assert healthy.startswith(" nothing found that keeps this network from learning (12 moments of")
    assert len(healthy.splitlines()) == 1
    assert "1. the steps are too short or too few [D03]: blocking" in ill


def test_it_is_silent_if_it_is_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    trained(MLP([4, 16, 3]), verbose=0, learning_rate=1e-7)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_before_a_training_there_is_nothing() -> None:
    doctor = Doctor()
    assert doctor.findings == []
    with pytest.raises(RuntimeError, match="Doctor: no training was watched yet"):
        doctor.report()


def test_one_doctor_for_two_trainings() -> None:
    doctor = Doctor(quiet=True)
    trained(MLP([4, 16, 3]), doctor=doctor, learning_rate=1e-7)
    first = doctor.report()
    trained(MLP([4, 16, 1], loss="huber"), y=T, doctor=doctor, epochs=100)
    assert ids(doctor) == []
    assert first.findings[0].id == "D03"  # what was handed out stays
    assert doctor.report().losses[-1][0] == 100 * 7


def test_two_doctors_for_one_training() -> None:
    doctors = [Doctor(quiet=True), Doctor(quiet=True)]
    MLP([4, 16, 3]).fit(X, Y, callbacks=doctors, **{**FIT, "learning_rate": 1e-7})
    one, other = (d.report().to_dict() | {"seconds": 0} for d in doctors)
    assert one == other
    assert one["findings"][0]["id"] == "D03"


class Interrupts(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_end(self, run: Run) -> None:
        if run.history.epochs == self.epoch:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epoch", [1, 30])
def test_after_ctrl_c_there_is_a_report(epoch: int) -> None:
    doctor = Doctor(quiet=True)
    model = MLP([4, 16, 3], weight_init="zeros")
    history = model.fit(X, Y, callbacks=[Interrupts(epoch), doctor], **FIT, verbose=0)
    assert history.stopped == "interrupted"
    assert doctor.findings[0].id == "D09"
    assert doctor.report().losses[-1][0] <= 7 * epoch


def test_ctrl_c_in_the_very_first_step() -> None:
    class AtOnce(Callback):
        def on_step_end(self, run: Run, step: int) -> None:
            raise KeyboardInterrupt

    doctor = Doctor(quiet=True)
    MLP([4, 16, 3]).fit(X, Y, callbacks=[AtOnce(), doctor], verbose=0)
    assert doctor.report().ok
    assert [step for step, _ in doctor.report().losses] == [0]


def test_an_error_of_another_callback_goes_through() -> None:
    class Fails(Callback):
        def on_epoch_end(self, run: Run) -> None:
            raise RuntimeError("mine")

    doctor = Doctor(quiet=True)
    with pytest.raises(RuntimeError, match="mine"):
        MLP([4, 16, 3]).fit(X, Y, callbacks=[Fails(), doctor], **FIT)
    assert doctor.report().probes


def test_a_training_that_stops_early() -> None:
    doctor, stop = Doctor(quiet=True), EarlyStopping(patience=3)
    options = {**FIT, "epochs": 500, "learning_rate": 0.05}
    history = MLP([4, 16, 3]).fit(
        X, Y, callbacks=[stop, doctor], validation_fraction=0.3, **options
    )
    steps = [step for step, _ in doctor.report().losses]
    assert history.epochs < 500
    assert len(steps) > 1
    assert steps[-1] <= 5 * history.epochs  # 140 rows


def test_a_report_for_machines() -> None:
    doctor = trained(MLP([4, 16, 3]), optimizer="sgd", learning_rate=1e20)
    found = json.loads(json.dumps(doctor.report().to_dict(), allow_nan=False))
    assert found["ok"] is False
    assert set(found["findings"][0]) >= {"id", "title", "evidence", "fix", "where", "blocking"}
    assert found["trials"][0]["ids"] == []
    assert found["losses"][0][0] == 0


def test_page_and_seconds(tmp_path: Any) -> None:
    doctor = trained(MLP([4, 16, 3]))
    assert 0 < doctor.report(tmp_path / "page.html").seconds < 60
    assert "<html" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_what_is_named_has_the_models_own_names() -> None:
    layers = [
        nn.Dense(16, weight_init="zeros", name="entry"),
        nn.GELU(),
        nn.Dense(3, weight_init="zeros", name="exit"),
    ]
    doctor = trained(MLP(layers=layers, inputs=4))
    assert doctor.findings[0].where == ("entry.weight", "exit.weight")
    assert [view.name for view in doctor.report().probes[0].layers] == ["entry", "exit"]


# -- the model in plain words ----------------------------------------------------------------------


class Described(Callback):
    """The patient that a training is."""

    patient: Any

    def on_train_end(self, run: Run) -> None:
        layout, vector = run.problem.layout, np.array(run.carry.vector).astype(float)
        start = [vector[place].reshape(spec.shape) for _, spec, place in layout.entries]
        state = run.problem.to_host(run.snapshot())[1]
        self.patient = model_patient(run.plan, start, state)


def labels_as(loss: str) -> np.ndarray:
    return Y if loss == "softmax_cross_entropy" else np.eye(3)[Y]


@pytest.mark.parametrize("penalty", [{}, {"l2": 1.0}], ids=["", "penalty"])
@pytest.mark.parametrize(
    "loss",
    [
        "softmax_cross_entropy",
        "binary_cross_entropy",
        "squared_error",
        "half_squared_error",
        "sum_squared_error",
        "half_sum_squared_error",
    ],
)
def test_what_is_recognised_has_the_gradient_of_the_model(
    loss: str, penalty: dict[str, float]
) -> None:
    seen = Described()
    model = MLP([4, 6, 3], activation="tanh", loss=loss, dtype="float64", **penalty)
    model.fit(X, labels_as(loss), epochs=1, callbacks=[seen])
    p = seen.patient
    exact = replace(p, exact=frozenset(range(len(p.start))))
    for rows in (5, 32, len(p.x)):
        expected = p.gradients(p.start, p.x[:rows], p.y[:rows])
        found = exact.slopes(p.start, p.x[:rows], p.y[:rows])
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("hidden", ["identity", "relu", "leaky_relu", "tanh", "sigmoid", "softmax"])
def test_these_activations_are_recognised(hidden: str) -> None:
    seen = Described()
    MLP([4, 6, 3], activation=hidden).fit(X, Y, epochs=1, callbacks=[seen])
    activations = tuple(seen.patient.network.network.activations)
    assert activations == (hidden, "softmax")


@pytest.mark.parametrize(
    "norm", [(), (nn.BatchNorm(),), (nn.LayerNorm(),)], ids=["", "batch", "row"]
)
def test_layers_are_seen_as_the_model_has_them(norm: tuple[nn.Layer, ...]) -> None:
    seen = Described()
    layers = [nn.Dense(6), *norm, nn.ReLU(), nn.Residual((nn.Dense(6), nn.Tanh())), nn.Dense(3)]
    model = MLP(layers=layers, inputs=4, dtype="float64")
    model.fit(X, Y, callbacks=[seen], **FIT)
    first, last = seen.patient.layers(seen.patient.start, X)
    assert (first.activation, last.activation) == ("relu", "softmax")
    np.testing.assert_array_equal(first.a, np.maximum(first.z, 0))
    np.testing.assert_allclose(last.a, model.predict_proba(X), rtol=1e-9)
