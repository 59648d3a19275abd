"""The network that an estimator's parameters describe, and how its weights are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from portable_mlp.backends import Backend, library_of
from portable_mlp.model import MLP
from portable_mlp.nn import Network
from portable_mlp.sklearn.heads import Head
from portable_mlp.sklearn.options import layers_of


def new_model(est: Any, head: Head, X: Any, random: np.random.RandomState) -> MLP:  # noqa: N803
    """The network with its first weights: scikit-learn's draws, where the layers are its own."""
    encoder = getattr(est, "encoder_", None)
    before = [] if encoder is None else encoder.layers()
    inputs = int(X.shape[1]) if encoder is None else encoder.width
    numbers = Network(tuple(before)).output_shape((inputs,))[0] if before else inputs
    layers = layers_of(est, numbers, head.outputs)
    ours = any(given is not None for given in (est.network, est.layers, est.initializer))
    drawn = ours or any(layer.streams for layer in layers) or before
    model = MLP(
        layers=layers,
        inputs=encoder or inputs,
        loss=head.loss,
        metrics=[],
        l2=est.alpha,
        penalty_per_batch=True,
        **place_of(est, X),
        seed=int(random.randint(2**31 - 1)) if drawn else 0,
    )
    if not ours:
        factor = 2.0 if isinstance(est.activation, str) and est.activation == "logistic" else 6.0
        first, shapes = {}, {name: array.shape for name, array in model.parameters().items()}
        for weight, bias in dense_names(model):
            shape = shapes[weight]
            bound = np.sqrt(factor / sum(shape))
            first[weight] = random.uniform(-bound, bound, shape)
            first[bias] = random.uniform(-bound, bound, shape[1])
        model.set_parameters(first)
    return model


def place_of(est: Any, X: Any) -> dict[str, Any]:  # noqa: N803
    """Backend, device and dtype: those that were asked for, else those of X."""
    dtype = est.dtype
    owner = library_of(X)  # of data frames None
    if dtype is None and not isinstance(est.backend, Backend):
        single = owner is not None and str(X.dtype).endswith("float32")
        dtype = "float32" if single else "float64"
    if est.backend is not None:
        return {"backend": est.backend, "device": est.device, "dtype": dtype}
    name = "numpy" if owner is None else owner.name
    return {"backend": name, "device": est.device or device_of(X), "dtype": dtype}


def dense_names(model: MLP) -> list[tuple[str, str]]:
    """Names of weights and biases of the affine layers."""
    names = model.parameters()
    weights = [n for n in names if n.endswith(".weight") and names[n].ndim == 2]
    return [(n, n.removesuffix("weight") + "bias") for n in weights]


def shown_as(est: Any, model: MLP) -> Callable[[np.ndarray], Any]:
    """How weights are shown: as arrays of the library that X was of."""
    backend = model.backend
    if est.backend is not None or backend.name == "numpy":
        return _read_only
    return lambda array: backend.asarray(array)


def _read_only(array: np.ndarray) -> np.ndarray:
    """Written to, it would change nothing; put another array in its place."""
    array.flags.writeable = False
    return array


def to_numpy(x: Any) -> np.ndarray:
    """An array of any library on the host."""
    owner: Any = library_of(x)
    return np.asarray(x) if owner is None else owner().to_numpy(x)


def device_of(X: Any) -> str | None:  # noqa: N803
    """Where an array of another library than numpy lies, as a user would write it."""
    owner = library_of(X)
    if owner is None or owner.name == "numpy":
        return None
    return str(owner.device_name_of(X))
