"""Names that users write, and the messages when they don't fit."""

from __future__ import annotations

from typing import Any

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
