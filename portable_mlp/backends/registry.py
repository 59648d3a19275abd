"""Which backends there are, which can be used here, and how one is made."""

from __future__ import annotations

from dataclasses import dataclass

from portable_mlp.backends.array_api_strict import StrictBackend
from portable_mlp.backends.base import Backend, BackendUnavailableError
from portable_mlp.backends.cupy import CupyBackend
from portable_mlp.backends.dpnp import DpnpBackend
from portable_mlp.backends.jax import JaxBackend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.torch import TorchBackend
from portable_mlp.nn.choices import check_name

BACKENDS: dict[str, type[Backend]] = {
    cls.name: cls
    for cls in (NumpyBackend, CupyBackend, TorchBackend, JaxBackend, DpnpBackend, StrictBackend)
}
"""The classes by the name that users write."""

AUTO_ORDER = ("numpy", "cupy", "jax", "torch", "dpnp")
"""Backends that ``backend="auto"`` tries, in this order."""

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Status:
    """Whether a backend can be used here.

    Args:
        name: what users write.
        usable: whether a matrix product with elementwise functions ran.
        reason: one sentence why not; empty if usable.
        install: the command that installs it.
        version: version of the library, empty if not usable.
        device: the default device, empty if not usable.
        advice: how it could be faster here; most often empty.
    """

    name: str
    usable: bool
    reason: str
    install: str
    version: str
    device: str
    advice: str = ""

    def __str__(self) -> str:
        if self.usable:
            advice = f" {self.advice}" if self.advice else ""
            return f"{self.name}: usable ({self.version}, {self.device}){advice}"
        return f"{self.name}: not usable: {self.reason} Install: {self.install}"


def status() -> tuple[Status, ...]:
    """All backends, with what is true of each on this machine.

    It imports every library that is installed, which can take seconds.

    Example:
        >>> [s.usable for s in status() if s.name == "numpy"]
        [True]
    """
    return tuple(_status(cls) for cls in BACKENDS.values())


def usable() -> tuple[str, ...]:
    """Names of the backends that can be used here.

    Example:
        >>> "numpy" in usable()
        True
    """
    return tuple(s.name for s in status() if s.usable)


def _status(cls: type[Backend]) -> Status:
    reason = cls.missing()
    if reason:
        return Status(cls.name, False, reason, cls.install, "", "")
    return Status(cls.name, True, "", cls.install, cls.version(), cls().place, cls.advice())


def get(
    backend: str | Backend = "numpy",
    device: str | None = None,
    dtype: str | None = None,
    *,
    compiler: str | None = None,
    precision: str | None = None,
) -> Backend:
    """The backend of that name, ready for use.

    Args:
        backend: a name out of ``BACKENDS``, or a backend, which is given back as it is.
        device: such as ``"cuda:1"``; None for the library's default.
        dtype: ``"float32"``, ``"float64"``; None for float32, or for what the object has.
        compiler: how training steps are run; the backend's class says which ways there are. None for
            the best that is installed.
        precision: of matrix products: ``"float32"`` (None means this), ``"tf32"``, ``"bfloat16"``,
            ``"float16"``, where the library has it. Weights stay in float32.

    Raises:
        ValueError: unknown name, device or dtype.
        BackendUnavailableError: the library is not installed, has no device or does not compute.

    Example:
        >>> get("numpy").xp.__name__
        'array_api_compat.numpy'
    """
    if device is not None and not isinstance(device, str):
        raise ValueError(f"device: got {device!r}, expected a name such as 'cpu' or 'cuda:1'.")
    if isinstance(backend, Backend):
        for what, asked, has in (
            ("device", device, backend.device_name),
            ("dtype", dtype, backend.dtype_name),
            ("compiler", compiler, backend.compiler),
            ("precision", precision, backend.precision),
        ):
            if asked not in (None, has):
                raise ValueError(
                    f"{what}: got {asked!r} beside a backend object with {has!r}, expected none: the "
                    "object has its own."
                )
        made = backend
    elif isinstance(backend, str):
        check_name("backend", backend, BACKENDS)
        if dtype is not None and not (isinstance(dtype, str) and dtype in DTYPES):
            raise ValueError(
                f"dtype: got {dtype!r}, expected 'float32' or 'float64'. Half precision is no type "
                "to hold weights in."
            )
        made = BACKENDS[backend](
            device, dtype or "float32", compiler or "auto", precision or "float32"
        )
    else:
        raise TypeError(f"backend: got {backend!r}, expected a name, one of {', '.join(BACKENDS)}.")
    reason = made.why_unusable()
    if reason:
        raise BackendUnavailableError(
            f"backend {made.name!r} can't be used here: {reason} Install: {made.install}"
        )
    return made
