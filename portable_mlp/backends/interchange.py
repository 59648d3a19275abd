"""What kind of array somebody passed in, how it gets to a model's device, and how answers go back."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp.backends.base import Backend
from portable_mlp.backends.registry import BACKENDS

_LIBRARIES = {cls.library: cls for cls in BACKENDS.values()} | {"jaxlib": BACKENDS["jax"]}


def library_of(x: Any) -> type[Backend] | None:
    """The backend class of an array's library; None for lists, data frames and other host objects."""
    if isinstance(x, (np.ndarray, np.generic)):
        return BACKENDS["numpy"]
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return None
    return _LIBRARIES.get(type(x).__module__.partition(".")[0])


def is_host(x: Any) -> bool:
    """Whether x is numpy, a list, a data frame: what lies in ordinary memory and becomes numpy."""
    cls = library_of(x)
    return cls is None or cls is BACKENDS["numpy"]


def check_place(what: str, x: Any, backend: Backend) -> None:
    """Refuses an array that can't go to the backend's device without a copy through the host.

    Args:
        what: its name in messages: ``"X"``.
        x: a host object, or an array of any library.
        backend: where it is to go.

    Raises:
        ValueError: it lies on another device than the model's, is complex or sparse, or requires a
            gradient.
    """
    owner = library_of(x)
    if owner is None or owner is BACKENDS["numpy"]:
        return
    if getattr(x, "requires_grad", False):
        raise ValueError(f"{what}: got a tensor that requires a gradient; pass {what}.detach().")
    if "complex" in str(x.dtype):
        raise ValueError(f"{what} holds {x.dtype} data, expected real numbers.")
    if "sparse" in str(getattr(x, "layout", "")):
        raise ValueError(
            f"Sparse data was passed as {what}, expected dense: use {what}.to_dense()."
        )
    place = owner.device_name_of(x)
    if place != backend.place:
        raise ValueError(_other_place(what, owner, place, backend))


def take_in(what: str, x: Any, backend: Backend, dtype: Any = None) -> Any:
    """The array on the backend's device, in its dtype.

    Args:
        what: its name in messages: ``"X"``.
        x: a host object, or an array of any library.
        backend: where it is to go.
        dtype: None for the model's floating-point type.

    Raises:
        ValueError: as `check_place`.
    """
    dtype = backend.dtype if dtype is None else dtype
    check_place(what, x, backend)
    owner = library_of(x)
    if owner is None or owner is BACKENDS["numpy"]:
        return backend.asarray(x, dtype)
    if owner is type(backend):
        return backend.xp.astype(x, dtype, copy=False)
    if backend.place == "cpu":
        return backend.asarray(owner().to_numpy(x), dtype)
    return backend.xp.astype(backend.from_dlpack(x), dtype, copy=False)


def answer_like(answer: Any, like: Any, backend: Backend) -> Any:
    """A result of a model in the kind of the input: numpy for host objects, else the same library.

    Args:
        answer: an array of the backend.
        like: the input as the caller passed it.
        backend: the model's backend.
    """
    owner = library_of(like)
    if owner is None or owner is BACKENDS["numpy"]:
        return backend.to_numpy(answer)
    if owner is type(backend):
        return answer
    target = owner(owner.device_name_of(like), backend.dtype_name)
    with target.scope():
        if target.place == "cpu":
            host = backend.to_numpy(answer)
            integers = host.dtype.kind in "iu"
            return target.asarray(host, target.index_dtype if integers else target.dtype)
        return target.from_dlpack(answer)


def _other_place(what: str, owner: type[Backend], place: str, backend: Backend) -> str:
    return (
        f"{what} is a {owner.name} array on {place!r}, the model is on {backend.name} "
        f"{backend.place!r}: move the model, model.to({owner.name!r}, device={place!r}), or pass "
        f"{what} as numpy."
    )
