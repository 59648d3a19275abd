"""Names that users write, and the messages when they don't fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.nn.choices import check_name, choose

REGISTRIES: list[tuple[str, Any, type]] = [
    ("activation", nn.ACTIVATIONS, nn.Layer),
    ("loss", nn.LOSSES, nn.Loss),
    ("initializer", nn.INITIALIZERS, nn.Initializer),
]


@pytest.mark.parametrize(("what", "choices", "kind"), REGISTRIES)
def test_a_name_or_the_object_itself(what: str, choices: Any, kind: type) -> None:
    for name, value in choices.items():
        assert isinstance(value, kind)
        assert choose(what, name, choices, kind) is value
        assert choose(what, value, choices, kind) is value


@pytest.mark.parametrize(("what", "choices", "kind"), REGISTRIES)
def test_unknown_names_list_the_known(what: str, choices: Any, kind: type) -> None:
    known = ", ".join(sorted(choices))
    with pytest.raises(ValueError, match=f"{what}: got 'xyzzy', expected one of {known}.$"):
        choose(what, "xyzzy", choices, kind)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("rellu", "relu"), ("sigmoyd", "sigmoid"), ("leakyrelu", "leaky_relu")],
)
def test_the_nearest_name_is_offered(given: str, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"got '{given}', .* Did you mean '{meant}'\?$"):
        choose("activation", given, nn.ACTIVATIONS, nn.Layer)


@pytest.mark.parametrize("given", [nn.ReLU, 3, None, nn.SquaredError(), ["relu"]])
def test_what_is_neither_is_refused(given: Any) -> None:
    kind = type(given).__name__
    with pytest.raises(TypeError, match=rf"of type {kind}, expected a name or a Layer object"):
        choose("activation", given, nn.ACTIVATIONS, nn.Layer)


def test_a_class_in_place_of_an_object_is_told_of_parentheses() -> None:
    with pytest.raises(TypeError, match="an instance, with parentheses"):
        choose("loss", nn.SquaredError, nn.LOSSES, nn.Loss)


def test_name_among_any_names() -> None:
    check_name("row", "b", iter("abc"))
    with pytest.raises(ValueError, match=r"row: got 'd', expected one of a, b, c\.$"):
        check_name("row", "d", iter("cab"))


@pytest.mark.parametrize(
    "option",
    [
        lambda f: nn.LeakyReLU(f(0.1)),
        lambda f: nn.ELU(f(0.1)),
        lambda f: nn.Sigmoid(f(0.5)),
        lambda f: nn.Dropout(f(0.5)),
        lambda f: nn.LayerNorm(f(1e-5)),
        lambda f: nn.BatchNorm(momentum=f(0.1)),
    ],
)
def test_numpy_scalars_do_not_widen_a_layer(option: Any) -> None:
    layer = option(np.float64)
    assert layer == option(float)
    x = np.ones((4, 3), dtype=np.float32)
    params = {n: np.ones(3, np.float32) for n in ("scale", "shift")}
    specs = layer.parameters((3,))
    tree = None if specs is None else type(specs)(**{n: params[n] for n in specs._fields})
    state = layer.state((3,))
    state = None if state is None else type(state)(params["scale"], params["shift"])
    ctx = nn.Context(np, training=True, uniform=lambda shape: np.ones(shape, np.float32))
    y, cache, _ = layer.apply(tree, state, x, ctx)
    assert y.dtype == np.float32
    assert layer.backward(tree, cache, y, ctx)[0].dtype == np.float32


def test_numpy_scalars_in_tuples_and_elsewhere() -> None:
    quantiles = nn.Quantile(tuple(np.linspace(0.1, 0.9, 4)))
    assert all(type(q) is float for q in quantiles.quantiles)
    assert nn.Quantile(0.5).quantiles == (0.5,)  # type: ignore[arg-type]
    assert type(nn.Huber(np.float64(2)).delta) is float
    assert type(nn.Normal(np.float32(2)).standard_deviation) is float
    assert type(nn.Dense(np.int64(3)).units) is int
    assert [layer.kind for layer in (nn.RMSNorm(), nn.PReLU(), nn.LeakyReLU(), nn.SiLU())] == [
        "rms_norm",
        "prelu",
        "leaky_relu",
        "silu",
    ]
