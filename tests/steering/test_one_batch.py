"""A batch that is learnt by heart, and what is said of one that is not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, find_learning_rate, nn, overfit_one_batch
from portable_mlp.backends import Backend
from portable_mlp.data import scan

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 4))
LABELS = RANDOM.integers(0, 3, 200)
NUMBERS = RANDOM.normal(size=(200, 1))
FAST: dict[str, Any] = {"learning_rate": 0.02, "steps": 400}


def model(*sizes: int, **options: Any) -> MLP:
    return MLP([4, *sizes], activation="tanh", **options)


@pytest.mark.needs_argmax
def test_random_labels_are_learnt_by_heart(backend: Backend) -> None:
    found = overfit_one_batch(model(32, 3, backend=backend), X, LABELS, batch_size=16, **FAST)
    assert found.reached
    assert found.rows == 16
    assert found.losses[-1] < 0.02 < 0.9 < found.losses[0]
    assert str(found).startswith("learnt by heart: 16 rows, loss ")
    assert found.hints == ()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_random_numbers_are_learnt_by_heart(optimizer: str) -> None:
    rate = {"sgd": 0.05, "adam": 0.02, "lbfgs": 1.0}[optimizer]
    found = overfit_one_batch(
        model(64, 1, loss="squared_error"),
        X,
        NUMBERS,
        batch_size=8,
        optimizer=optimizer,
        learning_rate=rate,
        steps=3000,
    )
    assert found.reached
    assert found.rows == 8


def every_loss() -> list[tuple[str, Any, int]]:
    return [
        ("softmax_cross_entropy", LABELS, 3),
        ("softmax_focal", LABELS, 3),
        ("binary_cross_entropy", (NUMBERS > 0) * 1.0, 1),
        ("binary_focal", (NUMBERS > 0) * 1.0, 1),
        ("hinge", np.sign(NUMBERS), 1),
        ("squared_error", NUMBERS, 1),
        ("half_squared_error", NUMBERS, 1),
        ("sum_squared_error", NUMBERS, 1),
        ("half_sum_squared_error", NUMBERS, 1),
        ("absolute_error", NUMBERS, 1),
        ("huber", NUMBERS, 1),
        ("log_cosh", NUMBERS, 1),
        ("poisson", RANDOM.poisson(3.0, (200, 1)) + 1.0, 1),
        ("quantile", NUMBERS, 1),
    ]


@pytest.mark.parametrize(
    ("loss", "y", "units"), every_loss(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_every_loss_has_a_least_value(loss: str, y: Any, units: int) -> None:
    network = model(32, units, loss=loss)
    found = overfit_one_batch(
        network, X, y, batch_size=8, learning_rate=0.01, steps=1500, tolerance=0.05
    )
    assert found.reached, str(found)


def test_constant_and_least_are_what_mathematics_says() -> None:
    """The entropy of the classes; the variance; Poisson's deviance: least where exp(o) = t."""
    one = overfit_one_batch(model(8, 3), X[:32], LABELS[:32], steps=1)
    share = np.bincount(LABELS[:32]) / 32
    assert one.constant == pytest.approx(-(share * np.log(share)).sum(), rel=1e-6)
    assert one.least == pytest.approx(0, abs=1e-4)
    two = overfit_one_batch(model(8, 1, loss="squared_error"), X[:32], NUMBERS[:32], steps=1)
    assert (two.constant, two.least) == pytest.approx((NUMBERS[:32].var(), 0), abs=1e-6)
    counts = RANDOM.poisson(4.0, (32, 1)) + 1.0
    three = overfit_one_batch(model(8, 1, loss="poisson"), X[:32], counts, steps=1)
    mean = counts.mean()
    assert three.constant == pytest.approx(mean - mean * math.log(mean), rel=1e-5)
    assert three.least == pytest.approx((counts - counts * np.log(counts)).mean(), rel=1e-5)


def test_label_smoothing_has_a_least_value_above_0() -> None:
    loss = nn.SoftmaxCrossEntropy(label_smoothing=0.1)
    found = overfit_one_batch(model(32, 3, loss=loss), X, LABELS, batch_size=16, **FAST)
    right, wrong = 1 - 0.1 + 0.1 / 3, 0.1 / 3
    assert found.least == pytest.approx(
        -right * math.log(right) - 2 * wrong * math.log(wrong), rel=1e-4
    )
    assert found.reached


