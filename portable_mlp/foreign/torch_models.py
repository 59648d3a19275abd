"""PyTorch's nn.Sequential, or a state dict with the layers that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    Identity,
    Layer,
    LayerNorm,
    LeakyReLU,
    Loss,
    Mish,
    Network,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Scale,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.dense_stack import sample_shape_of

_WHO = "from_torch"
_FAR = 15.0
"""From here on log(1 + exp z) is z to 3e-7."""
_SIZES = {"Linear": "in_features", "BatchNorm1d": "num_features"}

Tensors = dict[str, NDArray[Any]]


def from_torch(
    model: Any,
    *,
    loss: str | Loss | None = None,
    layers: Sequence[Layer] | None = None,
    inputs: int | Shape | None = None,
) -> Found:
    """What a network of PyTorch is made of.

    Args:
        model: nn.Sequential, or a state dict.
        loss: None chooses by the last layer: softmax, log-softmax and sigmoid become part of the loss;
            without one predictions are the outputs.
        layers: beside a state dict: the layers in its order.
        inputs: features of a sample, or its shape, where the first layer does not say.

    Raises:
        TypeError: it is something else.
        ValueError: a layer, an option of one, or arrays that can't be taken over.
    """
    if isinstance(model, Mapping):
        if layers is None:
            raise TypeError(
                f"{_WHO}: got a state dict, which does not say what lies between its arrays, expected "
                "layers= beside it, such as [Dense(16), ReLU(), Dense(3)], or the nn.Sequential itself."
            )
        tensors = _grouped(model)
        named = list(_with_tensors(layers, tensors))
    else:
        if layers is not None:
            raise TypeError(
                f"{_WHO}: got layers= beside a module, expected them beside a state dict."
            )
        modules = list(_modules(model))
        tensors = {name: _own_tensors(name, module) for name, module in modules}
        named = [(name, _layer(name, module)) for name, module in modules]
        inputs = _inputs(modules) if inputs is None else inputs
    if inputs is None:
        first = next((t["weight"] for t in tensors.values() if "weight" in t), None)
        if isinstance(model, Mapping) and first is not None:
            inputs = first.shape[-1]
    if inputs is None:
        raise ValueError(
            f"{_WHO}: the first layers do not say how many features a sample has, expected inputs=."
        )
    shape = sample_shape = sample_shape_of(inputs)
    parts: list[Part] = []
    for name, layer in named:
        parts.append(_part(name, layer, tensors.get(name, {}), shape))
        shape = shape_after(_WHO, name, layer, shape)
    parts, chosen = ended(_WHO, parts, loss)
    return Found(sample_shape, chosen, parts)


# -- modules ----------------------------------------------------------------------------------------


def _modules(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Name and module of each layer, containers opened; one that stands twice comes twice."""
    if _kind(model) == "Sequential":
        _refuse_hooks(path or type(model).__name__, model)
        for name, child in model._modules.items():  # named_children leaves out what it had before
            yield from _modules(child, f"{path}.{name}" if path else name)
    elif path:
        yield path, model
    else:
        raise TypeError(
            f"{_WHO}: got {called(model)}, expected an nn.Sequential of PyTorch, or a state "
            "dict with layers= beside it: what another module does between its layers can't be seen."
        )


def _kind(module: Any) -> str:
    """The name of a class of PyTorch; empty for others, and where ``forward`` is the user's own."""
    for cls in type(module).__mro__:
        if cls.__module__.startswith("torch.nn."):
            own = getattr(type(module), "forward", None) is not getattr(cls, "forward", None)
            return "" if own or "forward" in vars(module) else cls.__name__
    return ""


def _refuse_hooks(name: str, module: Any) -> None:
    if module._forward_pre_hooks or module._forward_hooks:
        raise refusal(
            *(_WHO, name, f"{_shown(module)} with a forward hook"),
            "one without: what a hook does can't be seen; remove it, and spectral_norm, weight_norm or "
            "pruning with torch.nn.utils' remove functions",
        )


def _own_tensors(name: str, module: Any) -> Tensors:
    return {key: _array(name, tensor) for key, tensor in module.state_dict().items()}


