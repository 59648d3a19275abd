"""A model made of what was found in one of another library."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp.backends import Backend
from portable_mlp.foreign import Found


def made(
    cls: Any, found: Found, backend: str | Backend, device: str | None, dtype: str | None
) -> Any:
    """The model, with the other's numbers.

    Args:
        cls: `MLP`, or a class of the user's that is one.
        found: layers, numbers, loss.
        backend: name of the backend, ``"auto"``, or a backend.
        device: its device.
        dtype: None for that of the numbers.

    Raises:
        ValueError: layers that do not go with the loss; device or dtype that can't be.
    """
    if dtype is None and isinstance(backend, str):
        dtype = found.dtype
    model = cls(
        layers=found.layers,
        inputs=found.sample_shape,
        loss=found.loss,
        scaling=found.scaling,
        backend=backend,
        device=device,
        dtype=dtype,
    )
    model.columns = found.columns
    problem = model._problem
    vector = np.concatenate([array.reshape(-1) for array in found.parameters])
    with problem.backend.scope():
        model._weights = problem.from_host(vector, found.state)
    return model
