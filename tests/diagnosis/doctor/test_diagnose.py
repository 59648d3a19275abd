"""`diagnose`: each cause alone, causes together, healthy networks, programs that can't be examined."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import diagnose
from portable_mlp.backends import Backend
from portable_mlp.diagnosis import ProgramError

_spec = spec_from_file_location("handwritten", Path(__file__).with_name("handwritten.py"))
assert _spec is not None
assert _spec.loader is not None
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
network = _module.network

CAUSES: dict[str, dict[str, Any]] = {
    "D01": {"lr": 100.0},
    "D02": {"summed": True, "lr": 1.0},
    "D03": {"lr": 0.0005},
    "D05": {"size": 1000.0},
    "D06": {"weights": "large", "depth": 3},
    "D07": {"weights": "positive", "depth": 4, "lr": 0.1},
    "D08": {"weights": "small", "depth": 4},
    "D09": {"weights": "zero"},
    "R01": {"fault": "sign"},
    "R04": {"fault": "no f'", "depth": 3},
}


@pytest.mark.parametrize("id", CAUSES)
def test_one_cause_is_named_first_and_shown_to_block(id: str) -> None:
    report = diagnose(**network(**CAUSES[id]))
    assert report.findings[0].id == id, str(report)
    assert report.findings[0].blocking
    assert any(t.ids == (id,) and t.helped for t in report.trials)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "options",
    [{}, {"depth": 4, "lr": 0.3}, {"batch": 32, "lr": 0.1}, {"activation": "relu", "lr": 0.2}],
    ids=["plain", "deep", "batches", "relu"],
)
def test_nothing_is_found_in_a_healthy_network(options: dict[str, Any], seed: int) -> None:
    report = diagnose(**network(**options, seed=seed))
    assert report.ok, str(report)
    assert str(report).startswith("Nothing found that keeps this network from learning.")
    assert report.checked


def test_two_causes_that_must_be_mended_together() -> None:
    """The sign is wrong and the inputs are a thousand times too large."""
    report = diagnose(**network(fault="sign", size=1000.0))
    assert {"R01", "D05"} <= {f.id for f in report.findings}, str(report)


def test_a_wrong_gradient_that_does_no_harm_is_said_to_do_none() -> None:
    given = network()
    right = given["gradients"]

    def twice(p: Any, X: Any, Y: Any) -> Any:
        return {name: 2 * g for name, g in right(p, X, Y).items()}

    report = diagnose(**given | {"gradients": twice})
    assert [(f.id, f.blocking) for f in report.findings] == [("R02", False)], str(report)
    assert "wrong, but it does no harm by itself" in " ".join(str(report).split())


def test_labels_that_do_not_belong_to_the_rows() -> None:
    given = network()
    shuffled = given["Y"][np.random.default_rng(1).permutation(200)]
    report = diagnose(**given | {"Y": shuffled})
    assert report.findings[0].id == "D24"
    assert report.findings[0].blocking is None


def test_without_trials_the_signs_alone_decide() -> None:
    report = diagnose(**network(size=1000.0, fault="sign"), verify=False)
    assert "D05" in [f.id for f in report.findings]
    assert not report.trials
    assert report.findings[0].blocking is None


def test_a_machine_gets_the_same() -> None:
    report = diagnose(**network(lr=100.0))
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    first = found["findings"][0]
    assert (first["id"], first["blocking"]) == ("D01", True)
    assert {"title", "evidence", "fix", "where"} <= set(first)
    assert found["trials"][0]["ids"] == []


def test_the_same_call_gives_the_same_report() -> None:
    one, other = (diagnose(**network(weights="large", depth=3)).to_dict() for _ in range(2))
    one["seconds"] = other["seconds"] = 0.0
    assert one == other


def test_nothing_of_the_callers_is_written_to() -> None:
    given = network(lr=100.0)
    kept = {k: v.copy() for k, v in given["params"].items()}
    x, y = given["X"].copy(), given["Y"].copy()

    def writes(p: Any, g: Any) -> None:
        for name in p:
            p[name] -= 0.5 * g[name]

    diagnose(**given, update=writes)
    for name, value in kept.items():
        np.testing.assert_array_equal(given["params"][name], value)
    np.testing.assert_array_equal(given["X"], x)
    np.testing.assert_array_equal(given["Y"], y)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_the_same_verdicts_in_other_libraries(name: str) -> None:
    from portable_mlp import backends

    usable = {s.name: s for s in backends.status()}[name]
    if not usable.usable:
        pytest.skip(f"{name}: {usable.reason}")
    backend: Backend = backends.get(name, dtype="float64")
    with backend.scope():
        xp = backend.xp
        random = np.random.default_rng(0)
        x = random.normal(size=(120, 3))
        host = {"W": random.normal(size=(3, 5)), "V": random.normal(size=(5, 1))}
        y = np.tanh(x @ host["W"]) @ host["V"]
        start = {k: random.normal(size=v.shape) for k, v in host.items()}

        def loss(p: Any, X: Any, Y: Any) -> Any:
            return xp.mean((xp.tanh(X @ p["W"]) @ p["V"] - Y) ** 2)

        def gradients(p: Any, X: Any, Y: Any) -> Any:
            a = xp.tanh(X @ p["W"])
            d = 2 * (a @ p["V"] - Y) / X.shape[0]
            return {"W": X.T @ (d @ p["V"].T), "V": a.T @ d}  # no f'

        train = {"lr": 0.1, "steps": 150}
        there = diagnose(
            loss=loss,
            gradients=gradients,
            params={k: backend.asarray(v) for k, v in start.items()},
            X=backend.asarray(x),
            Y=backend.asarray(y),
            train=train,
        )
    xp = np
    here = diagnose(loss=loss, gradients=gradients, params=start, X=x, Y=y, train=train)
    assert [(f.id, f.blocking, f.where) for f in there.findings] == [
        (f.id, f.blocking, f.where) for f in here.findings
    ]
    assert here.findings[0].id == "R04"


def test_a_loss_that_is_not_finite_before_the_first_step() -> None:
    given = network(weights="large", size=1000.0)

    def naive(p: Any, X: Any, Y: Any) -> float:
        z = np.tanh(X @ p["W0"] + p["b0"]) @ (1e4 * p["W1"]) + p["b1"]
        e = np.exp(z)
        return float(-np.mean(np.sum(Y * np.log(e / e.sum(axis=1, keepdims=True)), axis=1)))

    report = diagnose(**given | {"loss": naive})
    seen = {f.id for f in (*report.findings, *report.noted)}
    assert "D04" in seen, str(report)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train": {"rate": 1}}, r"train: got \['rate'\], expected only lr, steps and batch"),
        ({"train": {"lr": 0}}, "train: lr is 0, expected a finite number above 0"),
        ({"train": {"lr": True}}, "train: lr is True, expected a finite number above 0"),
        ({"train": {"steps": 0}}, "train: steps is 0, expected a whole number above 0"),
        ({"train": {"batch": 2.5}}, "train: batch is 2.5, expected a whole number above 0"),
        ({"loss": lambda p, X, Y: X}, r"loss: returned an array of shape"),
        ({"loss": lambda p, X, Y: 1 / 0}, "loss: raised ZeroDivisionError"),
        ({"gradients": lambda p, X, Y: None}, "gradients: returned None"),
        ({"gradients": lambda p, X, Y: [1.0]}, "gradients: returned 1 arrays, expected 4"),
        ({"update": 3}, "update: got a int, expected a function"),
    ],
)
def test_what_can_not_be_examined_is_said_in_one_line(
    changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProgramError, match=message) as caught:
        diagnose(**network() | changed)
    assert "\n" not in str(caught.value)


def test_a_gradient_that_is_missing_is_a_finding() -> None:
    given = network()
    right = given["gradients"]
    report = diagnose(
        **given | {"gradients": lambda p, X, Y: right(p, X, Y) | {"b0": None}}  # type: ignore[dict-item]
    )
    assert report.findings[0].id == "R18"
    assert report.findings[0].where == ("params['b0']",)


def test_a_function_that_writes_to_its_arguments_is_a_finding() -> None:
    given = network()
    right = given["gradients"]

    def shifts(p: Any, X: Any, Y: Any) -> Any:
        X -= X.mean(axis=0)
        return right(p, X, Y)

    report = diagnose(**given | {"gradients": shifts})
    assert "F02" in [f.id for f in report.findings], str(report)


def test_parameters_that_share_memory_are_a_finding() -> None:
    given = network()
    given["params"]["b1"] = given["params"]["b0"][:3]
    report = diagnose(**given)
    assert "F03" in [f.id for f in report.findings], str(report)


def test_a_gradient_that_accumulates_is_mended_by_fresh_ones() -> None:
    given = network(lr=0.3)
    right, sums = given["gradients"], dict[str, Any]()

    def adds(p: Any, X: Any, Y: Any) -> Any:
        for name, g in right(p, X, Y).items():
            sums[name] = sums.get(name, 0) + g
        return dict(sums)

    report = diagnose(**given | {"gradients": adds})
    assert report.findings[0].id == "R16", str(report)
    assert any(t.words == "fresh gradients" for t in report.trials)
