"""numpy's own files: mapped, and never more memory than the file is large."""

from __future__ import annotations

import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.data import DataFileError, load_npz, scan_npy, scan_npz

X = np.arange(24.0).reshape(8, 3)
Y = np.arange(8) % 3


def saved(folder: Path, x: Any = X, y: Any = Y) -> tuple[Path, Path]:
    np.save(folder / "X.npy", x)
    np.save(folder / "y.npy", y)
    return folder / "X.npy", folder / "y.npy"


@pytest.mark.parametrize("dtype", ["f4", ">f8", "u1", ">i2", "?", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, dtype: str, order: Any) -> None:
    x = np.asarray(X.astype(dtype), order=order)
    source = scan_npy(*saved(tmp_path, x))
    (piece,) = source.read([0])
    assert np.array_equal(piece.X, x)
    assert np.array_equal(piece.y, Y)
    assert piece.X.dtype == x.dtype
    assert not piece.X.flags.writeable
    (piece,) = scan_npy(tmp_path / "X.npy").read([0])
    assert piece.y is None


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("trapped",)


def pickled(path: Path) -> None:
    np.save(path, np.array([[Trap()]], dtype=object), allow_pickle=True)


def plain_pickle(path: Path) -> None:
    path.write_bytes(np.array([[Trap()]], dtype=object).dumps())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def claims(shape: str, descr: str = "'<f8'", size: int = 64) -> Any:
    def write(path: Path) -> None:
        header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}"
        text = header.ljust(117).encode() + b"\n"
        path.write_bytes(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text + bytes(size))

    return write


HURT = {
    "objects": (pickled, "found objects, which are pickles, expected an array of numbers"),
    "pickle": (plain_pickle, "found no header of a numpy array"),
    "text": (
        lambda p: np.save(p, np.array([["a"]])),
        "found '<U1' data, expected an array of numbers",
    ),
    "records": (
        lambda p: np.save(p, np.zeros(2, "f4,i4")),
        r"found \"\[\('f0', '<f4'\), \('f1', '<i4",
    ),
    "dates": (lambda p: np.save(p, np.zeros((2, 2), "M8[s]")), r"found 'datetime64\[s\]' data"),
    "complex": (
        lambda p: np.save(p, np.zeros((2, 2), complex)),
        r"found 'complex128' data, expected an array of real numbers.*cause: complex numbers",
    ),
    "cut": (cut, r"found 191 bytes after the header, expected 192 for shape '\(8, 3\)' of float64"),
    "longer": (longer, "found 193 bytes after the header, expected 192"),
    "cut header": (
        lambda p: p.write_bytes(p.read_bytes()[:50]),
        "found no header of a numpy array",
    ),
    "empty": (lambda p: p.write_bytes(b""), "found no header of a numpy array"),
    "csv": (lambda p: p.write_text("a,b\n1,2\n"), "found no header of a numpy array"),
    "npz": (lambda p: p.write_bytes(b"PK\3\4" + bytes(99)), "found no header of a numpy array"),
    "huge": (claims("(10**9, 10**9)"), "found no header of a numpy array"),
    "large": (claims("(1000000000, 1000000000)"), "expected 8,000,000,000,000,000,000 for shape"),
    "hidden": (claims("(0, 9999999999999999999)", "'|u1'", 0), "expected 0 for shape"),
    "overflow": (
        claims("(4294967296, 4294967296)"),
        "expected 147,573,952,589,676,412,928 for shape",
    ),
    "negative": (claims("(-1, -8)"), "found 64 bytes after the header, expected 64"),
    "deep": (claims("(" * 5000 + ")" * 5000), "found no header of a numpy array"),
    "one axis": (
        lambda p: np.save(p, np.zeros(8)),
        r"X has shape \(8,\), expected \(rows, features\)",
    ),
    "no rows": (
        lambda p: np.save(p, np.zeros((0, 3))),
        r"X has shape \(0, 3\), expected at least one",
    ),
    "other rows": (lambda p: np.save(p, np.zeros((9, 3))), r"y has shape \(8,\), expected 9 rows"),
    "missing": (lambda p: p.unlink(), "there is no such file"),
    "folder": (lambda p: (p.unlink(), p.mkdir()), "is no regular file"),
}


