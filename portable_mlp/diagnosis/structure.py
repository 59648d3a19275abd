"""Parameters and gradients in whatever structure their owner keeps them: lists, tuples, dictionaries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from portable_mlp.backends import Backend
from portable_mlp.backends.interchange import library_of


class ProgramError(ValueError):
    """The program can't be examined; the message names the argument and says what was expected."""


@dataclass(frozen=True)
class Leaf:
    """One array of the parameters.

    Args:
        name: as its owner would write it: ``"params['W1']"``.
        value: in double precision.
        dtype: that it had, by name.
        backend: makes arrays of its library; None for numpy.
    """

    name: str
    value: np.ndarray
    dtype: str
    backend: Backend | None


def backend_of(array: Any, owner: type[Backend] | None) -> Backend | None:
    """What makes arrays of a library in double precision; None for numpy."""
    if owner is None or owner.name == "numpy":
        return None
    backend = owner(owner.device_name_of(array), "float64")
    try:
        with backend.visitors_scope():
            backend.asarray(np.zeros(1))
    except (ValueError, TypeError, RuntimeError) as error:
        raise ProgramError(
            f"params: derivatives by differences need float64, which {owner.name} on "
            f"{backend.place!r} does not have; run the check with arrays on the CPU."
        ) from error
    return backend


def to_host(thing: Any) -> np.ndarray:
    """An array of any library as one of numpy."""
    owner = library_of(thing)
    if owner is None or owner.name == "numpy":
        return np.asarray(thing)
    return owner(owner.device_name_of(thing)).to_numpy(thing)


def made_like(value: np.ndarray, backend: Backend | None) -> Any:
    """A copy of a host array in the library of a backend."""
    if backend is None:
        return value.copy()
    with backend.visitors_scope():
        return backend.asarray(value.copy())


def is_leaf(thing: Any) -> bool:
    """Whether something is one array and no structure of them."""
    return not isinstance(thing, (dict, list, tuple)) or (
        isinstance(thing, list) and bool(thing) and all(isinstance(x, (int, float)) for x in thing)
    )


def children_of(thing: Any, name: str) -> Iterable[tuple[str, Any]]:
    """The parts of a structure, with their names."""
    if isinstance(thing, dict):
        return ((f"{name}[{key!r}]", child) for key, child in thing.items())
    if hasattr(thing, "_fields"):
        return ((f"{name}.{key}", getattr(thing, key)) for key in thing._fields)
    return ((f"{name}[{i}]", child) for i, child in enumerate(thing))


def arrays_in(thing: Any, name: str) -> Iterable[tuple[str, Any]]:
    """All arrays of a structure, with their names."""
    if thing is None:
        return
    if is_leaf(thing):
        yield name, thing
        return
    for child_name, child in children_of(thing, name):
        yield from arrays_in(child, child_name)


def leaves_of(params: Any, name: str) -> Iterable[Leaf]:
    """All parameters, checked."""
    for leaf_name, array in arrays_in(params, name):
        host = to_host(array)
        if host.dtype.kind not in "fiub":
            raise ProgramError(
                f"{leaf_name}: got {type(array).__name__} of type {host.dtype}, expected numbers."
            )
        value = host.astype(np.float64)
        if not np.isfinite(value).all():
            raise ProgramError(f"{leaf_name}: holds NaN or infinity before anything was done.")
        yield Leaf(leaf_name, value, str(host.dtype), backend_of(array, library_of(array)))


def rebuilt(like: Any, leaves: Any) -> Any:
    """The same structure with other arrays."""
    if like is None:
        return None
    if is_leaf(like):
        return next(leaves)
    if isinstance(like, dict):
        return {key: rebuilt(child, leaves) for key, child in like.items()}
    children = [rebuilt(child, leaves) for _, child in children_of(like, "")]
    if hasattr(like, "_fields"):
        return type(like)(*children)
    return children if isinstance(like, list) else tuple(children)


def rebuilt_as(params: Any, like: Any, leaves: Any) -> Any:
    """Arrays in the order of the parameters, in the structure that gradients came in."""
    if isinstance(params, dict) and isinstance(like, dict):
        keys = matched_keys(list(params), list(like), "gradients")
        return {
            keys[key]: rebuilt_as(child, like[keys[key]], leaves) for key, child in params.items()
        }
    if isinstance(params, dict) and isinstance(like, (list, tuple)):
        made = [rebuilt_as(p, g, leaves) for p, g in zip(params.values(), like, strict=True)]
        return made if isinstance(like, list) else tuple(made)
    return rebuilt(params, leaves)


def in_order(found: Any, like: Any, name: str) -> list[Any]:
    """The gradients in the order of the parameters' leaves."""
    if like is None:
        return []
    if is_leaf(like):
        return [found]
    if found is None:
        raise ProgramError(f"{name}: returned None, expected the structure of the parameters.")
    if isinstance(like, dict):
        if not isinstance(found, dict):
            return _like_sequence(found, list(like.values()), name)
        keys = matched_keys(list(like), list(found), name)
        return [
            leaf
            for key, child in like.items()
            for leaf in in_order(found[keys[key]], child, f"{name}[{keys[key]!r}]")
        ]
    children = [child for _, child in children_of(like, "")]
    return _like_sequence(found, children, name)


def _like_sequence(found: Any, children: list[Any], name: str) -> list[Any]:
    if isinstance(found, dict) or not hasattr(found, "__len__"):
        raise ProgramError(
            f"{name}: returned a {type(found).__name__}, expected {len(children)} arrays in the "
            "structure of the parameters."
        )
    if len(found) != len(children):
        raise ProgramError(
            f"{name}: returned {len(found)} arrays, expected {len(children)}: one for each parameter, "
            "in their order."
        )
    return [
        leaf
        for i, (child, of) in enumerate(zip(children, found, strict=True))
        for leaf in in_order(of, child, f"{name}[{i}]")
    ]


def matched_keys(keys: list[Any], found: list[Any], name: str) -> dict[Any, Any]:
    """Which key of the gradients belongs to which parameter: the same, or with a d or grad about it."""
    matched = {}
    for key in keys:
        forms = [
            form.format(key).lower() for form in ("{}", "d{}", "d_{}", "g_{}", "grad_{}", "{}_grad")
        ]
        places = [other for form in forms for other in found if str(other).lower() == form]
        if places:
            matched[key] = key if key in found else places[0]
    if len(set(matched.values())) < len(keys):
        raise ProgramError(
            f"{name}: has the keys {', '.join(map(repr, found))}, expected those of the parameters: "
            f"{', '.join(map(repr, keys))} (or with a d before each)."
        )
    return matched
