"""Model files, right and forged."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP

_CHECKSUM = re.compile(rb'\\"checksum\\":\\"([0-9a-f]{64})\\"')


@dataclass
class Forge:
    """Files with something changed in them, behind a checksum that is right again.

    Args:
        seed: a right file.
    """

    seed: bytes

    @property
    def opened(self) -> tuple[dict[str, Any], dict[str, Any], bytes]:
        """Header without description, description, data."""
        length = int.from_bytes(self.seed[:8], "little")
        header = json.loads(self.seed[8 : 8 + length])
        text = header.pop("__metadata__")["portable_mlp"]
        return header, json.loads(text), self.seed[8 + length :]

    def described(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The file with a changed description."""
        header, document, data = self.opened
        change(document)
        return self.closed(header, json.dumps(document, separators=(",", ":")), data)

    def held(self, change: Callable[[dict[str, Any]], object], data: bytes | None = None) -> bytes:
        """The file with another header, and perhaps other data."""
        header, document, old = self.opened
        change(header)
        text = json.dumps(document, separators=(",", ":"))
        return self.closed(header, text, old if data is None else data)

    def closed(self, header: dict[str, Any], text: str, data: bytes) -> bytes:
        """A file of these parts."""
        return self.raw(json.dumps({"__metadata__": {"portable_mlp": text}, **header}), data)

    def raw(self, header: str, data: bytes) -> bytes:
        """A file with a header that is written here as it is."""
        encoded = header.encode()
        return self.repaired(len(encoded).to_bytes(8, "little") + encoded + data)

    @staticmethod
    def repaired(data: bytes) -> bytes:
        """With the checksum that it should have."""
        found = _CHECKSUM.search(data)
        if found is None:
            return data
        start, stop = found.span(1)
        head, tail = data[:start], data[stop:]
        return head + hashlib.sha256(head + b"0" * 64 + tail).hexdigest().encode() + tail


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a small model."""
    path = tmp_path_factory.mktemp("small") / "model.safetensors"
    MLP([2, 3, 2]).save(path)
    return path.read_bytes()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a model that was trained, with everything that a file can hold."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("trained") / "model.safetensors"
    x, y = rng.normal(size=(30, 3)), rng.normal(size=(30, 2))
    model = MLP([3, 4, 2], loss="squared_error", scaling="standard", target_scaling="minmax")
    model.fit(x, y, epochs=2, verbose=0)
    model.save(path)
    return path.read_bytes()


@pytest.fixture
def forge(small: bytes) -> Forge:
    """A forger of the small file."""
    return Forge(small)


@pytest.fixture
def forge_trained(trained: bytes) -> Forge:
    """A forger of the other."""
    return Forge(trained)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """A name that is free."""
    return tmp_path / "model.safetensors"
