"""What a gradient check knows of a program while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from portable_mlp.diagnosis.matching import Point
from portable_mlp.diagnosis.program import Program, ProgramError, finite
from portable_mlp.diagnosis.reference import Array, Reference
from portable_mlp.diagnosis.relations import Relation, Sample
from portable_mlp.diagnosis.report import GradientReport

POINTS = 5
MANY = 2000
"""Samples beyond which some are enough to see whether calls repeat."""
FEW = (7, 8, 9, 11, 13, 17)
"""Numbers of samples to check with: the first that is no other size of the program."""


@dataclass
class Examination:
    """A program under examination.

    Args:
        program: loss and gradients.
        random: of points and directions.
    """

    program: Program
    random: np.random.Generator
    report: GradientReport = field(default_factory=GradientReport)
    first: list[Array | None] = field(default_factory=list)
    """The gradients at the parameters given, as the program gave them."""
    points: list[Point] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    """The program with the inputs of each point."""
    unusable: set[int] = field(default_factory=set)
    """Parameters whose gradients have another shape."""
    wrong: list[int] = field(default_factory=list)
    """Parameters along which the loss changes by other amounts than the gradient says."""
    errors: list[float] = field(default_factory=list)
    """By how much, relative, for each parameter."""
    slopes: list[float] = field(default_factory=list)
    """The slope ratio of each parameter."""
    true: dict[int, list[Sample]] = field(default_factory=dict)
    """The program's gradient beside the true one, for parameters that are wrong."""
    found: dict[int, Relation | None] = field(default_factory=dict)
    """What relates the two, as far as that can be seen without knowledge of the network."""
    silent: set[int] = field(default_factory=set)
    """Parameters that do not change the loss anywhere."""
    of_update: set[str] = field(default_factory=set)
    """Ids of what is wrong with the program's update."""
    tolerant: bool = False
    """Whether a loss that is not finite at the parameters given is a finding and not an error."""
    reshaped: tuple[int, ...] | None = None
    """A shape of the targets beside which the program is a perceptron; None if it is without."""
    matched: tuple[Reference, float] | None = None
    """The perceptron whose loss is the program's but for a factor, and that factor."""

    def __post_init__(self) -> None:
        """Finds the samples."""
        self.small, self.samples, self.columns = _fewer_samples(self.program, self.random)
        self.medium = self.program
        if self.small is not self.program and self.rows > MANY:  # it can do with fewer
            some = np.arange(MANY)
            x = self.program.inputs
            self.medium = self.program.on(
                x[:, :MANY] if self.columns else x[:MANY],
                samples_of(self.program.targets, some, self.rows, self.columns),
            )

    @property
    def rows(self) -> int:
        """Number of all samples."""
        x = self.program.inputs
        return int(x.shape[1 if self.columns else 0]) if x.ndim else 1

    @property
    def features(self) -> int:
        """Numbers of a sample."""
        shape = self.program.inputs.shape
        return 1 if len(shape) < 2 else int(shape[0] if self.columns else shape[1])

    @property
    def outputs(self) -> int:
        """Columns of the targets, or what the last parameter says."""
        y = self.program.targets
        if y.ndim == 2:
            return int(y.shape[0] if self.columns else y.shape[1])
        return int(self.program.values[-1].size)

    def make_points(self) -> None:
        """Random parameters and inputs, for which loss and gradients are finite.

        At the parameters given a fault may not show: with small weights tanh is a straight line. Where
        the program can't do with random ones, points near to those given have to do.
        """
        for attempt in range(6 * POINTS):
            program, x = self.small, self.small.inputs
            if attempt < 3 * POINTS:
                shrunk = 0.7 ** (attempt // POINTS)
                values = [_drawn(self.random, leaf.value) * shrunk for leaf in program.leaves]
                if x.dtype.kind == "f":
                    x = self.random.normal(0.2, 1.0, x.shape)
            else:
                values = [_near(self.random, leaf.value) for leaf in program.leaves]
            here = program.on(x, program.targets)
            loss, g = here.loss(values), here.gradients(values)
            if np.isfinite(loss) and finite(a for a in g if a is not None):
                shaped = [
                    a.reshape(v.shape) if a is not None and same_layout(a, v) else None
                    for a, v in zip(g, values, strict=True)
                ]
                self.points.append(Point(values, x, program.targets, loss, shaped))
                self.programs.append(here)
            if len(self.points) == POINTS:
                return


def _fewer_samples(program: Program, random: np.random.Generator) -> tuple[Program, int, bool]:
    """The program on a few samples, their number, and whether samples are in columns."""
    x, y = program.inputs, program.targets
    if x.ndim != 2 or y.ndim < 1:
        return program, x.shape[0] if x.ndim else 1, False
    vector = y.ndim == 2 and 1 in y.shape  # one number for each sample, whichever way it lies
    in_rows = x.shape[0] == y.shape[0] or (vector and x.shape[0] == y.size)
    in_columns = x.shape[1] == y.shape[-1] or (vector and x.shape[1] == y.size)
    columns = in_columns and not in_rows
    if in_rows and in_columns and program.leaves:
        # a square batch: the first matrix has one side as long as the features
        sizes = set(program.leaves[0].value.shape)
        columns = x.shape[0] in sizes and x.shape[1] not in sizes
    total = x.shape[1] if columns else x.shape[0]
    taken = {n for leaf in program.leaves for n in leaf.value.shape}
    features = x.shape[0 if columns else 1]
    taken |= {features, 2 * features}  # so that 2 / samples is not 1 / features either
    few = next(n for n in FEW if n not in taken or n == FEW[-1])
    if few >= total or not (in_rows or in_columns):
        return program, total, columns
    chosen = np.sort(random.choice(total, few, replace=False))
    fewer_x = x[:, chosen] if columns else x[chosen]
    fewer_y = samples_of(y, chosen, total, columns)
    small = program.on(fewer_x, fewer_y)
    try:  # it may have the number of samples in it
        small.loss(small.values)
        small.gradients(small.values)
    except ProgramError:
        return program, total, columns
    return small, few, columns


def samples_of(y: Array, which: NDArray[np.int64], total: int, columns: bool) -> Array:
    """Some samples of the targets, which may be a row although X has them in rows."""
    axis = y.ndim - 1 if columns else 0
    if y.shape[axis] != total and total in y.shape:
        axis = y.shape.index(total)
    return np.take(y, which, axis=axis)


def _drawn(random: np.random.Generator, value: Array) -> Array:
    """Random numbers of a size for which activations are neither straight nor flat."""
    is_matrix = value.ndim >= 2 and min(value.shape) > 1
    return random.normal(0.0, 1.2 / np.sqrt(max(value.shape)) if is_matrix else 0.5, value.shape)


def _near(random: np.random.Generator, value: Array) -> Array:
    return value * (1 + 0.1 * random.normal(size=value.shape)) + 0.01 * random.normal(
        size=value.shape
    )


def same_layout(gradient: Array, value: Array) -> bool:
    """Whether the parameter keeps its size when such a gradient is taken off: (n,) off (1, n)."""
    try:
        left = np.broadcast_shapes(gradient.shape, value.shape)
    except ValueError:
        return False
    return gradient.size == value.size == int(np.prod(left))


def same(a: Array, b: Array) -> bool:
    """Whether two gradients are equal up to rounding."""
    size = max(float(np.nanmax(np.abs(a), initial=0)), 1e-300) if a.size else 1.0
    size = size if np.isfinite(size) else 1.0
    return a.shape == b.shape and bool(
        np.allclose(a, b, rtol=1e-9, atol=1e-12 * size, equal_nan=True)
    )


def cosine(samples: Sequence[Sample]) -> float:
    """Of the angle between the program's gradient and the true one."""
    g, n = _both(samples)
    sizes = float(np.linalg.norm(g) * np.linalg.norm(n))
    return float(g @ n) / sizes if sizes > 0 else 0.0


def distance(samples: Sequence[Sample]) -> float:
    """‖g - n‖ / max(‖g‖, ‖n‖)."""
    g, n = _both(samples)
    largest = max(float(np.linalg.norm(g)), float(np.linalg.norm(n)), 1e-300)
    return float(np.linalg.norm(g - n)) / largest


def _both(samples: Sequence[Sample]) -> tuple[Array, Array]:
    return np.concatenate([s.g for s in samples]), np.concatenate([s.n for s in samples])
