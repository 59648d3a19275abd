"""What is known of a stranger's network: said by its owner, or seen from shapes and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from portable_mlp.nn.choices import check_name

ACTIVATIONS = ("identity", "sigmoid", "tanh", "relu", "leaky_relu", "softmax")
WRONG_ACTIVATIONS = (
    "softmax over the samples",
    "softmax over everything",
    "softmax of a softmax",
    "sigmoid of -z",
)
"""What a forward pass has by mistake."""

UNUSED = (0,)
"""In place of the shape of an array that has no part in the network."""

LOSSES = ("mse", "half_mse", "cross_entropy", "binary_cross_entropy")
ROWS, COLUMNS = "rows", "columns"


@dataclass(frozen=True)
class Network:
    """A multi-layer perceptron as its owner would describe it.

    Args:
        activations: of each layer, the last one's too: ``["tanh", "softmax"]``.
        loss: ``"mse"`` Σ(a - t)², ``"half_mse"`` ½ Σ(a - t)², ``"cross_entropy"`` -Σ t ln a or
            ``"binary_cross_entropy"``; summed or averaged over whatever, which is found out.
        samples_in: ``"rows"`` where X is (samples, features), ``"columns"`` where it is (features,
            samples).
        slope: of leaky_relu below 0.
        scale: what the last layer's weighted sums are multiplied by inside of its activation.
    """

    activations: Sequence[str]
    loss: str
    samples_in: str = ROWS
    slope: float = 0.01
    scale: float = 1.0

    def __post_init__(self) -> None:
        """Checks the names."""
        object.__setattr__(self, "activations", tuple(self.activations))
        for name in self.activations:
            check_name("activations", name, ACTIVATIONS + WRONG_ACTIVATIONS)
        check_name("loss", self.loss, LOSSES)
        check_name("samples_in", self.samples_in, (ROWS, COLUMNS))

    def __str__(self) -> str:
        scaled = "" if self.scale == 1.0 else f" of {self.scale:g} z"
        layers = " -> ".join(self.activations)
        return f"{layers}{scaled}, {self.loss}, samples in {self.samples_in}"


@dataclass(frozen=True)
class Place:
    """Where the arrays of a layer are among the parameters.

    Args:
        weight: number of the weight matrix.
        bias: number of the bias, or None.
        transposed: whether the matrix is (out, in).
        constant: value of a constant input whose weights are the bias, a row of the matrix; 0 for none.
        first: whether that row is the first one; else it is the last.
    """

    weight: int
    bias: int | None
    transposed: bool
    constant: float = 0.0
    first: bool = False

    def split(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """``(weight (in, out), bias in it)`` of the parameter, or of its gradient."""
        rows = matrix.T if self.transposed else matrix
        if not self.constant:
            return rows, None
        if self.first:
            return rows[1:], self.constant * rows[0]
        return rows[:-1], self.constant * rows[-1]

    def joined(self, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """A gradient in the shape of the parameter."""
        if self.constant:
            row = self.constant * bias[None, :]
            weight = np.concatenate([row, weight] if self.first else [weight, row])
        return weight.T if self.transposed else weight


@dataclass(frozen=True)
class Wiring:
    """Layers and the direction of the samples.

    Args:
        places: of each layer.
        samples_in: rows or columns.
    """

    places: tuple[Place, ...]
    samples_in: str


def wirings(shapes: Sequence[tuple[int, ...]], x: np.ndarray, outputs: int) -> Iterator[Wiring]:
    """All ways in which arrays of these shapes form a perceptron for these data.

    Weights are matrices that lead, in their order, from the features of X to the outputs; every other
    array is the bias of a layer with as many units as it has numbers.

    Args:
        shapes: of the parameters.
        x: inputs, 2-D.
        outputs: number of output units.

    Example:
        >>> (found,) = wirings([(4, 3), (3,), (3, 2), (2,)], np.zeros((9, 4)), 2)
        >>> [(p.weight, p.bias, p.transposed) for p in found.places], found.samples_in
        ([(0, 1, False), (2, 3, False)], 'rows')
    """
    if x.ndim != 2:
        return
    sides = ((ROWS, x.shape[1]), (COLUMNS, x.shape[0]))
    for (samples_in, features), transposed in product(sides, (False, True)):
        # of a perceptron's weights all are (in, out) or all are (out, in)
        sizes = [s[::-1] if transposed else s for s in shapes]
        for chain in _chains(sizes, 0, features, outputs, 0):
            biases = _biases(chain, sizes)
            if biases is not None:
                pairs = zip(chain, biases, strict=True)
                yield Wiring(tuple(Place(k, b, transposed) for k, b in pairs), samples_in)
        for chain in _chains(sizes, 0, features, outputs, 1):
            if len(chain) == len(shapes):  # the biases are rows of the matrices
                for constant, first in ((1.0, False), (-1.0, False), (1.0, True), (-1.0, True)):
                    places = (Place(k, None, transposed, constant, first) for k in chain)
                    yield Wiring(tuple(places), samples_in)


def _chains(
    sizes: Sequence[tuple[int, ...]], first: int, width: int, outputs: int, extra: int
) -> Iterator[list[int]]:
    """Matrices (in, out) that lead from so many inputs to the outputs, in their order.

    Args:
        sizes: shapes of all arrays, turned so that weights are (in, out).
        first: where to begin.
        width: inputs.
        outputs: units of the last layer.
        extra: 1 where each layer has a constant input beside the others.
    """
    for k in range(first, len(sizes)):
        if len(sizes[k]) == 2 and sizes[k][0] == width + extra:
            outer = sizes[k][1]
            if outer == outputs:
                yield [k]
            for chain in _chains(sizes, k + 1, outer, outputs, extra):
                yield [k, *chain]
        if len(sizes[k]) > 1 and min(sizes[k]) > 1:
            return  # a matrix that is no weight can't be a bias either


def _biases(chain: list[int], sizes: Sequence[tuple[int, ...]]) -> list[int | None] | None:
    """The bias of each layer, None for a layer without; None if an array is left over."""
    rest = [k for k in range(len(sizes)) if k not in chain and sizes[k] != UNUSED]
    found: list[int | None] = []
    for k in chain:
        units = sizes[k][1]
        fitting = [b for b in rest if max(sizes[b], default=1) == units == _size(sizes[b])]
        bias = min(fitting, key=lambda b: (b < k, abs(b - k)), default=None)
        found.append(bias)
        if bias is not None:
            rest.remove(bias)
    return None if rest else found


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def possible_outputs(y: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Numbers of output units that the targets allow, likely ones first."""
    found = list(reversed(y.shape)) if y.ndim == 2 else []
    if y.ndim <= 1 or 1 in y.shape:
        labels = np.unique(y)
        whole = bool(np.all(labels == np.round(labels)))
        if whole:
            found += sorted({n for s in shapes for n in s if n > labels.max(initial=0)})
        found.append(1)
    return list(dict.fromkeys(found))


