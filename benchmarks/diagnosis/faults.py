"""Faults that can be planted in a right program, and the ids of the catalogue that name each.

The ids that are accepted are those whose cure is a cure of this fault: not its symptoms, and not what
follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.diagnosis import families
from benchmarks.diagnosis.data import Random
from benchmarks.diagnosis.program import (
    OUTPUT,
    Array,
    Layer,
    Program,
    activate,
    derivative,
    error,
)

SMOOTH = ("sigmoid", "tanh")


@dataclass(frozen=True)
class Planted:
    """The truth about one fault.

    Args:
        name: of the fault.
        accepted: ids that name it.
        words: what was done.
    """

    name: str
    accepted: frozenset[str]
    words: str


@dataclass(frozen=True)
class Fault:
    """One kind.

    Args:
        name: the id it is planted for, and what tells it from others of the same id.
        place: ``data``, ``weights``, ``forward``, ``training`` or ``gradient``.
        accepted: ids that are equivalent for every program.
        plant: changes the program; gives words, and further ids where they are equivalent in it.
        suits: programs in which it is possible.
        visible: whether it is a fault even where the training does not end worse, and the gradient is
            the same.
    """

    name: str
    place: str
    accepted: frozenset[str]
    plant: Callable[[Program, Random], tuple[str, set[str]] | str]
    suits: Callable[[Program], bool]
    visible: bool = False

    def planted(self, program: Program, seed: int) -> tuple[Program, Planted] | None:
        """Another program with the fault; None where it has no place in this one."""
        if not self.suits(program):
            return None
        made = program.copied()
        found = self.plant(made, np.random.default_rng(seed))
        words, more = (found, set()) if isinstance(found, str) else found
        return made, Planted(self.name, self.accepted | more, words)


FAULTS: dict[str, Fault] = {}
Plant = Callable[[Program, Random], Any]


def fault(
    name: str,
    place: str,
    ids: str = "",
    suits: Callable[[Program], bool] = lambda p: True,
    visible: bool = False,
) -> Callable[[Plant], Plant]:
    """Puts a function into the table.

    Args:
        name: of the fault; its first word is an id that is accepted.
        place: where it is.
        ids: others that are accepted.
        suits: programs in which it is possible.
        visible: see `Fault`.
    """

    def into_the_table(plant: Plant) -> Plant:
        accepted = frozenset([name.split()[0], *ids.split()])
        FAULTS[name] = Fault(name, place, accepted, plant, suits, visible)
        return plant

    return into_the_table


# -- what is asked of programs -----------------------------------------------------------------------


def deep(p: Program) -> bool:
    """Whether there is a hidden layer."""
    return bool(p.hidden)


def smooth(p: Program) -> bool:
    """Whether a hidden layer has a sigmoid or tanh."""
    return any(name in SMOOTH for name in p.hidden)


def squared_bend(p: Program) -> bool:
    """Whether the loss is a square after a sigmoid or tanh."""
    return p.head in ("sigmoid_mse", "tanh_mse")


def biased(p: Program) -> bool:
    """Whether it has biases."""
    return bool(p.biases)


def square(p: Program) -> list[int]:
    """Layers with a square matrix of more than one row, the first left out."""
    return [k for k in range(1, len(p.weights)) if p.sizes[k] == p.sizes[k + 1] > 1]


def wide(p: Program) -> list[int]:
    """Layers of more than one unit."""
    return [k for k in range(len(p.weights)) if p.sizes[k + 1] > 1]


def smooth_layers(p: Program) -> list[int]:
    """Hidden layers with a sigmoid or tanh."""
    return [k for k, name in enumerate(p.hidden) if name in SMOOTH]


def some(random: Random, layers: list[int]) -> list[int]:
    """All of them, or one."""
    return layers if random.random() < 0.5 else [int(random.choice(layers))]


def numbered(layers: list[int]) -> str:
    """For words."""
    return "layers " + ", ".join(str(k + 1) for k in layers)


# -- in the gradient ---------------------------------------------------------------------------------


def at(part: str, p: Program, layers: list[int], wrong: Callable[..., Any]) -> None:
    """Exchanges a formula in some layers.

    Args:
        part: ``hidden``, ``weight`` or ``bias``.
        p: the program.
        layers: where.
        wrong: the other formula; its first argument is the right one's value, as a function.
    """
    place = {"hidden": 2, "weight": 3, "bias": 2}[part]

    def of(old: Callable[..., Any]) -> Callable[..., Any]:
        def new(*given: Any) -> Any:
            return wrong(lambda: old(*given), *given) if given[place] in layers else old(*given)

        return new

    p.exchange(part, of)


@fault("R01 all", "gradient", "D15")
def sign(p: Program, random: Random) -> str:
    p.exchange("output", lambda old: lambda *given: -old(*given))
    return "t - a in place of a - t"


@fault("R01 layer", "gradient", suits=lambda p: len(p.weights) > 1)
def sign_of_a_layer(p: Program, random: Random) -> str:
    if random.random() < 0.5:
        k = int(random.integers(len(p.hidden)))
        at("hidden", p, [k], lambda right, *given: -right())
        return f"δ of layer {k + 1} has the other sign"
    k = int(random.integers(len(p.weights)))
    at("weight", p, [k], lambda right, *given: -right())
    if p.biases and random.random() < 0.5:
        at("bias", p, [k], lambda right, *given: -right())
    return f"the gradients of layer {k + 1} have the other sign"


@fault("R02 all", "gradient")
def factor(p: Program, random: Random) -> tuple[str, set[str]]:
    names = ["2", "1/2", "1/N", "1/D"] + (["K"] if p.sizes[-1] > 2 else [])
    names += ["N", "N"] if p.reduction != "sum" else []
    name = str(random.choice(names))
    p.exchange(
        "output",
        lambda old: lambda p, layers, t: old(p, layers, t) * constant_named(name, p, len(t)),
    )
    return f"the gradient is {name} times the right one", {"D02"} if name == "N" else set()


def constant_named(name: str, p: Program, n: int) -> float:
    """N samples, D features, K outputs."""
    numbers = {"N": n, "1/N": 1 / n, "1/D": 1 / p.sizes[0], "K": p.sizes[-1], "1/2": 0.5}
    return numbers.get(name, 0.0) or float(name)


@fault("R02 layer", "gradient", suits=deep)
def factor_of_a_layer(p: Program, random: Random) -> str:
    name = str(random.choice(["2", "1/2", "N", "1/N", "10"]))
    part = str(random.choice(["weight", "bias", "hidden"] if p.biases else ["weight", "hidden"]))
    k = int(random.integers(len(p.weights) - (part == "hidden")))

    def scaled(right: Callable[[], Array], p: Program, *given: Any) -> Array:
        delta = given[-1]
        n = len(delta)
        return right() * constant_named(name, p, n)

    at(part, p, [k], scaled)
    return f"{part} of layer {k + 1} is {name} times the right one"


@fault("R03", "gradient", suits=lambda p: bool(square(p)))
def untransposed(p: Program, random: Random) -> str:
    layers = some(random, square(p))
    if random.random() < 0.75:

        def of(old: Callable[..., Any]) -> Callable[..., Any]:
            return lambda p, w, k, *rest: old(p, w.T if k in layers else w, k, *rest)

        p.exchange("back", of)
        return f"{numbered(layers)}: delta @ W in place of delta @ W.T"
    at("weight", p, layers, lambda right, *given: right().T)
    return f"{numbered(layers)}: dW is transposed"


@fault("R04", "gradient", suits=deep)
def no_derivative(p: Program, random: Random) -> str:
    if smooth(p) and random.random() < 0.2:
        layers = some(random, smooth_layers(p))
        at(
            "hidden",
            p,
            layers,
            lambda right, p, tape, k, signal: (
                right() * derivative(p.hidden[k], tape[k].z, tape[k].a)
            ),
        )
        return f"{numbered(layers)}: f'(z) twice"
    layers = some(random, list(range(len(p.hidden))))
    at("hidden", p, layers, lambda right, p, tape, k, signal: signal)
    return f"{numbered(layers)}: no f'(z)"


def the_output(p: Program, formula: Callable[[Program, Layer, Array, Array], Array]) -> None:
    """Puts another formula in the place of the output's δ: of the program, layer, error and targets."""
    p.exchange(
        "output",
        lambda old: lambda p, layers, t: formula(p, layers[-1], error(p, layers[-1].a, t), t),
    )


