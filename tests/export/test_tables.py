"""Exported models that take tables: the file makes the same numbers of the same text and gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder
from portable_mlp.export import ExportError

PEOPLE = {"age": [31, 45, None, 28], "city": ["Bonn", "Rome", "Oslo", "Rome"]}


@pytest.mark.parametrize("name", ["model.py", "model.onnx"])
def test_a_model_of_tables_is_refused(name: str, tmp_path: Path) -> None:
    model = MLP([TableEncoder.of(PEOPLE), 4, 2])
    model.fit(PEOPLE, np.array([0, 1, 0, 1]), epochs=1)
    with pytest.raises(ExportError, match="TableEncoder"):
        model.export(tmp_path / name)
    assert not list(tmp_path.iterdir())
