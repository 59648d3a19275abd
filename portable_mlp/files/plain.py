"""Frozen dataclasses as JSON and back: layers, losses and what else a model is made of.

What can be in a file is a closed list: a name in a file is looked up here and nowhere else, so a file
can't ask for other code. Every value is checked against the annotation of its field.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from portable_mlp.files.errors import NEWER, Refusal
from portable_mlp.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    BatchNorm,
    Constant,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GroupedSoftmaxCrossEntropy,
    Initializer,
    Layer,
    LayerNorm,
    Loss,
    Network,
    NTKDense,
    Residual,
    RMSNorm,
    Scale,
)

MAX_LAYERS = 4096
MAX_NESTING = 16
_MAX_TEXT = 200
_OWN = "save its parameters() with safetensors, and give them to set_parameters() of the same model"


def _named(*classes: type) -> dict[str, type]:
    return {cls.__name__: cls for cls in classes}


KINDS: dict[type, dict[str, type]] = {
    Layer: _named(
        *(type(activation) for activation in ACTIVATIONS.values()),
        *(
            BatchNorm,
            Dense,
            Dropout,
            Embedding,
            Flatten,
            LayerNorm,
            Network,
            NTKDense,
            Residual,
            RMSNorm,
            Scale,
        ),
    ),
    Loss: _named(GroupedSoftmaxCrossEntropy, *(type(loss) for loss in LOSSES.values())),
    Initializer: _named(Constant, *(type(initializer) for initializer in INITIALIZERS.values())),
}
"""The classes that a file can name, by what they are."""


def as_json(value: Any) -> Any:
    """The value in the types of JSON.

    Args:
        value: numbers, text, None, sequences, dictionaries and frozen dataclasses of this package.

    Raises:
        Refusal: something of the user's own.

    Example:
        >>> as_json(Dropout(0.25))
        {'type': 'Dropout', 'name': None, 'rate': 0.25}
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(child) for key, child in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(child) for child in value]
    base = next((base for base in KINDS if isinstance(value, base)), None)
    known = base is None or KINDS[base].get(type(value).__name__) is type(value)
    if isinstance(value, type) or not is_dataclass(value) or not known:
        raise Refusal(
            f"{type(value).__name__} is your own, expected parts of portable_mlp.nn alone",
            f"a file holds numbers and no code; {_OWN}",
        )
    tag = {} if base is None else {"type": type(value).__name__}
    return tag | {
        field.name: as_json(found)
        for field in fields(value)
        if (found := getattr(value, field.name)) != field.default or "later" not in field.metadata
    }


def from_json(kind: Any, given: Any, where: str) -> Any:
    """A value of a type, from JSON.

    Args:
        kind: an annotation: numbers, text, None, tuples, dictionaries, dataclasses, and unions of them.
        given: what the file says.
        where: its name in messages.

    Raises:
        Refusal: it is of another type, or its class refuses it.
    """
    return _Reader().value(kind, given, where)


class _Reader:
    """One reading: it counts what it makes."""

    def __init__(self) -> None:
        self.layers = 0
        self.depth = 0

    def value(self, kind: Any, given: Any, where: str) -> Any:
        for origin, items in _options(kind):
            if isinstance(given, list) and origin in (tuple, Sequence):
                return tuple(self.value(items[0], v, f"{where}[{i}]") for i, v in enumerate(given))
            if isinstance(given, dict) and origin is Mapping:
                return {text(k, where): self.value(items[1], v, where) for k, v in given.items()}
            if isinstance(given, dict) and origin in KINDS:
                return self.part(origin, given, where)
            if isinstance(given, dict) and isinstance(origin, type) and is_dataclass(origin):
                return _made(origin, self.arguments(origin, given, where), where)
            if origin is Literal and isinstance(given, str) and given in items:
                return given
            if origin is float and type(given) in (int, float):
                return given
            if origin is str and isinstance(given, str):
                return text(given, where)
            if origin in (int, bool, type(None)) and type(given) is origin:
                return given
        raise Refusal(f"{where} is {_shown(given)}, expected {_words(kind)}")

    def part(self, base: type, given: dict[str, Any], where: str) -> Any:
        """A layer, a loss or an initializer."""
        name = given.get("type")
        cls = KINDS[base].get(name) if isinstance(name, str) else None
        if cls is None:
            raise Refusal(
                f"{where} is of type {_shown(name)}, expected one that portable_mlp has",
                NEWER,
            )
        self.layers += base is Layer
        self.depth += 1
        if self.layers > MAX_LAYERS or self.depth > MAX_NESTING:
            raise Refusal(
                f"{where} is beyond {MAX_LAYERS} layers, {MAX_NESTING} deep, expected fewer"
            )
        rest = {key: value for key, value in given.items() if key != "type"}
        unknown = rest.keys() - _annotations(cls)
        if unknown:
            raise Refusal(f"{where} has {_shown(min(unknown))}, which {name} has not", NEWER)
        arguments = self.arguments(cls, rest, where)
        self.depth -= 1
        for key, value in arguments.items():  # they end up in messages and names
            if isinstance(value, str) and len(value) > _MAX_TEXT:
                raise Refusal(
                    f"{where}.{key} has {len(value)} letters, expected {_MAX_TEXT} at most"
                )
        return _made(cls, arguments, where)

    def arguments(self, cls: type, given: dict[str, Any], where: str) -> dict[str, Any]:
        """The fields that the file gives; what has no default must be there."""
        found = {}
        for name, (kind, needed) in _annotations(cls).items():
            if name in given:
                found[name] = self.value(kind, given[name], f"{where}.{name}")
            elif needed:
                raise Refusal(f"{where} lacks {name!r}, expected it to be there")
        return found


def _made(cls: type, arguments: dict[str, Any], where: str) -> Any:
    try:
        return cls(**arguments)
    except Exception as error:  # whatever a class says of its arguments
        raise Refusal(f"{where}: {str(error).rstrip('.')}") from None


@cache
def _options(kind: Any) -> list[tuple[Any, tuple[Any, ...]]]:
    """The types of a union, each as its class and what is in brackets behind it."""
    union = get_origin(kind) in (Union, types.UnionType)
    options = get_args(kind) if union else (kind,)
    return [(get_origin(option) or option, get_args(option)) for option in options]


@cache
def _annotations(cls: type) -> dict[str, tuple[Any, bool]]:
    """Type of each field, and whether it must be given."""
    hints = get_type_hints(cls)
    return {field.name: (hints[field.name], _needed(field)) for field in fields(cls)}


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def text(given: str, where: str) -> str:
    """The text, which any file and terminal can take.

    Raises:
        Refusal: it has half of a surrogate pair, which JSON can write and UTF-8 can't.
    """
    if not given.isascii() and any("\ud800" <= letter <= "\udfff" for letter in given):
        raise Refusal(f"{where} has text that is no Unicode, expected no lone surrogates")
    return given


def _shown(given: Any) -> str:
    """A value in a message, in short."""
    if isinstance(given, (dict, list)):
        return f"a list or object of {len(given)}"
    return ascii(given[:_MAX_TEXT] if isinstance(given, str) else given)


def _words(kind: Any) -> str:
    """A type in a message."""
    return str(getattr(kind, "__name__", kind)).replace("portable_mlp.nn.", "")
