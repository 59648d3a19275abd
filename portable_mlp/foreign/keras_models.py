"""Keras' Sequential of Dense and what goes between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.foreign.found import (
    Found,
    LogSoftmax,
    Part,
    called,
    ended,
    fit_together,
    refusal,
    shape_after,
)
from portable_mlp.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Loss,
    Mish,
    PReLU,
    ReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from portable_mlp.nn.arrays import Shape
from portable_mlp.scaling import Scaling

_WHO = "from_keras"
_SMALLEST = 1e-7
"""Keras' own epsilon: its Normalization divides by at least this."""

_ACTIVATIONS: dict[str, list[Layer]] = {
    "linear": [],
    "relu": [ReLU()],
    "leaky_relu": [LeakyReLU(0.2)],
    "elu": [ELU()],
    "selu": [SELU()],
    "gelu": [GELU()],
    "silu": [SiLU()],
    "mish": [Mish()],
    "softplus": [Softplus()],
    "sigmoid": [Sigmoid()],
    "tanh": [Tanh()],
    "softmax": [Softmax()],
    "log_softmax": [LogSoftmax()],
}


def from_keras(model: Any, *, loss: str | Loss | None = None) -> Found:
    """What a network of Keras is made of.

    Args:
        model: a Sequential that is built.
        loss: None chooses by the last activation: softmax, log-softmax and sigmoid become part of the
            loss; without one predictions are the outputs.

    Raises:
        TypeError: it is something else.
        ValueError: a layer, or an option of one, that can't be taken over.
    """
    if _kind(model) != "Sequential":
        raise TypeError(
            f"{_WHO}: got {called(model)}, expected a Sequential of Keras: what another "
            "model does between its layers can't be seen."
        )
    if not getattr(model, "built", False):
        raise ValueError(
            f"{_WHO}: {model.name!r} is not built, expected one that knows its inputs: begin it with "
            "keras.Input((features,))."
        )
    given = model.input_shape[1:]
    if not given or None in given:
        raise ValueError(
            f"{_WHO}: a sample of {model.name!r} has shape {given}, expected a length for each axis."
        )
    shape = sample_shape = tuple(int(n) for n in given)
    scaling: Scaling | None = None
    parts: list[Part] = []
    for layer in _layers(model):
        kind, name = _kind(layer), str(layer.name)
        if kind in ("Rescaling", "Normalization"):
            if parts or scaling is not None:
                raise refusal(_WHO, name, f"a {kind} behind others", "it as the first layer")
            scaling = _SCALINGS[kind](layer, name, shape)
            continue
        make = _LAYERS.get(kind)
        if make is None:
            known = ", ".join(sorted([*_LAYERS, *_SCALINGS]))
            raise refusal(_WHO, name, f"a {type(layer).__name__}", f"one of {known}")
        for part in make(layer, name, shape):
            shape = shape_after(_WHO, name, part.layer, shape)
            parts.append(part)
    parts, chosen = ended(_WHO, parts, loss)
    return Found(sample_shape, chosen, parts, scaling)


def _layers(model: Any) -> Iterator[Any]:
    """The layers, containers opened."""
    for layer in model.layers:
        if _kind(layer) == "Sequential":
            yield from _layers(layer)
        elif _kind(layer) != "InputLayer":
            yield layer


def _kind(layer: Any) -> str:
    """The name of a class of Keras; empty for others, and where ``call`` is the user's own."""
    for cls in type(layer).__mro__:
        if cls.__module__.partition(".")[0] in ("keras", "tf_keras"):
            own = getattr(type(layer), "call", None) is not getattr(cls, "call", None)
            return "" if own else cls.__name__
    return ""


def _array(variable: Any) -> NDArray[Any]:
    """A variable on the host."""
    value = variable.value if hasattr(variable, "value") else variable
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _or(variable: Any, value: float, shape: Shape) -> NDArray[Any]:
    """A variable, or the number that stands for one that a layer does without."""
    return np.full(shape, value, np.float32) if variable is None else _array(variable)


def _check_last_axis(layer: Any, name: str, axis: Any, shape: Shape) -> None:
    axes = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    if axes not in ([-1], [len(shape)]):
        raise refusal(_WHO, name, f"one along axis {axis}", "the last axis")


