"""NumPy: the default, on the CPU."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from portable_mlp.backends.base import Backend, refuse_device


class NumpyBackend(Backend):
    """NumPy through array-api-compat."""

    name = "numpy"
    library = "numpy"
    install = "pip install numpy"

    @classmethod
    def load(cls) -> Any:
        import array_api_compat.numpy as xp

        return xp

    @cached_property
    def device(self) -> Any:
        if self.device_name not in (None, "cpu"):
            raise refuse_device(self, 'For a GPU use backend="cupy", "torch" or "jax".')
        return "cpu"
