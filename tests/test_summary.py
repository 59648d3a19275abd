"""The table of a model: totals, running statistics, and what they take in memory."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend


def test_the_whole_table() -> None:
    layers = [nn.Flatten(), nn.Dense(5), nn.BatchNorm(), nn.Dense(2)]
    lines = MLP(layers=layers, inputs=(4, 4), dtype="float64").summary().splitlines()
    assert lines == [
        "layer         output  parameters",
        "flatten_1     (16,)            0",
        "dense_1       (5,)            85",
        "batch_norm_1  (5,)            10",
        "dense_2       (2,)            12",
        "107 parameters, float64, numpy on cpu; samples of shape (4, 4); 10 running statistics; "
        "936 bytes of memory",
    ]


def test_memory_is_that_of_the_arrays(backend: Backend) -> None:
    model = MLP([784, 128, 10], backend=backend)
    held = sum(value.nbytes for value in model.parameters().values())
    assert held == 407080
    assert model.summary().endswith(f"; samples of shape (784,); {held / 1024:.1f} KiB of memory")


@pytest.mark.parametrize(("units", "words"), [(10, "80 bytes"), (2**18, "2.0 MiB")])
def test_units_suit_the_size(units: int, words: str) -> None:
    model = MLP(layers=[nn.Dense(units)], inputs=1)
    assert sum(np.size(p) for p in model.parameters().values()) == 2 * units
    assert model.summary().endswith(f"; {words} of memory")
