"""What each layer computes at prediction, as lines of Python with numpy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from portable_mlp.export.exported import ExportError, number
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
from portable_mlp.nn.normal_cdf import DOUBLE_SERIES, SINGLE_SERIES

HELPERS = {
    "_sigmoid": '''\
def _sigmoid(z):
    """1 / (1 + exp(-z)), without overflow."""
    return np.exp(np.minimum(z, 0.0)) / (1.0 + np.exp(-np.abs(z)))
''',
    "_softplus": '''\
def _softplus(z):
    """log(1 + exp(z)), without overflow."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))
''',
    "_softmax": '''\
def _softmax(z):
    """exp(z) / sum of exp(z) along the last axis, without overflow."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)
''',
    "_elu": '''\
def _elu(z, alpha):
    """z where z > 0, else alpha (exp(z) - 1)."""
    return np.maximum(z, 0.0) + alpha * np.expm1(np.minimum(z, 0.0))
''',
    "_normal_cdf": '''\
def _normal_cdf(z):
    """The standard normal distribution function, by (1 + 2 x) exp(x^2) erfc(x) as a polynomial."""
    x = np.abs(z) * 0.5 ** 0.5
    t = (x - 3.0) / (x + 3.0)
    series = np.zeros_like(t)
    for coefficient in {coefficients}:
        series = series * t + coefficient
    tail = 0.5 * np.exp(-x * x) * series / (1.0 + 2.0 * x)  # of -|z|
    return np.where(z > 0, 1.0 - tail, tail)
''',
}
"""Functions of the file, those that it needs."""


class Code:
    """The body of ``forward``, and the arrays that it names.

    Args:
        dtype: of the arrays.
    """

    def __init__(self, dtype: str) -> None:
        """Nothing yet."""
        self.dtype = dtype
        self.lines: list[str] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        self.table: list[tuple[str, Shape, str]] = []  # name, shape of a sample after it, formula
        self._helpers: dict[str, str] = {}

    def add(self, *lines: str) -> None:
        """Lines that turn x into another x."""
        self.lines += lines

    def array(self, name: str, value: NDArray[Any]) -> str:
        """An array under a name, which it returns."""
        self.arrays[name] = value
        return name

    def helper(self, name: str) -> str:
        """A function that the file is to have; its name."""
        text = HELPERS[name]
        if name == "_normal_cdf":
            series = DOUBLE_SERIES if self.dtype == "float64" else SINGLE_SERIES
            text = text.replace("{coefficients}", _tuple_lines(series[::-1]))
        self._helpers[name] = text
        return name

    @property
    def helpers(self) -> list[str]:
        """The functions, as text."""
        return [self._helpers[name] for name in HELPERS if name in self._helpers]


def _tuple_lines(numbers: tuple[float, ...]) -> str:
    rows = [numbers[k : k + 4] for k in range(0, len(numbers), 4)]
    lines = "".join(f"        {', '.join(map(repr, row))},\n" for row in rows)
    return f"(\n{lines}    )"


def network_code(
    code: Code, network: Network, params: Tree, state: Tree, shape: Shape, path: str = ""
) -> None:
    """The lines of a network, layer after layer.

    Args:
        code: where they go.
        network: the layers.
        params: their parameters.
        state: their running statistics.
        shape: of one sample.
        path: what names begin with: that of the container.

    Raises:
        ExportError: a layer of the user's own.
    """
    counts: Counter[str] = Counter()
    for own, layer in network.named_layers.items():
        counts[layer.kind] += 1
        # names of the user's own may hold anything: they stay out of the code
        name = f"{path}{layer.kind}_{counts[layer.kind]}"
        after = layer.output_shape(shape)
        if type(layer) is Network:
            network_code(code, layer, params[own], state[own], shape, f"{name}_")
        elif type(layer) is Residual:
            code.add(f"{name} = x")
            code.table.append((name, after, "y = x + f(x), f the layers that follow:"))
            network_code(code, layer.network, params[own], state[own], shape, f"{name}_")
            code.add(f"x = {name} + x")
        elif type(layer) in CODE:
            formula = CODE[type(layer)](code, layer, name, params[own], state[own])
            code.table.append((name, after, formula))
        else:
            raise ExportError(
                f"export: {type(layer).__name__} is your own, expected layers of portable_mlp.nn, whose "
                "formulas are known; export to a name that ends in .onnx, which can have it."
            )
        shape = after


def _dense(code: Code, layer: Dense, name: str, params: Any, state: Any) -> str:
    weight = code.array(f"{name}_weight", params.weight)
    if params.bias is None:
        code.add(f"x = x @ {weight}")
        return "y = x W"
    code.add(f"x = x @ {weight} + {code.array(f'{name}_bias', params.bias)}")
    return "y = x W + b"


def _ntk_dense(code: Code, layer: NTKDense, name: str, params: Any, state: Any) -> str:
    factor = 1 / math.sqrt(len(params.weight))
    product = f"x @ {code.array(f'{name}_weight', params.weight)} * {factor!r}"
    if params.bias is None:
        code.add(f"x = {product}")
        return "y = x W / sqrt(inputs)"
    code.add(f"x = {product} + {code.array(f'{name}_bias', params.bias)}")
    return "y = x W / sqrt(inputs) + b"


def _embedding(code: Code, layer: Embedding, name: str, params: Any, state: Any) -> str:
    count = len(layer.levels)
    code.add(f"parts = [x[:, :-{count}]]")
    for place, table in enumerate(params.values(), -count):
        array = code.array(f"{name}_column_{place + count + 1}", table)
        column = f"x[:, {place}:{place + 1 or ''}]"
        code.add(f"parts.append(({column} == np.arange({len(table)})).astype(x.dtype) @ {array})")
    code.add("x = np.concatenate(parts, axis=1)")
    return f"y = the columns before the last {count}, then a learned vector for each of these"


def _flatten(code: Code, layer: Flatten, name: str, params: Any, state: Any) -> str:
    code.add("x = x.reshape(len(x), int(np.prod(x.shape[1:])))")
    return "all axes of a sample in one"


def _dropout(code: Code, layer: Dropout, name: str, params: Any, state: Any) -> str:
    return "y = x (it works in training only)"


def _scale(code: Code, layer: Scale, name: str, params: Any, state: Any) -> str:
    code.add(f"x = x * {code.array(f'{name}_scale', params.scale)}")
    return "y = s x"


def _batch_norm(code: Code, layer: BatchNorm, name: str, params: Any, state: Any) -> str:
    mean = code.array(f"{name}_mean", state.mean)
    variance = code.array(f"{name}_variance", state.variance)
    epsilon = number(layer, "epsilon")
    code.add(
        f"x = (x - {mean}) * (1.0 / np.sqrt({variance} + {epsilon!r}))", _affine(code, name, params)
    )
    return f"y = scale (x - mean) / sqrt(variance + {epsilon!r}) + shift"


def _layer_norm(code: Code, layer: LayerNorm, name: str, params: Any, state: Any) -> str:
    epsilon = number(layer, "epsilon")
    code.add(
        "x = x - x.mean(axis=-1, keepdims=True)",
        f"x = x * (1.0 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + {epsilon!r}))",
        _affine(code, name, params),
    )
    return f"y = scale (x - mean(x)) / sqrt(variance(x) + {epsilon!r}) + shift"


def _affine(code: Code, name: str, params: Any) -> str:
    scale = code.array(f"{name}_scale", params.scale)
    return f"x = {scale} * x + {code.array(f'{name}_shift', params.shift)}"


def _rms_norm(code: Code, layer: RMSNorm, name: str, params: Any, state: Any) -> str:
    epsilon = number(layer, "epsilon")
    code.add(
        f"x = x * (1.0 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + {epsilon!r}))",
        f"x = {code.array(f'{name}_scale', params.scale)} * x",
    )
    return f"y = scale x / sqrt(mean(x^2) + {epsilon!r})"


def _identity(code: Code, layer: Identity, name: str, params: Any, state: Any) -> str:
    return "y = x"


def _relu(code: Code, layer: ReLU, name: str, params: Any, state: Any) -> str:
    code.add("x = np.maximum(x, 0.0)")
    return "y = max(x, 0)"


def _leaky_relu(code: Code, layer: LeakyReLU, name: str, params: Any, state: Any) -> str:
    slope = number(layer, "slope")
    code.add(f"x = np.maximum(x, 0.0) + {slope!r} * np.minimum(x, 0.0)")
    return f"y = x where x > 0, else {slope!r} x"


def _prelu(code: Code, layer: PReLU, name: str, params: Any, state: Any) -> str:
    slope = code.array(f"{name}_slope", params.slope)
    code.add(f"x = np.maximum(x, 0.0) + {slope} * np.minimum(x, 0.0)")
    return "y = x where x > 0, else s x"


def _elu(code: Code, layer: ELU, name: str, params: Any, state: Any) -> str:
    alpha = number(layer, "alpha")
    code.add(f"x = {code.helper('_elu')}(x, {alpha!r})")
    return f"y = x where x > 0, else {alpha!r} (exp(x) - 1)"


def _selu(code: Code, layer: SELU, name: str, params: Any, state: Any) -> str:
    code.add(f"x = {SELU_SCALE!r} * {code.helper('_elu')}(x, {SELU_ALPHA!r})")
    return f"y = {SELU_SCALE!r} x where x > 0, else {SELU_SCALE * SELU_ALPHA!r} (exp(x) - 1)"


def _gelu(code: Code, layer: GELU, name: str, params: Any, state: Any) -> str:
    if layer.approximate == "tanh":
        code.add(
            "u = (2.0 / np.pi) ** 0.5 * (x + 0.044715 * x * x * x)",
            "x = 0.5 * x * (1.0 + np.tanh(u))",
        )
        return "y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2"
    code.add(f"x = x * {code.helper('_normal_cdf')}(x)")
    return "y = x Phi(x), Phi the normal distribution function"


def _silu(code: Code, layer: SiLU, name: str, params: Any, state: Any) -> str:
    code.add(f"x = x * {code.helper('_sigmoid')}(x)")
    return "y = x / (1 + exp(-x))"


def _mish(code: Code, layer: Mish, name: str, params: Any, state: Any) -> str:
    code.add(f"x = x * np.tanh({code.helper('_softplus')}(x))")
    return "y = x tanh(log(1 + exp(x)))"


def _softplus(code: Code, layer: Softplus, name: str, params: Any, state: Any) -> str:
    code.add(f"x = {code.helper('_softplus')}(x)")
    return "y = log(1 + exp(x))"


def _sigmoid(code: Code, layer: Sigmoid, name: str, params: Any, state: Any) -> str:
    slope = number(layer, "slope")
    code.add(f"x = {code.helper('_sigmoid')}({'x' if slope == 1 else f'{slope!r} * x'})")
    return f"y = 1 / (1 + exp(-{'x' if slope == 1 else f'({slope!r} x)'}))"


def _tanh(code: Code, layer: Tanh, name: str, params: Any, state: Any) -> str:
    code.add("x = np.tanh(x)")
    return "y = tanh(x)"


def _softmax(code: Code, layer: Softmax, name: str, params: Any, state: Any) -> str:
    code.add(f"x = {code.helper('_softmax')}(x)")
    return "y_k = exp(x_k) / sum_j exp(x_j)"


CODE: dict[type, Callable[[Code, Any, str, Any, Any], str]] = {
    BatchNorm: _batch_norm,
    Dense: _dense,
    Dropout: _dropout,
    ELU: _elu,
    Embedding: _embedding,
    Flatten: _flatten,
    GELU: _gelu,
    Identity: _identity,
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
"""The writer of each layer: it adds lines and says the formula. A subclass may compute something else."""