@fault("R05", "gradient", "D30", suits=lambda p: p.head not in ("linear_mse", "relu_mse"))
def another_loss(p: Program, random: Random) -> tuple[str, set[str]] | str:
    if p.head in ("sigmoid_mse", "tanh_mse", "softmax_mse"):
        the_output(p, lambda p, last, e, t: e)
        return "a - t beside a squared error"
    if p.head == "sigmoid_bce":
        if random.random() < 0.5:
            the_output(p, lambda p, last, e, t: e * last.a * (1 - last.a))
            return "(a - t) a (1 - a) beside a cross-entropy", {"D16"}
        the_output(p, lambda p, last, e, t: e / np.maximum(last.a * (1 - last.a), 1e-12))
        return "dL/da without the derivative of the sigmoid"
    # softmax with cross-entropy
    if random.random() < 0.5:
        the_output(p, lambda p, last, e, t: last.a * (e - (e * last.a).sum(axis=1, keepdims=True)))
        words = "the gradient of a squared error beside a cross-entropy"
        return words, {"R09"} if p.sizes[-1] == 2 else set()  # the same as a (1 - a), see there
    the_output(p, lambda p, last, e, t: -p.constant(len(t)) * t / np.maximum(last.a, 1e-12))
    return "-t / a, without the derivative of the softmax"


