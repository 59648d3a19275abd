"""The gallery shows what it says: each symptom as it was posted, each repair with its figure."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import check_gradients, gallery
from portable_mlp.diagnosis.catalogue import CATALOGUE
from portable_mlp.gallery import data
from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.system import Program, System

SYSTEMS = gallery.systems()
MNIST = [i for i, s in SYSTEMS.items() if s.needs_mnist]
CHEAP = [i for i, s in SYSTEMS.items() if not s.needs_mnist]
REPAIRED = [i for i in CHEAP if SYSTEMS[i].target is not None]
WORKING = ("S1F", "S4c", "S8")  # as posted, with some seeds or by luck
SEEDS = (0, 1, 2)
BESIDE = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST's test files, from where the user keeps them or from beside the repository."""
    try:
        data.mnist_test_set()
    except FileNotFoundError:
        monkeypatch.setenv("PORTABLE_MLP_DATA", str(BESIDE))
    try:
        data.mnist_test_set()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def working(system: System) -> Callable[[int], Program]:
    """The program without faults."""
    return system.fixed if system.fixed is not None else system.posted


def figures(id: str, which: str, seed: int) -> dict[str, float]:
    """Of a cheap program after its training."""
    system = SYSTEMS[id]
    return _trained(system.posted if which == "posted" else working(system), seed)


@cache
def _trained(make: Callable[[int], Program], seed: int) -> dict[str, float]:
    program = make(seed)
    return program.score(program.train(seed))


def posted(id: str) -> list[dict[str, float]]:
    return [figures(id, "posted", seed) for seed in SEEDS]


def few(program: Program, samples: int = 200) -> dict[str, Any]:
    """Arguments for the check, with the first samples only."""
    arguments = program.diagnosis_arguments()
    arguments.pop("train")
    for name in ("X", "Y"):
        full = arguments[name]
        arguments[name] = full[:, :samples] if program.columns else full[:samples]
    return arguments


# -- all of them -------------------------------------------------------------------------------------


def test_order_and_words() -> None:
    expected = "S1 S1F S1A S2 S3 S3b S4a S4b S4c S5 S6 S7 S8 S9 S10 S11 S12 S13 S14 S15 S16"
    assert list(SYSTEMS) == expected.split()
    for id, system in SYSTEMS.items():
        assert system.id == id
        for words in (system.title, system.source, system.network, system.symptom, system.claim):
            assert words
        assert 1 <= system.explanation.count(". ") <= 6
        assert len(system.causes) <= 3
        assert all(system.causes)
        assert (system.fixed is not None) or not system.causes
        assert system.target is not None
        assert system.model is not None


def test_causes_are_ids() -> None:
    ids = {i for system in SYSTEMS.values() for accepted in system.causes for i in accepted}
    assert all(i[0] in "DRF" and i[1:].isdigit() for i in ids)
    assert {i for i in ids if i.startswith("R")} <= set(CATALOGUE)


@pytest.mark.parametrize("id", CHEAP)
@pytest.mark.parametrize("seed", SEEDS)
def test_builds(id: str, seed: int) -> None:
    _build(SYSTEMS[id], seed)


@pytest.mark.parametrize("id", MNIST)
def test_builds_with_mnist(id: str, mnist: None) -> None:
    _build(SYSTEMS[id], 1)


def _build(system: System, seed: int) -> None:
    for make in (system.posted, system.fixed):
        if make is None:
            continue
        program = make(seed)
        again, other = make(seed), make(seed + 1)
        for name, value in program.params.items():
            assert np.array_equal(value, again.params[name])
        assert any(
            not np.array_equal(value, other.params[name]) for name, value in program.params.items()
        )
        assert np.array_equal(program.X, other.X)
        assert np.array_equal(program.Y, other.Y)
        samples = program.Y.shape[1 if program.columns else 0]
        assert program.samples == samples
        arguments = program.diagnosis_arguments()
        train = {"lr": program.lr, "steps": program.steps, "batch": program.batch}
        assert arguments["train"] == train
    assert system.model is not None
    model, x, y, fit = system.model(seed)
    assert len(x) == len(y)
    assert {"epochs", "batch_size", "learning_rate"} <= set(fit)
    assert model.predict(x[:3]).shape[0] == 3


