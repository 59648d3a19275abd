"""Named arrays and one text in a file: the safetensors format, with what it leaves open closed.

    8 bytes     length of the header, little-endian
    header      {"__metadata__": {"portable_mlp": text}, name: {"dtype", "shape", "data_offsets"}, ...}
    the data    the arrays in C order, little-endian, without gaps

The text holds ``"checksum":"<64 digits>"``: the SHA-256 of the whole file with zeros for these digits.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from portable_mlp.files import strict_json
from portable_mlp.files.errors import Refusal

MAX_HEADER = 4 * 2**20
MAX_TENSORS = 10_000
MAX_AXES = 32
NO_CHECKSUM = "0" * 64
"""What stands in place of the checksum while it is worked out."""

_KEY = "portable_mlp"
_DTYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,200}")
# In the header the text is a JSON string, its quotes escaped once; a quote inside one of its own
# strings is escaped twice, so nothing but the key itself looks like this.
_CHECKSUM = re.compile(rb'(?<=\\"checksum\\":\\")[0-9a-f]{64}(?=\\")')
_OTHER_FORMATS = {
    b"\x80": "a pickle, which can run any code when it is read",
    b"PK": "a zip archive, such as .npz, .keras or a PyTorch file",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a .npy file",
    b"\x1f\x8b": "a gzip file",
}


@dataclass(frozen=True)
class Tensor:
    """Where an array lies in the data.

    Args:
        dtype: ``"F32"`` or ``"F64"``.
        shape: its shape.
        start: its first byte.
        stop: the byte after its last.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Container:
    """What a file holds, checked.

    Args:
        text: the description.
        tensors: the arrays by name.
        head: the bytes before the arrays.
        data: the bytes of the arrays.
    """

    text: str
    tensors: dict[str, Tensor]
    head: bytes
    data: memoryview

    def array(self, name: str) -> np.ndarray:
        """An array, read-only, in the memory of the file's bytes."""
        # not safetensors' own reader: what was checked and what is used are then one parser's reading
        tensor = self.tensors[name]
        part = self.data[tensor.start : tensor.stop]
        return np.frombuffer(part, _DTYPES[tensor.dtype]).reshape(tensor.shape)


def pack(
    text: str, arrays: Mapping[str, np.ndarray]
) -> tuple[list[bytes | memoryview], dict[str, Tensor]]:
    """The bytes of a file, in pieces, and where its arrays lie; equal arguments give equal bytes.

    Args:
        text: JSON with ``"checksum":"000..."`` in it.
        arrays: float32 and float64, in any memory order.

    Raises:
        Refusal: names, or a header, that `read` would refuse.
    """
    from safetensors.numpy import save  # 10 ms

    # safetensors writes the memory as it lies: columns first would come back as another matrix
    rows_first = {n: np.asarray(a, a.dtype.newbyteorder("<"), order="C") for n, a in arrays.items()}
    whole = memoryview(save(rows_first, metadata={_KEY: text}))
    length = _header_length(whole[:8], len(whole))
    _, tensors = _parse_header(bytes(whole[8 : 8 + length]), len(whole) - 8 - length)
    start, stop = _checksum_place(whole[8 : 8 + length])
    return [whole[:start], hashlib.sha256(whole).hexdigest().encode(), whole[stop:]], tensors


def read(stream: BinaryIO, size: int) -> Container:
    """What a file holds; each byte is read once, and nothing of it is used unchecked.

    Args:
        stream: its bytes from the start.
        size: their number.

    Raises:
        Refusal: anything that is not as it should be.
    """
    first = _exactly(stream, min(size, 8))
    length = _header_length(first, size)
    header = _exactly(stream, length)
    text, tensors = _parse_header(header, size - 8 - length)
    data = _exactly(stream, size - 8 - length)
    start, stop = _checksum_place(header)
    head = first + header
    found = hashlib.sha256(head[:start] + NO_CHECKSUM.encode() + head[stop:])
    found.update(data)
    if found.hexdigest().encode() != head[start:stop]:
        raise Refusal("its bytes do not add up to the checksum in it, expected equal SHA-256")
    return Container(text, tensors, head, memoryview(data))


