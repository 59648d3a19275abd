"""onnxruntime, where it is installed."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def onnxruntime() -> Any:
    """The library; a test is skipped without it and onnx."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