@fault("R06", "gradient", suits=lambda p: smooth(p) or squared_bend(p))
def derivative_of_a(p: Program, random: Random) -> str:
    def at_a(name: str, a: Array) -> Array:
        return derivative(name, a, activate(name, a))

    words = []
    inner, outer = smooth_layers(p), squared_bend(p)
    everywhere = random.random() < 0.6
    if outer and (everywhere or not inner or random.random() < 0.4):
        the_output(p, lambda p, last, e, t: e * at_a(OUTPUT[p.head], last.a))
        words.append("output")
    if inner and (everywhere or not words):
        layers = inner if everywhere else [int(random.choice(inner))]
        at("hidden", p, layers, lambda right, p, tape, k, s: s * at_a(p.hidden[k], tape[k].a))
        words.append(numbered(layers))
    return f"{' and '.join(words)}: f'(a)"


@fault("R07", "gradient", suits=lambda p: smooth(p) or squared_bend(p))
def formula_of_z(p: Program, random: Random) -> str:
    def of_z(name: str, z: Array) -> Array:
        return derivative(name, z, z)  # the formula that is meant for a

    words = []
    inner, outer = smooth_layers(p), squared_bend(p)
    everywhere = random.random() < 0.6
    if outer and (everywhere or not inner or random.random() < 0.4):
        the_output(p, lambda p, last, e, t: e * of_z(OUTPUT[p.head], last.z))
        words.append("output")
    if inner and (everywhere or not words):
        layers = inner if everywhere else [int(random.choice(inner))]
        at("hidden", p, layers, lambda right, p, tape, k, s: s * of_z(p.hidden[k], tape[k].z))
        words.append(numbered(layers))
    return f"{' and '.join(words)}: z (1 - z) or 1 - z²"


@fault("R08", "gradient", suits=squared_bend)
def derivative_of_the_error(p: Program, random: Random) -> str:
    name, kind = OUTPUT[p.head], int(random.integers(3))

    def formula(p: Program, last: Layer, e: Array, t: Array) -> Array:
        bare = last.a - t
        scale = 1.0 if kind == 0 else bare
        slope = derivative(name, bare, activate(name, bare) if kind == 2 else bare)
        return scale * slope * p.constant(len(t))

    the_output(p, formula)
    words = "f'(e) with f' in terms of a", "e f'(e) with f' in terms of a", "e f'(e)"
    return f"{words[kind]}, e = a - t"


@fault("R09", "gradient", suits=lambda p: OUTPUT[p.head] == "softmax")
def elementwise(p: Program, random: Random) -> tuple[str, set[str]]:
    more = {"D16"} if p.head == "softmax_mse" else set()
    if random.random() < 0.3:
        the_output(p, lambda p, last, e, t: e * last.a)
        return "a (a - t)", more
    the_output(p, lambda p, last, e, t: e * last.a * (1 - last.a))
    if p.sizes[-1] == 2:  # of two classes it is half the gradient of a squared error
        more |= {"R02"} if p.head == "softmax_mse" else {"R05"}
    return "(a - t) a (1 - a)", more


