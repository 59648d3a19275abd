"""NumPy: the default, on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from portable_mlp.backends import alignment, blas
from portable_mlp.backends.base import Backend, Loop, refuse_device
from portable_mlp.backends.subnormals import subnormals_flushed


class NumpyBackend(Backend):
    """NumPy through array-api-compat.

    Steps are run by ``"numba"``: elementwise operations fused into kernels (the extra ``fast``); by
    ``"buffers"``: the step's calls replayed into memory that is reused; or as they are written.
    ``"auto"`` is numba where it is installed, else buffers.
    """

    name = "numpy"
    library = "numpy"
    install = "pip install numpy"
    compilers = ("auto", "numba", "buffers", "none")

    @classmethod
    def load(cls) -> Any:
        import array_api_compat.numpy as xp

        return xp

    @classmethod
    def advice(cls) -> str:
        from portable_mlp.backends.program import kernels

        numba = (
            "" if kernels.available() else "pip install 'portable_mlp[fast]' makes training faster."
        )
        return " ".join(part for part in (numba, blas.advice()) if part)

    @cached_property
    def device(self) -> Any:
        if self.device_name not in (None, "cpu"):
            raise refuse_device(self, 'For a GPU use backend="cupy", "torch" or "jax".')
        return "cpu"

    def copy(self, x: Any) -> Any:
        return alignment.copy(x)

    def threads(self) -> int:
        return blas.openblas_threads() or blas.usable_cores()

    def kernels(self) -> str:
        return blas.openblas_kernels()

    @cached_property
    def fuses(self) -> bool:
        from portable_mlp.backends.program import kernels

        return kernels.wanted(self.compiler)

    def compiled_loop(self, step: Callable[..., Any]) -> Loop:
        from portable_mlp.backends.program import CompiledLoop, kernels
        from portable_mlp.backends.program.numpy_library import NumpyLibrary

        compiler = kernels.NumbaCompiler() if self.fuses else None
        return _flushed(CompiledLoop(NumpyLibrary(self.xp), step, super().loop(step), compiler))

    def loop(self, step: Callable[..., Any]) -> Loop:
        return _flushed(super().loop(step))


def _flushed(loop: Loop) -> Loop:
    def run(*arguments: Any) -> Any:
        with subnormals_flushed():
            return loop(*arguments)

    return run
