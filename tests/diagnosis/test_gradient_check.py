"""Planted faults are named, right gradients are called right."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest

from portable_mlp.diagnosis import (
    GradientReport,
    Network,
    ProgramError,
    check_gradients,
    slopes,
)

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


# -- what a hostile reader found --------------------------------------------------------------------


def test_a_program_for_positive_inputs_alone_is_compared_near_its_own() -> None:
    random = np.random.default_rng(0)
    x, y = np.abs(random.normal(size=(12, 3))) + 0.1, random.normal(size=(12, 1))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return ((np.log(x) @ p - y) ** 2).sum()

    def gradients(p: Any, x: Any, y: Any) -> Any:
        return 2 * np.log(x).T @ (np.log(x) @ p - y)

    assert check_gradients(loss, gradients, np.ones((3, 1)), x, y).ok
    report = check_gradients(loss, lambda *a: -gradients(*a), np.ones((3, 1)), x, y)
    assert [f.id for f in report.findings] == ["R01"]
    assert "is -1 times" in report.findings[0].evidence


def test_nothing_compared_is_not_right() -> None:
    def loss(p: Any, x: Any, y: Any) -> float:
        return float(p[0].sum()) if np.array_equal(p[0], np.ones(3)) else float("nan")

    report = check_gradients(loss, lambda p, x, y: [np.ones(3)], [np.ones(3)], np.ones((4, 2)), 1)
    assert not report.ok
    assert "could not be compared" in str(report)


def test_xor_and_a_square_layer_as_wide_as_the_batch(hand_written: Any) -> None:
    program = hand_written((2, 4, 4, 1), "sigmoid", "sigmoid")
    x = np.asarray([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.asarray([[0], [1], [1], [0]])
    report = check_gradients(program.loss, program.gradients, program.params(), x, y)
    assert report.ok, str(report)


def test_labels_in_a_column_beside_several_outputs_are_no_broadcast(hand_written: Any) -> None:
    program = hand_written((4, 5, 3))
    x, _ = program.data(12)
    labels = np.arange(12)[:, None] % 3

    def one_hot(y: Any) -> Any:
        return np.eye(3)[y[:, 0]]

    report = check_gradients(
        lambda p, x, y: program.loss(p, x, one_hot(y)),
        lambda p, x, y: program.gradients(p, x, one_hot(y)),
        program.params(),
        x,
        labels,
        forward=program.forward,
    )
    assert report.ok, str(report)


def test_targets_that_broadcast_are_found() -> None:
    random = np.random.default_rng(0)
    x, y, w = random.normal(size=(12, 3)), random.normal(size=12), random.normal(size=(3, 1))

    def loss(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p - y) ** 2)

    def gradients(p: Any, x: Any, y: Any) -> Any:
        return 2 * x.T @ np.mean(x @ p - y, axis=1, keepdims=True) / len(x)

    report = check_gradients(loss, gradients, w, x, y, forward=lambda p, x: x @ p)
    assert report.findings[0].id == "D25"
    assert "Y.reshape(12, 1)" in report.findings[0].fix


@pytest.mark.parametrize(("factor", "id"), [(-1.0, "R01"), (5.0, "R02")])
@pytest.mark.parametrize("name", ["W1", "b1", "W2", "b2"])
def test_one_array_with_a_factor_of_its_own(
    hand_written: Any, name: str, factor: float, id: str
) -> None:
    program = hand_written((5, 6, 3))
    x, y = program.data()

    def gradients(*given: Any) -> Any:
        found = program.gradients(*given)
        return found | {name: factor * found[name]}

    report = check_gradients(program.loss, gradients, program.params(), x, y)
    assert [(f.id, f.where) for f in report.findings] == [(id, (f"params['{name}']",))]


def test_deep_networks_with_tiny_gradients_are_right(hand_written: Any) -> None:
    for depth in (6, 12, 18):
        program = hand_written((3, *[14] * depth, 1), "sigmoid", "sigmoid")
        report = checked(program)
        assert report.ok, str(report)


def test_a_fixed_number_of_samples_is_said_and_not_accused() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.normal(size=(12, 1))
    report = check_gradients(
        lambda p, x, y: ((x @ p - y) ** 2).sum() / 12,
        lambda p, x, y: 2 * x.T @ (x @ p - y) / len(x),
        np.ones((3, 1)),
        x,
        y,
    )
    assert report.ok, str(report)
    assert "a fixed number of samples" in report.limits[0]


@pytest.mark.parametrize(
    "words", ["a * (1 - a)", "(z > 0)", "1 - a"], ids=["sigmoid's", "relu's", "no square"]
)
def test_the_derivative_of_another_activation(hand_written: Any, words: str) -> None:
    program = hand_written((5, 6, 3))
    x, y = program.data()

    def gradients(p: Any, x: Any, y: Any) -> Any:
        zs, acts = program._forward(p, x)
        d = (acts[-1] - y) / len(x)
        wrong = {
            "a * (1 - a)": acts[1] * (1 - acts[1]),
            "(z > 0)": (zs[0] > 0) * 1.0,
            "1 - a": 1 - acts[1],
        }[words]
        back = d @ p["W2"].T * wrong
        sums = {"b1": back.sum(0, keepdims=True), "b2": d.sum(0, keepdims=True)}
        return {"W1": x.T @ back, "W2": acts[1].T @ d} | sums

    report = check_gradients(program.loss, gradients, program.params(), x, y)
    assert [f.id for f in report.findings] == ["R25"], str(report)
    assert words in report.findings[0].evidence


@pytest.mark.parametrize(
    ("update", "message"),
    [
        (0.1, "update: got a float"),
        (lambda p, g: 1 / 0, "update: raised ZeroDivisionError"),
        (lambda p, g: [p["W1"]], "update: returned 1 arrays"),
    ],
)
def test_updates_that_cannot_be_examined(hand_written: Any, update: Any, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        checked(hand_written((5, 6, 3)), update=update)


def test_updates_in_place_and_updates_that_do_nothing(hand_written: Any) -> None:
    def in_place(p: Any, g: Any) -> None:
        for k in p:
            p[k] -= 0.1 * g[k]

    assert checked(hand_written((5, 6, 3)), update=in_place).ok
    (found,) = checked(hand_written((5, 6, 3)), update=lambda p, g: p).findings
    assert found.id == "D29"
    assert len(found.where) == 4


def test_more_programs_that_cannot_be_examined(hand_written: Any) -> None:
    program = hand_written((5, 6, 3))
    x, y = program.data()
    given = program.gradients, program.params(), x, y
    with pytest.raises(ProgramError, match="loss: returned None"):
        check_gradients(lambda p, x, y: None, *given)
    with pytest.raises(ProgramError, match="forward: returned a tuple"):
        check_gradients(program.loss, *given, forward=lambda p, x: (1, 2))
    with pytest.raises(ProgramError, match="description: got a str"):
        check_gradients(program.loss, *given, description="mse")  # type: ignore[arg-type]
    with pytest.raises(ProgramError, match="X: got rows of different lengths"):
        check_gradients(program.loss, program.gradients, program.params(), [[1.0, 2.0], [3.0]], y)
    with pytest.raises(ProgramError, match=r"not \(loss, gradients\)"):
        check_gradients(
            program.loss, lambda *a: (program.loss(*a), program.gradients(*a)), *given[1:]
        )


def test_targets_that_the_loss_itself_reshapes_are_no_broadcast() -> None:
    random = np.random.default_rng(0)
    x, y, w = random.normal(size=(12, 3)), random.normal(size=12), random.normal(size=(3, 1))

    def error(p: Any, x: Any, y: Any) -> Any:
        out = x @ p
        return out - y.reshape(out.shape)

    report = check_gradients(
        lambda p, x, y: 0.5 * np.sum(error(p, x, y) ** 2),
        lambda p, x, y: x.T @ error(p, x, y),
        w,
        x,
        y,
        forward=lambda p, x: x @ p,
    )
    assert report.ok, str(report)


def test_the_exact_comparison_has_the_last_word(
    hand_written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slopes, "AGREES", -1.0)  # as if kinks had spoilt every difference
    report = checked(hand_written((5, 6, 3), "relu"))
    assert report.ok, str(report)
    random = np.random.default_rng(0)  # and of a network that is not recognised
    x, y, w = random.normal(size=(20, 3)), random.normal(size=(20, 2)), random.normal(size=(3, 2))
    report = check_gradients(
        lambda p, x, y: 0.5 * np.sum((np.sin(x @ p) - y) ** 2),
        lambda p, x, y: x.T @ ((np.sin(x @ p) - y) * np.cos(x @ p)),
        w,
        x,
        y,
    )
    assert report.ok, str(report)


def test_a_sign_beside_two_outputs_is_a_factor_of_minus_one(hand_written: Any) -> None:
    report = checked(hand_written((5, 6, 2), fault="sign"))
    assert "is -1 times" in report.findings[0].evidence


@pytest.mark.parametrize("fault", ["", "sign"])
def test_a_scaled_output_is_recognised(fault: str) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 5)), random.random((30, 2))
    params = [random.normal(size=(5, 4)), random.normal(size=(4, 2))]

    def forward(p: Any, x: Any) -> Any:
        a = np.tanh(x @ p[0])
        return a, 1 / (1 + np.exp(-0.01 * a @ p[1]))

    def gradients(p: Any, x: Any, y: Any) -> Any:
        a, out = forward(p, x)
        d = (y - out if fault else out - y) * out * (1 - out) * 0.01
        return [x.T @ (d @ p[1].T * (1 - a**2)), a.T @ d]

    report = check_gradients(
        lambda p, x, y: 0.5 * np.sum((forward(p, x)[1] - y) ** 2), gradients, params, x, y
    )
    assert "sigmoid of 0.01 z" in report.assumed
    assert [f.id for f in report.findings] == (["R01"] if fault else []), str(report)
    assert not fault or "is -1 times" in report.findings[0].evidence


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("constant", [1.0, -1.0])
@pytest.mark.parametrize("fault", ["", "no derivative"])
def test_biases_as_a_row_of_the_matrix(fault: str, constant: float, first: bool) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 5)), random.normal(size=(30, 2))
    params = [random.normal(size=(6, 4)), random.normal(size=(5, 2))]

    def beside(a: Any) -> Any:
        ones = np.full((len(a), 1), constant)
        return np.hstack([ones, a] if first else [a, ones])

    def forward(p: Any, x: Any) -> Any:
        a = np.tanh(beside(x) @ p[0])
        return a, beside(a) @ p[1]

    def gradients(p: Any, x: Any, y: Any) -> Any:
        a, out = forward(p, x)
        d = out - y
        back = d @ p[1].T
        back = (back[:, 1:] if first else back[:, :-1]) * (1.0 if fault else 1 - a**2)
        return [beside(x).T @ back, beside(a).T @ d]

    report = check_gradients(
        lambda p, x, y: 0.5 * np.sum((forward(p, x)[1] - y) ** 2), gradients, params, x, y
    )
    assert "tanh -> identity" in report.assumed
    assert [f.id for f in report.findings] == (["R04"] if fault else []), str(report)


@pytest.mark.parametrize("keys", [("W1",), ("W1", "c1"), ("dW1", "dW1b")])
def test_gradients_with_other_keys_are_told_apart(keys: tuple[str, ...]) -> None:
    params = {"W1": np.ones((3, 2)), "b1": np.ones(2)}
    with pytest.raises(ProgramError, match="gradients: has the keys"):
        check_gradients(
            lambda p, x, y: float(p["W1"].sum()),
            lambda p, x, y: dict.fromkeys(keys, np.ones(1)),
            params,
            np.ones((5, 3)),
            np.ones((5, 2)),
        )


@pytest.mark.parametrize("rate", [0.01, 1.0])
def test_weights_that_were_updated_before_the_error_went_back_through_them(rate: float) -> None:
    random = np.random.default_rng(0)
    x, t = random.normal(size=(60, 4)), np.eye(3)[random.integers(0, 3, 60)]
    sizes = {"W1": (4, 7), "W2": (7, 6), "W3": (6, 3)}
    params = {name: random.normal(size=size) / 2 for name, size in sizes.items()}

    def forward(p: Any, X: Any) -> tuple[Any, Any, Any]:
        a = np.tanh(X @ p["W1"])
        b = np.tanh(a @ p["W2"])
        e = np.exp(b @ p["W3"])
        return a, b, e / e.sum(axis=1, keepdims=True)

    def loss(p: Any, X: Any, Y: Any) -> Any:
        return -np.sum(Y * np.log(forward(p, X)[2])) / len(X)

    def gradients(p: Any, X: Any, Y: Any) -> Any:
        a, b, out = forward(p, X)
        delta = (out - Y) / len(X)
        found = {"W3": b.T @ delta}
        delta = delta @ (p["W3"] - rate * found["W3"]).T * (1 - b**2)
        found["W2"] = a.T @ delta
        delta = delta @ (p["W2"] - rate * found["W2"]).T * (1 - a**2)
        return found | {"W1": X.T @ delta}

    report = check_gradients(loss, gradients, params, x, t)
    assert [f.id for f in report.findings] == ["R21"], str(report)
    assert report.findings[0].where == ("params['W1']", "params['W2']")
    assert f"delta @ (W - {rate:.3g} * dW).T" in report.findings[0].evidence
