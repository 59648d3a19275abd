"""The contract of a backend: one array library, on one device, at one precision."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from functools import cached_property, partial
from importlib.util import find_spec
from typing import Any, ClassVar, TypeVar

import numpy as np

from portable_mlp.backends import alignment, blas
from portable_mlp.backends.precision import rounded_product
from portable_mlp.nn.choices import check_name

F = TypeVar("F", bound=Callable[..., Any])
Loop = Callable[[Any, Any, Any, Sequence[Any], int, int], Any]
"""``loop(carry, data, rows, numbers, first, stop) -> carry``; see `Backend.compile_loop`."""


class BackendUnavailableError(RuntimeError):
    """The backend asked for can't be used here; the message says why and how to install it."""


@dataclass(frozen=True)
class Backend:
    """One array library, device and dtype; made when a model is constructed.

    Args:
        device_name: the device as the user wrote it, such as ``"cuda:1"``; None for the default.
        dtype_name: ``"float32"`` or ``"float64"``.
        compiler: how training steps are run: one of ``compilers``; ``"none"`` runs them as they are
            written, ``"auto"`` takes the best that is installed.
        precision: of matrix products: one of ``precisions``.
    """

    device_name: str | None = None
    dtype_name: str = "float32"
    compiler: str = "auto"
    precision: str = "float32"

    name: ClassVar[str]
    library: ClassVar[str]
    """The package whose arrays these are, as the first word of their type's module."""
    install: ClassVar[str]
    """The command that installs it."""
    devices: ClassVar[str] = "cpu"
    """Devices that a user may name, in words."""

    device_choices: ClassVar[tuple[str | None, ...]] = (None,)
    """Devices that ``device="auto"`` tries; those that are not there are passed over."""
    compilers: ClassVar[tuple[str, ...]] = ("auto", "none")
    """The ways of running steps that there are; the class's docstring says what they do."""

    precisions: ClassVar[tuple[str, ...]] = ("float32",)
    """Of matrix products; `portable_mlp.backends.precision` says what they are."""

    def __post_init__(self) -> None:
        """Checks the names."""
        check_name("compiler", self.compiler, self.compilers)
        check_name(f"precision on backend {self.name!r}", self.precision, self.precisions)
        if self.precision != "float32" and self.dtype_name != "float32":
            raise ValueError(
                f"precision: got {self.precision!r} beside dtype {self.dtype_name!r}, expected dtype "
                "'float32': the factors of a product can't be smaller than half of the weights."
            )

    # -- what a library must say ---------------------------------------------------------------

    @classmethod
    def load(cls) -> Any:
        """The namespace ``xp``; raises ImportError where the library is not installed."""
        raise TypeError(f"{cls.__name__} does not define load")

    @cached_property
    def device(self) -> Any:
        """The library's own device object, or None where it has but one."""
        return None

    def to_numpy(self, x: Any) -> np.ndarray:
        """The array on the host, as numpy: the only way out."""
        return np.asarray(x)

    def host_view(self, x: Any) -> np.ndarray:
        """The same, perhaps read-only and in the array's own memory: to be copied from."""
        return self.to_numpy(x)

    @classmethod
    def device_name_of(cls, x: Any) -> str:
        """Where an array of this library lies, as a user would write it."""
        return "cpu"

    # -- what most libraries share -------------------------------------------------------------

    @cached_property
    def xp(self) -> Any:
        """The namespace of array functions."""
        return self.load()

    @cached_property
    def dtype(self) -> Any:
        """The floating-point type of parameters and data."""
        return getattr(self.xp, self.dtype_name)

    @cached_property
    def index_dtype(self) -> Any:
        """The integer type of labels and row numbers."""
        return self.xp.int64

    @cached_property
    def place(self) -> str:
        """Where arrays of this backend lie, as a user would write it."""
        return self.device_name or "cpu"

    @property
    def shares_cores(self) -> bool:
        """Whether it computes on the cores that read files."""
        return "cpu" in self.place.lower()

    def asarray(self, host: Any, dtype: Any = None) -> Any:
        """A host array on this device: the only way in. ``dtype`` None means the model's."""
        dtype = self.dtype if dtype is None else dtype
        with np.errstate(over="ignore"):  # too large becomes infinity, which the border refuses
            return self.xp.asarray(_ordinary(host), dtype=dtype, device=self.device)

    def host_memory(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Numpy memory from which `upload` is quickest."""
        return alignment.empty(shape, dtype)

    def upload(self, host: np.ndarray) -> Any:
        """A host array in the type it has, on the device; perhaps in the host's own memory.

        A thread calls it while another one computes, and the two run side by side where the device can.
        Nobody may give the result up before the device is done with it.
        """
        return self.asarray(host, self.index_dtype if host.dtype.kind in "iu" else self.dtype)

    def from_dlpack(self, x: Any) -> Any:
        """An array of another library on the same device, without a copy."""
        return self.xp.from_dlpack(x)

    def synchronize(self, x: Any) -> None:
        """Waits until the array x is there."""

    def scope(self) -> AbstractContextManager[Any]:
        """The context in which everything of this backend runs."""
        return nullcontext()

    def visitors_scope(self) -> AbstractContextManager[Any]:
        """The context in which somebody else's code runs on arrays of this dtype and device."""
        return nullcontext()

    def product(self, xp: Any) -> Callable[[Any, Any], Any]:
        """``product(a, b)`` of two matrices, the factors rounded to the precision asked for."""
        if self.precision in ("float32", "tf32"):  # the library itself does tf32
            return operator.matmul
        return partial(rounded_product, xp, precision=self.precision)

    def transposed_product(self, xp: Any) -> Callable[[Any, Any], Any]:
        """``product(a, b)`` = aᵀ b, the factors rounded likewise."""
        product = self.product(xp)
        return lambda a, b: product(a.T, b)

    def squared_norm(self, xp: Any, x: Any) -> Any:
        """‖x‖² of a vector."""
        # a kernel that reads the vector anyway adds it up on the way; BLAS would read it once more
        return xp.sum(x * x) if self.fuses else x @ x

    @property
    def fuses(self) -> bool:
        """Whether loops are compiled on the host with kernels of fused operations."""
        return False

    def copy(self, x: Any) -> Any:
        """The array in memory of its own."""
        return self.xp.asarray(x, copy=True)

    def compile(self, function: F) -> F:
        """A pure function of arrays, compiled where the library can; else the function itself."""
        return function

    def compile_loop(
        self,
        step: Callable[..., Any],
        *,
        as_written: bool = False,
    ) -> Loop:
        """Many steps in one call, compiled where the library can; `loop` is its oracle.

        Args:
            step: ``step(xp, carry, data, rows, numbers) -> carry``, a pure function.
            as_written: whether an eager library is to run it line by line: it has code of the user's
                own in it, whose ``print`` and breakpoints are to work.

        Returns:
            ``loop(carry, data, rows, numbers, first, stop) -> carry`` after the steps ``first`` to
            ``stop - 1``; step i sees ``rows[i]`` and ``numbers[i]``. It consumes the carry: its arrays
            may be overwritten or given up.
        """
        if self.compiler == "none" or (as_written and not self.traces):
            return self.loop(step)
        return self.compiled_loop(step)

    def apart(self, carry: Any, parts: tuple[int, ...]) -> Any:
        """The carry in the form that compiled loops pass on quickest; as it is, unless overridden.

        Args:
            carry: of a loop from `compile_loop`.
            parts: lengths of the arrays that its flat vectors are made of.
        """
        return carry

    def whole(self, carry: Any) -> Any:
        """The other way round: each array as it is elsewhere."""
        return carry

    @property
    def traces(self) -> bool:
        """Whether code of the user's own is compiled too, because the library wants it so."""
        return False

    def compiled_loop(self, step: Callable[..., Any]) -> Loop:
        """What `compile_loop` gives where there is something to compile with."""
        return self.loop(step)

    def loop(self, step: Callable[..., Any]) -> Loop:
        """The same without a compiler: each step as it is written."""

        def run(
            carry: Any, data: Any, rows: Any, numbers: Sequence[Any], first: int, stop: int
        ) -> Any:
            for i in range(first, stop):
                these = None if rows is None else rows[i, ...]
                carry = step(self.xp, carry, data, these, numbers[i])
            return carry

        return run

    # -- whether it can be used ------------------------------------------------------------------

    @classmethod
    def missing(cls) -> str | None:
        """`why_unusable` for the library's default device and single precision."""
        return cls().why_unusable()

    def why_unusable(self) -> str | None:
        """One sentence why this backend can't be used here, or None if it can.

        Usable means: the library imports, a device is there, and a small matrix product with
        elementwise functions gives the right number on the device that was asked for.

        Raises:
            ValueError: the library can be used, but has no such device or dtype.
        """
        library = self.library
        try:
            self.load()
        except ImportError as error:
            return f"{library} is not installed ({_first_line(error)})."
        except Exception as error:  # a broken installation may raise anything on import
            return f"{library} does not import ({_first_line(error)})."
        reason = self.no_device()
        if reason:
            return reason
        if self.compiler == "numba" and find_spec("numba") is None:
            return "numba, the compiler asked for, is not installed."
        _ = self.device, self.dtype
        try:
            self.probe()
        except Exception as error:
            return f"{library} is installed but does not compute ({_first_line(error)})."
        return None

    @classmethod
    def no_device(cls) -> str | None:
        """One sentence if the library has no device to run on here."""
        return None

    def probe(self) -> None:
        """Runs a small matrix product and elementwise functions; raises if anything is wrong."""
        with self.scope():
            xp = self.xp
            ones = self.asarray(np.ones((2, 2)))
            total = xp.sum(xp.exp(ones @ ones - 2.0) + xp.maximum(ones, 0.0))
            if abs(float(total) - 8.0) > 1e-3:
                raise RuntimeError(f"a test sum came out as {float(total)}, expected 8")

    @classmethod
    def advice(cls) -> str:
        """One sentence on how this backend could be faster here; empty if there is none."""
        return ""

    @classmethod
    def version(cls) -> str:
        """Version of the library."""
        from importlib import import_module

        return str(getattr(import_module(cls.library), "__version__", "unknown"))

    def threads(self) -> int:
        """Threads of a processor that its matrix products may use."""
        return blas.usable_cores()

    def kernels(self) -> str:
        """Which of several kernels its matrix products take; empty where the library does not say it."""
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles the choice, not the library's objects."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return _restore, (type(self), state)


def _restore(cls: type[Backend], state: dict[str, Any]) -> Backend:
    return cls(**state)


def _ordinary(host: Any) -> Any:
    """numpy arrays of this machine's byte order and of a type that every library has."""
    if not isinstance(host, np.ndarray):
        return host
    if host.dtype.kind == "f" and host.dtype.itemsize > 8:
        return host.astype(np.float64)
    return host.astype(host.dtype.newbyteorder("="), copy=False)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__


def refuse_device(backend: Backend, reason: str = "") -> ValueError:
    """The error for a device that the backend does not have."""
    more = f" {reason}" if reason else ""
    return ValueError(
        f"device: got {backend.device_name!r} for backend {backend.name!r}, expected "
        f"{backend.devices}.{more}"
    )