@fault("R10", "gradient", "R22", suits=lambda p: OUTPUT[p.head] == "softmax" or "relu" in p.hidden)
def nothing(p: Program, random: Random) -> str:
    if OUTPUT[p.head] == "softmax" and ("relu" not in p.hidden or random.random() < 0.6):

        def formula(p: Program, last: Layer, e: Array, t: Array) -> Array:
            a = last.a
            jacobian = np.eye(a.shape[1]) * a[:, None, :] - a[:, :, None] * a[:, None, :]
            return e * jacobian.sum(axis=2)

        the_output(p, formula)
        return "(a - t) times the sums of the rows of the softmax Jacobian"
    layers = [k for k, name in enumerate(p.hidden) if name == "relu"]
    at("hidden", p, layers, lambda right, p, tape, k, s: s * (tape[k].a < 0))
    return f"{numbered(layers)}: (a < 0) for the derivative of relu"


@fault("R11", "gradient", suits=lambda p: biased(p) and bool(wide(p)))
def one_number(p: Program, random: Random) -> tuple[str, set[str]]:
    layers, bare = some(random, wide(p)), random.random() < 0.5

    def number(right: Any, p: Program, biases: list[Array], k: int, delta: Array, s: Any) -> Array:
        return np.asarray(delta.sum()) if bare else np.full_like(right(), delta.sum())

    at("bias", p, layers, number)
    only_softmax = layers == [len(p.weights) - 1] and OUTPUT[p.head] == "softmax"
    words = f"{numbered(layers)}: np.sum(delta) for the bias"
    return words, {"R10"} if only_softmax else set()  # the sum of its δ is 0


@fault("R12", "gradient", suits=biased)
def not_summed(p: Program, random: Random) -> tuple[str, set[str]]:
    layers, kind = some(random, list(range(len(p.weights)))), int(random.integers(3))

    def wrong(right: Any, p: Program, biases: list[Array], k: int, delta: Array, s: Any) -> Array:
        if kind == 0:
            return delta
        return delta.sum(axis=1, keepdims=p.style.bias != "flat") if kind == 1 else delta[:1]

    at("bias", p, layers, wrong)
    words = ("delta itself", "summed over the units", "delta of the first sample alone")[kind]
    # an update with the first two gives the bias a row for each sample
    return f"{numbered(layers)}: {words} for the bias", {"D35"} if kind < 2 else set()


@fault("R13", "gradient", suits=deep)
def wrong_factor(p: Program, random: Random) -> str:
    choices: list[tuple[str, int]] = []
    for k in range(len(p.weights)):
        if k:
            choices.append(("z of the layer before", k))
        if p.sizes[k] == p.sizes[k + 1]:
            choices += [("its own output", k), ("its own z", k)]
        if k and p.sizes[k] == p.sizes[0]:
            choices.append(("X", k))
    which, k = choices[int(random.integers(len(choices)))]

    def wrong(right: Any, p: Program, tape: list[Layer], w: Any, k: int, delta: Array) -> Array:
        factors = {"its own output": tape[k].a, "its own z": tape[k].z, "X": tape[0].x}
        return (factors[which] if which in factors else tape[k - 1].z).T @ delta

    at("weight", p, [k], wrong)
    return f"layer {k + 1}: {which} beside δ in dW"


@fault("R14", "gradient", suits=biased)
def bias_as_activation(p: Program, random: Random) -> str:
    layers, of_delta = some(random, list(range(len(p.weights)))), random.random() < 0.5

    def wrong(right: Any, p: Any, biases: list[Array], k: int, delta: Array, s: Array) -> Array:
        signal = delta if of_delta or s.shape != delta.shape else s
        return (signal * biases[k] * (1 - biases[k])).sum(axis=0, keepdims=True)

    at("bias", p, layers, wrong)
    return f"{numbered(layers)}: {'delta' if of_delta else 'error'} b (1 - b) for the bias"


def _chain(p: Program) -> list[int]:
    """Layers whose δ and bare signal differ, so that the one can be taken for the other."""
    last = len(p.weights) - 1
    inner = [k for k in range(1, last) if p.hidden[k] != "identity"]
    return inner + ([last] if last > 0 and squared_bend(p) else [])