def _dense(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    dense = Dense(int(layer.units), use_bias=bool(layer.use_bias))
    arrays = [_array(layer.kernel), *([_array(layer.bias)] if layer.use_bias else [])]
    if len(shape) == 1:  # else the layer itself refuses the samples
        fit_together(_WHO, name, zip(arrays, [(*shape, dense.units), (dense.units,)], strict=False))
    yield Part(dense, arrays)
    yield from _activation(layer, name, shape)


def _activation(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    function = layer.activation
    word = str(getattr(function, "__name__", function))
    own = not str(getattr(function, "__module__", "")).startswith(("keras.", "tf_keras."))
    if word not in _ACTIVATIONS or own:
        known = ", ".join(_ACTIVATIONS)
        raise refusal(_WHO, name, f"one with the activation {word!r}", f"one of Keras' {known}")
    yield from (Part(found) for found in _ACTIVATIONS[word])


def _batch_norm(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    _check_last_axis(layer, name, layer.axis, shape)
    if len(shape) != 1:
        raise refusal(_WHO, name, f"one for samples of shape {shape}", "samples of one axis")
    parameters = [_or(layer.gamma, 1.0, shape), _or(layer.beta, 0.0, shape)]
    state = [_array(layer.moving_mean), _array(layer.moving_variance)]
    fit_together(_WHO, name, [(array, shape) for array in (*parameters, *state)])
    yield Part(BatchNorm(1 - float(layer.momentum), float(layer.epsilon)), parameters, state)


def _layer_norm(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    _check_last_axis(layer, name, layer.axis, shape)
    if getattr(layer, "rms_scaling", False):
        raise refusal(_WHO, name, "one with rms_scaling", "rms_scaling=False, or RMSNormalization")
    parameters = [_or(layer.gamma, 1.0, shape[-1:]), _or(layer.beta, 0.0, shape[-1:])]
    fit_together(_WHO, name, [(array, shape[-1:]) for array in parameters])
    yield Part(LayerNorm(float(layer.epsilon)), parameters)


def _rms_norm(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    _check_last_axis(layer, name, layer.axis, shape)
    parameters = [_array(layer.scale)]
    fit_together(_WHO, name, [(parameters[0], shape[-1:])])
    yield Part(RMSNorm(float(layer.epsilon)), parameters)


def _relu(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    if layer.max_value is not None or layer.threshold:
        raise refusal(_WHO, name, "a ReLU with a max_value or a threshold", "one without")
    slope = float(layer.negative_slope)
    yield Part(LeakyReLU(slope) if slope else ReLU())


def _prelu(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    yield Part(PReLU(), [np.array(np.broadcast_to(_array(layer.alpha), shape))])


def _softmax(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    _check_last_axis(layer, name, layer.axis, shape)
    yield Part(Softmax())


def _dropout(layer: Any, name: str, shape: Shape) -> Iterator[Part]:
    if layer.noise_shape is not None:
        raise refusal(_WHO, name, "a Dropout with a noise_shape", "one without")
    yield Part(Dropout(float(layer.rate)))


_LAYERS: dict[str, Callable[[Any, str, Shape], Iterator[Part]]] = {
    "Activation": _activation,
    "BatchNormalization": _batch_norm,
    "Dense": _dense,
    "Dropout": _dropout,
    "ELU": lambda layer, name, shape: iter([Part(ELU(float(layer.alpha)))]),
    "Flatten": lambda layer, name, shape: iter([Part(Flatten())]),
    "LayerNormalization": _layer_norm,
    "LeakyReLU": lambda layer, name, shape: iter([Part(LeakyReLU(float(layer.negative_slope)))]),
    "PReLU": _prelu,
    "RMSNormalization": _rms_norm,
    "ReLU": _relu,
    "Softmax": _softmax,
}


def _rescaling(layer: Any, name: str, shape: Shape) -> Scaling:
    factor, offset = (np.asarray(value, np.float64) for value in (layer.scale, layer.offset))
    factor = np.array(np.broadcast_to(factor, shape))
    shift = np.array(np.broadcast_to(-offset, shape)) / factor
    bytes_of_images = not shift.any() and (factor == 1 / 255).all()
    return Scaling("/255" if bytes_of_images else "minmax", shift, factor)


def _normalization(layer: Any, name: str, shape: Shape) -> Scaling:
    if layer.invert:
        raise refusal(_WHO, name, "a Normalization with invert", "one without")
    if layer.mean is None or layer.variance is None:
        raise refusal(_WHO, name, "a Normalization that has seen no data", "one after adapt()")
    mean, variance = (
        np.reshape(np.asarray(_array(value), np.float64), np.shape(value)[1:])
        for value in (layer.mean, layer.variance)
    )
    factor = 1 / np.maximum(np.sqrt(variance), _SMALLEST)
    arrays = (np.array(np.broadcast_to(array, shape)) for array in (mean, factor))
    return Scaling("standard", *arrays)


_SCALINGS: dict[str, Callable[[Any, str, Shape], Scaling]] = {
    "Normalization": _normalization,
    "Rescaling": _rescaling,
}
