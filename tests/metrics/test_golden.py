"""Every figure against scikit-learn's, in evaluation and in training; see tests/golden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from portable_mlp import MLP
from portable_mlp.backends import Backend
from portable_mlp.metrics import METRICS
from portable_mlp.nn import LOSSES
from portable_mlp.training import evaluate

with safe_open(Path(__file__).parent.parent / "golden" / "metrics.safetensors", "np") as file:
    CASES: dict[str, Any] = json.loads(file.metadata()["cases"])
    ARRAYS = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
SORTED = [
    name
    for name, case in CASES.items()
    if LOSSES[case["loss"]].targets != "values" or "roc_auc" in case["plain"]
]
OTHERS = [name for name in CASES if name not in SORTED]


def identity(name: str, backend: Backend) -> MLP:
    """A network that gives what it is given, with all metrics of the case."""
    columns = ARRAYS[f"{name}.outputs"].shape[1]
    case = CASES[name]
    made = MLP([columns, columns], loss=case["loss"], metrics=list(case["plain"]), backend=backend)
    made.set_parameters({"dense_1.weight": np.eye(columns), "dense_1.bias": np.zeros(columns)})
    return made


def compare(found: dict[str, float], expected: dict[str, float], tolerance: float) -> None:
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name


@pytest.fixture(autouse=True)
def _in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "chunk_rows", lambda problem: 100)


def check_evaluation(name: str, backend: Backend, tolerance: float) -> None:
    model, case = identity(name, backend), CASES[name]
    data = ARRAYS[f"{name}.outputs"], ARRAYS[f"{name}.targets"]
    for weights, expected in ((None, case["plain"]), (ARRAYS["weights"], case["weighted"])):
        found = model.evaluate(*data, sample_weight=weights)
        assert set(found) == {"loss", *expected}
        compare(found, expected, tolerance)


@pytest.mark.needs_argmax
@pytest.mark.parametrize("name", SORTED)
def test_evaluation_that_looks_for_orders_in_single_precision(name: str, backend: Backend) -> None:
    check_evaluation(name, backend, 2e-6)


@pytest.mark.parametrize("name", OTHERS)
def test_evaluation_in_single_precision(name: str, backend: Backend) -> None:
    check_evaluation(name, backend, 2e-6)


@pytest.mark.parametrize("name", CASES)
def test_evaluation_in_double_precision(name: str, backend64: Backend) -> None:
    check_evaluation(name, backend64, 1e-12)


@pytest.mark.parametrize("name", CASES)
def test_training_and_validation(name: str, backend64: Backend) -> None:
    """Mini-batches, the last a smaller one, at a rate that moves no weight."""
    model, expected = identity(name, backend64), CASES[name]["weighted"]
    data = ARRAYS[f"{name}.outputs"], ARRAYS[f"{name}.targets"], ARRAYS["weights"]
    history = model.fit(
        *data[:2],
        epochs=2,
        batch_size=100,
        optimizer="sgd",
        learning_rate=1e-30,
        sample_weight=data[2],
        validation_data=data,
    )
    running = {n: v for n, v in expected.items() if n != "roc_auc"}
    compare({n: history[n][-1] for n in history if n in expected}, running, 1e-12)
    compare({n: history[f"val_{n}"][-1] for n in expected}, expected, 1e-12)
    assert "roc_auc" not in history


def test_every_metric_has_a_case() -> None:
    seen = {name for case in CASES.values() for name in case["plain"]}
    others = {f"top_{k}_accuracy" for k in (2, 5, 10)}
    assert seen | others == set(METRICS)