def test_dropout_is_off_when_the_loss_is_looked_at() -> None:
    found = overfit_one_batch(model(64, 3, dropout=0.3), X, LABELS, batch_size=8, **FAST)
    assert found.reached
    network = model(64, 3, dropout=0.8)
    still = overfit_one_batch(network, X, LABELS, batch_size=200, learning_rate=1e-9, steps=1)
    assert still.losses[0] == pytest.approx(network.evaluate(X, LABELS)["loss"], rel=1e-5)


def test_sample_weights_count() -> None:
    weight = np.where(np.arange(200) < 100, 1.0, 0.0)
    found = overfit_one_batch(
        *(model(32, 3), X, LABELS), batch_size=200, sample_weight=weight, steps=1
    )
    share = np.bincount(LABELS[:100]) / 100
    assert found.constant == pytest.approx(-(share * np.log(share)).sum(), rel=1e-6)
    assert found.losses[0] == pytest.approx(
        model(32, 3).evaluate(X[:100], LABELS[:100])["loss"], rel=1e-5
    )


def test_a_source_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=X, y=LABELS)
    assert overfit_one_batch(model(32, 3), scan(path), batch_size=16, **FAST).reached


def hint(found: Any) -> str:
    assert not found.reached
    assert str(found).startswith("not learnt by heart: ")
    return " ".join(found.hints)


def test_rows_that_contradict_each_other_are_named() -> None:
    x = X.copy()
    x[:150] = 1.0
    found = overfit_one_batch(model(32, 3), x, LABELS, batch_size=200, **FAST)
    assert hint(found).startswith("150 of the rows are equal to another that has another target")


def test_a_gradient_of_zero_is_named() -> None:
    network = MLP(layers=[nn.Dense(8), nn.ReLU(), nn.Dense(3, use_bias=False)], inputs=4)
    network.set_parameters({"dense_1.bias": np.full(8, -100.0)})
    assert "does not move at all" in hint(overfit_one_batch(network, X, LABELS, steps=50))


def test_what_holds_a_model_back_is_named() -> None:
    few = {"steps": 60, "batch_size": 16}
    penalised = overfit_one_batch(model(32, 3, l2=1.0), X, LABELS, **few)
    assert "has a penalty" in hint(penalised)
    dropped = overfit_one_batch(model(32, 3, dropout=0.9), X, LABELS, **few)
    assert "has dropout" in hint(dropped)
    slow = overfit_one_batch(model(32, 3), X, LABELS, learning_rate=0.003, steps=100)
    assert "still falling" in hint(slow)
    far = overfit_one_batch(model(8, 1, loss="squared_error"), X, NUMBERS + 1e3, steps=30)
    assert "worse than a constant prediction" in hint(far)


def test_a_training_that_diverges_says_so() -> None:
    with np.errstate(all="ignore"):
        found = overfit_one_batch(
            model(8, 1, loss="squared_error"), X, NUMBERS, optimizer="sgd", learning_rate=1e30
        )
    assert not found.reached
    assert "training diverged in epoch 1" in str(found)


@pytest.mark.needs_argmax
def test_the_model_stays_as_it_is(backend: Backend) -> None:
    network = model(8, 3, backend=backend, scaling="standard")
    before = network.parameters()
    overfit_one_batch(network, X, LABELS, steps=3)
    for name, value in network.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    assert network.training_record is None
    assert network.scaling is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": 0}, "tolerance is 0, expected a share between 0 and 1"),
        ({"tolerance": "1%"}, "tolerance is '1%', expected a share"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number"),
        ({"batch_size": None}, "batch_size is None, expected a whole number"),
        ({"steps": 0}, "steps is 0, expected a whole number"),
        ({"learning_rate": -1}, "learning_rate: got -1"),
        ({"optimizer": "adan"}, "Did you mean 'adam'"),
        ({"batch_size": 1}, "the 1 rows of the batch have the same target.*larger batch_size"),
    ],
)
def test_options_that_can_not_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        overfit_one_batch(model(4, 3), X, LABELS, **options)


def test_a_loss_without_a_least_value_is_refused() -> None:
    with pytest.raises(ValueError, match="GaussianNLL, which has no least value"):
        overfit_one_batch(model(4, 2, loss="gaussian_nll"), X, NUMBERS)


def test_what_is_no_model_is_refused() -> None:
    for function in (overfit_one_batch, find_learning_rate):
        with pytest.raises(TypeError, match=f"{function.__name__}: got str as the model, expected"):
            function("model", X, LABELS)  # type: ignore[arg-type]
