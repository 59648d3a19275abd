"""Somebody's own loss and gradients, called safely: as functions of numpy arrays in double precision.

Whatever structure and library the parameters have, here they are a list of float64 arrays with names.
Each call gets fresh copies in the program's own structure and library, so that nothing of the caller's
can be written to, and what a call changes in its arguments is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from portable_mlp.backends import Backend
from portable_mlp.backends.interchange import library_of
from portable_mlp.diagnosis.structure import (
    Leaf,
    ProgramError,
    arrays_in,
    backend_of,
    in_order,
    leaves_of,
    made_like,
    rebuilt,
    rebuilt_as,
    to_host,
)

__all__ = ["Leaf", "Memory", "Program", "ProgramError", "finite"]


class Memory(NamedTuple):
    """What a gradient function adds of earlier calls.

    Args:
        of_all: whether of all calls, r_k = g + share · r_{k-1}; else of the last one alone,
            r_k = g_k + share · g_{k-1}.
        share: how much.
    """

    of_all: bool
    share: float

    def new_part(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """g, from two calls at the same parameters."""
        return second - self.share * first if self.of_all else second / (1 + self.share)


@dataclass
class Program:
    """Loss and gradients of somebody's own.

    Args:
        loss_of: ``loss(params, X, Y) -> float``.
        gradients_of: ``gradients(params, X, Y)``, in the structure of the parameters.
        params: a list, tuple or dictionary of arrays, nested or not, or one array.
        X: the inputs.
        Y: the targets.
        forward_of: ``forward(params, X)``: the outputs; None if unknown.
    """

    loss_of: Callable[..., Any]
    gradients_of: Callable[..., Any]
    params: Any
    X: Any
    Y: Any
    forward_of: Callable[..., Any] | None = None
    called: str = "gradients"
    """What messages call ``gradients_of``."""
    leaves: list[Leaf] = field(default_factory=list, init=False)
    changed: set[str] = field(default_factory=set, init=False)
    """Arguments that a call has written to."""
    trusted: bool = field(default=False, init=False)
    """Whether it is given X and Y themselves, which it can't write to, in place of copies."""
    seeded: bool = field(default=False, init=False)
    """Whether ``np.random`` is set to the same state before each call, and set back after it."""
    named_like: Any = field(default=None, init=False)
    """The gradients as they came last: their keys need not be those of the parameters."""
    memory: Memory | None = field(default=None, init=False)
    """What its gradients have of earlier calls."""

    def __post_init__(self) -> None:
        """Reads the structure."""
        for what in ("loss_of", "gradients_of"):
            if not callable(getattr(self, what)):
                given = type(getattr(self, what)).__name__
                raise ProgramError(
                    f"{what.removesuffix('_of')}: got a {given}, expected a function of "
                    "(params, X, Y)."
                )
        self.leaves = list(leaves_of(self.params, "params"))
        if not self.leaves:
            raise ProgramError("params: got no array, expected a list, tuple or dict of arrays.")
        self._X, self._Y = _Data(self.X, "X"), _Data(self.Y, "Y")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return tuple(leaf.name for leaf in self.leaves)

    @property
    def values(self) -> list[np.ndarray]:
        """The parameters as they were given, in double precision; copies."""
        return [np.array(leaf.value) for leaf in self.leaves]

    @property
    def inputs(self) -> np.ndarray:
        """X on the host."""
        return self._X.host

    @property
    def targets(self) -> np.ndarray:
        """Y on the host."""
        return self._Y.host

    def with_targets(self, targets: np.ndarray) -> Program:
        """The same with other targets, in the library of its own."""
        return self.on(self.inputs, targets)

    def on(self, x: np.ndarray, y: np.ndarray) -> Program:
        """The same on other samples, host arrays, in the libraries of its own; quick to make."""
        made = copy(self)
        made._X, made._Y = self._X.other(x), self._Y.other(y)
        return made

    def aliased(self) -> list[tuple[str, str]]:
        """Pairs of parameters that share memory."""
        given = [array for _, array in arrays_in(self.params, "params")]
        return [
            (self.names[i], self.names[j])
            for i in range(len(given))
            for j in range(i)
            if isinstance(given[i], np.ndarray)
            and isinstance(given[j], np.ndarray)
            and np.shares_memory(given[i], given[j])
        ]

    def loss(self, values: Sequence[np.ndarray]) -> float:
        """The loss at these parameters.

        Raises:
            ProgramError: it raises, or is not one number.
        """
        found = self._call("loss", self.loss_of, values, self._Y)
        if found is None:
            raise ProgramError("loss: returned None, expected one number; is a return missing?")
        try:
            array = np.asarray(to_host(found), np.float64)
        except (TypeError, ValueError):
            raise ProgramError(
                f"loss: returned a {type(found).__name__}, expected one number."
            ) from None
        if array.size != 1:
            raise ProgramError(
                f"loss: returned an array of shape {array.shape}, expected one number; likely cause: "
                "a mean or sum over the samples is missing."
            )
        return float(array.reshape(()))

    def outputs(self, values: Sequence[np.ndarray]) -> np.ndarray | None:
        """What the program predicts; None if it was not told how."""
        if self.forward_of is None:
            return None
        found = self._call("forward", self.forward_of, values)
        if isinstance(found, (tuple, list, dict)) or found is None:
            raise ProgramError(
                f"forward: returned a {type(found).__name__}, expected the outputs alone."
            )
        return np.asarray(to_host(found), np.float64)

    def gradients(self, values: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        """The gradients at these parameters, in the order of the leaves; None where one is None.

        Their shapes are the program's own, and need not be those of the parameters. What a program
        keeps of earlier calls is taken off.

        Raises:
            ProgramError: it raises, or has another structure than the parameters.
        """
        found = self._gradients_once(values)
        if self.memory is None:
            return found
        kept, again = self.memory, self._gradients_once(values)
        return [
            None if a is None or b is None else kept.new_part(a, b)
            for a, b in zip(found, again, strict=True)
        ]

    def _gradients_once(self, values: Sequence[np.ndarray]) -> list[np.ndarray | None]:
        found = self._call(self.called, self.gradients_of, values, self._Y)
        if isinstance(found, tuple) and len(found) == 2 and len(self.leaves) != 2:
            seems = not isinstance(found[0], (dict, list, tuple))
            if seems and np.size(to_host(found[0])) == 1:
                raise ProgramError(
                    f"{self.called}: returned two things, the first one number, expected the gradients "
                    "alone, not (loss, gradients)."
                )
        try:
            made = [
                None if g is None else np.array(to_host(g), np.float64)
                for g in in_order(found, self.params, self.called)
            ]
            self.named_like = found
            return made
        except (TypeError, ValueError) as error:
            if isinstance(error, ProgramError):
                raise
            raise ProgramError(
                f"{self.called}: returned something that is no array of numbers: {error}"
            ) from error

    def updated(
        self,
        update: Callable[..., Any],
        values: Sequence[np.ndarray],
        gradients: Sequence[np.ndarray | None],
    ) -> list[np.ndarray]:
        """Parameters after somebody's own ``update(params, gradients)``, which may write to them.

        Raises:
            ProgramError: it raises, or gives back another structure.
        """
        backends = [leaf.backend for leaf in self.leaves]
        given = rebuilt(self.params, map(made_like, values, backends))
        arrays = (np.zeros(1) if g is None else g for g in gradients)
        like = self.params if self.named_like is None else self.named_like
        slopes = rebuilt_as(self.params, like, map(made_like, arrays, backends))
        with self._scope(), np.errstate(all="ignore"):
            try:
                found = update(given, slopes)
            except Exception as error:
                raise ProgramError(f"update: raised {type(error).__name__}: {error}") from error
        after = in_order(given if found is None else found, self.params, "update")
        return [np.array(to_host(array), np.float64) for array in after]

    def _call(
        self, what: str, function: Callable[..., Any], values: Sequence[np.ndarray], *rest: _Data
    ) -> Any:
        fresh = iter(
            made_like(value, leaf.backend) for value, leaf in zip(values, self.leaves, strict=True)
        )
        given = rebuilt(self.params, fresh)
        data = [d.locked() if self.trusted else d.fresh() for d in (self._X, *rest)]
        with self._scope(), np.errstate(all="ignore"):
            try:
                found = self._answer(function, given, data)
            except Exception as error:
                if self.trusted and "read-only" in str(error):
                    self.trusted = False
                    return self._call(what, function, values, *rest)
                raise ProgramError(f"{what}: raised {type(error).__name__}: {error}") from error
            if self.trusted:
                return found
            for (name, array), value in zip(arrays_in(given, "params"), values, strict=True):
                if not np.array_equal(to_host(array), value, equal_nan=True):
                    self.changed.add(f"{what} changes {name}")
            for source, passed in zip((self._X, *rest), data, strict=True):
                if not np.array_equal(to_host(passed), source.host, equal_nan=source.floats):
                    self.changed.add(f"{what} changes {source.name}")
        return found

    def _answer(self, function: Callable[..., Any], given: Any, data: list[Any]) -> Any:
        if not self.seeded:
            return function(given, *data)
        state = np.random.get_state()
        try:
            np.random.seed(0)
            return function(given, *data)
        finally:
            np.random.set_state(state)

    def _scope(self) -> AbstractContextManager[Any]:
        backend = next((leaf.backend for leaf in self.leaves if leaf.backend is not None), None)
        return nullcontext() if backend is None else backend.visitors_scope()


class _Data:
    """X or Y: copied for each call, floats in double precision."""

    def __init__(self, given: Any, name: str) -> None:
        owner = library_of(given)
        self.name = name
        try:
            self.host = np.array(to_host(given))
        except ValueError as error:
            raise ProgramError(
                f"{name}: got rows of different lengths, expected an array."
            ) from error
        if self.host.dtype == object:
            raise ProgramError(f"{name}: got {type(given).__name__} of objects, expected numbers.")
        if self.host.dtype.kind not in "fiub":
            raise ProgramError(
                f"{name}: got an array of type {self.host.dtype}, expected numbers; text must be turned "
                "into class numbers first."
            )
        if not self.host.size:
            raise ProgramError(f"{name}: got no numbers, shape {self.host.shape}.")
        self.floats = self.host.dtype.kind == "f"
        if self.floats:
            self.host = self.host.astype(np.float64)
        wrong = np.argwhere(~np.isfinite(self.host))
        if len(wrong):
            place = tuple(int(k) for k in wrong[0])
            raise ProgramError(
                f"{name}: holds {self.host[place]} at {list(place)}"
                f"{f' and in {len(wrong) - 1} other places' if len(wrong) > 1 else ''}; fill it in or "
                "leave such samples out."
            )
        self.backend = backend_of(given, owner)

    def other(self, host: np.ndarray) -> _Data:
        """Other numbers of the same kind."""
        made = copy(self)
        made.host = host.astype(np.float64, copy=False) if host.dtype.kind == "f" else host
        made.floats = host.dtype.kind == "f"
        return made

    def locked(self) -> Any:
        """Without a copy, where nothing can be written to it."""
        if self.backend is not None:
            return self.fresh()
        view = self.host.view()
        view.flags.writeable = False
        return view

    def fresh(self) -> Any:
        """A copy in the library of its own."""
        if self.backend is None:
            return self.host.copy()
        with self.backend.visitors_scope():
            return self.backend.asarray(self.host.copy(), _dtype_in(self.backend, self.host))


def _dtype_in(backend: Backend, host: np.ndarray) -> Any:
    return getattr(backend.xp, str(host.dtype), None) if host.dtype.kind != "f" else None


def finite(arrays: Iterable[np.ndarray]) -> bool:
    """Whether all numbers are finite."""
    return all(bool(np.isfinite(a).all()) for a in arrays)
