"""The container: one reading of its bytes, and none of a byte that was changed."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from portable_mlp import MLP
from portable_mlp.data.columns import Columns
from portable_mlp.files import ModelFileError, container
from portable_mlp.files.errors import Refusal
from portable_mlp.files.saved import parse, to_bytes
from portable_mlp.model.saving import saved


def test_every_flipped_bit_is_refused(small: bytes) -> None:
    data = bytearray(small)
    for place in range(len(data)):
        for bit in range(8):
            data[place] ^= 1 << bit
            with pytest.raises(ModelFileError):
                parse(bytes(data))
            data[place] ^= 1 << bit
    parse(bytes(data))


def test_every_other_length_is_refused(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(ModelFileError):
            parse(small[:length])
    for more in (b"\0", b" ", bytes(8), small):
        with pytest.raises(ModelFileError):
            parse(small + more)


def test_other_text_for_the_same_header_is_refused(small: bytes) -> None:
    """Spaces, escapes and capital hexadecimal digits would decode to the same description."""
    data = small.replace(b'"F32"', rb'"F\u00332"', 1)
    header = int.from_bytes(small[:8], "little") + len(data) - len(small)
    with pytest.raises(ModelFileError, match="do not add up to the checksum"):
        parse(header.to_bytes(8, "little") + data[8:])
    digits = re.search(rb"checksum.{5}([0-9a-f]{64})", small)
    assert digits is not None
    with pytest.raises(ModelFileError, match="has 0 checksums, expected one"):
        parse(small.replace(digits[1], digits[1].upper()))


def test_the_library_reads_the_same_arrays(trained: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(trained)
    theirs = load_file(path)
    held = container.read(io.BytesIO(trained), len(trained))
    assert theirs.keys() == held.tensors.keys()
    for name, array in theirs.items():
        assert held.array(name).dtype == array.dtype
        np.testing.assert_array_equal(held.array(name), array)
    for name, array in MLP.load(path).parameters().items():
        np.testing.assert_array_equal(theirs[name], array)


def test_the_checksum_is_what_the_documentation_says(trained: bytes) -> None:
    length = int.from_bytes(trained[:8], "little")
    text = json.loads(trained[8 : 8 + length])["__metadata__"]["portable_mlp"]
    digits = json.loads(text)["checksum"].encode()
    assert trained.count(digits) == 1
    assert hashlib.sha256(trained.replace(digits, b"0" * 64)).hexdigest().encode() == digits


def move(name: str, *place: Any) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        header[name]["data_offsets"] = list(place)

    return change


def give(name: str, **fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda header: header[name].update(fields)


# dense_1.bias is F32 (3,) at 0-12, then dense_1.weight (2, 3) to 36, dense_2.bias (2,), dense_2.weight
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (move("dense_1.weight", 0, 24), "overlap or leave gaps"),
        (move("dense_1.bias", 12, 24), "overlap or leave gaps"),
        (
            lambda header: header.update({"optional/same": dict(header["dense_1.bias"])}),
            "overlap or leave gaps",
        ),
        (move("dense_1.weight", 36, 12), "has -24 bytes, expected 24"),
        (move("dense_1.bias", -12, 0), "a place that can't be"),
        (move("dense_1.bias", 0, 2**64 - 1), "bytes, expected 12"),
        (move("dense_1.bias", 2**63, 2**63 + 12), "overlap or leave gaps"),
        (move("dense_1.bias", 0.0, 12.0), "a place that can't be"),
        (move("dense_1.bias", False, 12), "a place that can't be"),
        (move("dense_1.bias", 0), "a place that can't be"),
        (move("dense_1.bias", 0, 12, 24), "a place that can't be"),
        (give("dense_1.bias", data_offsets="0-12"), "a place that can't be"),
        (give("dense_1.bias", shape=[0, 2**62], data_offsets=[0, 0]), "a shape that can't be"),
        (give("dense_1.bias", shape=[2**62, 2**62]), "has 12 bytes, expected 8507"),
        (give("dense_1.bias", shape=[-3]), "a shape that can't be"),
        (give("dense_1.bias", shape=[True] * 2), "a shape that can't be"),
        (give("dense_1.bias", shape=3), "a shape that can't be"),
        (give("dense_1.bias", shape=[1] * 33), "a shape that can't be"),
        (give("dense_1.bias", shape=[4]), "has 12 bytes, expected 16 for its shape"),
        (give("dense_1.bias", shape=[3, 1]), r"is F32 of shape \(3, 1\), expected F32 of \(3,\)"),
        (give("dense_1.bias", dtype="I32"), "another dtype than F32 and F64"),
        (give("dense_1.bias", dtype="BOOL"), "another dtype than F32 and F64"),
        (give("dense_1.bias", dtype=["F32"]), "another dtype than F32 and F64"),
        (give("dense_1.bias", note="x"), "lacks its dtype, shape or place"),
        (lambda header: header["dense_1.bias"].pop("dtype"), "lacks its dtype, shape or place"),
        (lambda header: header.update({"dense_1.bias": []}), "lacks its dtype, shape or place"),
        (lambda header: header.pop("dense_1.bias"), "overlap or leave gaps"),
        (lambda header: header.pop("dense_2.weight"), "bytes of arrays, expected"),
        (
            lambda header: header.update({"../../etc/x y": {}}),
            "is called '../../etc/x y', expected",
        ),
        (lambda header: header.update({"": {}}), "is called '', expected"),
        (lambda header: header.update({"a\n": {}}), r"is called 'a\\n', expected"),
        (lambda header: header.update({"x" * 201: {}}), "expected at most 200 letters"),
        (lambda header: header.update({"__metadata__": {}}), "has no description of a model"),
        (
            lambda header: header.update(
                {"__metadata__": {"dtype": "F32", "shape": [], "data_offsets": [0, 0]}}
            ),
            "has no description of a model",
        ),
    ],
)
def test_forged_headers(forge: Any, change: Callable[[Any], None], words: str) -> None:
    with pytest.raises(ModelFileError, match=words):
        parse(forge.held(change))


def test_names_that_are_there_twice(forge: Any) -> None:
    header, document, data = forge.opened
    description = json.dumps(document, separators=(",", ":"))
    text = json.dumps({"__metadata__": {"portable_mlp": description}, **header})
    place = '"dense_1.bias": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}'
    assert place in text
    parse(forge.raw(text, data))  # once it can be read
    with pytest.raises(ModelFileError, match="its header has a key twice"):
        parse(forge.raw(text.replace(place, f"{place}, {place}"), data))


def test_a_second_description_is_refused(forge: Any) -> None:
    header, document, data = forge.opened
    metadata = {"portable_mlp": json.dumps(document), "format": "np"}
    with pytest.raises(ModelFileError, match="it has 2 descriptions, expected one"):
        parse(forge.raw(json.dumps({"__metadata__": metadata, **header}), data))


@pytest.mark.parametrize("header", ["[]", "3", "null", '"x"'])
def test_headers_that_are_no_objects(forge: Any, header: str) -> None:
    with pytest.raises(ModelFileError, match="its header is a list or a number"):
        parse(forge.raw(header, b""))


def test_only_the_description_has_a_checksum() -> None:
    """Names of columns can hold any text, also one that looks like a checksum."""
    name = f'"checksum":"{"a" * 64}"'
    model = MLP([2, 3, 2])
    model.columns = Columns((name, "\\" + name))
    data = b"".join(to_bytes(saved(model)))
    assert parse(data).description.columns.features[0] == name


def test_a_file_that_shrinks_while_it_is_read(small: bytes) -> None:
    with pytest.raises(Refusal, match="it ended 4 bytes early while it was read"):
        container.read(io.BytesIO(small[:-4]), len(small))


def test_a_file_that_grows_while_it_is_read(small: bytes) -> None:
    held = container.read(io.BytesIO(small + b"more"), len(small))
    assert len(held.data) == len(small) - len(held.head)
