"""The IDX reader reads every type, and answers any bytes at all with one kind of error."""

from __future__ import annotations

import gzip
import os
import struct
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from portable_mlp.data import DataFileError, read_idx

Writer = Callable[[NDArray[Any]], bytes]
TYPES = ["uint8", "int8", "int16", "int32", "float32", "float64"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_comes_back(
    tmp_path: Path, idx_bytes: Writer, dtype: str, compressed: bool
) -> None:
    """All six types, in this machine's byte order, plain and compressed."""
    values = np.array([[0, 1, 2], [100, 101, 127]], dtype=dtype)
    content = idx_bytes(values)
    path = tmp_path / "values"
    path.write_bytes(gzip.compress(content) if compressed else content)
    result = read_idx(path)
    assert result.dtype == np.dtype(dtype)
    assert result.dtype.isnative
    assert result.flags.c_contiguous
    assert result.flags.writeable
    assert np.array_equal(result, values)


def test_big_endian_by_hand(tmp_path: Path) -> None:
    """A file written byte by byte, not by our own writer."""
    path = tmp_path / "values"
    path.write_bytes(bytes([0, 0, 0x0B, 1, 0, 0, 0, 2, 0x01, 0x02, 0xFF, 0xFE]))
    assert read_idx(path).tolist() == [0x0102, -2]


def test_compression_is_told_by_content_and_not_by_name(tmp_path: Path, idx_bytes: Writer) -> None:
    """Browsers like to unpack a .gz and keep the name."""
    content = idx_bytes(np.arange(4, dtype=np.uint8))
    (tmp_path / "plain.gz").write_bytes(content)
    (tmp_path / "compressed").write_bytes(gzip.compress(content))
    assert read_idx(tmp_path / "plain.gz").tolist() == [0, 1, 2, 3]
    assert read_idx(str(tmp_path / "compressed")).tolist() == [0, 1, 2, 3]


def test_gzip_in_several_members(tmp_path: Path, idx_bytes: Writer) -> None:
    """A gzip file may be several in a row."""
    content = idx_bytes(np.arange(4, dtype=np.uint8))
    path = tmp_path / "values.gz"
    path.write_bytes(gzip.compress(content[:5]) + gzip.compress(content[5:]))
    assert read_idx(path).tolist() == [0, 1, 2, 3]


def test_empty_dimension(tmp_path: Path, idx_bytes: Writer) -> None:
    """No images is a valid array here; the loaders refuse it."""
    path = tmp_path / "none"
    path.write_bytes(idx_bytes(np.zeros((0, 28, 28), dtype=np.int32)))
    assert read_idx(path).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("content", "found", "cause"),
    [
        (b"", "the first bytes b''", "an empty file"),
        (b"\0\0\x08", r"the first bytes b'\\x00\\x00\\x08'", "another format"),
        (b"<!DOCTYPE html>", "the first bytes b'<!DO'", "a web page"),
        (b"PK\x03\x04rest", "the first bytes", "zip archive"),
        (b"\x80\x04\x95pickle", "the first bytes", "another format"),
        (b"\1\0\x08\1\0\0\0\1x", "the first bytes", "another format"),
        (b"\0\0\x0a\1\0\0\0\1x", "the first bytes", "another format"),
        (b"\0\0\x08\0x", "0 dimensions", "a damaged header"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "255 dimensions", "a damaged header"),
        (b"\0\0\x08\3\0\0\0\1\0", "a header of 9 bytes", "cut"),
        (b"\0\0\x08\1\0\0\0\5abc", "3 bytes after the header", "cut"),
        (b"\0\0\x08\1\0\0\0\2abc", "3 bytes after the header", "altered"),
        (b"\0\0\x08\2\0\0\0\0\xff\xff\xff\xff" + b"x", "1 bytes after the header", "altered"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_wrong_files_are_explained(
    tmp_path: Path, content: bytes, found: str, cause: str, compressed: bool
) -> None:
    """What people really have under the name of a data file is named."""
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(content) if compressed else content)
    if compressed and found.endswith("after the header"):
        found = "(more than )?[0-9]+ bytes after the header"
    with pytest.raises(DataFileError, match=f"{found}.*expected .*; likely cause: .*{cause}") as e:
        read_idx(path)
    assert repr(str(path)) in str(e.value)


def test_damaged_gzip(tmp_path: Path, idx_bytes: Writer) -> None:
    """Cut, altered and lengthened files are all noticed."""
    whole = gzip.compress(idx_bytes(np.arange(9.0)))
    path = tmp_path / "file.gz"
    wrong_sum = bytearray(whole)
    wrong_sum[-8] ^= 1
    for content in (whole[:-4], whole[: len(whole) // 2], whole[:3], bytes(wrong_sum)):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="found damaged gzip data"):
            read_idx(path)
    path.write_bytes(whole + b"garbage")
    with pytest.raises(DataFileError):
        read_idx(path)


def _refused_cheaply(path: Path, match: str, **options: int) -> None:
    """Assert a refusal within a second and within 4 MB of memory."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        with pytest.raises(DataFileError, match=match):
            read_idx(path, **options)
        assert time.perf_counter() - began < 1.0
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("lengths", "match"),
    [
        ((2**32 - 1,), r"expected 4,294,967,295 for shape \(4294967295,\) of uint8"),
        ((2**16, 2**16), r"expected 4,294,967,296 for"),
        ((2**32 - 1,) * 3, "expected at most 4,294,967,296 bytes"),
        ((0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "expected at most 4,294,967,296 bytes"),
        ((2**32 - 1,) * 64, "expected at most 4,294,967,296 bytes"),
    ],
)
def test_huge_claims_cost_nothing(
    tmp_path: Path, lengths: tuple[int, ...], match: str, compressed: bool
) -> None:
    """A 1 KB file that claims gigabytes is refused before memory is taken."""
    content = bytes([0, 0, 8, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)
    content += bytes(1000)
    path = tmp_path / "liar"
    path.write_bytes(gzip.compress(content) if compressed else content)
    _refused_cheaply(path, match)


def test_gzip_bomb_is_not_expanded(tmp_path: Path) -> None:
    """A small file that expands to 200 MB is read no further than its header says."""
    header = bytes([0, 0, 8, 1]) + struct.pack(">I", 3)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(header + bytes(200_000_000), compresslevel=1))
    _refused_cheaply(path, "found more than 3 bytes after the header, expected 3")


def test_max_bytes(tmp_path: Path, idx_bytes: Writer) -> None:
    """The limit counts the array's own bytes and is inclusive."""
    path = tmp_path / "values"
    path.write_bytes(gzip.compress(idx_bytes(np.zeros(100, dtype=np.int32))))
    assert read_idx(path, max_bytes=400).shape == (100,)
    with pytest.raises(DataFileError, match=r"int32, 400 bytes, expected at most 399 bytes"):
        read_idx(path, max_bytes=399)
    with pytest.raises(ValueError, match="max_bytes is 0, expected at least 1"):
        read_idx(path, max_bytes=0)


def test_no_such_file_and_not_a_file(tmp_path: Path) -> None:
    """A missing file keeps Python's own error; a folder gets ours."""
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")
    with pytest.raises(DataFileError, match="a folder or device, expected a regular file"):
        read_idx(tmp_path)
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(DataFileError, match="can't be read"):
        read_idx(tmp_path / "file" / "below")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_does_not_hang(tmp_path: Path) -> None:
    """Opening a pipe would wait for a writer for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataFileError, match="regular file"):
        read_idx(tmp_path / "pipe")


def test_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forbidden file keeps Python's own error."""
    path = tmp_path / "secret"
    path.write_bytes(b"x")

    def forbid(self: Path, mode: str) -> None:  # in place of chmod, which the superuser may ignore
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(PermissionError):
        read_idx(path)


def test_not_enough_memory(
    tmp_path: Path, idx_bytes: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a lack of memory comes out as the one documented error."""
    path = tmp_path / "values"
    path.write_bytes(idx_bytes(np.zeros(10, dtype=np.uint8)))

    def no_room(*args: object, **kwargs: object) -> None:
        raise MemoryError

    monkeypatch.setattr("portable_mlp.data.idx.np.empty", no_room)
    with pytest.raises(DataFileError, match="expected one that fits into memory"):
        read_idx(path)


def _read_bytes(content: bytes) -> NDArray[Any] | None:
    """Read ``content`` as a file; any error but the documented one fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "fuzz")
        path.write_bytes(content)
        try:
            return read_idx(path, max_bytes=1_000_000)
        except DataFileError as error:
            message = str(error)
    assert "likely cause" in message
    assert "\n" not in message
    return None


headers = st.builds(
    lambda code, lengths: (
        bytes([0, 0, code, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)
    ),
    st.sampled_from([8, 9, 11, 12, 13, 14]),
    st.lists(st.sampled_from([0, 1, 2, 3, 2**16, 2**31, 2**32 - 1]), max_size=70),
)
arrays = npst.arrays(
    st.sampled_from(TYPES).map(np.dtype),
    npst.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
)
fuzz = settings(deadline=None, database=None)


@fuzz
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """Random bytes raise the documented error or nothing."""
    _read_bytes(content)


@fuzz
@given(headers, st.binary(max_size=40), st.booleans())
def test_any_header(header: bytes, rest: bytes, compressed: bool) -> None:
    """Random shapes and lengths raise the documented error, or the array has all the bytes."""
    content = header + rest
    result = _read_bytes(gzip.compress(content) if compressed else content)
    if result is not None:
        assert result.nbytes == len(rest)


@fuzz
@given(arrays, st.data())
def test_altered_gzip(idx_bytes: Writer, values: NDArray[Any], data: st.DataObject) -> None:
    """One altered byte and a cut: an error, or the very same values."""
    content = bytearray(gzip.compress(idx_bytes(values), mtime=0))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    result = _read_bytes(bytes(content))
    # Only bytes that carry no meaning (time stamp, operating system, flags) may be altered unseen.
    if result is not None:
        assert result.tobytes() == values.tobytes()


@fuzz
@given(arrays, st.booleans())
def test_round_trip(idx_bytes: Writer, values: NDArray[Any], compressed: bool) -> None:
    """What was written is read; one byte less or more is refused."""
    content = idx_bytes(values)
    result = _read_bytes(gzip.compress(content) if compressed else content)
    assert result is not None
    assert (result.shape, result.dtype) == (values.shape, values.dtype)
    assert result.tobytes() == values.tobytes()
    assert _read_bytes(content[:-1]) is None
    assert _read_bytes(content + b"\0") is None
