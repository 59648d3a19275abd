"""What the parameters mean: checked, and as layers, optimizer and schedule of the core."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np

from portable_mlp.checkpoint import Checkpoint
from portable_mlp.nn import (
    ACTIVATIONS,
    INITIALIZERS,
    Dense,
    Dropout,
    Initializer,
    Layer,
    Network,
    Sigmoid,
)
from portable_mlp.nn.choices import check_name, choose
from portable_mlp.nn.dense_stack import NORMALIZATIONS
from portable_mlp.nn.plain_numbers import is_number, is_whole
from portable_mlp.optim import OPTIMIZERS, SCHEDULES, SGD, Adam, Optimizer, Schedule
from portable_mlp.optim.schedules import Progress
from portable_mlp.training import Callback
from portable_mlp.training.options import checked_callbacks

SOLVERS = ("lbfgs", "sgd", "adam")
RATES = ("constant", "invscaling", "adaptive")


def _number(low: float, high: float = math.inf, *, above: bool = False, below: bool = False) -> Any:
    def fits(value: Any) -> bool:
        if not is_number(value) or not (low <= value <= high):
            return False
        return not (above and value == low) and not (below and value == high)

    return fits


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: is_whole(value, least)


def _or(*choices: Any, other: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        return value is None or (isinstance(value, str) and value in choices) or other(value)

    return fits


def _truth(value: Any) -> bool:
    return isinstance(value, (bool, np.bool_))


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "alpha": (_number(0, below=True), "a finite number of at least 0"),
    "batch_size": (
        lambda v: (isinstance(v, str) and v == "auto") or is_whole(v, 1),
        "'auto' or a whole number of at least 1",
    ),
    "learning_rate_init": (_number(0, above=True, below=True), "a finite number above 0"),
    "power_t": (_number(0, below=True), "a finite number of at least 0"),
    "max_iter": (_whole(1), "a whole number of at least 1"),
    "shuffle": (_truth, "True or False"),
    "tol": (_number(0, below=True), "a finite number of at least 0"),
    "verbose": (lambda v: _truth(v) or is_whole(v, 0), "True, False or a whole number"),
    "warm_start": (_truth, "True or False"),
    "momentum": (_number(0, 1, below=True), "a number in [0, 1)"),
    "nesterovs_momentum": (_truth, "True or False"),
    "early_stopping": (_truth, "True or False"),
    "validation_fraction": (_number(0, 1, below=True), "a share in [0, 1)"),
    "beta_1": (_number(0, 1, below=True), "a number in [0, 1)"),
    "beta_2": (_number(0, 1, below=True), "a number in [0, 1)"),
    "epsilon": (_number(0, above=True, below=True), "a finite number above 0"),
    "n_iter_no_change": (
        lambda v: is_whole(v, 1) or (is_number(v) and v == math.inf),
        "a whole number of at least 1, or infinity",
    ),
    "max_fun": (_whole(1), "a whole number of at least 1"),
    "weight_decay": (_number(0, below=True), "a finite number of at least 0"),
    "clip_norm": (_or(other=_number(0, above=True)), "a number above 0, or None"),
    "average_weights": (
        lambda v: v is None or _truth(v) or _number(0, 1, above=True, below=True)(v),
        "True, False or a decay inside (0, 1)",
    ),
    "pickle_optimizer": (_truth, "True or False"),
    "scoring": (
        lambda v: v is None or isinstance(v, str) or callable(v),
        "the name of one score, a function (estimator, X, y), or None",
    ),
    "label_smoothing": (_number(0, 1, below=True), "a share in [0, 1)"),
    "class_weight": (
        _or("balanced", other=lambda v: isinstance(v, (Mapping, list))),
        "'balanced', {class: factor} or None",
    ),
}


def check_parameters(estimator: Any) -> None:
    """Refuses what a parameter can't be.

    Args:
        estimator: an estimator of this package.

    Raises:
        ValueError: with what was found and expected.
    """
    given, who = estimator.get_params(deep=False), type(estimator).__name__
    for name, (fits, expected) in _RULES.items():
        if name in given and not fits(given[name]):
            raise ValueError(f"{who}: {name} is {given[name]!r}, expected {expected}.")
    for name, known in (("solver", SOLVERS), ("learning_rate", RATES)):
        if not isinstance(given[name], str):
            raise ValueError(
                f"{who}: {name} is {given[name]!r}, expected one of {', '.join(known)}."
            )
        check_name(f"{who}: {name}", given[name], known)
    _check_choice_of_layers(estimator)
    _check_solver(estimator)


def hidden_sizes(given: Any) -> list[int]:
    """``hidden_layer_sizes`` as a list of whole numbers."""
    several = isinstance(given, (Iterable, np.ndarray)) and not isinstance(given, str)
    sizes = list(given) if several else [given]
    if not all(is_whole(size, 1) for size in sizes):
        raise ValueError(
            f"hidden_layer_sizes must be > 0, got {given!r}, expected whole numbers: units of each "
            "hidden layer."
        )
    return [int(size) for size in sizes]


def _for_each(what: str, given: Any, count: int) -> list[Any]:
    """One value for each hidden layer."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if len(given) != count:
            raise ValueError(
                f"{what}: got {len(given)} values, expected {count}: one for each hidden layer."
            )
        return list(given)
    return [given] * count


