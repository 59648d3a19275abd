"""What metrics are made of: choices, refusals, numbers worked out by hand, metrics of one's own."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, BestEpoch, EarlyStopping, nn
from portable_mlp.backends import Backend
from portable_mlp.data.arrays import scan_arrays
from portable_mlp.data.stream import Stream
from portable_mlp.metrics import (
    F1,
    METRICS,
    R2,
    ROCAUC,
    AnyMetric,
    MeanMetric,
    Metric,
    RunningMetric,
    TopK,
    choose_metrics,
)
from portable_mlp.nn import Context
from portable_mlp.training.evaluate import bring_over, figures
from portable_mlp.training.feed import Streamed


def values(
    name: str, loss: nn.Loss, outputs: object, targets: object, backend: Backend
) -> list[float]:
    ctx = Context(backend.xp, backend.device)
    dtype = None if np.asarray(targets).dtype.kind == "f" else backend.index_dtype
    metric = METRICS[name]
    assert isinstance(metric, MeanMetric)
    found = metric.values(
        backend.asarray(np.asarray(outputs)), backend.asarray(np.asarray(targets), dtype), loss, ctx
    )
    host = backend.to_numpy(found)
    assert host.dtype == np.float32
    return [round(float(v), 6) for v in host]


@pytest.mark.needs_argmax
def test_accuracy_of_classes(backend: Backend) -> None:
    outputs = [[0.0, 1, 2], [5, 1, 2], [0, 0, 0]]
    loss = nn.SoftmaxCrossEntropy()
    assert values("accuracy", loss, outputs, [2, 1, 1], backend) == [1, 0, 0]
    soft = [[0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]
    assert values("accuracy", loss, outputs, soft, backend) == [1, 0, 1]


def test_accuracy_of_labels_and_margins(backend: Backend) -> None:
    outputs = [[1.0, -1], [-2, 3]]
    assert values("accuracy", nn.BinaryCrossEntropy(), outputs, [[1.0, 1], [0, 1]], backend) == [
        0.5,
        1,
    ]
    assert values("accuracy", nn.Hinge(), outputs, [[1.0, 1], [-1, 1]], backend) == [0.5, 1]
    assert values("subset_accuracy", nn.Hinge(), outputs, [[1.0, 1], [-1, 1]], backend) == [0, 1]


@pytest.mark.needs_argmax
def test_distributions_stand_for_their_largest_class(backend: Backend) -> None:
    outputs = [[0.0, 1, 2, 3], [3, 2, 1, 0]]
    soft = [[0.1, 0.6, 0.2, 0.1], [0.1, 0.6, 0.2, 0.1]]
    loss = nn.SoftmaxCrossEntropy()
    assert values("top_3_accuracy", loss, outputs, soft, backend) == [1, 1]
    assert values("top_3_accuracy", loss, outputs, [0, 3], backend) == [0, 0]
    expected = [math.log(sum(math.exp(k) for k in range(4))) - mean for mean in (1.3, 1.7)]
    assert values("log_loss", loss, outputs, soft, backend) == pytest.approx(expected, abs=1e-6)


def test_errors_are_of_predictions_not_of_outputs(backend: Backend) -> None:
    outputs, targets = [[0.0, np.log(2)]], [[1.0, 4.0]]
    assert values("mean_squared_error", nn.Poisson(), outputs, targets, backend) == [2.0]
    assert values("mean_absolute_error", nn.Poisson(), outputs, targets, backend) == [1.0]
    assert values("mean_squared_error", nn.SquaredError(), [[1.0, 3.0]], [[2.0, 5.0]], backend) == [
        2.5
    ]


def test_log_loss_of_outputs_that_are_very_sure(backend: Backend) -> None:
    found = values("log_loss", nn.BinaryCrossEntropy(), [[-200.0], [300.0]], [[1.0], [1]], backend)
    assert found == [200, 0]


# -- figures of a model --------------------------------------------------------------------------


def identity(columns: int, **options: Any) -> MLP:
    """A network that gives what it is given."""
    model = MLP([columns, columns], **options)
    model.set_parameters({"dense_1.weight": np.eye(columns), "dense_1.bias": np.zeros(columns)})
    return model


@pytest.mark.parametrize("k", [2, 3])
def test_all_classes_hold_the_right_one_as_in_scikit_learn(k: int) -> None:
    outputs, y = np.asarray([[0.0, 1.0], [2.0, 1.0], [0.5, 0.0]]), [0, 1, 0]
    with pytest.warns(UserWarning, match=f"top_{k}_accuracy: k is {k} and there are 2 classes: it"):
        found = identity(2, metrics=[TopK(k)]).evaluate(outputs, y)
    assert found[f"top_{k}_accuracy"] == 1
    reference = pytest.importorskip("sklearn.metrics")
    with pytest.warns(UserWarning, match="meaningless"):
        assert reference.top_k_accuracy_score(y, outputs[:, 1], k=k) == 1


def test_metrics_are_weighted_like_the_loss() -> None:
    model = MLP([1, 1], loss="squared_error", metrics=["mean_squared_error"], dtype="float64")
    X, y = np.asarray([[1.0], [2.0], [3.0]]), np.asarray([[0.0], [1.0], [5.0]])
    found = model.evaluate(X, y, sample_weight=[1, 0, 3])
    assert found["mean_squared_error"] == pytest.approx(found["loss"], rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "columns"), [("softmax_cross_entropy", 4), ("binary_cross_entropy", 3), ("huber", 2)]
)
@pytest.mark.filterwarnings("ignore:top_.*_accuracy")  # of four classes those are 1
def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row(loss: str, columns: int) -> None:
    random = np.random.default_rng(3)
    outputs = np.round(random.normal(size=(60, columns)), 1)
    targets = random.normal(size=(60, columns))
    if loss != "huber":
        targets = (targets > 0) if loss.startswith("binary") else targets.argmax(axis=1)
    count = np.arange(60) % 3
    names = [name for name, m in METRICS.items() if fits(m, nn.LOSSES[loss], columns)]
    assert len(names) >= 4
    model = identity(columns, loss=loss, metrics=names, dtype="float64")
    weighted = model.evaluate(outputs, targets * 1, sample_weight=count)
    repeated = model.evaluate(
        np.repeat(outputs, count, axis=0), np.repeat(targets, count, axis=0) * 1
    )
    assert weighted == pytest.approx(repeated, rel=1e-12)


def fits(metric: AnyMetric, loss: nn.Loss, units: int) -> bool:
    try:
        metric.check(loss, units)
    except ValueError:
        return False
    return True


def test_one_class_alone_has_no_area() -> None:
    model = identity(1, loss="binary_cross_entropy", metrics=["roc_auc"])
    assert math.isnan(model.evaluate([[1.0], [2]], [[1], [1]])["roc_auc"])
    assert model.evaluate([[1.0], [2]], [[0], [1]])["roc_auc"] == 1
    assert model.evaluate([[1.0], [1]], [[0], [1]])["roc_auc"] == 0.5
    assert model.evaluate([[2.0], [1]], [[0], [1]])["roc_auc"] == 0


def test_areas_do_not_see_probabilities_that_are_rounded_to_one() -> None:
    """Softmax gives 1.0 for class 0 of each row; the logits still say which is surer."""
    outputs = np.asarray([[60.0, 0, 0], [50, 0, 0], [40, 0, 0], [0, 9, 0], [0, 0, 9]])
    model = identity(3, metrics=["roc_auc"])
    assert model.evaluate(outputs, [0, 0, 1, 1, 2])["roc_auc"] == pytest.approx(
        np.mean([1, 5 / 6, 1])
    )


@pytest.mark.parametrize("rows", [1, 2, 9, 10, 17])
def test_areas_of_any_number_of_rows(rows: int) -> None:
    """Against the definition, pair by pair."""
    random = np.random.default_rng(rows)
    scores, weights = random.integers(0, 4, rows) / 2.0, random.uniform(0.5, 2, rows)
    true = np.arange(rows) % 2
    model = identity(1, loss="binary_cross_entropy", metrics=["roc_auc"], dtype="float64")
    found = model.evaluate(scores[:, None], true[:, None], sample_weight=weights)["roc_auc"]
    pairs = weights[true == 1][:, None] * weights[true == 0][None, :]
    apart = scores[true == 1][:, None] - scores[true == 0][None, :]
    if rows == 1:
        assert math.isnan(found)
    else:
        right = (pairs * ((apart > 0) + 0.5 * (apart == 0))).sum() / pairs.sum()
        assert found == pytest.approx(right, rel=1e-12)


def test_r2_of_targets_far_from_zero(backend: Backend) -> None:
    """Mean 2^12, deviation 1/8: in single precision Σ y² has no digit of the spread left."""
    random = np.random.default_rng(0)
    true = 2.0**12 + np.round(random.normal(size=(9000, 1)) * 128) / 1024
    guess = true + np.round(random.normal(size=(9000, 1)) * 64) / 1024
    model = identity(1, loss="squared_error", metrics=["r2"], backend=backend)
    expected = 1 - ((guess - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    assert model.evaluate(guess, true)["r2"] == pytest.approx(expected, rel=2e-6)
    in_order = np.argsort(true[:, 0])
    found = model.evaluate(guess[in_order], true[in_order])["r2"]
    assert found == pytest.approx(expected, rel=2e-6)


def test_r2_waits_for_the_first_row_with_a_weight() -> None:
    model = identity(1, loss="squared_error", metrics=["r2"], dtype="float64")
    true = np.concatenate([np.full(9000, 1e9), [1.0, 2.0, 4.0]])[:, None]
    guess = true + np.asarray([0.5, -0.5, 0.25])[np.arange(9003) % 3][:, None]
    found = model.evaluate(guess, true, sample_weight=true[:, 0] < 1e9)["r2"]
    assert found == pytest.approx(1 - 0.5625 / (14 / 3), rel=1e-12)


def test_evaluate_takes_metrics_for_one_call(backend: Backend) -> None:
    random = np.random.default_rng(1)
    X, y = random.normal(size=(50, 2)), random.normal(size=(50, 1))
    model = MLP([2, 3, 1], loss="squared_error", metrics=["r2"], backend=backend)
    own = model.evaluate(X, y)
    other = model.evaluate(X, y, metrics=["mean_squared_error", "root_mean_squared_error"])
    assert list(own) == ["loss", "r2"]
    assert list(other) == ["loss", "mean_squared_error", "root_mean_squared_error"]
    assert other["root_mean_squared_error"] ** 2 == pytest.approx(other["loss"], rel=1e-5)
    assert model.evaluate(X, y, metrics=()) == {"loss": other["loss"]}
    assert model.evaluate(X, y) == own
    model.fit(
        X, y, epochs=1, learning_rate=0.1
    )  # with weights of this moment, not of the first call
    names = ["mean_squared_error"]
    assert model.evaluate(X, y, metrics=names)["loss"] == model.evaluate(X, y)["loss"]
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert again.evaluate(X, y, metrics=names) == model.evaluate(X, y, metrics=names)


def test_figures_are_in_the_units_of_the_targets(backend: Backend) -> None:
    random = np.random.default_rng(1)
    X = random.normal(size=(300, 2))
    y = 5000 + 300 * X[:, :1] + random.normal(size=(300, 1))
    names = ["root_mean_squared_error", "mean_absolute_error", "r2"]
    model = MLP([2, 1], loss="huber", target_scaling="standard", metrics=names, backend=backend)
    history = model.fit(X, y, epochs=1, learning_rate=0.1, validation_data=(X, y))
    e = model.predict(X) - y
    expected = [np.sqrt(np.mean(e**2)), np.mean(np.abs(e)), 1 - np.mean(e**2) / y.var()]
    found = model.evaluate(X, y)
    assert [found[name] for name in names] == pytest.approx(expected, rel=1e-4)
    assert [history[f"val_{n}"][0] for n in names] == pytest.approx(expected, rel=1e-4)


@pytest.mark.needs_argmax
def test_figures_of_a_stream_are_those_of_its_rows(backend: Backend) -> None:
    """The chunks share the memory that a reader fills."""
    random = np.random.default_rng(1)
    X, y = random.normal(size=(500, 2)), random.integers(0, 3, 500)
    model = MLP([2, 3], metrics=["roc_auc", "f1_macro"], backend=backend, seed=3)
    stream = Stream(
        *(scan_arrays(X, y, block_rows=50), backend, model.loss, 3),
        batch_size=20,
        budget=2 * 100 * 3 * 4,
        seed=0,
    )
    with backend.scope():
        assert sum(1 for _ in Streamed(stream, 20, backend).parts()) >= 5
        sums = model._evaluate(*model._weights, Streamed(stream, 20, backend))
        found = figures(model._problem, model._problem.metrics, bring_over(sums, backend), 0.0)
    assert found == pytest.approx(model.evaluate(X, y), rel=2e-6)


def test_figures_are_in_the_order_in_which_they_were_asked_for() -> None:
    names = ["roc_auc", "f1", "log_loss"]
    model = MLP([2, 1], loss="binary_cross_entropy", metrics=names)
    X, y = np.eye(2), np.asarray([[0], [1]])
    assert list(model.evaluate(X, y)) == ["loss", *names]
    history = model.fit(X, y, epochs=1, validation_data=(X, y))
    assert list(history)[:7] == [
        *("loss", "f1", "log_loss"),
        *("val_loss", "val_roc_auc", "val_f1", "val_log_loss"),
    ]


# -- choices -------------------------------------------------------------------------------------


def test_defaults() -> None:
    assert [m.name for m in choose_metrics(None, nn.SoftmaxCrossEntropy(), 3)] == ["accuracy"]
    assert choose_metrics(None, nn.SquaredError(), 1) == ()
    assert [m.name for m in choose_metrics("mean_absolute_error", nn.SquaredError(), 1)] == [
        "mean_absolute_error"
    ]
    with pytest.raises(ValueError, match="metrics: got 'acuracy'.* Did you mean 'accuracy'"):
        choose_metrics(["acuracy"], nn.SoftmaxCrossEntropy(), 3)


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("rmse", "root_mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mse", "mean_squared_error"),
        ("auc", "roc_auc"),
    ],
)
def test_a_short_name_is_told_the_whole(short: str, whole: str) -> None:
    words = f"^metrics: got '{short}', expected its whole name '{whole}'.$"
    with pytest.raises(ValueError, match=words):
        MLP([2, 1], loss="squared_error", metrics=[short])
    assert whole in METRICS


def test_names_are_those_of_the_table() -> None:
    assert all(metric.name == name for name, metric in METRICS.items())
    assert (TopK(2).name, F1("micro").name, F1().name) == ("top_2_accuracy", "f1_micro", "f1")
    assert F1("macro", name="mine").name == "mine"
    assert TopK(np.int64(4)) == TopK(4)


def squared(outputs: Any, targets: Any, loss: nn.Loss, ctx: Context) -> Any:
    return ctx.xp.sum(outputs * outputs, axis=1)


def a_column(outputs: Any, targets: Any, loss: nn.Loss, ctx: Context) -> Any:
    return outputs[:, :1]


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "classes of a regression": (
        lambda: MLP([4, 1], loss="squared_error", metrics=["f1_macro"]),
        "f1_macro: the loss is SquaredError, expected one of a classifier",
    ),
    "numbers of a classifier": (
        lambda: MLP([4, 3], metrics=["r2"]),
        "r2: the loss is SoftmaxCrossEntropy, expected one that predicts numbers",
    ),
    "binary F1 of three classes": (
        lambda: MLP([4, 3], metrics=["f1"]),
        "f1: the network has 3 classes, expected two classes: for more say how they are averaged",
    ),
    "binary F1 of labels": (
        lambda: MLP([4, 2], loss="binary_cross_entropy", metrics=["f1"]),
        "f1: the network has 2 yes/no labels, expected two classes",
    ),
    "balanced accuracy of labels": (
        lambda: MLP([4, 2], loss="binary_cross_entropy", metrics=["balanced_accuracy"]),
        "balanced_accuracy: the network has 2 yes/no labels, expected one class for each sample",
    ),
    "top 3 of labels": (
        lambda: MLP([4, 9], loss="binary_cross_entropy", metrics=["top_3_accuracy"]),
        "top_3_accuracy: the loss is BinaryCrossEntropy with yes/no labels",
    ),
    "log loss of margins": (
        lambda: MLP([4, 1], loss="hinge", metrics=["log_loss"]),
        "log_loss: the loss is Hinge, expected one with probabilities",
    ),
    "twice": (
        lambda: MLP([4, 3], metrics=["accuracy", "accuracy"]),
        "metrics: got 'accuracy' more than once",
    ),
    "no metric": (
        lambda: MLP([4, 3], metrics=[len]),
        "metrics: got .*expected a name or a Metric",
    ),
    "a column for a sample": (
        lambda: identity(2, metrics=[Metric("mine", a_column)]).evaluate(
            np.eye(2), [0, 1], sample_weight=[1, 2]
        ),
        r"mine: its values have shape \(2, 1\), expected \(2,\): one for each sample",
    ),
    **{
        f"called {name}": (
            lambda name=name: MLP([4, 3], metrics=[Metric(name, squared)]),
            f"metrics: got one called '{name}', expected another name",
        )
        for name in (
            *("loss", "learning_rate", "gradient_norm", "seconds", "samples_per_second"),
            *("val_loss", "val_mine"),
        )
    },
    "two of one name": (
        lambda: MLP([4, 3], metrics=[Metric("mine", squared), Metric("mine", a_column)]),
        "metrics: got 'mine' more than once",
    ),
    "a number": (
        lambda: MLP([4, 3]).evaluate(np.eye(2, 4), [0, 1], metrics=5),  # type: ignore[arg-type]
        "metrics: got 5 of type int, expected a list of names or metrics",
    ),
    "a yes for k": (lambda: TopK(True), "TopK: k is True, expected a whole number"),
    "k": (lambda: TopK(0), "TopK: k is 0, expected a whole number of at least 1"),
    "average": (lambda: F1("makro"), "average: got 'makro'.* Did you mean 'macro'"),
    "for one call": (
        lambda: MLP([4, 3]).evaluate(np.ones((2, 4)), [0, 1], metrics=["r2"]),
        "r2: the loss is SoftmaxCrossEntropy",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_can_not_be(case: str) -> None:
    action, message = BAD[case]
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        action()
    assert "\n" not in str(caught.value)


# -- metrics of one's own ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LargestOutput(RunningMetric):
    """No sum at all: what is kept is the largest so far."""

    name: str = "largest_output"

    def add(self, kept: Any, outputs: Any, targets: Any, weights: Any, loss: Any, ctx: Any) -> Any:
        return ctx.xp.maximum(kept, ctx.xp.max(outputs))

    def figure(self, sums: Any, mass: float) -> float:
        return float(sums)


def test_a_running_metric_of_ones_own(backend: Backend) -> None:
    outputs = np.asarray([[1.0, 2], [7, 3], [4, 5]])
    model = identity(2, metrics=[LargestOutput()], backend=backend)
    assert model.evaluate(outputs, [0, 1, 0])["largest_output"] == 7
    history = model.fit(outputs, [0, 1, 0], epochs=1, batch_size=1, learning_rate=1e-30)
    assert history["largest_output"] == [7.0]


def test_a_mean_of_ones_own_says_what_is_better_or_is_asked() -> None:
    X, y = np.eye(2), np.asarray([0, 1])

    def fit(metric: Metric, **options: Any) -> BestEpoch:
        best = BestEpoch(metric.name, **options)
        identity(2, metrics=[metric]).fit(X, y, epochs=3, callbacks=[best])
        return best

    model, best = MLP([2, 2], metrics=[Metric("accuracy_of_mine", squared)]), BestEpoch()
    best.monitor = "accuracy_of_mine"
    with pytest.raises(
        ValueError, match="'accuracy_of_mine' is a metric of your own, expected mode="
    ):
        model.fit(X, y, callbacks=[best])
    assert model.training_record is None  # no epoch was begun
    assert fit(Metric("it", squared), mode="max").best_epoch == 3  # the outputs grow
    assert fit(Metric("it", squared, larger_is_better=True)).best_epoch == 3
    assert fit(Metric("it", squared, larger_is_better=False)).best_epoch == 1


@pytest.mark.parametrize(
    ("name", "larger"),
    [
        *(
            (n, True)
            for n in ("accuracy", "subset_accuracy", "balanced_accuracy", "top_3_accuracy")
        ),
        *((n, True) for n in ("f1", "f1_macro", "f1_micro", "f1_weighted", "roc_auc", "r2")),
        *((n, False) for n in ("log_loss", "mean_squared_error", "mean_absolute_error")),
        ("root_mean_squared_error", False),
    ],
)
def test_early_stopping_knows_of_which_figures_more_is_better(name: str, larger: bool) -> None:
    assert METRICS[name].larger_is_better is larger


def test_early_stopping_watches_an_area() -> None:
    """Validation targets are the wrong way round: the area falls from the start."""
    random = np.random.default_rng(0)
    X = random.normal(size=(80, 2))
    y = (X[:, :1] > 0) * 1
    model = MLP([2, 8, 1], loss="binary_cross_entropy", metrics=["roc_auc"], seed=2)
    history = model.fit(
        X,
        y,
        epochs=40,
        learning_rate=0.05,
        validation_data=(X, 1 - y),
        callbacks=[EarlyStopping("val_roc_auc", patience=4)],
    )
    best = int(np.argmax(history["val_roc_auc"]))
    assert history.best_epoch == best + 1
    assert history.epochs == best + 5 < 40
    assert model.evaluate(X, 1 - y)["roc_auc"] == pytest.approx(max(history["val_roc_auc"]))


def test_a_figure_that_never_exists_never_improves() -> None:
    """Validation rows of one class have no area."""
    X, y = np.eye(2), np.asarray([[0], [1]])
    model = MLP([2, 1], loss="binary_cross_entropy", metrics=["roc_auc"])
    stop = EarlyStopping("val_roc_auc", patience=3)
    history = model.fit(X, y, epochs=9, validation_data=(X[:1], y[:1]), callbacks=[stop])
    assert np.isnan(history["val_roc_auc"]).all()
    assert history.stopped == "val_roc_auc did not improve for 3 epochs"
    assert (history.epochs, history.best_epoch) == (3, None)


def test_metrics_can_be_copied_and_compared() -> None:
    for metric in (F1("macro"), TopK(2), ROCAUC(), R2(), *METRICS.values()):
        again = pickle.loads(pickle.dumps(metric))  # noqa: S301
        assert again == metric
        assert hash(again) == hash(metric)
