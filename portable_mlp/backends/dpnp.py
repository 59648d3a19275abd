"""dpnp: Intel GPUs and CPUs through SYCL."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, refuse_device


def _without_vector_math() -> None:
    """Switch off the calls of oneMKL's vector mathematics in dpnp, for this process.

    In dpnp 0.20 every exp, tanh, sqrt, +, -, * and / of contiguous arrays that goes there waits for all
    earlier work (220 ms of it in the trial) and holds the interpreter's lock meanwhile. That work has
    host tasks which need the lock to let go of their arrays: now and then both wait for ever. dpnp's own
    kernels are enqueued in 0.1 ms and wait for nothing. Its pull requests 2850 and 3027 mended the same
    fault in the linear algebra.
    """
    try:
        from dpnp.backend.extensions.vm import _vm_impl
    except ImportError:  # another dpnp than 0.20: nothing is known against it
        return
    _vm_impl._is_available = lambda: False


class DpnpBackend(Backend):
    """Intel's dpnp, which follows the standard itself."""

    name = "dpnp"
    library = "dpnp"
    install = "pip install 'portable_mlp[dpnp]'"
    devices = "'cpu', 'gpu' or a SYCL filter string such as 'opencl:cpu:0'"

    @classmethod
    def load(cls) -> Any:
        import dpnp

        _without_vector_math()
        return dpnp

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
