"""Model files, which `portable_mlp.files` reads."""

from __future__ import annotations

import hashlib
import json
import random
import re
from functools import cache
from typing import Any

import numpy as np

from benchmarks.fuzzing.mutations import byte_edit, change_tree
from benchmarks.fuzzing.target import Target
from portable_mlp import MLP, TableEncoder, nn
from portable_mlp.data.columns import Columns
from portable_mlp.files import ModelFileError
from portable_mlp.files.saved import SavedModel, parse, to_bytes
from portable_mlp.model.saving import restored, saved

_CHECKSUM = re.compile(rb'\\"checksum\\":\\"([0-9a-f]{64})\\"')
_DENSE = {"type": "Dense", "units": 3}
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 3, 2**31, 2**53, 2**63, 2**64, 10**19, 0.5, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "x", "x" * 300, "x" * 100_000, "\ud800", "\x1b[2J", "Dense"),
    *("relu", "ReLU", "Residual", "Network", "Constant", "Lambda", "CustomActivation", "os.system"),
    *("float32", "float64", "float16", "standard", "minmax", "/255", "accuracy", "gaussian_nll"),
    *([], {}, [[]], [0], [3], [0, 2**62], [1] * 40, {"type": "ReLU"}, _DENSE, {"type": []}),
    *({"type": "Residual", "layers": [_DENSE]}, {"type": "GaussianNLL"}, {"type": "Quantile"}),
    {"type": "Quantile", "quantiles": 0.5},
    {"type": "Constant", "value": "x"},
)
_WORDS = (
    *(b'\\"type\\":\\"', b"Residual", b"Network", b"Constant", b"F64", b"F32", b"BOOL", b"I64"),
    *(
        b'"__metadata__":{}',
        b'"portable_mlp"',
        b'"data_offsets":[0,8]',
        b'"shape":[0,4611686018427387904]',
    ),
    *(b"state/", b"scaling/shift", b'\\"requires\\":[\\"x\\"]', b'\\"version\\":2', b"PK\x03\x04"),
)


@cache
def seeds() -> list[bytes]:
    """Small models with all that a file can hold."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)
    plain = MLP([2, 2])
    trained = MLP([3, 2, 2], activation="gelu", dropout=0.1, scaling="standard", l2=1e-3)
    trained.fit(x, labels, epochs=1, verbose=0)
    trained.columns = Columns(("a", "b", "ß\x1b"), "y", ("no", "yes"))
    block = nn.Residual([nn.Dense(2, nn.Constant(0.5)), nn.BatchNorm(), nn.PReLU()])
    deep = MLP(
        layers=[nn.Flatten(), nn.Dense(2, use_bias=False), nn.Network.of([block]), nn.Dense(1)],
        inputs=(3, 1),
        loss=nn.Huber(0.5),
        metrics=["mean_squared_error"],
        dtype="float64",
        scaling="minmax",
        target_scaling="standard",
    )
    deep.fit(x[..., None], x[:, :1], epochs=1, verbose=0)
    waiting = MLP([2, 4], loss=nn.GaussianNLL(), scaling="/255")
    table = {
        "size": [1.0, None, 2.5, 4.0] * 5,
        "kind": ["a", "b\n", None, "ß"] * 5,
        "city": [f"c{k % 10}" for k in range(20)],
        "new": [True, False, True, None] * 5,
    }
    encoded = MLP(
        layers=[nn.NTKDense(2, bias_rate=0.1), nn.SELU(), nn.Dense(1)],
        inputs=TableEncoder.of(table),
        loss="squared_error",
        target_scaling="clamped",
    )
    encoded.fit(table, x[:, :1], epochs=1, verbose=0)
    groups = MLP([2, 5], loss=nn.GroupedSoftmaxCrossEntropy((2, 3)), l2=0.1, penalty_per_batch=True)
    models = (plain, trained, deep, waiting, encoded, groups)
    return [b"".join(to_bytes(saved(model))) for model in models]


def repaired(data: bytes) -> bytes:
    """The file with the checksum that its bytes have, so that what lies behind it is reached."""
    found = _CHECKSUM.search(data)
    if found is None:
        return data
    start, stop = found.span(1)
    head, tail = data[:start], data[stop:]
    return head + hashlib.sha256(head + b"0" * 64 + tail).hexdigest().encode() + tail


_bytes = byte_edit(_WORDS)


def bytes_and_checksum(rng: random.Random, seed: bytes, seeds: list[bytes]) -> bytes:
    """A change of bytes behind a right checksum."""
    return repaired(_bytes(rng, seed, seeds))


def description(rng: random.Random, seed: bytes, seeds: list[bytes]) -> bytes:
    """A change of what the file says that the model is."""
    header, data = _opened(seed)
    document = json.loads(header["__metadata__"]["portable_mlp"])
    for _ in range(rng.choice((1, 1, 2, 3))):
        change_tree(rng, document, _VALUES)
        if not document:
            break
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    if rng.random() < 0.05:
        text = text.replace('"type"', '"name":null,"type"', 1)  # a key twice
    header["__metadata__"]["portable_mlp"] = text
    return _closed(header, data)


def arrays(rng: random.Random, seed: bytes, seeds: list[bytes]) -> bytes:
    """A change of where the file says that its arrays are."""
    header, data = _opened(seed)
    change_tree(rng, header, _VALUES)
    if rng.random() < 0.3:
        data = rng.choice((data[:-4], data + bytes(8), data[::-1], b"", data * 2))
    return _closed(header, data)


def _opened(seed: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(seed[:8], "little")
    return json.loads(seed[8 : 8 + length]), seed[8 + length :]


def _closed(header: Any, data: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
    text += b" " * (-len(text) % 8)
    return repaired(len(text).to_bytes(8, "little") + text + data)


def check(data: bytes, model: SavedModel) -> None:
    """An accepted file has a right checksum, can be written again, and becomes a model."""
    if repaired(data) != data:
        raise AssertionError("accepted with a wrong checksum")
    again = parse(b"".join(to_bytes(model)))
    if again.description.layers != model.description.layers:
        raise AssertionError("another model when it was written again")
    restored(MLP, model, "numpy", None, None)


TARGET = Target(
    read=parse,
    refusal=ModelFileError,
    seeds=seeds,
    check=check,
    edits=(bytes_and_checksum, description, description, arrays),
    words=_WORDS,
)