def _check_choice_of_layers(estimator: Any) -> None:
    """Refuses two descriptions of the layers, of which one would be passed over."""
    who, given = type(estimator).__name__, estimator.get_params(deep=False)
    chosen = next((name for name in ("network", "layers") if given[name] is not None), None)
    if chosen is None:
        return
    init = signature(type(estimator).__init__).parameters
    replaced = ["hidden_layer_sizes", "activation", "dropout", "normalization"]
    replaced += ["layers", "initializer"] if chosen == "network" else []
    for name in replaced:
        now, default = given[name], init[name].default
        if name == "hidden_layer_sizes":
            now, default = hidden_sizes(now), hidden_sizes(default)
        if not np.array_equal(now, default):
            raise ValueError(
                f"{who}: got {name}={given[name]!r} beside {chosen}, which takes its place; expected one "
                "of them."
            )


def _check_solver(estimator: Any) -> None:
    """Refuses options of mini-batches beside lbfgs, which would pass over them."""
    if estimator.solver != "lbfgs" or estimator.optimizer is not None:
        return
    init = signature(type(estimator).__init__).parameters
    for name in ("schedule", "weight_decay", "clip_norm", "average_weights", "callbacks"):
        given, default = getattr(estimator, name), init[name].default
        if given != default and not (name == "callbacks" and given == []):
            raise ValueError(
                f"{type(estimator).__name__}: got {name} beside solver='lbfgs', expected {default}: it "
                "has no mini-batches; choose 'adam' or 'sgd', or optimizer='lbfgs'."
            )


def layers_of(estimator: Any, inputs: int, outputs: int) -> list[Layer]:
    """The layers of the network.

    Args:
        estimator: whose parameters describe it.
        inputs: numbers of a sample.
        outputs: units of the last layer.
    """
    if estimator.network is not None:
        return _own_network(estimator, inputs, outputs)
    init: Any = "glorot_uniform"
    if estimator.initializer is not None:
        init = choose("initializer", estimator.initializer, INITIALIZERS, Initializer)
    if estimator.layers is not None:
        hidden = () if estimator.layers == [] else Network.of(estimator.layers).layers
        return [*hidden, Dense(outputs, init)]
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    known = {**ACTIVATIONS, "logistic": Sigmoid()}
    norm = None
    if estimator.normalization is not None:
        norm = choose("normalization", estimator.normalization, NORMALIZATIONS, type)
    if not sizes:  # their names are looked at all the same
        choose("activation", estimator.activation, known, Layer)
    layers: list[Layer] = []
    activations = _for_each("activation", estimator.activation, len(sizes))
    rates = _for_each("dropout", estimator.dropout, len(sizes))
    for units, activation, rate in zip(sizes, activations, rates, strict=True):
        layers.append(Dense(units, init))
        if norm is not None:
            layers.append(norm())
        layers.append(replace(choose("activation", activation, known, Layer), name=None))
        drop = Dropout(rate)
        if drop.rate:
            layers.append(drop)
    return [*layers, Dense(outputs, init)]


