"""Multi-layer perceptrons, written once against the array API standard.

>>> import numpy as np
>>> from portable_mlp import MLP
>>> model = MLP([4, 16, 3], backend="numpy", seed=0)
>>> model.predict(np.zeros((2, 4))).shape
(2,)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portable_mlp import backends, nn, optim, training
    from portable_mlp.data import load_digits, load_fashion_mnist, load_mnist
    from portable_mlp.metrics import Metric
    from portable_mlp.model import MLP
    from portable_mlp.training import (
        BestEpoch,
        Callback,
        EarlyStopping,
        History,
        TrainingDiverged,
    )

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "BestEpoch",
    "Callback",
    "EarlyStopping",
    "History",
    "Metric",
    "TrainingDiverged",
    "backends",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "nn",
    "optim",
    "training",
]

_HOMES = {
    "MLP": "model",
    "Metric": "metrics",
    **dict.fromkeys(("load_digits", "load_fashion_mnist", "load_mnist"), "data"),
    **dict.fromkeys(
        ("BestEpoch", "Callback", "EarlyStopping", "History", "TrainingDiverged"), "training"
    ),
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is asked for first: ``import portable_mlp`` itself is quick."""
    if name in _HOMES:
        found = getattr(import_module(f"portable_mlp.{_HOMES[name]}"), name)
    elif name in __all__:
        found = import_module(f"portable_mlp.{name}")
    else:
        raise AttributeError(f"module 'portable_mlp' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return [*__all__, "__version__"]