@fault("R15", "gradient", suits=lambda p: bool(_chain(p)))
def skipped(p: Program, random: Random) -> str:
    layers = some(random, _chain(p))

    def of(old: Callable[..., Any]) -> Callable[..., Any]:
        return lambda p, w, k, delta, bare, e: old(p, w, k, bare if k in layers else delta, bare, e)

    p.exchange("back", of)
    return f"{numbered(layers)}: what goes back through W is not multiplied by f'(z) there"


@fault("R16", "gradient")
def accumulates(p: Program, random: Random) -> str:
    if random.random() < 0.25:

        def of_the_last_call(p: Program, weights: Any, biases: Any, x: Array) -> list[Layer]:
            kept = p.memory.get("tape")
            if kept is None or len(kept[0].x) != len(x):
                kept = p.memory["tape"] = p.layers(weights, biases, x)
            return kept

        p.parts["tape"] = of_the_last_call
        return "the gradient starts from the activations of the last call of the loss"
    share = 1.0 if random.random() < 0.7 else 0.9

    def of(old: Callable[..., Any]) -> Callable[..., Any]:
        def new(p: Program, dw: list[Array], db: list[Array], weights: Any) -> Any:
            dw, db = old(p, dw, db, weights)
            sums = p.memory.get("sums")
            fits = sums is not None and [s.shape for s in sums] == [d.shape for d in dw + db]
            sums = [share * s + d for s, d in zip(sums, dw + db, strict=True)] if fits else dw + db
            p.memory["sums"] = sums
            return sums[: len(dw)], sums[len(dw) :]

        return new

    p.exchange("finish", of)
    return f"{share:g} times the last call's gradients are added"


@fault("R17", "gradient")
def summed_before(p: Program, random: Random) -> str:
    layers = some(random, list(range(len(p.weights))))

    def wrong(right: Any, p: Any, tape: list[Layer], w: Any, k: int, delta: Array) -> Array:
        return np.outer(tape[k].x.mean(axis=0), delta.sum(axis=0))

    at("weight", p, layers, wrong)
    return f"{numbered(layers)}: mean of the inputs times sum of the δs for dW"


def _crossed(p: Program) -> list[int]:
    """Layers in which another shape of dW is another one indeed."""
    return [k for k in range(len(p.weights)) if p.sizes[k] != p.sizes[k + 1]]


@fault("R18", "gradient", suits=lambda p: bool(_crossed(p)) and not p.penalty)
def other_shape(p: Program, random: Random) -> tuple[str, set[str]]:
    k = int(random.choice(_crossed(p)))
    if p.sizes[k + 1] == 1 and random.random() < 0.5:
        at("weight", p, [k], lambda right, p, tape, w, k, delta: tape[k].x * delta)
        return f"layer {k + 1}: x * delta for dW, a row for each sample", set()
    at("weight", p, [k], lambda right, *given: right().T)
    return f"layer {k + 1}: dW is transposed", {"R03"}


@fault("R19", "gradient", suits=lambda p: p.head == "sigmoid_bce")
def plus(p: Program, random: Random) -> str:
    def formula(p: Program, last: Layer, e: Array, t: Array) -> Array:
        a = np.clip(last.a, 1e-12, 1 - 1e-12)
        return -p.constant(len(t)) * (t / a + (1 - t) / (1 - a)) * a * (1 - a)

    the_output(p, formula)
    return "-(t / a + (1 - t) / (1 - a)) for dL/da"


@fault("R20 gradient", "gradient")
def times_weights(p: Program, random: Random) -> str:
    layers = some(random, list(range(len(p.weights))))
    at("weight", p, layers, lambda right, p, tape, weights, k, delta: right() * weights[k])
    return f"{numbered(layers)}: dW times W"


@fault("R22", "gradient", suits=lambda p: any(p.sizes[k] > 1 for k in wide(p)))
def the_same_number(p: Program, random: Random) -> str:
    layers = some(random, [k for k in wide(p) if p.sizes[k] > 1])
    at("weight", p, layers, lambda right, *given: np.full_like(right(), right().mean()))
    return f"{numbered(layers)}: the mean of dW in place of dW"


