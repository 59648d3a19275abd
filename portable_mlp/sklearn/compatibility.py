"""What scikit-learn has only from some version on, or under names with an underscore: all of it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import _safe_indexing

from portable_mlp.backends import library_of

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupportMixin
    from sklearn.callback import with_callbacks as with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """No callbacks of scikit-learn's own."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """The method as it is."""
        return method


try:
    from sklearn.utils._array_api import (
        check_same_namespace,
        get_namespace_and_device,
        supported_float_dtypes,
    )

    DISPATCHES = True
except ImportError:  # before 1.9
    DISPATCHES = False


def dispatched(X: Any) -> bool:  # noqa: N803
    """Whether X is an array of another library than numpy, and scikit-learn was told to keep it so."""
    if not (DISPATCHES and get_config()["array_api_dispatch"]):
        return False
    owner = library_of(X)
    return owner is not None and owner.name != "numpy"


def float_types(X: Any) -> tuple[Any, ...]:  # noqa: N803
    """The types that X is converted to unless it has one of them: the first one is for all others."""
    if not dispatched(X):
        return np.float64, np.float32
    xp, _, device = get_namespace_and_device(X)
    have = supported_float_dtypes(xp, device)
    return tuple(t for t in (xp.float64, xp.float32) if t in have)


def on_host(x: Any) -> Any:
    """An array of any library as numpy, where scikit-learn keeps other arrays; all else as it is."""
    if not dispatched(x):
        return x
    owner: Any = library_of(x)
    return owner().to_numpy(x)


def like(answer: np.ndarray, X: Any) -> Any:  # noqa: N803
    """A numpy array in the kind of X and where it lies; text stays numpy."""
    if not dispatched(X) or answer.dtype.kind not in "biuf":
        return answer
    xp, _, device = get_namespace_and_device(X)
    return xp.asarray(answer, device=device)


def namespace(X: Any) -> Any:  # noqa: N803
    """The namespace of X."""
    return get_namespace_and_device(X)[0] if dispatched(X) else np


def rows_of(X: Any, numbers: np.ndarray) -> Any:  # noqa: N803
    """The rows of X with these numbers."""
    if not dispatched(X):
        return _safe_indexing(X, numbers)
    xp, _, device = get_namespace_and_device(X)
    return xp.take(X, xp.asarray(numbers, device=device), axis=0)


def check_place(X: Any, estimator: Any, method: str) -> None:  # noqa: N803
    """Refuses X where it is not of the library and device that `fit` saw, in scikit-learn's words."""
    if DISPATCHES and get_config()["array_api_dispatch"]:
        check_same_namespace(X, estimator, attribute="_first_weight", method=method)
