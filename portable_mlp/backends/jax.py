"""JAX: CPU, CUDA and TPU, each step compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, F, refuse_device


@dataclass(frozen=True)
class JaxBackend(Backend):
    """JAX's own namespace.

    Args:
        jit: whether `compile` compiles; without it a small network runs some 17 times slower.
    """

    jit: bool = True

    name = "jax"
    library = "jax"
    install = "pip install 'portable_mlp[jax]'"
    devices = "'cpu', 'gpu', 'cuda' or 'tpu', with ':N' for the N-th"

    @classmethod
    def load(cls) -> Any:
        import jax.numpy as xp

        return xp

    @cached_property
    def device(self) -> Any:
        import jax

        if self.device_name is None:
            return jax.devices()[0]
        kind, _, number = self.device_name.partition(":")
        if kind not in ("cpu", "gpu", "cuda", "tpu") or not (number or "0").isdigit():
            raise refuse_device(self)
        try:
            found = jax.devices(kind)
        except RuntimeError as error:
            raise refuse_device(self, f"This JAX has no device of that kind: {error}.") from None
        if int(number or 0) >= len(found):
            raise refuse_device(self, f"There are {len(found)} of that kind.")
        return found[int(number or 0)]

    @cached_property
    def place(self) -> str:
        return _name(self.device)

    @cached_property
    def index_dtype(self) -> Any:
        # without JAX's 64-bit mode int64 does not exist; `scope` switches that mode on for float64
        return self.xp.int64 if self.dtype_name == "float64" else self.xp.int32

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        return _name(next(iter(x.devices())))

    def scope(self) -> AbstractContextManager[Any]:
        return self._scope()

    @contextmanager
    def _scope(self) -> Iterator[None]:
        import jax

        # both settings hold inside this context only; full precision so that a GPU's matrix products
        # agree with the other backends
        with (
            jax.enable_x64(self.dtype_name == "float64"),
            jax.default_matmul_precision("highest"),
        ):
            yield

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(x)  # a copy, because JAX's own memory is read-only

    def synchronize(self, x: Any) -> None:
        x.block_until_ready()

    def compile(self, step: F) -> F:
        import jax

        return jax.jit(step) if self.jit else step


def _name(device: Any) -> str:
    if device.platform == "cpu":
        return "cpu"
    kind = "cuda" if device.platform in ("gpu", "cuda") else device.platform
    return f"{kind}:{device.id}"
