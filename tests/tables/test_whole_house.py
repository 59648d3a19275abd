"""What else is done with models, done with those that take tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Doctor, TableEncoder, nn, plots
from portable_mlp.diagnosis.doctor.patient import Patient
from portable_mlp.diagnosis.doctor.treatments import with_scaled_inputs
from portable_mlp.steering import find_learning_rate, overfit_one_batch

RANDOM = np.random.default_rng(3)
ROWS = 150
TABLE: dict[str, Any] = {
    "age": np.where(RANDOM.random(ROWS) < 0.1, np.nan, RANDOM.normal(40, 9, ROWS)),
    "job": RANDOM.choice(np.asarray(["clerk", "cook", "nurse", None], object), ROWS),
    "town": RANDOM.choice([f"town {k}" for k in range(12)], ROWS).tolist(),
}
Y = (np.nan_to_num(TABLE["age"], nan=40) + 9 * (TABLE["job"] == "cook") > 43).astype(np.int64)
ENCODER = TableEncoder.of(TABLE)


def pair(**options: Any) -> tuple[MLP, MLP]:
    """A model of the table, and one of its numbers with the same layers and weights."""
    layers = [nn.Dense(16), nn.Tanh(), nn.Dense(2)]
    of_numbers = MLP(layers=[*ENCODER.layers(), *layers], inputs=ENCODER.width, **options)
    return MLP(layers=layers, inputs=ENCODER, **options), of_numbers


def test_steering_sees_the_encoded_rows() -> None:
    model, other = pair()
    x, before = ENCODER.encode(TABLE), model.parameters()
    options: dict[str, Any] = {"steps": 20, "batch_size": 32}
    curve = find_learning_rate(model, TABLE, Y, **options)
    np.testing.assert_array_equal(curve.losses, find_learning_rate(other, x, Y, **options).losses)
    found = overfit_one_batch(model, TABLE, Y, batch_size=16, learning_rate=0.01)
    assert found.reached
    assert found.losses == overfit_one_batch(other, x, Y, batch_size=16, learning_rate=0.01).losses
    np.testing.assert_equal(model.parameters(), before)
    assert model.training_record is None


def test_answers_are_those_of_the_encoded_rows() -> None:
    model, other = pair(dtype="float64")
    x = ENCODER.encode(TABLE)
    model.partial_fit(TABLE, Y)
    other.partial_fit(x, Y)
    assert model.evaluate(TABLE, Y) == other.evaluate(x, Y)
    assert model.summary() == other.summary()
    slopes = model.input_gradient(TABLE)
    np.testing.assert_array_equal(slopes, other.input_gradient(x))
    step = np.zeros_like(x)
    step[:, 0] = 1e-6
    wanted = (other.forward(x + step) - other.forward(x - step)) / 2e-6
    np.testing.assert_allclose(slopes[:, :, 0], wanted, atol=1e-8)
    assert not slopes[:, :, ENCODER.outputs.index("town")].any()
    assert model.activations(TABLE, "embedding_1").shape == (ROWS, ENCODER.width - 1 + 8)
    moved = model.to("array-api-strict") if _has_strict() else model.to("numpy")
    np.testing.assert_allclose(moved.predict_proba(TABLE), model.predict_proba(TABLE), atol=1e-12)


def _has_strict() -> bool:
    try:
        import array_api_strict  # noqa: F401
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("frame", [False, True])
def test_a_confusion_matrix_of_a_table(frame: bool) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    table: Any = TABLE
    if frame:
        table = pytest.importorskip("pandas", reason="pandas is not installed").DataFrame(TABLE)
    model, _ = pair()
    model.fit(TABLE, Y, epochs=3, verbose=0)
    right = (model.predict(TABLE) == Y).mean()
    ax = plots.confusion_matrix(model, table, Y)
    assert ax.get_title(loc="left") == f"{right:.1%} of {ROWS} samples are right"
    with pytest.raises(ValueError, match=f"X has {ROWS} rows and y 3, expected as many"):
        plots.confusion_matrix(model, table, Y[:3])


def test_activations_of_a_table() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    model, _ = pair()
    shown = [label.get_text() for label in plots.activations(model, TABLE).get_yticklabels()]
    assert shown == list(model.network.named_layers)


def test_pictures_that_no_table_has() -> None:
    """The plane of encoded numbers is not that of the table; a table of vectors is no image."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    table = {"a": RANDOM.normal(5, 2, ROWS), "b": RANDOM.normal(size=ROWS)}
    model = MLP([TableEncoder.of(table), 2])
    with pytest.raises(ValueError, match="decision_boundary: the model has a TableEncoder, expect"):
        plots.decision_boundary(model, table, Y)
    with pytest.raises(ValueError, match="first_layer_weights: the model has a TableEncoder, exp"):
        plots.first_layer_weights(model, shape=(1, 2))


def test_the_doctor_scales_no_numbers_of_categories() -> None:
    """They are large and not scaled, and right so."""
    towns = [f"town {k}" for k in RANDOM.integers(0, 70, 4 * ROWS)]
    table = {"age": np.tile(np.nan_to_num(TABLE["age"], nan=40), 4), "town": towns}
    model, doctor = MLP([TableEncoder.of(table), 16, 2], seed=1), Doctor()
    model.fit(table, np.tile(Y, 4), epochs=4, callbacks=[doctor], verbose=0)
    report = doctor.report()
    assert "D05" not in str(report)


def test_scaled_inputs_leave_numbers_of_categories() -> None:
    x, y = np.c_[np.arange(6.0) * 100, np.arange(6.0)], np.arange(6.0)[:, None]
    parts: dict[str, Any] = dict.fromkeys(("loss", "gradients", "stepper"), _none)
    patient = Patient((), [], x, y, columns=False, **parts, steps=1, batch=None, codes=1)
    scaled = with_scaled_inputs().apply(patient).x
    np.testing.assert_array_equal(scaled[:, 1], x[:, 1])
    np.testing.assert_allclose([scaled[:, 0].mean(), scaled[:, 0].std()], [0, 1], atol=1e-12)


def _none(*_: Any) -> Any:
    raise AssertionError("nothing is computed here")