@pytest.mark.parametrize("id", CHEAP)
def test_arguments_are_not_written_to(id: str) -> None:
    _do_not_write(SYSTEMS[id])


@pytest.mark.parametrize("id", MNIST)
def test_arguments_are_not_written_to_with_mnist(id: str, mnist: None) -> None:
    _do_not_write(SYSTEMS[id])


def _do_not_write(system: System) -> None:
    for make in (system.posted, working(system)):
        program = make(0)
        arguments = few(program, 20)
        x, y, params = arguments["X"].copy(), arguments["Y"].copy(), program.params
        params = {name: value.copy() for name, value in params.items()}
        for array in (x, y, *params.values()):
            array.flags.writeable = False
        gradients = program.gradients(params, x, y)
        assert set(gradients) == set(params)
        assert np.isfinite(program.loss(params, x, y))
        if program.forward is not None:
            program.forward(params, x)
        if program.update is not None:
            program.update(params, gradients)
        program.score(params)


@pytest.mark.parametrize("id", CHEAP)
def test_the_right_gradients_are_right(id: str) -> None:
    report = check_gradients(**few(working(SYSTEMS[id])(0)))
    assert report.ok, report


@pytest.mark.parametrize("id", ["S11", "S12", "S14"])
def test_the_right_gradients_are_right_with_mnist(id: str, mnist: None) -> None:
    report = check_gradients(**few(working(SYSTEMS[id])(0)))
    assert report.ok, report


@pytest.mark.parametrize("id", REPAIRED)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_repair_reaches_its_figure(id: str, seed: int) -> None:
    target = SYSTEMS[id].target
    assert target is not None
    name, number = target
    assert figures(id, "fixed", seed)[name] >= number


@pytest.mark.parametrize("id", [i for i in REPAIRED if SYSTEMS[i].causes and i not in WORKING])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_posted_does_not_reach_it(id: str, seed: int) -> None:
    target = SYSTEMS[id].target
    assert target is not None
    name, number = target
    assert not figures(id, "posted", seed)[name] >= number


@pytest.mark.parametrize("id", REPAIRED)
def test_the_model_of_this_library_reaches_it(id: str) -> None:
    system = SYSTEMS[id]
    assert system.model is not None
    assert system.target is not None
    model, x, y, fit = system.model(0)
    model.fit(x, y, verbose=0, **fit)
    found = model.predict(x)
    if system.target[0] == "R²" or id == "S2":
        reached = 1 - np.sum((found - y) ** 2) / np.sum((y - y.mean(axis=0)) ** 2)
    else:
        reached = np.mean(found == y)
    assert reached >= system.target[1] - (1e-3 if id == "S2" else 0)


# -- symptoms ----------------------------------------------------------------------------------------


def test_s1_dies_and_stays_at_the_majority() -> None:
    for found in posted("S1"):
        assert found["share of samples with A1 = 0"] == 1
        assert found["largest weight"] > 500
        assert f"{found['accuracy']:.4f}" in ("0.5189", "0.4811")
        assert f"{found['test accuracy as posted']:.4f}" in ("0.0099", "0.0000")


def test_s1f_works_with_most_seeds() -> None:
    found = [figures("S1F", "posted", seed)["accuracy"] for seed in range(6)]
    assert min(found) < 0.55
    assert max(found) < 0.95
    assert sum(accuracy > 0.75 for accuracy in found) >= 4


def test_s1a_does_not_learn_either() -> None:
    for found in posted("S1A"):
        assert found["accuracy"] < 0.55
    program = SYSTEMS["S1A"].posted(0)
    assert program.train()["b1"].shape == (3, program.samples)


def test_s2_gives_one_half_for_everything() -> None:
    for found in posted("S2"):
        assert 0.4995 < found["smallest output"] <= found["largest output"] < 0.5005
        assert abs(found["largest squared error"] - 2.25) < 0.002


def test_s4a_climbs_until_it_overflows() -> None:
    assert all(np.isnan(found["loss"]) for found in posted("S4a"))


def test_s4b_stands_still() -> None:
    assert all(found["accuracy"] <= 0.15 for found in posted("S4b"))
    program = SYSTEMS["S4b"].posted(0)
    gradients = program.gradients(program.params, program.X, program.Y)
    assert max(np.abs(g).max() for g in gradients.values()) < 1e-11


