"""JSON without the parts that mean two things: one text for one value, and one value for one text."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

import numpy as np

from portable_mlp.files.errors import Refusal

MAX_DEPTH = 64
MAX_CONTAINERS = 50_000
MAX_ITEMS = 500_000
_MAX_DIGITS = 20  # 2⁶⁴ has as many
_DEEPER = np.asarray([(byte in b"[{") - (byte in b"]}") for byte in range(256)], np.int8)


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
        _check_size(raw)
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


def _check_size(raw: bytes) -> None:
    """Counts before anything is built: depth costs stack, and items cost more memory than text."""
    # with these two out of the way, every quote that is left begins or ends a string
    bytes_ = np.frombuffer(raw.replace(rb"\\", b"xx").replace(rb"\"", b"xx"), np.uint8)
    inside = np.cumsum(bytes_ == ord('"'), dtype=np.uint8) & 1
    outside = np.where(inside, 0, bytes_)
    deeper = _DEEPER[outside]
    depth = int(np.cumsum(deeper, dtype=np.int32).max(initial=0))
    count, items = int((deeper > 0).sum()), int((outside == ord(",")).sum())
    if depth > MAX_DEPTH or count > MAX_CONTAINERS or items > MAX_ITEMS:
        raise Refusal(
            f"has {count:,} lists and objects of {items:,} items, {depth:,} deep, expected at most "
            f"{MAX_CONTAINERS:,}, {MAX_ITEMS:,} and {MAX_DEPTH}"
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
