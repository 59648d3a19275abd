"""CuPy: NVIDIA GPUs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, refuse_device


class CupyBackend(Backend):
    """CuPy through array-api-compat."""

    name = "cupy"
    library = "cupy"
    install = "pip install 'portable_mlp[cuda13]' (CUDA 12: 'portable_mlp[cuda12]')"
    devices = "'cuda' or 'cuda:N'"

    @classmethod
    def load(cls) -> Any:
        import array_api_compat.cupy as xp

        return xp

    @classmethod
    def no_device(cls) -> str | None:
        import cupy

        if not cupy.cuda.is_available():
            return "cupy is installed but finds no NVIDIA GPU or no driver for it."
        return None

    @cached_property
    def number(self) -> int:
        """Number of the CUDA device."""
        import cupy

        kind, _, number = (self.device_name or "cuda").partition(":")
        count = cupy.cuda.runtime.getDeviceCount()
        if kind not in ("cuda", "gpu") or not (number or "0").isdigit():
            raise refuse_device(self)
        if int(number or 0) >= count:
            raise refuse_device(self, f"This machine has {count} CUDA device(s), numbered from 0.")
        return int(number or 0)

    @cached_property
    def device(self) -> Any:
        # creation functions of array-api-compat's cupy ignore `device`: `scope` chooses it
        import cupy

        return cupy.cuda.Device(self.number)

    @cached_property
    def place(self) -> str:
        return f"cuda:{self.number}"

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        return f"cuda:{x.device.id}"

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x.get())

    def synchronize(self, x: Any) -> None:
        self.device.synchronize()

    def scope(self) -> AbstractContextManager[Any]:
        import cupy

        # a Device object can't be entered twice at once, so each scope has its own
        scope: AbstractContextManager[Any] = cupy.cuda.Device(self.number)
        return scope
