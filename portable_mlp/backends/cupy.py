"""CuPy: NVIDIA GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, Loop, refuse_device


class CupyBackend(Backend):
    """CuPy through array-api-compat.

    Steps are run by ``"kernels"``: elementwise operations fused into one kernel each, results in memory
    that is reused; by ``"buffers"``: the latter alone; or as they are written. ``"auto"`` is kernels.
    The first step of each program is run both ways and compared.
    """

    name = "cupy"
    library = "cupy"
    install = "pip install 'portable_mlp[cuda13]' (CUDA 12: 'portable_mlp[cuda12]')"
    devices = "'cuda' or 'cuda:N'"
    compilers = ("auto", "kernels", "buffers", "none")
    precisions = ("float32", "tf32", "float16")

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
        import cupy

        cupy.cuda.get_current_stream().synchronize()  # an upload beside it goes on

    def host_memory(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        import cupyx

        pinned: np.ndarray = cupyx.empty_pinned(shape, dtype)
        return pinned

    @cached_property
    def _uploads(self) -> Any:
        """The stream of uploads; what is allocated in it is never memory that other work still uses."""
        import cupy

        return cupy.cuda.Stream(non_blocking=True)

    def upload(self, host: np.ndarray) -> Any:
        import cupy

        with self._uploads as stream:
            there = cupy.empty(host.shape, host.dtype)
            there.set(host, stream=stream)
            stream.synchronize()
        return there

    def scope(self) -> AbstractContextManager[Any]:
        return self._scope()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        import cupy

        # a Device object can't be entered twice at once, so each scope has its own
        with cupy.cuda.Device(self.number):
            if self.precision != "tf32":
                yield
                return
            from cupy._core import _routines_linalg, get_compute_type, set_compute_type

            # CuPy has no public switch but the variable CUPY_TF32, which holds for the whole process
            single = cupy.dtype("float32")
            before = get_compute_type(single)
            set_compute_type(single, _routines_linalg.COMPUTE_TYPE_TF32)
            try:
                yield
            finally:
                set_compute_type(single, before)

    def compiled_loop(self, step: Callable[..., Any]) -> Loop:
        from portable_mlp.backends.program import CompiledLoop
        from portable_mlp.backends.program.cuda import CudaCompiler, CupyLibrary

        compiler = None if self.compiler == "buffers" else CudaCompiler()
        return CompiledLoop(CupyLibrary(self.xp), step, self.loop(step), compiler, checked=True)