@fault("R23 gradient", "gradient", "D30", suits=lambda p: not p.penalty)
def penalty_in_the_gradient(p: Program, random: Random) -> str:
    strength = float(random.choice([0.01, 0.05, 0.1]))

    def wrong(right: Any, p: Program, tape: Any, weights: list[Array], k: int, d: Array) -> Array:
        return right() + strength * (len(d) if p.reduction == "sum" else 1) * weights[k]

    at("weight", p, list(range(len(p.weights))), wrong)
    return f"{strength} W in the gradient alone"


@fault("R23 loss", "gradient", "D30", suits=lambda p: not p.penalty, visible=True)
def penalty_in_the_loss(p: Program, random: Random) -> str:
    p.penalty = strength = float(random.choice([0.01, 0.05, 0.1]))

    def wrong(right: Any, p: Program, tape: Any, weights: list[Array], k: int, d: Array) -> Array:
        return right() - strength * (len(d) if p.reduction == "sum" else 1) * weights[k]

    at("weight", p, list(range(len(p.weights))), wrong)
    return f"{strength}/2 ΣW² in the loss alone"


OTHERS: dict[str, dict[str, Callable[[Array, Array], Array]]] = {
    "sigmoid": {
        "1 - a**2": lambda z, a: 1 - a**2,
        "a": lambda z, a: a,
        "1 - a": lambda z, a: 1 - a,
        "(z > 0)": lambda z, a: (z > 0) * 1.0,
    },
    "tanh": {
        "a (1 - a)": lambda z, a: a * (1 - a),
        "1 - a": lambda z, a: 1 - a,
        "(z > 0)": lambda z, a: (z > 0) * 1.0,
    },
    "relu": {
        "a (1 - a)": lambda z, a: a * (1 - a),
        "1 - a**2": lambda z, a: 1 - a**2,
        "that of leaky relu": lambda z, a: np.where(z > 0, 1.0, 0.1),
    },
    "leaky_relu": {
        "(z > 0)": lambda z, a: (z > 0) * 1.0,
        "a (1 - a)": lambda z, a: a * (1 - a),
    },
}


@fault("R25", "gradient", suits=lambda p: any(name in OTHERS for name in p.hidden))
def of_another_activation(p: Program, random: Random) -> str:
    layers = some(random, [k for k, name in enumerate(p.hidden) if name in OTHERS])
    name = p.hidden[layers[0]]
    layers = [k for k in layers if p.hidden[k] == name]
    words = str(random.choice(list(OTHERS[name])))
    other = OTHERS[name][words]
    at("hidden", p, layers, lambda right, p, tape, k, s: s * other(tape[k].z, tape[k].a))
    return f"{numbered(layers)}: {words} for the derivative of {name}"


# -- in the forward pass -----------------------------------------------------------------------------


@fault("D18", "forward", suits=lambda p: p.head == "softmax_ce")
def softmax_axis(p: Program, random: Random) -> str:
    p.softmax_axis = 0
    return "softmax over the samples"


@fault(
    "F01",
    "forward",
    "R01",  # with the other sign the gradient would be right
    suits=lambda p: OUTPUT[p.head] == "sigmoid" or "sigmoid" in p.hidden,
)
def sigmoid_of_minus_z(p: Program, random: Random) -> str:
    inner = [k for k, name in enumerate(p.hidden) if name == "sigmoid"]
    outer = [len(p.hidden)] if OUTPUT[p.head] == "sigmoid" else []
    layers = inner + outer  # people have one sigmoid function
    p.flipped = frozenset(layers)
    return f"{numbered(layers)}: 1 / (1 + exp(z))"


@fault("D19", "forward", suits=deep)
def softmax_inside(p: Program, random: Random) -> str:
    layers = some(random, list(range(len(p.hidden))))
    p.hidden = tuple("softmax" if k in layers else name for k, name in enumerate(p.hidden))
    return f"{numbered(layers)}: softmax"


@fault("D20 none", "forward", suits=lambda p: biased(p) and p.offset)
def without_bias(p: Program, random: Random) -> str:
    p.biases = []
    return "no biases"


@fault("D20 unused", "forward", suits=lambda p: biased(p) and p.offset)
def bias_not_used(p: Program, random: Random) -> str:
    p.forgets_bias = True
    return "the forward pass leaves out the biases; their gradients are computed"


