"""What each layer computes at prediction, as nodes of ONNX.

Where ONNX has a node whose numbers (slope, alpha, epsilon) are attributes, these are in single
precision; constants of the model's own precision are used in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from portable_mlp.export.exported import number
from portable_mlp.export.onnx_graph import Graph
from portable_mlp.nn import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    LeakyReLU,
    Mish,
    Network,
    NTKDense,
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
from portable_mlp.nn.activations import SELU_ALPHA, SELU_SCALE
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.layer import Tree
from portable_mlp.nn.normal_cdf import DOUBLE_SERIES


def network_nodes(
    graph: Graph, network: Network, params: Tree, state: Tree, shape: Shape, x: str
) -> str:
    """Adds the nodes of a network, layer after layer.

    Args:
        graph: where they go.
        network: the layers.
        params: their parameters.
        state: their running statistics.
        shape: of one sample.
        x: name of what comes in.

    Returns:
        The name of what comes out.

    Raises:
        ExportError: a layer of the user's own that can't be traced.
    """
    for name, layer in network.named_layers.items():
        own, statistics = params[name], state[name]
        if type(layer) is Network:
            x = network_nodes(graph, layer, own, statistics, shape, x)
        elif type(layer) is Residual:
            x = graph.add("Add", x, network_nodes(graph, layer.network, own, statistics, shape, x))
        elif type(layer) in NODES:
            x = NODES[type(layer)](graph, layer, own, statistics, x)
        else:
            from portable_mlp.export.tracing import traced

            x = graph.insert(traced(layer, own, statistics, shape, graph.dtype), x)
        shape = layer.output_shape(shape)
    return x


def _same(graph: Graph, layer: Identity | Dropout, params: Any, state: Any, x: str) -> str:
    return x


def _dense(graph: Graph, layer: Dense, params: Any, state: Any, x: str) -> str:
    arrays = [graph.constant(array) for array in params if array is not None]
    return graph.add("Gemm", x, *arrays)


def _ntk_dense(graph: Graph, layer: NTKDense, params: Any, state: Any, x: str) -> str:
    product = graph.add("MatMul", x, graph.constant(params.weight))
    y = graph.times(product, 1 / math.sqrt(len(params.weight)))
    return y if params.bias is None else graph.add("Add", y, graph.constant(params.bias))


def _embedding(graph: Graph, layer: Embedding, params: Any, state: Any, x: str) -> str:
    count = len(layer.levels)
    parts = [graph.columns(x, 0, -count)]
    for place, table in enumerate(params.values(), -count):
        numbers = graph.columns(x, place, place + 1)
        found = graph.one_hot(numbers, np.arange(len(table)))
        parts.append(graph.add("MatMul", found, graph.constant(table)))
    return graph.add("Concat", *parts, axis=1)


def _flatten(graph: Graph, layer: Flatten, params: Any, state: Any, x: str) -> str:
    return graph.add("Flatten", x, axis=1)


def _scale(graph: Graph, layer: Scale, params: Any, state: Any, x: str) -> str:
    return graph.add("Mul", x, graph.constant(params.scale))


def _batch_norm(graph: Graph, layer: BatchNorm, params: Any, state: Any, x: str) -> str:
    factor = params.scale / np.sqrt(state.variance.astype(np.float64) + number(layer, "epsilon"))
    normal = graph.add(
        "Mul", graph.add("Sub", x, graph.constant(state.mean)), graph.constant(factor)
    )
    return graph.add("Add", normal, graph.constant(params.shift))


def _layer_norm(graph: Graph, layer: LayerNorm, params: Any, state: Any, x: str) -> str:
    centred = graph.add("Sub", x, graph.mean(x))
    normal = _over_root_mean_square(graph, centred, number(layer, "epsilon"))
    scaled = graph.add("Mul", normal, graph.constant(params.scale))
    return graph.add("Add", scaled, graph.constant(params.shift))


def _rms_norm(graph: Graph, layer: RMSNorm, params: Any, state: Any, x: str) -> str:
    normal = _over_root_mean_square(graph, x, number(layer, "epsilon"))
    return graph.add("Mul", normal, graph.constant(params.scale))


def _over_root_mean_square(graph: Graph, x: str, epsilon: float) -> str:
    mean = graph.mean(graph.add("Mul", x, x))
    root = graph.add("Sqrt", graph.add("Add", mean, graph.constant(epsilon)))
    return graph.add("Div", x, root)


def _relu(graph: Graph, layer: ReLU, params: Any, state: Any, x: str) -> str:
    return graph.add("Relu", x)


def _leaky_relu(graph: Graph, layer: LeakyReLU, params: Any, state: Any, x: str) -> str:
    return graph.add("PRelu", x, graph.constant([number(layer, "slope")]))


def _prelu(graph: Graph, layer: PReLU, params: Any, state: Any, x: str) -> str:
    return graph.add("PRelu", x, graph.constant(params.slope))


def _elu(graph: Graph, layer: ELU, params: Any, state: Any, x: str) -> str:
    return _elu_nodes(graph, x, number(layer, "alpha"))


def _elu_nodes(graph: Graph, x: str, alpha: float) -> str:
    if alpha == 1:
        return graph.add("Elu", x)
    below = graph.add("Elu", graph.add("Min", x, graph.constant(0.0)))
    return graph.add("Add", graph.add("Relu", x), graph.times(below, alpha))


def _selu(graph: Graph, layer: SELU, params: Any, state: Any, x: str) -> str:
    return graph.times(_elu_nodes(graph, x, SELU_ALPHA), SELU_SCALE)


def _gelu(graph: Graph, layer: GELU, params: Any, state: Any, x: str) -> str:
    if layer.approximate == "tanh":
        cube = graph.times(graph.add("Mul", graph.add("Mul", x, x), x), 0.044715)
        inner = graph.times(graph.add("Add", x, cube), (2 / np.pi) ** 0.5)
        share = graph.times(graph.plus(graph.add("Tanh", inner), 1.0), 0.5)
    elif graph.dtype == "float32":
        erf = graph.add("Erf", graph.times(x, 0.5**0.5))
        share = graph.times(graph.plus(erf, 1.0), 0.5)
    else:
        share = _normal_cdf(graph, x)
    return graph.add("Mul", x, share)


def _normal_cdf(graph: Graph, z: str) -> str:
    """Φ as in `portable_mlp.nn.normal_cdf`: onnxruntime has no Erf in double precision."""
    x = graph.times(graph.add("Abs", z), 0.5**0.5)
    t = graph.add("Div", graph.plus(x, -3.0), graph.plus(x, 3.0))
    series = graph.plus(graph.times(t, DOUBLE_SERIES[-1]), DOUBLE_SERIES[-2])
    for coefficient in DOUBLE_SERIES[-3::-1]:
        series = graph.plus(graph.add("Mul", series, t), coefficient)
    density = graph.times(graph.add("Exp", graph.add("Neg", graph.add("Mul", x, x))), 0.5)
    tail = graph.add("Div", graph.add("Mul", density, series), graph.plus(graph.times(x, 2.0), 1.0))
    above = graph.add("Greater", z, graph.constant(0.0))
    return graph.add("Where", above, graph.add("Sub", graph.constant(1.0), tail), tail)


def _silu(graph: Graph, layer: SiLU, params: Any, state: Any, x: str) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _mish(graph: Graph, layer: Mish, params: Any, state: Any, x: str) -> str:
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


def _softplus(graph: Graph, layer: Softplus, params: Any, state: Any, x: str) -> str:
    return graph.add("Softplus", x)


def _sigmoid(graph: Graph, layer: Sigmoid, params: Any, state: Any, x: str) -> str:
    slope = number(layer, "slope")
    return graph.add("Sigmoid", x if slope == 1 else graph.times(x, slope))


def _tanh(graph: Graph, layer: Tanh, params: Any, state: Any, x: str) -> str:
    return graph.add("Tanh", x)


def _softmax(graph: Graph, layer: Softmax, params: Any, state: Any, x: str) -> str:
    return graph.add("Softmax", x, axis=-1)


NODES: dict[type, Callable[[Graph, Any, Any, Any, str], str]] = {
    BatchNorm: _batch_norm,
    Dense: _dense,
    Dropout: _same,
    ELU: _elu,
    Embedding: _embedding,
    Flatten: _flatten,
    GELU: _gelu,
    Identity: _same,
    LayerNorm: _layer_norm,
    LeakyReLU: _leaky_relu,
    Mish: _mish,
    NTKDense: _ntk_dense,
    PReLU: _prelu,
    ReLU: _relu,
    RMSNorm: _rms_norm,
    SELU: _selu,
    Scale: _scale,
    Sigmoid: _sigmoid,
    SiLU: _silu,
    Softmax: _softmax,
    Softplus: _softplus,
    Tanh: _tanh,
}
"""The writer of each layer's nodes. A subclass may compute something else."""
