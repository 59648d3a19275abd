"""JSON without the parts that mean two things: one text for one value, and one value for one text."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

from portable_mlp.files.errors import Refusal

MAX_DEPTH = 64
MAX_CONTAINERS = 50_000
_MAX_DIGITS = 20  # 2⁶⁴ has as many
# An open string goes to the end of the text: were it no match, each quote in it would be tried anew,
# in a time that grows with the square of its length.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_OPENS = np.asarray([byte in b"[{" for byte in range(256)], np.int32)
_STEPS = _OPENS - np.asarray([byte in b"]}" for byte in range(256)], np.int32)


def dumps(value: Any) -> str:
    """The canonical text of a value: sorted keys, no spaces, ASCII alone.

    Raises:
        ValueError: it holds NaN or infinity.

    Example:
        >>> dumps({"b": 1, "a": [0.1, None]})
        '{"a":[0.1,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def loads(text: str, what: str) -> Any:
    """The value of a text.

    Args:
        text: JSON.
        what: its name in messages.

    Raises:
        Refusal: it is none; or it has a key twice, NaN or infinity, whole numbers of more than 20
            digits, or is too deep or too much.
    """
    try:
        raw = text.encode()
        _check_size(raw, what)
        return json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_finite,
        )
    except Refusal as refusal:
        raise Refusal(f"{what} {refusal}") from None
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{what} is no JSON ({error}), expected a JSON object") from None


def _check_size(raw: bytes, what: str) -> None:
    """Counts brackets before anything is built: depth costs stack, empty lists cost memory."""
    outside = np.frombuffer(_STRING.sub(b"", raw), np.uint8)
    depth = int(np.cumsum(_STEPS[outside], dtype=np.int32).max(initial=0))
    count = int(_OPENS[outside].sum())
    if depth > MAX_DEPTH or count > MAX_CONTAINERS:
        raise Refusal(
            f"has {count:,} lists and objects, {depth:,} deep, expected at most {MAX_CONTAINERS:,} "
            f"and {MAX_DEPTH}"
        )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refusal("has a key twice, expected each once")
    return made


def _no_number(name: str) -> NoReturn:
    raise Refusal(f"holds {name}, expected finite numbers")


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise Refusal(f"has a number of {len(digits)} digits, expected at most {_MAX_DIGITS}")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Refusal("has a number beyond 1e308, expected finite ones")
    return number