def _array(name: str, tensor: Any) -> NDArray[Any]:
    """A tensor of a layer on the host: in double precision where it has that, else in single."""
    try:
        wide = np.asarray(
            tensor.detach().cpu().double() if hasattr(tensor, "detach") else tensor, float
        )
    except Exception as error:
        raise ValueError(
            f"{_WHO}: layer {name!r} has no numbers that can be read ({type(error).__name__}), expected "
            "weights: was the model never called, or is it on the meta device?"
        ) from error
    return wide if str(tensor.dtype).endswith("float64") else wide.astype(np.float32)


def _inputs(modules: Iterable[tuple[str, Any]]) -> int | None:
    """How many features a sample has, if a layer says it before they are changed."""
    for _, module in modules:
        kind = _kind(module)
        if kind in _SIZES:
            return int(getattr(module, _SIZES[kind]))
        if kind in ("LayerNorm", "RMSNorm"):
            return int(module.normalized_shape[-1])
        if kind == "Flatten":
            return None
    return None


def _layer(name: str, module: Any) -> Layer:
    """The layer without its numbers.

    Raises:
        ValueError: none does the same.
    """
    make = _LAYERS.get(_kind(module))
    if make is None:
        known = ", ".join(sorted(_LAYERS))
        raise refusal(_WHO, name, _shown(module), f"one of {known}, or a Sequential of them")
    _refuse_hooks(name, module)
    layer, doubt = make(module)
    if doubt:
        raise refusal(_WHO, name, _shown(module), doubt)
    return layer


def _shown(module: Any) -> str:
    return " ".join(repr(module).split())[:200]


Made = tuple[Layer, str]
"""A layer, and what was expected in place of the options that the module has; empty if nothing."""


def _dropout(module: Any) -> Made:
    return (Dropout(module.p), "") if module.p < 1 else (Dropout(0.0), "p below 1")


def _batch_norm(module: Any) -> Made:
    if not module.track_running_stats:
        return BatchNorm(), "track_running_stats=True: predictions here do not depend on the batch"
    momentum = module.momentum
    if momentum is None:
        return BatchNorm(), "a momentum"
    return BatchNorm(momentum=momentum, epsilon=module.eps), ""


def _layer_norm(module: Any) -> Made:
    doubt = "" if len(module.normalized_shape) == 1 else "a normalized_shape of one axis, the last"
    return LayerNorm(epsilon=module.eps), doubt


def _rms_norm(module: Any) -> Made:
    doubt = "" if len(module.normalized_shape) == 1 else "a normalized_shape of one axis, the last"
    if module.eps is not None:
        return RMSNorm(epsilon=module.eps), doubt
    if module.weight is None:
        return RMSNorm(), doubt or "eps given as a number, or a weight, whose type chooses it"
    # PyTorch's choice: of half precision it is that of single, in which it computes
    kind = _array("", module.weight).dtype
    return RMSNorm(epsilon=float(np.finfo(kind).eps)), doubt


def _softplus(module: Any) -> Made:
    usual = module.beta == 1 and module.threshold >= _FAR
    return Softplus(), "" if usual else f"beta=1 and a threshold of at least {_FAR:g}"


def _softmax(module: Any) -> Made:
    return Softmax(), _last_axis(module)


def _last_axis(module: Any) -> str:
    return "" if module.dim in (1, -1) else "dim=1 or dim=-1"


def _flatten(module: Any) -> Made:
    usual = (module.start_dim, module.end_dim) == (1, -1)
    return Flatten(), "" if usual else "start_dim=1 and end_dim=-1"


_LAYERS: dict[str, Callable[[Any], Made]] = {
    "BatchNorm1d": _batch_norm,
    "Dropout": _dropout,
    "ELU": lambda module: (ELU(module.alpha), ""),
    "Flatten": _flatten,
    "GELU": lambda module: (GELU(module.approximate), ""),
    "Identity": lambda module: (Identity(), ""),
    "LayerNorm": _layer_norm,
    "LeakyReLU": lambda module: (LeakyReLU(module.negative_slope), ""),
    "Linear": lambda module: (Dense(module.out_features, use_bias=module.bias is not None), ""),
    "LogSoftmax": lambda module: (LogSoftmax(), _last_axis(module)),
    "Mish": lambda module: (Mish(), ""),
    "PReLU": lambda module: (PReLU(), ""),
    "ReLU": lambda module: (ReLU(), ""),
    "RMSNorm": _rms_norm,
    "SELU": lambda module: (SELU(), ""),
    "Sigmoid": lambda module: (Sigmoid(), ""),
    "SiLU": lambda module: (SiLU(), ""),
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Tanh": lambda module: (Tanh(), ""),
}


