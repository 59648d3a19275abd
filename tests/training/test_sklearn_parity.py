"""From the same first weights and batches, training is scikit-learn's to the last digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from portable_mlp import MLP
from portable_mlp.backends import Backend, get
from portable_mlp.nn.losses import CustomLoss, Loss
from portable_mlp.optim import SGD, Adam, Optimizer
from portable_mlp.randomness import permutation

FILE = Path(__file__).parents[1] / "golden" / "sklearn_parity.safetensors"
with safe_open(FILE, framework="np") as opened:
    HEADER: dict[str, str] = opened.metadata()
    ARRAYS: dict[str, np.ndarray] = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
CASES: dict[str, dict[str, Any]] = json.loads(HEADER["cases"])
SEED = int(HEADER["seed"])
LOSSES: dict[str, str | Loss] = {
    "classes": "softmax_cross_entropy",
    "binary": "binary_cross_entropy",
    "number": "half_squared_error",
    # With more than one output scikit-learn reports half the mean over the outputs and descends
    # along the gradient of half their sum: with m outputs it is m times the derivative.
    "numbers": CustomLoss(lambda o, t, xp: (0.5 * xp.mean((o - t) ** 2, axis=1), o - t)),
}
EVERYWHERE = ("classes_nesterov", "binary_adam")  # the others on numpy alone


def arrays_of(name: str) -> dict[str, np.ndarray]:
    return {
        key.removeprefix(f"{name}."): array
        for key, array in ARRAYS.items()
        if key.startswith(f"{name}.")
    }


def optimizer_of(case: dict[str, Any]) -> Optimizer:
    rate = case["learning_rate_init"]
    if case["solver"] == "sgd":
        return SGD(rate, momentum=case["momentum"], nesterov=case["nesterovs_momentum"])
    return Adam(
        rate,
        beta1=case["beta_1"],
        beta2=case["beta_2"],
        epsilon=case["epsilon"],
        epsilon_hat=True,  # scikit-learn's form
    )


def check(name: str, backend: Backend, tolerance: float) -> None:
    """Trains and compares the loss of each epoch and the last weights."""
    case, golden = CASES[name], arrays_of(name)
    x, y, batch = golden["x"], golden["y"], case["batch_size"] or case["rows"]
    if case["task"] in ("binary", "number"):
        y = y[:, None]  # one output
    outputs = golden[f"last.dense_{len(case['hidden']) + 1}.bias"].size
    model = MLP(
        [x.shape[1], *case["hidden"], outputs],
        activation={"logistic": "sigmoid"}.get(case["activation"], case["activation"]),
        loss=LOSSES[case["task"]],
        l2=case["alpha"] / batch,  # scikit-learn divides its penalty by the batch
        backend=backend,
        seed=SEED,
    )
    first = {k.removeprefix("first."): v for k, v in golden.items() if k.startswith("first.")}
    assert set(first) == set(model.parameters())
    model.set_parameters(first)
    epochs = len(golden["loss_curve"])
    history = model.fit(
        x, y, epochs=epochs, batch_size=case["batch_size"], optimizer=optimizer_of(case)
    )
    found = model.parameters()
    for key in first:
        last = golden[f"last.{key}"]
        assert np.max(np.abs(last - first[key])) > 0.02, "it has learnt something"
        np.testing.assert_allclose(found[key], last, rtol=0, atol=tolerance, err_msg=key)
    np.testing.assert_allclose(history["loss"], golden["loss_curve"], rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_training_is_that_of_scikit_learn(name: str) -> None:
    check(name, get("numpy", None, "float64"), 1e-10)


@pytest.mark.parametrize("name", EVERYWHERE)
def test_training_is_that_of_scikit_learn_on_every_backend(backend64: Backend, name: str) -> None:
    check(name, backend64, 1e-10)


def test_training_in_float32_stays_close(backend: Backend) -> None:
    check("number_nesterov", backend, 1e-5)


@pytest.mark.parametrize("name", [name for name in CASES if f"{name}.orders" in ARRAYS])
def test_order_of_the_rows_is_the_stored_one(name: str) -> None:
    """What the file was made with; another order would make every comparison here fail."""
    for epoch, order in enumerate(ARRAYS[f"{name}.orders"]):
        np.testing.assert_array_equal(permutation(SEED, epoch, order.size), order)


def test_cases_cover_what_both_can_do() -> None:
    """Each task with and without penalty, whole and in batches, and each optimizer."""
    cases = CASES.values()
    kinds = {(c["solver"], c.get("momentum", 0) > 0, c.get("nesterovs_momentum")) for c in cases}
    assert kinds == {
        ("sgd", False, False),
        ("sgd", True, False),
        ("sgd", True, True),
        ("adam", False, None),
    }
    for task in ("classes", "binary"):
        assert {c["alpha"] > 0 for c in cases if c["task"] == task} == {True, False}
    for tasks in (("classes",), ("binary",), ("number", "numbers")):
        assert {c["batch_size"] is None for c in cases if c["task"] in tasks} == {True, False}
        assert {c["solver"] for c in cases if c["task"] in tasks} == {"sgd", "adam"}
    assert {c["activation"] for c in cases} == {"relu", "tanh", "logistic"}
