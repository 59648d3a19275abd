"""L1 and L2 penalties: value, derivative, and who is spared."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import Backend
from portable_mlp.optim import Penalty

VECTOR = np.asarray([1.5, -2.0, 0.25, -0.75, 3.0, 0.0])
MASK = np.asarray([1.0, 1.0, 0.0, 1.0, 0.0, 1.0])
# (penalty, P, dP/dw) by hand: Σ|w| = 4.25 and Σw² = 6.8125 over the four places of the mask
CASES = [
    (Penalty(l1=0.1), 0.425, [0.1, -0.1, 0.0, -0.1, 0.0, 0.0]),
    (Penalty(l2=0.2), 0.68125, [0.3, -0.4, 0.0, -0.15, 0.0, 0.0]),
    (Penalty(l1=0.1, l2=0.2), 1.10625, [0.4, -0.5, 0.0, -0.25, 0.0, 0.0]),
]


@pytest.mark.parametrize(("penalty", "value", "gradient"), CASES)
def test_value_and_gradient_by_hand(
    backend: Backend, penalty: Penalty, value: float, gradient: list[float]
) -> None:
    vector, mask = backend.asarray(VECTOR), backend.asarray(MASK)
    found, slope = penalty(vector, mask, backend.xp)
    assert found.dtype == slope.dtype == vector.dtype
    assert slope.shape == vector.shape
    assert float(found) == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(backend.to_numpy(slope), gradient, rtol=1e-6, atol=1e-7)
    assert backend.to_numpy(slope)[2] == backend.to_numpy(slope)[4] == 0, "biases go free"
    np.testing.assert_array_equal(backend.to_numpy(vector), VECTOR)


@pytest.mark.parametrize(("penalty", "value", "gradient"), CASES)
def test_gradient_is_the_derivative(
    backend64: Backend, penalty: Penalty, value: float, gradient: list[float]
) -> None:
    """Central differences at every place but at |0|, which has none (there it is 0)."""
    mask, h = backend64.asarray(MASK), 1e-5

    def at(host: np.ndarray) -> float:
        return float(penalty(backend64.asarray(host), mask, backend64.xp)[0])

    slope = backend64.to_numpy(penalty(backend64.asarray(VECTOR), mask, backend64.xp)[1])
    for i in range(5):
        shift = h * (np.arange(6) == i)
        numeric = (at(VECTOR + shift) - at(VECTOR - shift)) / (2 * h)
        assert slope[i] == pytest.approx(numeric, rel=1e-8, abs=1e-10)
    assert slope[5] == 0
    assert float(penalty(backend64.asarray(VECTOR), mask, backend64.xp)[0]) == pytest.approx(
        value, rel=1e-12
    )


def test_numpy_scalars_do_not_widen_float32() -> None:
    penalty = Penalty(np.float64(0.1), np.float64(0.2))
    assert type(penalty.l1) is type(penalty.l2) is float
    _, slope = penalty(VECTOR.astype(np.float32), MASK.astype(np.float32), np)
    assert slope.dtype == np.float32


def test_nothing_is_nothing() -> None:
    assert not Penalty()
    assert Penalty(l1=1e-9)
    assert Penalty(l2=1e-9)
    assert Penalty()(VECTOR, MASK, np) == (0.0, 0.0)
    with pytest.raises(FrozenInstanceError):
        Penalty().l1 = 0.1  # type: ignore[misc]


@pytest.mark.parametrize("name", ["l1", "l2"])
@pytest.mark.parametrize("value", [-1e-9, float("nan"), float("inf")])
def test_bad_factor_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name}: got {value}, expected a finite number of at"):
        Penalty(**{name: value})


def test_model_adds_the_penalty_of_its_weights(backend64: Backend) -> None:
    """Loss and gradients, by name; biases stay as they are."""
    x, y = np.linspace(-1.0, 1.0, 12).reshape(4, 3), np.asarray([0, 1, 1, 0])
    models = [MLP([3, 4, 2], backend=backend64, l1=l1, l2=l2) for l1, l2 in ((0, 0), (0.1, 0.2))]
    start = {n: v + 0.1 for n, v in models[0].parameters().items()}
    for model in models:
        model.set_parameters(start)
    plain, penalised = (model.loss_and_gradients(x, y) for model in models)
    weights = [v for n, v in start.items() if n.endswith("weight")]
    value = sum(0.1 * np.sum(np.abs(w)) + 0.1 * np.sum(w * w) for w in weights)
    assert penalised[0] - plain[0] == pytest.approx(value, rel=1e-9)
    for name, w in start.items():
        slope = 0.1 * np.sign(w) + 0.2 * w if name.endswith("weight") else np.zeros_like(w)
        found = penalised[1][name] - plain[1][name]
        np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-12, err_msg=name)
    assert models[1].evaluate(x, y)["loss"] == pytest.approx(penalised[0], rel=1e-12)