def test_s4c_is_a_scaled_cross_entropy() -> None:
    assert figures("S4c", "posted", 0)["accuracy"] > 0.97
    program = SYSTEMS["S4c"].posted(0)
    assert program.forward is not None

    def cross_entropy(last: np.ndarray) -> float:
        assert program.forward is not None
        outputs = program.forward(program.params | {"W3": last}, program.X)
        return float(-np.sum(program.Y * np.log(outputs)) / program.samples)

    given = program.gradients(program.params, program.X, program.Y)["W3"].reshape(-1)
    last, true = program.params["W3"], np.zeros_like(given)
    for i in range(true.size):
        step = np.zeros(true.size)
        step[i] = 1e-5
        step = step.reshape(last.shape)
        true[i] = (cross_entropy(last + step) - cross_entropy(last - step)) / 2e-5
    assert given @ true / np.linalg.norm(given) / np.linalg.norm(true) > 0.99
    assert 0.08 < given @ true / (true @ true) < 0.1


def test_s5_does_not_converge_and_its_check_is_off_by_two() -> None:
    assert all(found["accuracy"] != 1 for found in posted("S5"))
    assert any(np.isnan(found["loss"]) for found in posted("S5"))
    report = check_gradients(**few(SYSTEMS["S5"].posted(0)))
    assert {"R07", "R16", "R02"} <= {found.id for found in report.findings}


def test_s6_gives_about_one_half() -> None:
    for found in posted("S6"):
        assert found["largest output"] < 0.65
        assert found["accuracy"] < 1


def test_s7_overshoots_once_and_is_dead() -> None:
    for seed in SEEDS:
        program = SYSTEMS["S7"].posted(seed)
        costs = [program.loss(program.params, program.X, program.Y)]
        program.train(report=lambda _, p: costs.append(program.loss(p, program.X, program.Y)))  # noqa: B023
        assert max(costs) > 20 * costs[0]
        assert figures("S7", "posted", seed)["dead outputs"] == 2


def test_s8_keeps_a_dead_output_with_one_seed_of_three() -> None:
    found = posted("S8")
    assert [f["dead outputs"] for f in found] == [0, 1, 0]
    assert [f["R²"] > 0.9 for f in found] == [True, False, True]


def test_s9_gives_one_answer_and_all_weights_rise() -> None:
    for found in posted("S9"):
        assert found["accuracy"] < 0.15
        assert found["share of the commonest answer"] > 0.95
        assert found["smallest weight"] > 10
    program = SYSTEMS["S9"].posted(0)
    assert program.forward is not None
    first, second = (program.forward(program.params, program.X[:1]) for _ in range(2))
    assert np.abs(first - second).max() > 1e-6


def test_s10_works_but_at_zero() -> None:
    for found in posted("S10"):
        assert found["accuracy"] == 1
        assert found["f(-3)"] < 0.01
        assert found["f(0)"] > 0.1
        assert found["f(3)"] > 0.9


def test_s15_stays_at_ln_2() -> None:
    for found in posted("S15"):
        assert abs(found["loss"] - np.log(2)) < 1e-3
        assert found["largest entry of dW4"] < 1e-4


# -- with MNIST --------------------------------------------------------------------------------------


def test_s11_two_faults_and_each_is_enough(mnist: None) -> None:
    program = SYSTEMS["S11"].posted(0)
    found = program.score(program.train())
    assert found["accuracy"] < 0.12
    assert found["accuracy as posted"] <= 0.03
    rows = Perceptron((784, 60, 10), "tanh", "softmax")
    params, x, y = program.params, program.X, program.Y
    for _ in range(30):  # the softmax alone repaired: the rate is 12.8 times too long
        right = rows.gradients(params, x, y)
        params = {name: params[name] - 0.3 * 10_000 / 784 * right[name] for name in params}
    assert rows.accuracy(params, x, y) < 0.5


@pytest.mark.parametrize("id", ["S12", "S11"])
def test_full_batches_of_mnist_reach_their_figure(id: str, mnist: None) -> None:
    system = SYSTEMS[id]
    assert system.target is not None
    program = working(system)(0)
    assert program.score(program.train())["accuracy"] >= system.target[1]