def candidates(layers: int, mixed: bool = False) -> Iterator[tuple[tuple[str, ...], str]]:
    """Activations and losses that are worth trying for a network of so many layers, likely ones first.

    Args:
        layers: number of weight matrices.
        mixed: whether the hidden layers have different activations; else all have the same.
    """
    outputs = {
        "softmax": ("cross_entropy", "half_mse"),
        "sigmoid": ("binary_cross_entropy", "half_mse", "cross_entropy"),
        "identity": ("half_mse",),
        "tanh": ("half_mse",),
        "relu": ("half_mse",),
        "leaky_relu": ("half_mse",),
        "softmax over the samples": ("cross_entropy", "half_mse"),
        "softmax over everything": ("cross_entropy", "half_mse"),
        "softmax of a softmax": ("cross_entropy",),
        "sigmoid of -z": ("half_mse", "binary_cross_entropy", "cross_entropy"),
    }
    hidden = ("sigmoid", "tanh", "relu", "leaky_relu", "softmax", "identity", "sigmoid of -z")
    inner: Iterable[tuple[str, ...]] = ((name,) * (layers - 1) for name in hidden)
    if layers == 1:
        inner = [()]
    if mixed:
        if not 3 <= layers <= 4:
            return  # of more layers there are too many
        inner = (names for names in product(hidden[:-1], repeat=layers - 1) if len(set(names)) > 1)
    for names in inner:
        for output, losses in outputs.items():
            for loss in losses:
                yield (*names, output), loss
