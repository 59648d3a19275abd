"""Planted faults are named, right gradients are called right."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest

from portable_mlp.diagnosis import GradientReport, Network, ProgramError, check_gradients

HEALTHY = list(
    itertools.product(
        ("tanh", "sigmoid", "relu"),
        ("softmax", "sigmoid", "identity", "sigmoid_mse"),
        ((4, 6, 3), (5, 7, 6, 2), (3, 2), (9, 5, 1)),
        (False, True),
    )
)


def checked(program: Any, **options: Any) -> GradientReport:
    x, y = program.data()
    return check_gradients(program.loss, program.gradients, program.params(), x, y, **options)


@pytest.mark.parametrize(("hidden", "head", "sizes", "columns"), HEALTHY)
def test_right_gradients_are_called_right(
    hand_written: Any, hidden: str, head: str, sizes: tuple[int, ...], columns: bool
) -> None:
    if head == "softmax" and sizes[-1] == 1:
        pytest.skip("softmax of one output is 1")
    program = hand_written(sizes, hidden, head, columns=columns)
    report = checked(program, forward=program.forward)
    assert report.findings == [], str(report)
    assert report.ok
    assert {p.verdict for p in report.parameters} == {"right"}


FAULTS = [
    ("sign", "softmax", "R01"),
    ("sum", "softmax", "R02"),
    ("softmax elementwise", "softmax", "R09"),
    ("no output derivative", "sigmoid_mse", "R05"),
    ("extra derivative", "sigmoid", "R05"),
    ("plus", "sigmoid", "R19"),
    ("no hidden derivative", "softmax", "R04"),
    ("formula of z", "softmax", "R07"),
    ("derivative twice", "softmax", "R04"),
    ("own output", "softmax", "R13"),
    ("collapse", "softmax", "R17"),
    ("scalar bias", "softmax", "R11"),
    ("bias not summed", "softmax", "R12"),
    ("bias twice", "softmax", "R02"),
    ("no transpose", "softmax", "R03"),
    ("times W", "softmax", "R20"),
    ("penalty in the gradient only", "softmax", "R23"),
    ("penalty in the loss only", "softmax", "R23"),
    ("same number", "softmax", "R22"),
    ("zero", "softmax", "R10"),
    ("accumulates", "softmax", "R16"),
    ("softmax axis", "softmax", "D18"),
    ("sigmoid of -z", "sigmoid", "F01"),
]


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize(("fault", "head", "id"), FAULTS)
def test_planted_faults_are_named(
    hand_written: Any, fault: str, head: str, id: str, columns: bool
) -> None:
    program = hand_written((5, 6, 6, 3), "tanh", head, fault, columns)
    report = checked(program)
    assert id in [f.id for f in report.findings[:3]], str(report)
    assert not report.ok
    json.dumps(report.to_dict())


@pytest.mark.parametrize("hidden", ["sigmoid", "tanh"])
@pytest.mark.parametrize(("fault", "id"), [("formula of z", "R07"), ("derivative of a", "R06")])
def test_kinds_of_wrong_derivatives_are_told_apart(
    hand_written: Any, hidden: str, fault: str, id: str
) -> None:
    report = checked(hand_written((5, 6, 3), hidden, "softmax", fault))
    found = {f.id for f in report.findings}
    # the derivative's formula in a, given f(a), is f'(a): one and the same
    assert id in found, str(report)
    assert report.findings[0].where == ("params['W1']", "params['b1']")


def test_nothing_of_the_callers_is_changed(hand_written: Any) -> None:
    program = hand_written((4, 5, 2))
    params, (x, y) = program.params(), program.data()
    kept = {k: v.copy() for k, v in params.items()}, x.copy(), y.copy()

    def careless(p: Any, x: Any, y: Any) -> Any:
        g = program.gradients(p, x, y)
        for k in p:
            p[k] -= 0.1 * g[k]
        x *= 0
        return g

    report = check_gradients(program.loss, careless, params, x, y)
    assert [f.id for f in report.findings if f.id[0] == "F"] == ["F02"] * 5
    for key, value in params.items():
        np.testing.assert_array_equal(value, kept[0][key])
    np.testing.assert_array_equal(x, kept[1])
    np.testing.assert_array_equal(y, kept[2])


def test_harmless_and_harmful_are_told_apart(hand_written: Any) -> None:
    (scaled,) = checked(hand_written((5, 6, 3), fault="sum")).findings
    assert not scaled.harmful
    assert "sum: divide it by N" in scaled.fix
    climbing = checked(hand_written((5, 6, 3), fault="sign"))
    assert climbing.findings[0].harmful
    assert {p.verdict for p in climbing.parameters} == {"wrong and harmful"}


@pytest.mark.parametrize(
    ("loss", "gradients", "message"),
    [
        (lambda p, x, y: np.ones(3), lambda p, x, y: p, "loss: returned an array of shape"),
        (lambda p, x, y: float("nan"), lambda p, x, y: p, "loss: is nan at the parameters given"),
        (lambda p, x, y: 1 / 0, lambda p, x, y: p, "loss: raised ZeroDivisionError"),
        (lambda p, x, y: 1.0, lambda p, x, y: None, "gradients: returned None"),
        (lambda p, x, y: 1.0, lambda p, x, y: p[:1], "gradients: returned 1 arrays, expected 2"),
        (lambda p, x, y: 1.0, lambda p, x, y: {"a": 1}, "gradients: returned a dict"),
        ("loss", lambda p, x, y: p, "loss: got a str, expected a function"),
    ],
)
def test_programs_that_cannot_be_examined(loss: Any, gradients: Any, message: str) -> None:
    params = [np.ones((3, 2)), np.ones(2)]
    with pytest.raises(ProgramError, match=message):
        check_gradients(loss, gradients, params, np.ones((5, 3)), np.ones((5, 2)))


def test_a_gradient_that_is_none_whole_numbers_and_shared_memory() -> None:
    shared = np.ones(4)
    params = [shared[:2], shared[1:3], np.asarray([1, 2])]

    def loss(p: Any, x: Any, y: Any) -> float:
        return float(sum((v**2).sum() for v in p))

    report = check_gradients(
        loss, lambda p, x, y: [2 * p[0], None, 2 * p[2]], params, np.ones((5, 2)), np.ones(5)
    )
    assert {"F03", "D29", "R18"} <= {f.id for f in report.findings}


def test_the_constant_is_named(hand_written: Any) -> None:
    report = checked(hand_written((5, 6, 3), fault="bias twice"))
    (found,) = report.findings
    assert "2 times the true one" in found.evidence
    assert found.where == ("params['b1']", "params['b2']")


def test_a_description_that_fits_and_one_that_does_not(hand_written: Any) -> None:
    program = hand_written((5, 6, 3), fault="formula of z")
    right = Network(["tanh", "softmax"], "cross_entropy")
    report = checked(program, description=right)
    assert report.findings[0].id == "R07"
    assert report.limits == []
    wrong = Network(["sigmoid", "softmax"], "cross_entropy")
    report = checked(program, description=wrong)
    assert "its loss is not the program's" in report.limits[0]
    assert report.findings[0].id == "R07"


def test_an_update_that_climbs(hand_written: Any) -> None:
    program = hand_written((5, 6, 3))
    report = checked(program, update=lambda p, g: {k: p[k] + 0.1 * g[k] for k in p})
    assert {f.id for f in report.findings} == {"R01"}
    good = checked(program, update=lambda p, g: {k: p[k] - 0.1 * g[k] for k in p})
    assert good.ok


def test_a_bias_that_has_grown_a_row_for_each_sample() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 4)), random.normal(size=(30, 3))
    params = [random.normal(size=(4, 3)), np.zeros((30, 3))]

    def loss(p: Any, x: Any, y: Any) -> Any:
        return 0.5 * np.sum((x @ p[0] + p[1] - y) ** 2)

    def gradients(p: Any, x: Any, y: Any) -> Any:
        d = x @ p[0] + p[1] - y
        return [x.T @ d, d]

    report = check_gradients(loss, gradients, params, x, y)
    assert [f.id for f in report.findings] == ["D35"], str(report)


def test_as_many_units_as_samples_are_no_rows_of_samples(hand_written: Any) -> None:
    program = hand_written((3, 17, 21, 1), "sigmoid", "identity")
    x, y = program.data(21)
    assert check_gradients(program.loss, program.gradients, program.params(), x, y).ok


def test_an_unknown_formula_that_points_uphill_is_said_to(hand_written: Any) -> None:
    program = hand_written((5, 6, 3))

    def gradients(p: Any, x: Any, y: Any) -> Any:
        return {k: -np.cbrt(g) for k, g in program.gradients(p, x, y).items()}

    x, y = program.data()
    report = check_gradients(program.loss, gradients, program.params(), x, y)
    assert {f.id for f in report.findings} == {"R24", "D15"}, str(report)
    assert {p.verdict for p in report.parameters} == {"wrong and harmful"}
