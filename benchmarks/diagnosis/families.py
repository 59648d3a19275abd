"""Random programs that are right: networks, data and training settings with which they learn.

Two sets share neither families of data nor streams of random numbers. A healthy program is one whose
training has been run and has worked; others are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.diagnosis import data
from benchmarks.diagnosis.data import Points, Random
from benchmarks.diagnosis.program import Array, Program, Style, batch_of, trained

LEARNED = 0.5
"""Share of the best constant outputs' loss that a healthy training must come down to."""
LR_FACTORS = (5.0, 1.5, 0.5, 0.15)


class NoneSuitsError(RuntimeError):
    """No program of the set is as it would have to be."""


@dataclass(frozen=True)
class Family:
    """What one set of programs is made of; numbers in dictionaries are weights of the draw.

    Args:
        number: goes into the seed.
        points: the data.
        depths: weight layers.
        hidden: activations.
        mixed: share of deep networks that mix them.
        of_classes: heads of several classes.
        of_two: heads with one output for two classes.
        of_values: heads of values.
        of_several: heads of several yes-or-no questions.
        containers: of the parameters.
        penalised: share with a weight penalty, in the loss and in the gradient.
        turned: share of the row programs with (out, in) weights.
    """

    number: int
    points: dict[str, Callable[[Random, int], Points]]
    depths: dict[int, float]
    hidden: tuple[str, ...]
    mixed: float
    of_classes: dict[str, float]
    of_two: dict[str, float]
    of_values: dict[str, float]
    of_several: dict[str, float]
    containers: tuple[str, ...]
    penalised: float
    turned: float


TUNING = Family(
    number=1,
    points=data.TUNING,
    depths={1: 0.3, 2: 0.7},
    hidden=("tanh", "relu"),
    mixed=0.0,
    of_classes={"softmax_ce": 1.0},
    of_two={"sigmoid_bce": 0.6},
    of_values={"linear_mse": 1.0},
    of_several={},
    containers=("dict", "list"),
    penalised=0.0,
    turned=0.0,
)
JUDGING = Family(
    number=2,
    points=data.JUDGING,
    depths={1: 0.1, 2: 0.4, 3: 0.3, 4: 0.2},
    hidden=("sigmoid", "tanh", "relu", "leaky_relu"),
    mixed=0.25,
    of_classes={"softmax_ce": 0.5, "softmax_mse": 0.08, "sigmoid_mse": 0.2, "tanh_mse": 0.12},
    of_two={"sigmoid_bce": 0.5, "sigmoid_mse": 0.25, "tanh_mse": 0.1},
    of_values={"linear_mse": 0.6, "sigmoid_mse": 0.15, "tanh_mse": 0.15, "relu_mse": 0.1},
    of_several={"sigmoid_bce": 0.7, "sigmoid_mse": 0.3},
    containers=("dict", "list", "tuple", "pairs", "two lists"),
    penalised=0.06,
    turned=0.2,
)
FAMILIES = {"tuning": TUNING, "judging": JUDGING}


def healthy(
    family: Family,
    random: Random,
    suits: Callable[[Program], bool] = lambda p: True,
    attempts: int = 20_000,
) -> Program:
    """A program that is right and learns.

    Args:
        family: what it is made of.
        random: numbers.
        suits: what else is asked of it before it is trained.
        attempts: networks drawn until one suits and learns.

    Raises:
        NoneSuitsError: none of many is as asked for.
    """
    for _ in range(attempts):
        program = drawn(family, random)
        if not suits(program):
            continue
        settled = _with_settings(program, random)
        if settled is not None:
            return settled
    raise NoneSuitsError(f"none of {attempts} networks suits")