CURVED = ("moons", "spirals", "rings", "quadrants", "hills", "bowl", "teacher", "sine")


@fault("D21", "forward", suits=lambda p: deep(p) and p.family in CURVED)
def linear(p: Program, random: Random) -> str:
    if random.random() < 0.3:
        p.sizes, p.hidden = (p.sizes[0], p.sizes[-1]), ()
        weights, biases = families.initial(random, p.sizes, ())
        p.weights, p.biases = weights, biases if p.biases else []
        return "no hidden layer"
    p.hidden = tuple("identity" for _ in p.hidden)
    return "hidden layers without an activation"


# -- in the training ---------------------------------------------------------------------------------


@fault("D01", "training")
def too_long(p: Program, random: Random) -> tuple[str, set[str]]:
    times = float(random.choice([30, 100, 300]))
    p.lr *= times
    return f"learning rate times {times:g}", {"D02"} if p.reduction == "sum" else set()


@fault("D02", "training", suits=lambda p: p.reduction == "mean" and not p.penalty)
def summed(p: Program, random: Random) -> tuple[str, set[str]]:
    if random.random() < 0.5:
        p.reduction = "sum"
        return "loss and gradient are sums, the learning rate is that for means", {"D01"}
    p.exchange("output", lambda old: lambda p, layers, t: old(p, layers, t) * len(t))
    return "the gradient is a sum, the loss a mean, the learning rate that for means", {"R02"}


@fault("D03", "training")
def too_short(p: Program, random: Random) -> str:
    times = float(random.choice([100, 300, 1000]))
    p.lr /= times
    return f"learning rate divided by {times:g}"


@fault("D29 whole", "training")
def whole_numbers(p: Program, random: Random) -> str:
    p.weights = [random.integers(-2, 3, w.shape) for w in p.weights]
    p.biases = [np.zeros(b.shape, dtype=int) for b in p.biases]
    p.style = replace(p.style, update="in place", shows_update=True)
    return "integer parameters; the update writes to them"


@fault("D29 forgotten", "training")
def forgotten(p: Program, random: Random) -> str:
    p.parts["step"] = lambda p, value, slope: value
    p.style = replace(p.style, shows_update=True)
    return "the update gives back the old parameters"


@fault("R20 update", "training")
def update_times_weights(p: Program, random: Random) -> str:
    p.parts["step"] = lambda p, value, slope: value - p.lr * value * slope
    p.style = replace(p.style, shows_update=True)
    return "W -= lr W dW"


@fault("R01 update", "training", "D15")
def update_uphill(p: Program, random: Random) -> str:
    p.parts["step"] = lambda p, value, slope: value + p.lr * slope
    p.style = replace(p.style, shows_update=True)
    return "W += lr dW"


# -- in the initial weights --------------------------------------------------------------------------


@fault("D06", "weights")
def too_large(p: Program, random: Random) -> str:
    if random.random() < 0.5:
        p.weights = [random.uniform(-10, 10, w.shape) for w in p.weights]
        return "weights U(-10, 10)"
    size = float(random.choice([5.0, 10.0]))
    p.weights = [size * random.normal(size=w.shape) for w in p.weights]
    return f"weights {size:g} N(0, 1)"


@fault("D07", "weights")
def all_positive(p: Program, random: Random) -> str:
    p.weights = [random.random(w.shape) for w in p.weights]
    if random.random() < 0.5:
        p.biases = [random.random(b.shape) for b in p.biases]
    return "weights U(0, 1)"


@fault("D08", "weights", suits=lambda p: len(p.weights) >= 3)
def too_small(p: Program, random: Random) -> str:
    size = float(random.choice([1e-2, 1e-3, 1e-4]))
    p.weights = [size * random.normal(size=w.shape) for w in p.weights]
    return f"weights {size:g} N(0, 1)"


@fault("D09", "weights", suits=deep)
def identical(p: Program, random: Random) -> str:
    value = float(random.choice([0.0, 0.0, 0.1, 0.5]))
    p.weights = [np.full_like(w, value) for w in p.weights]
    p.biases = [np.zeros_like(b) for b in p.biases]
    return f"all weights {value:g}"


