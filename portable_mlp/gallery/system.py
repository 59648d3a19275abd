"""What a system of the gallery is: a program that can be trained and examined, and its story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.model import MLP

Array = NDArray[Any]
Params = dict[str, Array]
Report = Callable[[int, Params], None]
"""Called after each update with the number of updates so far and the parameters."""


@dataclass(frozen=True)
class Program:
    """A network written by hand, its data and its training.

    The functions do not write to their arguments. Where a program keeps something from call to call,
    because the one that was posted does, each program that is built has a memory of its own.

    Args:
        loss: ``loss(params, X, Y) -> float``: what the code reports, or means to lower.
        gradients: ``gradients(params, X, Y)``: what it takes for the gradient of each parameter.
        params: first parameters.
        X: inputs.
        Y: targets.
        lr: learning rate.
        steps: updates of a whole training.
        batch: samples of one update; None for all of them, in their order.
        forward: ``forward(params, X)``: the outputs; None where there is no such function.
        update: ``update(params, gradients) -> params``; None for ``params - lr * gradients``.
        score: ``score(params)``: figures by name.
        columns: whether a sample is a column of X and Y.

    Example:
        >>> from portable_mlp.gallery import systems
        >>> program = systems()["S6"].fixed(0)
        >>> program.score(program.train())["accuracy"]
        1.0
    """

    loss: Callable[[Params, Array, Array], float]
    gradients: Callable[[Params, Array, Array], Params]
    params: Params
    X: Array
    Y: Array
    lr: float
    steps: int
    score: Callable[[Params], dict[str, float]]
    batch: int | None = None
    forward: Callable[[Params, Array], Array] | None = None
    update: Callable[[Params, Params], Params] | None = None
    columns: bool = False

    @property
    def samples(self) -> int:
        """How many there are."""
        return int(self.X.shape[1 if self.columns else 0])

    def diagnosis_arguments(self) -> dict[str, Any]:
        """Arguments for ``portable_mlp.diagnose``."""
        return {
            "loss": self.loss,
            "gradients": self.gradients,
            "params": self.params,
            "X": self.X,
            "Y": self.Y,
            "train": {"lr": self.lr, "steps": self.steps, "batch": self.batch},
            "forward": self.forward,
            "update": self.update,
        }

    def train(self, seed: int = 0, report: Report | None = None) -> Params:
        """Trains from the first parameters, which stay as they are.

        Args:
            seed: of the order of the samples, drawn anew for each epoch; without ``batch`` there is
                no order.
            report: called after each update.

        Returns:
            The last parameters. The training ends early where they are no longer finite.
        """
        random = np.random.default_rng(seed)
        params = {name: value.copy() for name, value in self.params.items()}
        order = np.arange(0)
        with np.errstate(all="ignore"):
            for step in range(1, self.steps + 1):
                x, y = self.X, self.Y
                if self.batch is not None:
                    if not order.size:
                        order = random.permutation(self.samples)
                    x, y = self._taken(order[: self.batch])
                    order = order[self.batch :]
                params = self._stepped(params, self.gradients(params, x, y))
                if report is not None:
                    report(step, params)
                if not all(np.isfinite(value).all() for value in params.values()):
                    break
        return params

    def _taken(self, chosen: Array) -> tuple[Array, Array]:
        if self.columns:
            return self.X[:, chosen], self.Y[:, chosen]
        return self.X[chosen], self.Y[chosen]

    def _stepped(self, params: Params, gradients: Params) -> Params:
        if self.update is not None:
            return self.update(params, gradients)
        return {name: value - self.lr * gradients[name] for name, value in params.items()}


Model = tuple[MLP, Array, Array, dict[str, Any]]
"""A model of this library, X and y for its ``fit``, and the other arguments of ``fit``."""


@dataclass(frozen=True)
class System:
    """A network that somebody asked about.

    Args:
        id: short name.
        title: subject.
        source: where it was asked.
        network: layers, activations, layout.
        symptom: what was seen.
        claim: the figure in the post.
        causes: true causes of what was posted. Each is a set of ids of the catalogue that are
            accepted for it. Empty where the system works as it was posted.
        posted: the program as it was posted, from a seed.
        explanation: the true causes in words, and what is wrong with the answers given.
        fixed: the program without its faults; None where it has none.
        target: a figure of the score and the number that it reaches, or exceeds, without the faults.
        needs_mnist: whether MNIST's test files must be there (see `gallery.data.mnist_test_set`).
        model: the same network, without its faults, as a model of this library.

    Example:
        >>> from portable_mlp.gallery import systems
        >>> system = systems()["S15"]
        >>> [sorted(accepted) for accepted in system.causes]
        [['R07'], ['R19'], ['D08', 'D13']]
        >>> system.target
        ('accuracy', 1.0)
    """

    id: str
    title: str
    source: str
    network: str
    symptom: str
    claim: str
    causes: tuple[frozenset[str], ...]
    posted: Callable[[int], Program]
    explanation: str
    fixed: Callable[[int], Program] | None = None
    target: tuple[str, float] | None = None
    needs_mnist: bool = False
    model: Callable[[int], Model] | None = None


def causes(*accepted: str) -> tuple[frozenset[str], ...]:
    """One set of ids for each string, in which ids are separated by spaces.

    Example:
        >>> causes("R07", "D08 D13") == (frozenset({"R07"}), frozenset({"D08", "D13"}))
        True
    """
    return tuple(frozenset(ids.split()) for ids in accepted)