def drawn(family: Family, random: Random) -> Program:
    """A program that is right; whether it learns is not known yet."""
    name = _one(random, list(family.points))
    points = family.points[name](random, int(random.integers(60, 401)))
    head, t = _head(family, random, points)
    offset = bool(random.random() < 0.15)
    x = _scaled(random, points.x)
    if offset and head == "linear_mse":
        t = t + t.std() * random.uniform(1.5, 4.0) * random.choice([-1.0, 1.0], (1, t.shape[1]))
    elif offset:
        x = x + x.std() * random.uniform(1.0, 3.0) * random.choice([-1.0, 1.0], (1, x.shape[1]))
    depth = _weighted(random, family.depths)
    if not points.straight:
        depth = max(depth, 2)
    sizes = _sizes(random, x.shape[1], t.shape[1], depth)
    hidden = (_one(random, family.hidden),) * (depth - 1)
    if depth > 2 and random.random() < family.mixed:
        hidden = tuple(_one(random, family.hidden) for _ in hidden)
    style = _style(family, random, head, t)
    biased = bool(style.bias)
    weights, biases = initial(random, sizes, hidden)
    if head == "relu_mse" and biased:
        biases[-1] = biases[-1] + 0.5
    classes = head in ("softmax_ce", "sigmoid_bce")
    several = t.shape[1] > 1 and head != "softmax_ce"
    reductions = {"mean": 0.6, "sum": 0.2} | ({"all": 0.3} if several or not classes else {})
    penalty = float(10 ** random.uniform(-4, -2.5)) if random.random() < family.penalised else 0.0
    return Program(
        family=name,
        sizes=sizes,
        hidden=hidden,
        head=head,
        reduction=_weighted(random, reductions),
        half=bool(random.random() < 0.5),
        slope=float(random.choice([0.01, 0.1, 0.2])),
        penalty=penalty,
        style=style,
        x=x,
        t=t,
        weights=weights,
        biases=biases if biased else [],
        lr=0.1,
        steps=int(random.integers(2, 11)) * 50,
        batch=None if random.random() < 0.6 else int(random.choice([16, 20, 32, 50, 64])),
        order=int(random.integers(2**31)),
        offset=offset,
    )


def initial(
    random: Random, sizes: Sequence[int], hidden: Sequence[str]
) -> tuple[list[Array], list[Array]]:
    """Weights of Glorot or He, as the activations ask for, and biases at or near 0."""
    weights, biases = [], []
    normal, start = random.random() < 0.6, random.choice([0.0, 0.0, 0.01, 0.1])
    for k, (n, m) in enumerate(pairwise(sizes)):
        name = hidden[k] if k < len(hidden) else "identity"
        deviation = np.sqrt(2 / n) if "relu" in name else np.sqrt(2 / (n + m))
        if normal:
            weights.append(deviation * random.normal(size=(n, m)))
        else:
            weights.append(np.sqrt(3) * deviation * random.uniform(-1, 1, (n, m)))
        biases.append(start * random.uniform(-1, 1, (1, m)))
    return weights, biases