@fault("D10", "weights", suits=lambda p: biased(p) and "relu" in p.hidden)
def dead(p: Program, random: Random) -> str:
    k = int(random.choice([k for k, name in enumerate(p.hidden) if name == "relu"]))
    p.biases[k] = p.biases[k] - 20.0
    return f"layer {k + 1}: biases of -20 before a relu"


@fault("D11", "weights", "D10", suits=lambda p: biased(p) and p.head == "relu_mse")
def dead_output(p: Program, random: Random) -> str:
    p.biases[-1] = p.biases[-1] - 20.0
    return "biases of -20 before the relu of the output"


# -- in the data -------------------------------------------------------------------------------------


@fault("D05", "data")
def unscaled(p: Program, random: Random) -> str:
    kind = int(random.integers(4))
    if kind == 0:
        p.x = 1000 * p.x
        return "all inputs times 1000"
    if kind == 1:
        low = p.x.min()
        p.x = np.round(255 * (p.x - low) / (p.x.max() - low))
        return "inputs 0 to 255"
    if kind == 2:
        p.x = p.x + 1000
        return "all inputs plus 1000"
    columns = random.random(p.x.shape[1]) < 0.5
    columns[int(random.integers(len(columns)))] = True
    p.x = np.where(columns, 1000 * p.x, p.x)
    return f"{int(columns.sum())} columns of the inputs times 1000"


@fault("D17 squares", "data", suits=lambda p: squared_bend(p) or p.head == "relu_mse")
def out_of_reach(p: Program, random: Random) -> tuple[str, set[str]]:
    if p.head == "relu_mse":
        p.t = p.t - p.t.mean(axis=0) - p.t.std()
        return "most targets below 0 beside a relu", {"D11"}
    size = float(random.choice([5.0, 10.0, 100.0]))
    p.t = size * p.t
    return f"targets from {p.t.min():.3g} to {p.t.max():.3g} beside a {OUTPUT[p.head]}", set()


@fault("D17 labels", "data", suits=lambda p: p.head == "sigmoid_bce", visible=True)
def labels_out_of_reach(p: Program, random: Random) -> str:
    p.t = 2 * p.t - 1 if random.random() < 0.5 else p.t + 1
    return f"labels {p.t.min():g} and {p.t.max():g} beside a sigmoid and cross-entropy"


@fault("D24", "data", suits=lambda p: not p.offset)
def shuffled(p: Program, random: Random) -> str:
    p.t = p.t[random.permutation(len(p.t))]
    return "the targets are shuffled against the inputs"


@fault(
    "D25",
    "data",
    suits=lambda p: p.sizes[-1] == 1 and not p.penalty,
    visible=True,
)
def broadcast(p: Program, random: Random) -> str:
    p.spread = str(random.choice(["exact", "exact", "loss"] + ["raw"] * (not p.hidden)))
    other = random.random() < 0.5
    if p.style.columns:  # outputs (1, n) or (n,) beside targets (n, 1)
        p.style = replace(p.style, labels="2-D", flat_outputs=other)
        shapes = f"outputs {'(n,)' if other else '(1, n)'}, targets (n, 1)"
    else:  # outputs (n, 1) beside targets (n,), or the other way round
        p.style = replace(p.style, labels="2-D" if other else "flat", flat_outputs=other)
        shapes = "outputs (n,), targets (n, 1)" if other else "outputs (n, 1), targets (n,)"
    where = {
        "exact": "in loss and gradient",
        "loss": "in the loss alone",
        "raw": "in both, δ not summed",
    }
    return f"{shapes}: {where[p.spread]}"


@fault("D34", "data", suits=lambda p: p.head == "linear_mse")
def huge_targets(p: Program, random: Random) -> str:
    p.t = 1e4 * p.t
    return "targets times 10,000"


@fault(
    "D35",
    "weights",
    "R12",
    suits=lambda p: biased(p) and p.batch is None and len(p.x) not in p.sizes,
    visible=True,
)
def row_for_each_sample(p: Program, random: Random) -> str:
    layers = some(random, list(range(len(p.weights))))
    p.biases = [
        np.repeat(b, len(p.x), axis=0) if k in layers else b for k, b in enumerate(p.biases)
    ]
    at("bias", p, layers, lambda right, p, biases, k, delta, s: delta)
    return f"{numbered(layers)}: the bias has a row for each sample"