def _own_network(estimator: Any, inputs: int, outputs: int) -> list[Layer]:
    """The layers of ``network``, of which the last has as many outputs as it should."""
    who, given = f"{type(estimator).__name__}: network", estimator.network
    if callable(given) and not hasattr(given, "forward"):
        given = given(inputs, outputs)
    try:
        network = given if isinstance(given, Network) else Network.of(given)
        found = network.output_shape((inputs,))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{who}: {error}") from None
    if found != (outputs,):
        size = found[0] if len(found) == 1 else f"shape {found} of"
        both = " (two classes have one)" if outputs == 1 and not estimator._numbers else ""
        raise ValueError(
            f"{who} gives {size} outputs, expected {outputs}, as many as y and the loss want{both}; a "
            "function (inputs, outputs) that makes the layers is told this number."
        )
    return list(network.layers)


def optimizer_of(estimator: Any) -> Optimizer:
    """How the weights move. A name takes ``learning_rate_init``; an `Optimizer` has its own rate."""
    rate, given = float(estimator.learning_rate_init), estimator.optimizer
    if given is not None:
        chosen: Optimizer = choose("optimizer", given, OPTIMIZERS, Optimizer)
        if isinstance(given, str):
            chosen = replace(chosen, learning_rate=rate)
    elif estimator.solver == "sgd":
        nesterov = bool(estimator.nesterovs_momentum) and estimator.momentum > 0
        chosen = SGD(rate, momentum=estimator.momentum, nesterov=nesterov)
    else:
        chosen = Adam(
            rate,
            beta1=estimator.beta_1,
            beta2=estimator.beta_2,
            epsilon=estimator.epsilon,
            epsilon_hat=True,  # scikit-learn's form
        )
    more: dict[str, Any] = {}
    if estimator.weight_decay:
        more["weight_decay"] = estimator.weight_decay
    if estimator.clip_norm is not None:
        more["clip_norm"] = estimator.clip_norm
    if estimator.average_weights:
        decay = estimator.average_weights
        more["ema_decay"] = 0.999 if _truth(decay) else float(decay)
    return replace(chosen, **more)


@dataclass(frozen=True)
class BySamples(Schedule):
    """1 / (samples seen before the epoch + 1)^power: scikit-learn's invscaling.

    Args:
        seen: samples of earlier trainings.
        rows: samples of an epoch.
        power: ``power_t``.
    """

    seen: int
    rows: int
    power: float

    def factor(self, progress: Progress) -> float:
        return float((self.seen + progress.epoch * self.rows + 1) ** -self.power)


@dataclass(frozen=True, eq=False)
class ByProgress(Schedule):
    """What somebody who watches the training says, before each epoch.

    Args:
        factor_now: gives the factor.
    """

    factor_now: Callable[[], float]

    def epoch_factor(self, history: Any) -> float:
        return self.factor_now()


def schedule_of(estimator: Any, seen: int, rows: int, factor_now: Callable[[], float]) -> Schedule:
    """The learning rate's factor: ours if there is one, else what ``learning_rate`` says, for sgd."""
    if estimator.schedule is not None:
        chosen: Schedule = choose("schedule", estimator.schedule, SCHEDULES, Schedule)
        return chosen
    if estimator.solver == "sgd" and estimator.optimizer is None:
        if estimator.learning_rate == "invscaling":
            return BySamples(seen, rows, estimator.power_t)
        if estimator.learning_rate == "adaptive":
            return ByProgress(factor_now)
    return SCHEDULES["constant"]


def own_callbacks(estimator: Any, incremental: bool) -> list[Callback]:
    """The user's callbacks.

    Args:
        estimator: whose callbacks.
        incremental: whether this is one pass of `partial_fit`.

    Raises:
        TypeError: they are no list of callbacks.
        ValueError: there is a Checkpoint, and the same training could not be begun again.
    """
    found, who = checked_callbacks(estimator.callbacks or ()), type(estimator).__name__
    if any(isinstance(callback, Checkpoint) for callback in found):
        if incremental:
            raise ValueError(
                f"{who}: got a Checkpoint beside partial_fit, expected fit: each call is a training of "
                "its own; pickle the estimator instead, with pickle_optimizer=True."
            )
        if estimator.random_state is None:
            raise ValueError(
                f"{who}: random_state is None beside a Checkpoint, expected a whole number: a training "
                "that goes on draws the same numbers again."
            )
    return found
