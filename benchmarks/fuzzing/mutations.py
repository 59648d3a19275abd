"""Changes of bytes, for any format; and of JSON, for the formats that have some in them."""

from __future__ import annotations

import copy
import random
import struct
from typing import Any

from benchmarks.fuzzing.target import Edit

WORDS = (
    *(b"\x00", b"\xff", b"\x7f", b"\x80", b"\n", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":"),
    *(b"NaN", b"Infinity", b"-1", b"1e999", b"1e-999", b"null", b"true", b"\\u0000", b"\\ud800"),
    *(b"[" * 200, b"9" * 30, b"9" * 5000, b"../../x", b"\xed\xa0\x80", b"\xef\xbb\xbf", b" " * 64),
)
NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 4095, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**53)
NUMBERS += (2**63 - 1, 2**63, 2**64 - 1)


def byte_edit(words: tuple[bytes, ...]) -> Edit:
    """An edit that makes one to four changes of bytes.

    Args:
        words: of the format, beside those that trouble any reader.
    """
    known = WORDS + words

    def edit(rng: random.Random, seed: bytes, seeds: list[bytes]) -> bytes:
        data = bytearray(seed)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _change(rng, data, known, rng.choice(seeds))
        return bytes(data)

    return edit


def _change(rng: random.Random, data: bytearray, words: tuple[bytes, ...], other: bytes) -> None:
    at = rng.randrange(len(data) + 1)
    match rng.randrange(9):
        case 0 | 1:
            for _ in range(rng.choice((1, 1, 8))):
                if data:
                    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        case 2:
            data[at : at + 1] = bytes([rng.randrange(256)])
        case 3:
            word = rng.choice(words)
            data[at : at + rng.choice((0, len(word)))] = word
        case 4:  # a length or an offset, at the start or anywhere
            at = rng.choice((0, 4, 8, at))
            number = struct.pack(rng.choice("<>") + "Q", rng.choice(NUMBERS))
            data[at : at + 8] = number if rng.random() < 0.7 else number[:4]
        case 5:
            del data[at : at + rng.choice((1, 2, 8, 64, len(data)))]
        case 6:
            length = rng.choice((1, 8, 64, 512))
            data[at:at] = data[at : at + length] * rng.choice((1, 1, 2, 64))
        case 7:
            begin = rng.randrange(len(other) + 1)
            data[at : at + rng.choice((0, 16, 256))] = other[
                begin : begin + rng.choice((8, 64, 999))
            ]
        case _:
            low = data.rfind(b",", 0, at), data.find(b",", at)
            if -1 not in low:  # what lies between two commas, twice or not at all
                data[low[0] : low[1]] = data[low[0] : low[1]] * rng.choice((0, 2))


def places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a JSON value but itself."""
    found = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, child in items:
        found.append((*path, key))
        if isinstance(child, (dict, list)):
            found += places(child, (*path, key))
    return found


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    """What is there."""
    for key in path:
        tree = tree[key]
    return tree


def change_tree(rng: random.Random, tree: Any, values: tuple[Any, ...]) -> None:
    """One change of a JSON value, in place.

    Args:
        rng: chooses.
        tree: a list or dictionary that is not empty.
        values: what may be put anywhere.
    """
    all_places = places(tree)
    *above, key = rng.choice(all_places)
    parent = at(tree, tuple(above))
    match rng.randrange(8):
        case 0 | 1 | 2:
            parent[key] = copy.deepcopy(rng.choice(values))
        case 3:
            parent[key] = copy.deepcopy(at(tree, rng.choice(all_places)))
        case 4:
            del parent[key]
        case 5 if isinstance(parent, list):
            parent[key : key + 1] = [parent[key]] * rng.choice((2, 3, 40))
        case 5 | 6 if isinstance(parent, dict):
            name = rng.choice((f"{key}x", "name", "type", "é", "", "__class__"))
            parent[name] = parent.pop(key) if rng.random() < 0.5 else parent[key]
        case _ if type(parent[key]) in (int, float):
            parent[key] = rng.choice(
                (-parent[key], parent[key] + 1, parent[key] * 2, 0, 1.5, 2**62)
            )
        case _:
            parent[key] = [parent[key]] if rng.random() < 0.5 else {"x": parent[key]}
