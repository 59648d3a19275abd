"""The plain multi-layer perceptron as a list of layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from portable_mlp.nn.activations import ACTIVATIONS, SELU
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.initializers import Initializer
from portable_mlp.nn.layer import Layer
from portable_mlp.nn.layers import BatchNorm, Dense, Dropout, LayerNorm
from portable_mlp.nn.plain_numbers import is_whole

_RECTIFIERS = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "mish", "softplus")

NORMALIZATIONS: dict[str, type[Layer]] = {"batch": BatchNorm, "layer": LayerNorm}


def dense_stack(
    widths: Sequence[int],
    activation: str | Layer = "relu",
    *,
    dropout: float = 0.0,
    normalization: str | None = None,
    weight_init: Initializer | str | None = None,
    bias_init: Initializer | str = "zeros",
) -> list[Layer]:
    """Dense → normalization → activation → dropout for each hidden width, and a Dense for the last.

    Args:
        widths: units of each layer, hidden ones first, the number of outputs last.
        activation: of the hidden layers: a name or a layer.
        dropout: share dropped after each hidden layer, in [0, 1).
        normalization: ``"batch"``, ``"layer"`` or None.
        weight_init: of the weights; None chooses by the activation: He for ReLU and its relatives,
            LeCun for SELU, Glorot for all others and for the last layer (uniform; LeCun normal).
        bias_init: of the biases.

    Returns:
        The layers.

    Raises:
        ValueError: no widths, or an unknown name.

    Example:
        >>> [layer.kind for layer in dense_stack([16, 2], "tanh", dropout=0.1)]
        ['dense', 'tanh', 'dropout', 'dense']
    """
    if not widths:
        raise ValueError("dense_stack: got no widths, expected at least the number of outputs.")
    act = replace(choose("activation", activation, ACTIVATIONS, Layer), name=None)
    norm = None
    if normalization is not None:
        norm = choose("normalization", normalization, NORMALIZATIONS, type)
    drop = Dropout(dropout)  # refuses what is no share, also where no layer is hidden
    layers: list[Layer] = []
    hidden_init = weight_init if weight_init is not None else _init_for(act)
    for units in widths[:-1]:
        layers.append(Dense(units, hidden_init, bias_init))
        if norm is not None:
            layers.append(norm())
        layers.append(act)
        if drop.rate:
            layers.append(drop)
    last_init = weight_init if weight_init is not None else "glorot_uniform"
    layers.append(Dense(widths[-1], last_init, bias_init))
    return layers


def _init_for(activation: Layer) -> str:
    if isinstance(activation, SELU):
        return "lecun_normal"
    return "he_uniform" if activation.kind in _RECTIFIERS else "glorot_uniform"


def checked_sizes(sizes: Sequence[int]) -> list[int]:
    """Inputs, hidden widths and outputs as Python numbers, or one sentence why they can't be."""
    known = isinstance(sizes, Iterable) and not isinstance(sizes, (str, bytes, Mapping, Set))
    given = list(sizes) if known else []
    if len(given) < 2 or not all(is_whole(n, 1) for n in given):
        raise ValueError(
            f"MLP: sizes are {given if known else sizes!r}, expected at least two whole numbers >= 1: "
            "inputs, hidden widths, outputs."
        )
    return [int(n) for n in given]


def sample_shape_of(inputs: int | Shape | None) -> Shape:
    """Shape of a sample from the number of features or from the shape itself."""
    if inputs is None:
        raise ValueError("MLP: layers= needs inputs=, the number of features: inputs=X.shape[1].")
    shape: tuple[Any, ...] = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    if not shape or not all(is_whole(n, 1) for n in shape):
        raise ValueError(
            f"MLP: inputs is {inputs!r}, expected the number of features or the shape of a sample."
        )
    return tuple(int(n) for n in shape)
