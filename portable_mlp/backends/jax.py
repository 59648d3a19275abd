"""JAX: CPU, CUDA and TPU, each step compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, F, Loop, refuse_device
from portable_mlp.backends.precision import PRECISIONS


class JaxBackend(Backend):
    """JAX's own namespace.

    ``"jit"`` compiles; without it a small network runs some 17 times slower. ``"auto"`` is jit.
    """

    name = "jax"
    library = "jax"
    install = "pip install 'portable_mlp[jax]'"
    devices = "'cpu', 'gpu', 'cuda' or 'tpu', with ':N' for the N-th"
    device_choices = ("cpu", "cuda", "tpu")
    compilers = ("auto", "jit", "none")
    precisions = PRECISIONS

    @classmethod
    def load(cls) -> Any:
        import jax.numpy as xp

        return xp

    @cached_property
    def xp(self) -> Any:
        xp = self.load()
        return _with_fast_concat(xp) if self.device.platform == "cpu" else xp

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

        # both settings hold inside this context only; full precision, unless another one is asked for,
        # so that a GPU's matrix products agree with the other backends
        with (
            jax.enable_x64(self.dtype_name == "float64"),
            jax.default_matmul_precision(
                "tensorfloat32" if self.precision == "tf32" else "highest"
            ),
        ):
            yield

    def to_numpy(self, x: Any) -> np.ndarray:
        return np.array(x)  # a copy, because JAX's own memory is read-only

    def synchronize(self, x: Any) -> None:
        x.block_until_ready()

    def compile(self, function: F) -> F:
        import jax

        return jax.jit(function) if self.compiler != "none" else function

    def compile_loop(self, step: Callable[..., Any], *, as_written: bool = False) -> Loop:
        # a step is always traced, also one with code of the user's own: JAX wants it so
        return _compiled_loop(self, step) if self.compiler != "none" else self.loop(step)


TOGETHER = 64
"""Steps in one call of a compiled loop."""


def _compiled_loop(backend: JaxBackend, step: Callable[..., Any]) -> Loop:
    """Up to `TOGETHER` steps in one program on the device, which takes over the carry's memory."""
    import jax

    @partial(jax.jit, donate_argnums=0)
    def some(carry: Any, data: Any, rows: Any, table: Any, first: Any, count: Any) -> Any:
        def body(k: Any, carry: Any) -> Any:
            these = None if rows is None else rows[first + k, ...]
            return step(backend.xp, carry, data, these, jax.tree.map(lambda t: t[k], table))

        return jax.lax.fori_loop(0, count, body, carry)

    def stacked(*values: Any) -> np.ndarray:
        whole = isinstance(values[0], int)
        return np.asarray(values, np.int32 if whole else backend.dtype_name)

    def run(carry: Any, data: Any, rows: Any, numbers: Sequence[Any], first: int, stop: int) -> Any:
        for start in range(first, stop, TOGETHER):
            count = min(TOGETHER, stop - start)
            these = list(numbers[start : start + count])
            # the same length each time, so that there is one program
            table = jax.tree.map(stacked, *these, *these[-1:] * (TOGETHER - count))
            carry = some(carry, data, rows, table, start, count)
        return carry

    return run


def _with_fast_concat(xp: Any) -> Any:
    """The namespace with a `concat` that writes into a fresh array.

    XLA's own takes 1.8 ms on a CPU for the 101,770 gradients of 784-128-10, this one 0.03.
    """
    fast = ModuleType(xp.__name__)
    vars(fast).update(vars(xp))

    def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
        if axis != 0 or len(arrays) < 2 or any(a.ndim != 1 for a in arrays):
            return xp.concat(arrays, axis=axis)
        length = sum(a.shape[0] for a in arrays)
        whole, start = xp.zeros(length, dtype=xp.result_type(*arrays)), 0
        for part in arrays:
            whole = whole.at[start : start + part.shape[0]].set(part)
            start += part.shape[0]
        return whole

    vars(fast)["concat"] = concat
    return fast


def _name(device: Any) -> str:
    if device.platform == "cpu":
        return "cpu"
    kind = "cuda" if device.platform in ("gpu", "cuda") else device.platform
    return f"{kind}:{device.id}"