def _exactly(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) != count:
        raise Refusal(
            f"it ended {count - len(found)} bytes early while it was read, expected it to stay as it is",
            "another program cut it off",
        )
    return found


def _header_length(first: bytes | memoryview, size: int) -> int:
    if len(first) < 8:
        raise Refusal(f"it has {size} bytes, expected a header and arrays", "it was never finished")
    length = int.from_bytes(first, "little")
    if length > MAX_HEADER:
        for start, kind in _OTHER_FORMATS.items():  # none of them is a length in range
            if bytes(first).startswith(start):
                raise Refusal(
                    f"it looks like {kind}, expected a model file", "another program wrote it"
                )
        raise Refusal(
            f"its header is said to have {length:,} bytes, expected at most {MAX_HEADER:,}",
            "it is no model file, or it was damaged",
        )
    if length > size - 8:
        raise Refusal(f"it has {size:,} bytes, expected at least {length + 8:,}")
    return length


def _parse_header(header: bytes, data_size: int) -> tuple[str, dict[str, Tensor]]:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal("its header is no text, expected JSON") from None
    fields = strict_json.loads(text, "its header")
    if not isinstance(fields, dict):
        raise Refusal("its header is a list or a number, expected a JSON object")
    metadata = fields.pop("__metadata__", None)
    if not isinstance(metadata, dict) or not isinstance(metadata.get(_KEY), str):
        raise Refusal(
            "it has no description of a model, expected one in its header",
            "it holds arrays alone, which safetensors.numpy.load_file reads and set_parameters takes",
        )
    if len(metadata) > 1:
        raise Refusal(f"it has {len(metadata)} descriptions, expected one")
    if len(fields) > MAX_TENSORS:
        raise Refusal(f"it has {len(fields):,} arrays, expected at most {MAX_TENSORS:,}")
    tensors = {name: _tensor(name, given) for name, given in fields.items()}
    end = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: tensor.start):
        if tensor.start != end:
            raise Refusal("its arrays overlap or leave gaps, expected one after the other")
        end = tensor.stop
    if end != data_size:
        raise Refusal(f"it has {data_size:,} bytes of arrays, expected {end:,}")
    return metadata[_KEY], tensors


def _tensor(name: str, given: Any) -> Tensor:
    if not _NAME.fullmatch(name):
        raise Refusal(
            f"an array is called {name[:200]!r}, expected at most 200 letters, digits, '_', '.', '/', '-'"
        )
    if not isinstance(given, dict) or given.keys() != {"dtype", "shape", "data_offsets"}:
        raise Refusal(f"{name} lacks its dtype, shape or place, expected these three")
    dtype, shape, place = given["dtype"], given["shape"], given["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise Refusal(f"{name} has another dtype than {' and '.join(_DTYPES)}")
    if not _counts(shape, MAX_AXES) or 0 in shape:
        raise Refusal(f"{name} has a shape that can't be, expected lengths of at least 1")
    if not _counts(place, 2) or len(place) != 2:
        raise Refusal(
            f"{name} has a place that can't be, expected its first byte and the one after"
        )
    start, stop = place
    needed = math.prod(shape) * _DTYPES[dtype].itemsize
    if stop - start != needed:
        raise Refusal(f"{name} has {stop - start} bytes, expected {needed} for its shape")
    return Tensor(dtype, tuple(shape), start, stop)


def _counts(given: Any, most: int) -> bool:
    """Whether it is a list of whole numbers >= 0."""
    return (
        isinstance(given, list)
        and len(given) <= most
        and all(type(number) is int and number >= 0 for number in given)
    )


def _checksum_place(header: bytes | memoryview) -> tuple[int, int]:
    """First byte of the checksum in the file, and the one after it."""
    places = [match.span() for match in _CHECKSUM.finditer(header)]
    if len(places) != 1:
        raise Refusal(f"its description has {len(places)} checksums, expected one")
    return places[0][0] + 8, places[0][1] + 8