def nice(value: float) -> float:
    """The nearest number of those that people write: 1, 2, 3 or 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        f"{min((1, 2, 3, 5, 10), key=lambda m: abs(np.log(value / (m * power)))) * power:.1g}"
    )


def first_guess(program: Program) -> float:
    """A learning rate that may do."""
    inner = {"sigmoid": 1.0, "tanh": 0.3}
    rate = min((inner.get(name, 0.1) for name in program.hidden), default=0.3)
    rate *= {"sigmoid_mse": 3.0, "softmax_mse": 2.0, "sigmoid_bce": 1.5}.get(program.head, 1.0)
    if program.head.endswith("mse") and not program.half:
        rate /= 2
    return rate / program.constant(batch_of(program)) / batch_of(program)


def _with_settings(program: Program, random: Random) -> Program | None:
    """The same with a learning rate that works; None where none does."""
    guess, best = first_guess(program), (float("inf"), 0.0)
    for factor in LR_FACTORS:
        run = trained(replace(program, lr=guess * factor))
        best = min(best, (run.last, guess * factor))
        if factor < 1 and run.last > 2 * best[0]:
            break  # shorter steps only get less far
    if not best[0] <= 0.9 * LEARNED:
        return None
    program.lr = nice(best[1] * random.uniform(0.25, 0.9))
    run = trained(program)
    works = (
        run.last <= LEARNED and run.last <= 1.3 * run.least + 0.02 and run.first >= 1.5 * run.last
    )
    return program if works else None


def _sizes(random: Random, features: int, outputs: int, depth: int) -> tuple[int, ...]:
    widths = [int(random.choice([*range(2, 11), *range(4, 33), 16, 20, 32, 40, 40]))]
    if random.random() < 0.15:
        widths[0] = max(2, int(random.choice([features, outputs])))
    same = random.random() < 0.45
    while len(widths) < depth - 1:
        widths.append(widths[-1] if same else int(random.integers(3, 33)))
    return (features, *widths[: depth - 1], outputs)


def _head(family: Family, random: Random, points: Points) -> tuple[str, Array]:
    """``(head, targets)``."""
    if points.labels is None:
        values = points.values
        if set(np.unique(values)) <= {0.0, 1.0}:
            return _weighted(random, family.of_several), values
        head = _weighted(random, family.of_values)
        low, high = values.min(axis=0), values.max(axis=0)
        share = (values - low) / (high - low)
        reach = {"sigmoid_mse": (0.05, 0.9), "tanh_mse": (-0.9, 1.8), "relu_mse": (0.2, 3.0)}
        if head in reach:
            least, width = reach[head]
            return head, least + width * share
        spread = values.std(axis=0)
        return head, (values / spread if random.random() < 0.5 else values)
    classes = int(points.labels.max()) + 1
    heads = dict(family.of_classes)
    if classes == 2:
        heads |= {f"{head} of one": weight for head, weight in family.of_two.items()}
    head = _weighted(random, heads)
    one_hot = np.eye(classes)[points.labels]
    if head.endswith("of one"):
        head, one_hot = head.removesuffix(" of one"), points.labels[:, None] * 1.0
    return head, 2 * one_hot - 1 if head == "tanh_mse" else one_hot


def _scaled(random: Random, x: Array) -> Array:
    kind = random.random()
    if kind < 0.4:
        return x
    if kind < 0.8:
        return (x - x.mean(axis=0)) / x.std(axis=0)
    low = x.min(axis=0)
    return (x - low) / (x.max(axis=0) - low)


def _style(family: Family, random: Random, head: str, t: Array) -> Style:
    columns = bool(random.random() < 0.3)
    biased = _weighted(random, {"2-D": 0.6, "flat": 0.25, "": 0.15})
    labels = "2-D"
    if head in ("softmax_ce", "softmax_mse") and random.random() < 0.4:
        labels = "numbers"
    elif t.shape[1] == 1 and random.random() < 0.3:
        labels = "flat"
    guards = {"": 0.4, "plus": 0.4, "clip": 0.2}
    container = _one(random, family.containers)
    rows_2d = biased == "2-D" and not columns
    return Style(
        columns=columns,
        turned=not columns and bool(random.random() < family.turned),
        bias=biased,
        container=container,
        prefix="d" if container == "dict" and random.random() < 0.3 else "",
        labels=labels,
        flat_outputs=labels == "flat" and bool(random.random() < 0.6),
        guard=_weighted(random, guards) if head.endswith("ce") else "",
        loose=rows_2d and bool(random.random() < 0.2),
        update=_one(random, ("new", "in place")),
        shows_update=bool(random.random() < 0.25),
        shows_forward=bool(random.random() < 0.7),
    )


def _one(random: Random, things: Sequence[Any]) -> Any:
    return things[int(random.integers(len(things)))]


def _weighted(random: Random, weights: dict[Any, float]) -> Any:
    shares = np.array(list(weights.values())) / sum(weights.values())
    return list(weights)[int(random.choice(len(shares), p=shares))]
