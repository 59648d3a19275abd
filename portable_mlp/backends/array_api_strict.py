"""array-api-strict: the standard and nothing else, for tests and for proofs of portability."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, refuse_device


class StrictBackend(Backend):
    """The reference implementation, which refuses whatever the standard does not promise."""

    name = "array-api-strict"
    library = "array_api_strict"
    install = "pip install array-api-strict"
    devices = "'CPU_DEVICE', 'device1', 'device2', 'no_float64' or 'no_x64'"

    @classmethod
    def load(cls) -> Any:
        import array_api_strict as xp

        return xp

    @cached_property
    def device(self) -> Any:
        name = self.device_name or "CPU_DEVICE"
        try:
            device = self.xp.Device(name)
        except ValueError:
            raise refuse_device(self) from None
        if self.dtype_name == "float64" and name in ("no_float64", "no_x64"):
            raise ValueError(
                f"dtype: got 'float64' for array-api-strict on {name!r}, expected 'float32': this "
                "device has no float64."
            )
        return device

    @cached_property
    def index_dtype(self) -> Any:
        return self.xp.int32 if self.device_name == "no_x64" else self.xp.int64

    @cached_property
    def place(self) -> str:
        return self.device_name or "CPU_DEVICE"

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        return str(x.device._device)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(x.to_device(self.xp.Device("CPU_DEVICE")))