def test_s13_is_half_right(mnist: None) -> None:
    program = SYSTEMS["S13"].posted(0)
    assert 0.3 < program.score(program.train())["accuracy"] < 0.6


def test_s14_saturates_at_k_minus_1(mnist: None) -> None:
    program = SYSTEMS["S14"].posted(0)
    reached = program.params
    for _ in range(5):
        gradients = program.gradients(reached, program.X, program.Y)
        reached = {name: value - program.lr * gradients[name] for name, value in reached.items()}
    assert abs(program.score(reached)["loss"] - 9) < 1e-3


def test_s3_has_one_hot_hidden_layers(mnist: None) -> None:
    program = SYSTEMS["S3"].posted(0)
    found = program.score(program.params)
    assert found["mean of the largest hidden activation"] > 0.9
    assert found["accuracy"] < 0.2


# -- the loop and the data ---------------------------------------------------------------------------


def straight(**changes: Any) -> Program:
    """A line through points: W (1, 1)."""
    x = np.arange(6.0)[:, None]
    arguments: dict[str, Any] = {
        "loss": lambda p, x, y: float(np.mean((x @ p["W"] - y) ** 2)),
        "gradients": lambda p, x, y: {"W": 2 * x.T @ (x @ p["W"] - y) / len(x)},
        "params": {"W": np.zeros((1, 1))},
        "X": x,
        "Y": 3 * x,
        "lr": 0.02,
        "steps": 200,
        "score": lambda p: {"W": float(p["W"][0, 0])},
    }
    return Program(**(arguments | changes))


def test_training_goes_down_and_leaves_the_first_parameters() -> None:
    program = straight()
    assert abs(program.score(program.train())["W"] - 3) < 1e-9
    assert program.params["W"][0, 0] == 0


def test_batches_are_drawn_from_the_seed() -> None:
    seen: list[list[float]] = []

    def gradients(p: Any, x: Any, y: Any) -> Any:
        seen.append(x[:, 0].tolist())
        return {"W": np.zeros((1, 1))}

    program = straight(gradients=gradients, batch=4, steps=4)
    program.train(3)
    first, again = seen.copy(), seen.clear()
    assert again is None
    assert [len(batch) for batch in first] == [4, 2, 4, 2]
    assert sorted(first[0] + first[1]) == list(range(6)) == sorted(first[2] + first[3])
    program.train(3)
    assert seen == first
    seen.clear()
    program.train(4)
    assert seen != first


def test_columns_are_taken_as_columns() -> None:
    shapes: list[tuple[int, ...]] = []

    def gradients(p: Any, x: Any, y: Any) -> Any:
        shapes.append(x.shape)
        return {"W": np.zeros((1, 1))}

    x = np.arange(6.0)[None, :]
    straight(gradients=gradients, X=x, Y=x, batch=4, steps=2, columns=True).train()
    assert shapes == [(1, 4), (1, 2)]


def test_it_stops_where_numbers_are_no_longer_finite() -> None:
    steps: list[int] = []
    program = straight(lr=1e100, steps=100)
    last = program.train(report=lambda step, _: steps.append(step))
    assert len(steps) < 10
    assert not np.isfinite(last["W"]).all()


def test_an_update_of_its_own() -> None:
    program = straight(update=lambda p, g: {"W": p["W"] + 1}, steps=5)
    assert program.train()["W"][0, 0] == 5


def test_mnist_is_looked_for_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTABLE_MLP_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"mnist.*lacks t10k-images.*PORTABLE_MLP_DATA"):
        data.mnist_test_set()


def test_clouds_overlap_and_moons_do_not() -> None:
    x, labels = data.blobs(1900)
    assert round(1 - labels.mean(), 4) == 0.5189
    x = np.column_stack([x, np.ones(1900)])
    line = np.linalg.lstsq(x, 2.0 * labels - 1, rcond=None)[0]
    assert 0.89 < np.mean((x @ line > 0) == labels) < 0.94
    x, labels = data.moons(400)
    nearest = ((x[:, None] - x) ** 2).sum(axis=2) + 9 * np.eye(400)
    assert np.mean(labels[nearest.argmin(axis=1)] == labels) == 1