# -- state dicts ------------------------------------------------------------------------------------


def _grouped(state: Mapping[str, Any]) -> dict[str, Tensors]:
    """The arrays of each module, by its name, in their order."""
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for key, tensor in state.items():
        module, _, name = str(key).rpartition(".")
        if not hasattr(tensor, "shape"):
            raise TypeError(
                f"{_WHO}: {key!r} is a {type(tensor).__name__}, expected an array: is it a checkpoint "
                "that holds the state dict among other things?"
            )
        groups.setdefault(module, {})[name] = _array(module, tensor)
    return groups


def _with_tensors(
    layers: Sequence[Layer], groups: Mapping[str, Tensors]
) -> Iterator[tuple[str, Layer]]:
    """The layers, each with the name of the module whose arrays it gets."""
    known = Network.of(layers).layers
    names = iter(groups)
    for place, layer in enumerate(known):
        if isinstance(layer, (Network, Residual, Scale)):
            raise refusal(
                _WHO, f"layers[{place}]", f"a {type(layer).__name__}", "a layer of PyTorch"
            )
        has = isinstance(layer, (Dense, BatchNorm, LayerNorm, RMSNorm, PReLU))
        name = next(names, None) if has else f"layers[{place}]"
        if name is None:
            raise ValueError(
                f"{_WHO}: layers[{place}] is a {type(layer).__name__}, expected no more layers with "
                f"numbers than the state dict has modules: {', '.join(groups)}."
            )
        yield name, layer
    left = list(names)
    if left:
        raise ValueError(
            f"{_WHO}: no layer is left for {', '.join(left)} of the state dict, expected a layer for "
            f"each of its {len(groups)} modules."
        )


# -- numbers ----------------------------------------------------------------------------------------


def _part(name: str, layer: Layer, tensors: Tensors, shape: Shape) -> Part:
    """The layer with its numbers, whose shapes fit."""
    found = {key: tensors[key] for key in tensors if key != "num_batches_tracked"}
    kind = next((array.dtype for array in found.values()), np.dtype(np.float32))
    ones, zeros = np.ones(shape[-1:], kind), np.zeros(shape[-1:], kind)
    parameters: list[NDArray[Any]] = []
    state: list[NDArray[Any]] = []
    wanted: list[Shape] = [shape[-1:]] * 2
    if isinstance(layer, Dense):
        keys = ("weight", "bias") if layer.use_bias else ("weight",)
        for key in keys:
            if key not in found:
                raise refusal(_WHO, name, f"a Dense and has no {key}", "one, or use_bias=False")
        parameters = [found.pop(key).T for key in keys]
        wanted = [(shape[-1], layer.units), (layer.units,)]
    elif isinstance(layer, (BatchNorm, LayerNorm)):
        parameters = [found.pop("weight", ones), found.pop("bias", zeros)]
        if isinstance(layer, BatchNorm):
            if len(shape) != 1:
                raise refusal(
                    _WHO, name, f"one for samples of shape {shape}", "samples of one axis"
                )
            state = [found.pop("running_mean", zeros), found.pop("running_var", ones)]
    elif isinstance(layer, RMSNorm):
        parameters = [found.pop("weight", ones)]
    elif isinstance(layer, PReLU):
        slope = found.pop("weight", zeros)
        if slope.shape == (1,):  # one for all
            slope = np.full(shape, slope[0])
        parameters, wanted = [slope], [shape]
    if found:
        raise refusal(
            _WHO,
            name,
            f"a {type(layer).__name__} here",
            f"one with the arrays {', '.join(found)} too",
        )
    fit_together(
        _WHO, name, [*zip(parameters, wanted, strict=False), *zip(state, wanted, strict=False)]
    )
    return Part(layer, parameters, state)