@pytest.mark.parametrize("how", HURT)
def test_what_is_no_npy(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = saved(tmp_path)
    hurt, message = HURT[how]
    hurt(paths[0])
    with pytest.raises(DataFileError, match=message) as caught:
        scan_npy(*paths)
    assert "X.npy" in str(caught.value)
    assert str(caught.value).isprintable()
    assert not Path("trapped").exists()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("rows", [8, 200_000])
def test_npz(tmp_path: Path, save: Any, order: Any, rows: int) -> None:
    x = np.asarray(np.random.default_rng(0).integers(0, 99, (rows, 3)).astype(">f4"), order=order)
    save(tmp_path / "d.npz", X=x, y=np.arange(rows), other=np.array(["text"]))
    a, b = load_npz(tmp_path / "d.npz")
    assert np.array_equal(a, x)
    assert np.array_equal(b, np.arange(rows))
    assert a.dtype == x.dtype
    assert isinstance(a, np.memmap) == (save is np.savez)
    source = scan_npz(tmp_path / "d.npz", y="X")
    assert source.rows == rows
    with pytest.raises(
        DataFileError, match=r"d.npz'?: found '<U4' data, expected an array of numbers"
    ):
        load_npz(tmp_path / "d.npz", "other")


def test_names_of_an_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=X, y_train=Y)
    with pytest.raises(DataFileError) as caught:
        load_npz(tmp_path / "d.npz", "x_train", "ytrain")
    assert str(caught.value) == (
        f"{tmp_path / 'd.npz'}: there is no array 'ytrain', expected one of 'x_train', 'y_train'. "
        "Did you mean 'y_train'?"
    )


def test_a_small_file_that_would_expand_to_a_large_array(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("X.npy", "w") as member:
            np.lib.format.write_array_header_1_0(
                member, {"descr": "|u1", "fortran_order": False, "shape": (64, 2**20)}
            )
            for _ in range(64):
                member.write(bytes(2**20))
        with archive.open("y.npy", "w") as member:
            np.lib.format.write_array(member, np.zeros(64))
    assert (tmp_path / "d.npz").stat().st_size < 2**17
    tracemalloc.start()
    with pytest.raises(
        DataFileError, match=r"found 'X.npy' of 67,\d+,\d+ bytes, compressed in a file"
    ):
        load_npz(tmp_path / "d.npz", max_bytes=2**26)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert load_npz(tmp_path / "d.npz")[0].nbytes == 2**26


def hurt_npz(how: str, path: Path) -> None:
    content = bytearray(path.read_bytes())
    directory = content.find(b"PK\1\2")
    local = content.find(b"PK\3\4")
    if how == "cut":
        del content[-30:]
    elif how == "claims more":  # both sizes in the directory
        content[directory + 20 : directory + 28] = (2**31).to_bytes(4, "little") * 2
    elif how == "array claims more":
        place = content.find(b"(200, 30)")
        if place > 0:
            content[place + 1] = ord("9")
        more = int.from_bytes(content[directory + 24 : directory + 28], "little") + 700 * 30 * 8
        content[directory + 20 : directory + 28] = more.to_bytes(4, "little") * 2
    elif how == "checksum":
        content[directory + 16] ^= 1
    elif how == "encrypted":
        content[directory + 8] |= 1
    elif how == "lzma":
        content[directory + 10] = zipfile.ZIP_LZMA
    elif how == "moved":
        content[local] ^= 1
    elif how == "array cut":
        content[local + 60 : local + 900] = bytes(840)
    elif how == "no zip":
        content[:] = b"\x93NUMPY"
    path.write_bytes(content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "how",
    [
        *("cut", "claims more", "array claims more", "checksum"),
        *("encrypted", "lzma", "moved", "array cut", "no zip"),
    ],
)
def test_what_is_no_npz(tmp_path: Path, save: Any, how: str) -> None:
    path = tmp_path / "d.npz"
    save(path, X=np.random.default_rng(0).normal(size=(200, 30)), y=np.zeros(200))
    hurt_npz(how, path)
    if how == "checksum" and save is np.savez:
        load_npz(path)  # what is mapped is not looked at as a whole
        return
    with pytest.raises(DataFileError, match=r"d\.npz") as caught:
        load_npz(path)
    assert str(caught.value).isprintable()
    if how == "array claims more" and save is np.savez:
        assert "no 'X.npy' at byte" in str(caught.value)  # said before anything is mapped


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_cut_meanwhile_is_not_read(tmp_path: Path, which: int) -> None:
    """To read a map beyond the end of its file would end the process."""
    paths = saved(tmp_path)
    source = scan_npy(*paths)
    os.truncate(paths[which], 0)
    message = f"{paths[which].name}: was changed since it was looked at first"
    with pytest.raises(DataFileError, match=message):
        next(iter(source.read([0])))


def test_an_archive_that_is_written_anew_meanwhile_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=X, y=Y)
    source = scan_npz(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", X=X[:4], y=Y[:4])
    with pytest.raises(DataFileError, match="d.npz: was changed since it was looked at first"):
        next(iter(source.read([0])))
