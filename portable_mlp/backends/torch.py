"""PyTorch, without autograd: CPU, CUDA and Apple GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, Loop, refuse_device
from portable_mlp.backends.precision import PRECISIONS


class TorchBackend(Backend):
    """PyTorch through array-api-compat.

    Steps are run by ``"buffers"``: the step's calls replayed into memory that is reused; by ``"numba"``:
    elementwise operations fused into kernels besides, on a CPU (the extra ``fast``); by
    ``"inductor"``: ``torch.compile``, which wants a C++ compiler and some ten seconds for each network;
    or as they are written. ``"auto"`` is numba on a CPU where it is installed, else buffers.
    """

    name = "torch"
    library = "torch"
    install = "pip install 'portable_mlp[torch]'"
    devices = "'cpu', 'cuda', 'cuda:N' or 'mps'"
    device_choices = ("cpu", "cuda", "mps")
    compilers = ("auto", "numba", "buffers", "inductor", "none")
    precisions = PRECISIONS

    @classmethod
    def load(cls) -> Any:
        import array_api_compat.torch as xp

        return xp

    @cached_property
    def device(self) -> Any:
        import torch

        kind, _, number = (self.device_name or "cpu").partition(":")
        if kind not in ("cpu", "cuda", "mps") or not (number or "0").isdigit():
            raise refuse_device(self)
        if kind == "cuda" and not torch.cuda.is_available():
            raise refuse_device(self, "This PyTorch finds no CUDA device.")
        if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
            raise refuse_device(self, f"There are {torch.cuda.device_count()} CUDA device(s).")
        if kind == "mps" and not torch.backends.mps.is_available():
            raise refuse_device(self, "This PyTorch finds no Apple GPU.")
        if kind == "mps" and self.dtype_name == "float64":
            raise ValueError(
                "dtype: got 'float64' for PyTorch on 'mps', expected 'float32': Apple GPUs have no "
                "float64."
            )
        return torch.device(kind, int(number or 0)) if kind == "cuda" else torch.device(kind)

    @cached_property
    def place(self) -> str:
        return str(self.device)

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        return "mps" if x.device.type == "mps" else str(x.device)

    def to_numpy(self, x: Any) -> np.ndarray:
        host = x.detach().cpu()
        if host.dtype == self.xp.bfloat16:  # which numpy does not have
            host = host.float()
        return np.asarray(host.numpy())

    def asarray(self, host: Any, dtype: Any = None) -> Any:
        dtype = self.dtype if dtype is None else dtype
        if isinstance(host, np.ndarray):
            # cast here: Apple GPUs can't even hold a float64 array that is about to be cast
            with np.errstate(over="ignore"):
                host = host.astype(str(dtype).removeprefix("torch."), copy=False)
            # PyTorch takes no negative strides, and warns of memory that is read-only
            if not (host.flags.c_contiguous and host.flags.writeable):
                host = host.copy(order="C")
        return super().asarray(host, dtype)

    def synchronize(self, x: Any) -> None:
        import torch

        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()  # an upload beside it goes on
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def host_memory(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        if self.device.type != "cuda":
            return super().host_memory(shape, dtype)
        import torch

        made = torch.empty(shape, dtype=getattr(torch, np.dtype(dtype).name), pin_memory=True)
        pinned: np.ndarray = made.numpy()
        return pinned

    @cached_property
    def _uploads(self) -> Any:
        """The stream of uploads; what is allocated in it is never memory that other work still uses."""
        import torch

        return torch.cuda.Stream(self.device)

    def upload(self, host: np.ndarray) -> Any:
        if self.device.type != "cuda":
            return super().upload(host)
        import torch

        with torch.cuda.stream(self._uploads):
            there = torch.from_numpy(host).to(self.device, non_blocking=True)
            self._uploads.synchronize()
        return there

    def threads(self) -> int:
        import torch

        return int(torch.get_num_threads())

    def kernels(self) -> str:
        import torch

        return str(torch.backends.cpu.get_cpu_capability())

    @contextmanager
    def _scope(self) -> Iterator[None]:
        import torch

        flags = torch.backends.cuda.matmul
        before = flags.allow_tf32
        flags.allow_tf32 = self.precision == "tf32"
        try:
            with torch.no_grad():
                yield
        finally:
            flags.allow_tf32 = before

    def scope(self) -> AbstractContextManager[Any]:
        import torch

        if self.device.type == "cuda":
            return self._scope()
        scope: AbstractContextManager[Any] = torch.no_grad()
        return scope

    @property
    def traces(self) -> bool:
        return self.compiler == "inductor"

    def transposed_product(self, xp: Any) -> Callable[[Any, Any], Any]:
        product, own = self.product(xp), super().transposed_product(xp)
        if self.device.type != "cpu":
            return own

        def transposed_product(a: Any, b: Any) -> Any:
            # MKL's aᵀ b takes 1.7 ms for (1024, 1024) and (1024, 10), and bᵀ a 0.3
            few = b.shape[1] <= _FEW_COLUMNS and a.shape[0] * a.shape[1] >= _MANY_NUMBERS
            return product(b.T, a).T if few else own(a, b)

        return transposed_product

    @cached_property
    def fuses(self) -> bool:
        from portable_mlp.backends.program import kernels

        return self.device.type == "cpu" and kernels.wanted(self.compiler)

    def compiled_loop(self, step: Callable[..., Any]) -> Loop:
        if self.compiler == "inductor":
            import torch

            return self.loop(torch.compile(step, dynamic=False))
        from portable_mlp.backends.program import CompiledLoop, kernels
        from portable_mlp.backends.program.torch_library import TorchLibrary

        library = TorchLibrary(self.xp, self.device)
        compiler = kernels.NumbaCompiler() if self.fuses else None
        return CompiledLoop(library, step, self.loop(step), compiler)


_FEW_COLUMNS, _MANY_NUMBERS = 32, 100_000
