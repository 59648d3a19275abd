"""dpnp: Intel GPUs and CPUs through SYCL."""

from __future__ import annotations

from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, refuse_device


class _Namespace(ModuleType):
    """dpnp, with a tanh that does not wait for ever.

    The tanh of dpnp 0.20 waits for earlier work while it holds the interpreter's lock, which that work's
    host tasks may need (seen on busy cores). So here the queue is drained first, which lets go of the
    lock. dpnp's pull requests 2850 and 3027 mended the same fault in other functions.
    """

    def __init__(self, dpnp: Any) -> None:
        super().__init__("dpnp")
        self._dpnp = dpnp

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dpnp, name)

    def tanh(self, x: Any, /) -> Any:
        x.sycl_queue.wait()
        return self._dpnp.tanh(x)


class DpnpBackend(Backend):
    """Intel's dpnp, which follows the standard itself."""

    name = "dpnp"
    library = "dpnp"
    install = "pip install 'portable_mlp[dpnp]'"
    devices = "'cpu', 'gpu' or a SYCL filter string such as 'opencl:cpu:0'"

    @classmethod
    def load(cls) -> Any:
        import dpnp

        return _Namespace(dpnp)

    @classmethod
    def no_device(cls) -> str | None:
        import dpctl

        if not dpctl.get_devices():
            return (
                "dpnp is installed but finds no SYCL device; on a CPU set OCL_ICD_FILENAMES to the "
                "libintelocl.so that the package intel-opencl-rt brings."
            )
        return None

    @cached_property
    def device(self) -> Any:
        try:
            return self.xp.empty(0, dtype=self.xp.float32, device=self.device_name).device
        except Exception:
            raise refuse_device(self) from None

    @cached_property
    def place(self) -> str:
        return _name(self.device)

    @cached_property
    def dtype(self) -> Any:
        if self.dtype_name == "float64" and not self.device.sycl_device.has_aspect_fp64:
            raise ValueError(
                f"dtype: got 'float64' for dpnp on {self.place!r}, expected 'float32': this device "
                "has no float64."
            )
        return getattr(self.xp, self.dtype_name)

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        return _name(x.device)

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.asarray(self.xp.asnumpy(x))

    def synchronize(self, x: Any) -> None:
        self.device.wait()


def _name(device: Any) -> str:
    return str(device.sycl_device.get_filter_string())
