"""JAX: CPU, CUDA and TPU, each step compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, cached_property, partial
from types import ModuleType
from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend, F, Loop, refuse_device
from portable_mlp.backends.pieces import (
    Pieces,
    PiecesNamespace,
    cuts_of,
    in_pieces,
    joined,
    parts_in,
)
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
        return _fast_on_a_cpu(xp) if self.device.platform == "cpu" else xp

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

    def visitors_scope(self) -> AbstractContextManager[Any]:
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

    def host_view(self, x: Any) -> np.ndarray:
        return np.asarray(x)

    def synchronize(self, x: Any) -> None:
        x.block_until_ready()

    def transposed_product(self, xp: Any) -> Callable[[Any, Any], Any]:
        own = super().transposed_product(xp)
        if self.place != "cpu" or self.precision not in ("float32", "tf32"):
            return own
        return lambda a, b: _of_few_columns(a, b) if b.shape[1] <= _FEW_COLUMNS else own(a, b)

    def squared_norm(self, xp: Any, x: Any) -> Any:
        if isinstance(x, Pieces):
            first, *rest = (self.squared_norm(self.xp, array) for array in x.arrays)
            return sum(rest, first)
        # XLA adds up a vector one number after the other on a CPU: 70 µs for 101,770; columns 20
        whole = x.shape[0] // _COLUMNS * _COLUMNS
        if self.place != "cpu" or whole == 0:
            return x @ x
        table, rest = xp.reshape(x[:whole], (-1, _COLUMNS)), x[whole:]
        return xp.sum(xp.sum(table * table, axis=0)) + rest @ rest

    def compile(self, function: F) -> F:
        import jax

        return jax.jit(function) if self.compiler != "none" else function

    @property
    def traces(self) -> bool:
        return True

    def apart(self, carry: Any, parts: tuple[int, ...]) -> Any:
        if self.compiler == "none" or len(cuts_of(parts)) == 2 or parts_in(carry) is not None:
            return carry  # one piece is the vector
        return _pieces_of()(carry, parts)

    def whole(self, carry: Any) -> Any:
        return carry if parts_in(carry) is None else self._joined(carry)

    @cached_property
    def _joined(self) -> Callable[[Any], Any]:
        import jax

        compiled: Callable[[Any], Any] = jax.jit(partial(joined, concat=self.xp.concat))
        return compiled

    def compiled_loop(self, step: Callable[..., Any]) -> Loop:
        return _compiled_loop(self, step)


_COLUMNS = 1024
_FEW_COLUMNS = 32
TOGETHER = 256
"""Steps in one call of a compiled loop."""


def _compiled_loop(backend: JaxBackend, step: Callable[..., Any]) -> Loop:
    """Up to `TOGETHER` steps in one program on the device, which takes over the carry's memory."""
    import jax

    @partial(jax.jit, donate_argnums=0)
    def some(carry: Any, data: Any, rows: Any, table: Any, first: Any, count: Any) -> Any:
        parts = parts_in(carry)
        xp = backend.xp if parts is None else PiecesNamespace(backend.xp, parts)

        def body(k: Any, carry: Any) -> Any:
            these = None if rows is None else rows[first + k, ...]
            return step(xp, carry, data, these, jax.tree.map(lambda t: t[k], table))

        return jax.lax.fori_loop(0, count, body, carry)

    def padded(*values: Any) -> np.ndarray:
        """Always of the same length, so that there is one program."""
        whole = isinstance(values[0], int)
        table = np.zeros(TOGETHER, np.int32 if whole else backend.dtype_name)
        table[: len(values)] = values
        return table

    def run(carry: Any, data: Any, rows: Any, numbers: Sequence[Any], first: int, stop: int) -> Any:
        for start in range(first, stop, TOGETHER):
            count = min(TOGETHER, stop - start)
            table = jax.tree.map(padded, *numbers[start : start + count])
            carry = some(carry, data, rows, table, start, count)
        return carry

    return run


@cache
def _pieces_of() -> Callable[[Any, tuple[int, ...]], Any]:
    """`in_pieces`, compiled; JAX is told that a vector in pieces is a tree of arrays."""
    import jax

    jax.tree_util.register_pytree_node(
        Pieces, lambda p: (p.arrays, p.parts), lambda parts, arrays: Pieces(arrays, parts)
    )
    compiled: Callable[[Any, tuple[int, ...]], Any] = jax.jit(in_pieces, static_argnums=1)
    return compiled


def _of_few_columns(a: Any, b: Any) -> Any:
    """aᵀ b as (bᵀ a)ᵀ, with both transposes written to memory; without barriers XLA folds them in.

    XLA's aᵀ b takes 1.4 ms on a CPU for (1024, 1024) and (1024, 10), and this 0.16.
    """
    from jax.lax import optimization_barrier

    return optimization_barrier(optimization_barrier(b.T) @ a).T


def _fast_on_a_cpu(xp: Any) -> Any:
    """The namespace with a quicker `concat`, `take` and `argmax`.

    XLA's own concatenation takes 1.8 ms on a CPU for the 101,770 gradients of 784-128-10; writing into a
    fresh array takes 0.03. `take` looks for row numbers out of range and puts NaN there, which takes
    as long as the rest of it; the package's row numbers are in range. `argmax` looks at one number after
    the other on one core: 300 µs for 1024 rows of 10; comparing whole columns takes 20.
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

    def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
        return xp.take(x, indices, axis=axis, mode="clip")

    def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        if x.ndim != 2 or axis not in (1, -1) or keepdims or x.shape[1] > _FEW_COLUMNS:
            return xp.argmax(x, axis=axis, keepdims=keepdims)
        best, place = x[:, 0], xp.zeros(x.shape[:1], dtype=xp.argmax(x[:1, :1]).dtype)
        for k in range(1, x.shape[1]):
            better = (x[:, k] > best) | (
                (x[:, k] != x[:, k]) & (best == best)
            )  # NaN is the largest
            best, place = xp.where(better, x[:, k], best), xp.where(better, k, place)
        return place

    vars(fast).update(concat=concat, take=take, argmax=argmax)
    return fast


def _name(device: Any) -> str:
    if device.platform == "cpu":
        return "cpu"
    kind = "cuda" if device.platform in ("gpu", "cuda") else device.platform
    return f"{kind}:{device.id}"
