"""What the tests of ``portable_mlp.optim`` share: the golden file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """The arrays that ``tests/golden/make_optim_golden.py`` has made, float64."""
    return load_file(Path(__file__).parents[1] / "golden" / "optim.safetensors")
