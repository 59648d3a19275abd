"""Files that somebody made to do harm: refused in one sentence, in little memory."""

from __future__ import annotations

import json
import os
import pickle
import stat
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder
from portable_mlp.files import ModelFileError, container, inspect
from portable_mlp.files.saved import parse

MOST = 100 * 2**20


class Bomb:
    """What a pickle can do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


def refused(path: Path) -> str:
    """What is said of a file; asserts that no more memory is taken than it may."""
    said = []
    for read in (MLP.load, inspect):
        tracemalloc.start()
        try:
            with pytest.raises(ModelFileError) as caught:
                read(path)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most < MOST
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{str(path)!r}: ")
    assert said[0].endswith(".")
    assert len(said[0]) < 1000 + len(str(path))
    assert said[0].isprintable()
    return said[0]


def header_of(text: str, length: int | None = None) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw


def many_tensors(count: int) -> str:
    entry = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return "{" + ",".join(f'"t{i}":{entry}' for i in range(count)) + "}"


def filled(start: str, one: str, end: str, size: int = 4 * 2**20) -> str:
    """A header of 4 MB, the same again and again."""
    return start + one * ((size - len(start) - len(end)) // len(one)) + end


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"", "it has 0 bytes, expected a header and arrays: it was never finished."),
        (lambda: b"1234567", "it has 7 bytes, expected a header and arrays"),
        (lambda: struct.pack("<Q", 2**63), "its header is said to have 9,223,372,036,854,775,808"),
        (lambda: struct.pack("<Q", 2**64 - 1) + b"{}", "its header is said to have"),
        (lambda: struct.pack("<Q", 100) + b"{}", "it has 10 bytes, expected at least 108"),
        (lambda: bytes(100), "its header is no JSON"),
        (lambda: header_of(" " * 40 * 2**20), "its header is said to have 41,943,040 bytes"),
        (lambda: header_of(many_tensors(600_000)), "expected at most 4,194,304"),
        (lambda: header_of(many_tensors(60_000)), "expected at most 50,000"),
        (lambda: header_of(filled("[0", ",0", "]")), "of 2,097,150 items, 1 deep, expected at most"),
        (lambda: header_of(filled("[0", ",1e9999999999", "]")), "a number beyond 1e308"),
        (lambda: header_of(filled('["', '","abcdefg', '"]')), "its header is a list or a number"),
        (lambda: header_of(filled("[0", ",0.123456", "]")), "its header is a list or a number"),
        (lambda: header_of(filled("[", "[],", "0]")), "lists and objects"),
        (lambda: header_of(filled("[", "{},", "0]")), "lists and objects"),
        (lambda: header_of(filled("", "[", "")), "lists and objects"),
        (lambda: header_of(filled("", '{"a":', "")), "lists and objects"),
        (lambda: header_of(filled('"', r"\"", "")), "its header is no JSON"),
        (lambda: header_of(filled('"', r"\u0041", '"')), "its header is a list or a number"),
        (lambda: header_of(filled("", "1", "")), "has a number of 4194304 digits"),
        (lambda: header_of(filled('{"', "x", '":{}}')), "it has no description of a model"),
        (lambda: header_of('{"__metadata__":{"__metadata__":"x"}}'), "it has no description"),
        (lambda: header_of('{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}') + bytes(4),
         "it holds arrays alone, which safetensors.numpy.load_file reads"),
        (lambda: b"\xff\xfe\x00\x00\x00\x00\x00\x00" + b"\xff" * 70_000, "its header is no text"),
        (lambda: pickle.dumps(Bomb()), "it looks like a pickle, which can run any code"),
        (lambda: pickle.dumps(Bomb(), 2), "it looks like a pickle"),
        (lambda: pickle.dumps({"w": np.zeros(3)}, 5), "it looks like a pickle"),
        (lambda: pickle.dumps(Bomb(), 0), "it is no model file, or it was damaged"),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(90), "it looks like an HDF5 file"),
        (lambda: b"\x93NUMPY\x01\x00" + bytes(90), "it looks like a .npy file"),
        (lambda: b"\x1f\x8b\x08\x00\x01\x02\x03\x04" + bytes(90), "it looks like a gzip file"),
        (lambda: b"<html><body>404 not found</body></html>", "it is no model file, or it was damaged"),
    ],
)  # fmt: skip
def test_no_model_file(make: Callable[[], bytes], words: str, model_file: Path) -> None:
    model_file.write_bytes(make())
    assert words in refused(model_file)
    assert not Path("exploded").exists()


def test_npz_renamed(model_file: Path) -> None:
    with model_file.open("wb") as stream:
        np.savez(stream, w=np.zeros(3))
    assert "it looks like a zip archive, such as .npz, .keras" in refused(model_file)


def test_folder(tmp_path: Path) -> None:
    assert "it is a folder, expected a file" in refused(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe or a device, expected a file" in refused(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_device() -> None:
    assert "it is a pipe or a device" in refused(Path("/dev/zero"))


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        MLP.load(tmp_path / "nothing")
    assert str(caught.value) == (
        f"{str(tmp_path / 'nothing')!r} can't be read: No such file or directory, expected a model "
        "file that may be read."
    )


def huge(path: Path, size: int) -> None:
    """A file of that size without any disk, if the file system can."""
    with path.open("r+b") as stream:
        stream.truncate(size)


def test_huge_file_with_a_small_header(model_file: Path, small: bytes) -> None:
    model_file.write_bytes(small)
    huge(model_file, 20 * 2**30)
    assert "bytes of arrays, expected 68" in refused(model_file)


def test_file_larger_than_memory(
    model_file: Path, small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*args: object) -> None:
        raise MemoryError

    model_file.write_bytes(small)
    monkeypatch.setattr(container, "read", read)
    assert "as many as memory can hold: it is too large for this machine" in refused(model_file)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("layers.0.units", 10**10, r"dense_1.weight is F32 of shape (2, 3), expected F32 of (2, 100"),
        ("layers.0.units", 10**19, "dense_1.weight is F32 of shape (2, 3)"),
        ("layers.0.units", 4, "dense_1.weight is F32 of shape (2, 3), expected F32 of (2, 4)"),
        ("layers.0.units", -1, "Dense: units is -1, expected a whole number of at least 1"),
        ("layers.0.units", True, "layers[0].units is True, expected int"),
        ("layers.0.units", 3.0, "layers[0].units is 3.0, expected int"),
        ("layers.0.units", "3", "layers[0].units is '3', expected int"),
        ("layers.0.units", None, "layers[0].units is None, expected int"),
        ("layers.0.use_bias", 1, "layers[0].use_bias is 1, expected bool"),
        ("layers.0.use_bias", False, "it has an array dense_1.bias, which its layers have not"),
        ("layers.0.name", "dense_2", "two are named 'dense_2'"),
        ("layers.0.name", "x" * 201, "name has 201 letters, expected 200 at most"),
        ("layers.0.name", "\ud800", "has text that is no Unicode"),
        ("layers.0.name", [], "layers[0].name is a list or object of 0, expected"),
        ("layers.0.weight_init", "x" * 3_000_000, "weight_init has 3000000 letters"),
        ("layers.0.weight_init", "os.system", "weight_init: got 'os.system', expected one of"),
        ("layers.0.weight_init", {"type": "Dense", "units": 3}, "is of type 'Dense'"),
        ("layers.0.weight_init", {"type": "Constant", "value": "x"}, "value is 'x', expected float"),
        ("layers.0.weight_init", {"type": "Constant"}, "weight_init lacks 'value'"),
        ("layers.0.extra", 1, "layers[0] has 'extra', which Dense has not"),
        ("layers.1.type", "Lambda", "is of type 'Lambda', expected one that portable_mlp has"),
        ("layers.1.type", "CustomActivation", "is of type 'CustomActivation'"),
        ("layers.1.type", "Elementwise", "is of type 'Elementwise'"),
        ("layers.1.type", "SquaredError", "is of type 'SquaredError'"),
        ("layers.1.type", "x" * 3_000_000, "is of type 'xxx"),
        ("layers.1.type", ["ReLU"], "is of type a list or object of 1"),
        ("layers.1", {"type": "BatchNorm"}, "it lacks the array batch_norm_1.scale"),
        ("layers.1", "relu", "layers[1] is 'relu', expected Layer"),
        ("layers.1", {"type": "Flatten", "name": "\x1b[2J"}, None),
        ("layers", [], "layers: got none"),
        ("layers", {}, "layers is a list or object of 0, expected Sequence"),
        ("layers", [{"type": "ReLU"}] * 5000, "is beyond 4096 layers, 16 deep"),
        ("layers", [{"type": "ReLU"}] * 4096, "names for 0 parameters"),
        ("sample_shape", [], "sample_shape is () of 0 axes, expected 1 to 32 lengths of at least 1"),
        ("sample_shape", [0], "sample_shape is (0,) of 1 axes"),
        ("sample_shape", [2.0], "sample_shape[0] is 2.0, expected int"),
        ("sample_shape", [10**19], "dense_1.weight is F32 of shape (2, 3)"),
        ("sample_shape", [2, 2], "a sample has shape (2, 2), expected one axis"),
        ("sample_shape", [1] * 100_000, "sample_shape is (1, 1, 1) of 100000 axes"),
        ("loss", "softmax_cross_entropy", "loss is 'softmax_cross_entropy', expected Loss"),
        ("loss", {"type": "CustomLoss"}, "is of type 'CustomLoss'"),
        ("loss", {"type": "Quantile", "quantiles": [2.0]}, "expected numbers inside (0, 1)"),
        ("loss", {"type": "Quantile", "quantiles": [0.1, 0.2, 0.3]}, "expected a multiple of 3"),
        ("loss.label_smoothing", 1.5, "label_smoothing is 1.5, expected a share in [0, 1)"),
        ("loss.label_smoothing", False, "label_smoothing is False, expected float"),
        ("penalty.l2", -1, "l2: got -1, expected a finite number of at least 0"),
        ("penalty", None, "penalty is None, expected Penalty"),
        ("metrics", ["mine"], "metrics 'mine', expected one of accuracy"),
        ("metrics", "accuracy", "metrics is 'accuracy', expected"),
        ("metrics", ["r2"], "r2: the loss is SoftmaxCrossEntropy, expected one that predicts"),
        ("metrics", ["accuracy", "accuracy"], "metrics: got 'accuracy' more than once"),
        ("dtype", "float16", "dtype 'float16', expected one of float32, float64"),
        ("dtype", "float64", "dense_1.weight is F32 of shape (2, 3), expected F64"),
        ("dtype", "x" * 3_000_000, "dtype 'xxx"),
        ("seed", -1, "seed: got -1, expected a whole number in [0, 2**64)"),
        ("seed", 2**64, "seed: got 18446744073709551616, expected"),
        ("seed", 1.5, "seed is 1.5, expected int"),
        ("scaling", "x" * 3_000_000, "scaling 'xxx"),
        ("scaling", "standard", None),
        ("target_scaling", "standard", "target_scaling: got 'standard' for SoftmaxCrossEntropy"),
        ("columns.features", ["a"], "got 1 names of features, expected one for each of (2,)"),
        ("columns.classes", ["a"] * 3, "got 3 classes, expected 2"),
        ("columns.target", "\udfff", "columns.target has text that is no Unicode"),
        ("columns.target", 3, "columns.target is 3, expected str"),
        ("training", {}, "training lacks 'epochs', expected it to be there"),
        ("training", [], "training is a list or object of 0, expected"),
        ("written_by", None, "written_by is None, expected str"),
        ("format", "other", "its description is of another format, expected 'portable_mlp model'"),
        ("version", 2, "it has version 2, expected version 1 at most: a newer version wrote it"),
        ("version", 0, "no version or no list of what it requires"),
        ("version", True, "no version or no list of what it requires"),
        ("version", "1", "no version or no list of what it requires"),
        ("requires", ["masks"], "and requires 'masks', expected version 1 at most: a newer version"),
        ("requires", [None], "and requires None"),
        ("requires", {}, "no list of what it requires"),
        ("unknown", {"optional": [1, 2]}, None),
    ],
)  # fmt: skip
def test_forged_descriptions(
    path: str, value: Any, words: str | None, forge: Any, model_file: Path
) -> None:
    """Every one has a right checksum; None for what is no fault."""

    def change(document: Any) -> None:
        *above, last = path.split(".")
        for key in above:
            document = document[int(key) if key.isdigit() else key]
        document[int(last) if last.isdigit() else last] = value

    model_file.write_bytes(forge.described(change))
    if words is None:
        MLP.load(model_file)
        assert "\x1b" not in str(inspect(model_file))
        return
    assert words in refused(model_file)


@pytest.mark.parametrize(
    "name", ["layers", "loss", "sample_shape", "version", "requires", "format"]
)
def test_what_must_be_there(name: str, forge: Any, model_file: Path) -> None:
    model_file.write_bytes(forge.described(lambda document: document.pop(name)))
    assert "its description" in refused(model_file)


def test_not_a_number_in_the_description(forge: Any, model_file: Path) -> None:
    for number in ("NaN", "Infinity", "1e999"):
        header, document, data = forge.opened
        text = json.dumps(document, separators=(",", ":")).replace('"l1":0.0', f'"l1":{number}')
        model_file.write_bytes(forge.closed(header, text, data))
        assert "expected finite" in refused(model_file)


def test_deep_descriptions(forge: Any, model_file: Path) -> None:
    def nested(depth: int) -> dict[str, Any]:
        layer: dict[str, Any] = {"type": "ReLU"}
        for _ in range(depth):
            layer = {"type": "Residual", "layers": [layer]}
        return layer

    def put(depth: int) -> bytes:
        return forge.described(lambda document: document["layers"].__setitem__(1, nested(depth)))

    model_file.write_bytes(put(15))
    MLP.load(model_file)
    model_file.write_bytes(put(16))
    assert "is beyond 4096 layers, 16 deep" in refused(model_file)
    model_file.write_bytes(put(60))
    assert "lists and objects" in refused(model_file)


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["dense_1.weight", "scaling/shift", "target_scaling/factor"])
def test_arrays_that_are_not_finite(
    name: str, number: float, forge_trained: Any, model_file: Path
) -> None:
    header, _, data = forge_trained.opened
    start = header[name]["data_offsets"][0]
    raw = np.asarray(number, header[name]["dtype"].replace("F32", "<f4").replace("F64", "<f8"))
    changed = data[:start] + raw.tobytes() + data[start + raw.nbytes :]
    model_file.write_bytes(forge_trained.held(lambda _: None, changed))
    assert f"{name} holds NaN or infinity" in refused(model_file)


def test_a_factor_of_zero(forge_trained: Any, model_file: Path) -> None:
    header, _, data = forge_trained.opened
    start = header["scaling/factor"]["data_offsets"][0]
    changed = data[:start] + bytes(8) + data[start + 8 :]
    model_file.write_bytes(forge_trained.held(lambda _: None, changed))
    assert "scaling: a factor is 0, expected others" in refused(model_file)


def test_scalings_without_arrays_or_kind(forge_trained: Any, model_file: Path) -> None:
    for kind, words in ((None, "which its layers have not"), ("minmax", None)):
        data = forge_trained.described(lambda document, kind=kind: document.update(scaling=kind))
        model_file.write_bytes(data)
        if words is None:  # it says how the numbers were found; what they do is the same
            assert MLP.load(model_file).scaling is not None
        else:
            assert words in refused(model_file)


def test_counters_that_can_not_be(forge_trained: Any, model_file: Path) -> None:
    for epochs in (-1, 2**63):
        data = forge_trained.described(lambda d, epochs=epochs: d["training"].update(epochs=epochs))
        model_file.write_bytes(data)
        assert f"training: {epochs} epochs and 2 steps" in refused(model_file)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_file_without_permission(model_file: Path, small: bytes) -> None:
    model_file.write_bytes(small)
    model_file.chmod(0)
    if os.access(model_file, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError, match="can't be read: Permission denied"):
        MLP.load(model_file)
    model_file.chmod(stat.S_IRUSR)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["encoder"].update(clip="yes"), "encoder.clip is 'yes'"),
        (
            lambda d: d["encoder"]["numbers"][0].update(factor=0),
            "expected finite numbers, the second",
        ),
        (lambda d: d["encoder"]["categories"][0].update(levels=["a", "a"]), "2 levels, 1 of them"),
        (lambda d: d["encoder"].update(names=["other"]), "expected each once"),
        (lambda d: d["encoder"].update(numbers=[], categories=[]), "no column says anything"),
        (lambda d: d["encoder"]["numbers"].pop(), "makes 1 numbers of a row"),
        (lambda d: d.update(scaling="standard"), "and no scaling beside it"),
        (lambda d: d.update(requires=[]), "an encoder that it does not require"),
        (lambda d: d.update(encoder=None), "an encoder that it does not require, or the other way"),
    ],
)
def test_encoders(forge: Any, model_file: Path, change: Any, words: str) -> None:
    table = {"x": [1.0, 2.0], "kind": ["a", "b"]}
    MLP([TableEncoder.of(table), 2]).save(model_file)
    forge = type(forge)(model_file.read_bytes())
    assert parse(forge.described(lambda d: None)).description.encoder == TableEncoder.of(table)
    with pytest.raises(ModelFileError, match=words):
        parse(forge.described(change))
