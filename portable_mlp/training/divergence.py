"""When numbers stop being finite: which step, which layer, and what came first.

The hot loop checks nothing; at the end of an epoch the weights and the summed loss are looked at. If
they are not finite, the epoch is run again from its start, step by step with a look at each value.
Random numbers depend on (seed, step) alone, so it is the same epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from portable_mlp.nn.parameters import named_leaves
from portable_mlp.training.carry import Carry, to_device, to_host
from portable_mlp.training.history import History
from portable_mlp.training.problem import Data, Keys, Problem

HUGE = 1e18
"""A weight as large as this has diverged: its square is infinite in float32, and in float64, where it
might go on for long, nothing is learned with it."""


class TrainingDiverged(RuntimeError):  # noqa: N818  (a state of the training, not a fault)
    """Loss, gradient or weights are no longer finite numbers, or a weight is beyond 1e18.

    The model goes back to the last weights with which loss and gradient were finite.

    Args:
        epoch: from 1.
        step: step of that epoch, from 1.
        layer: the first layer (in the direction of the computation) with a non-finite number.
        first: what came first: ``"loss"``, ``"gradient"`` or ``"weight"``.
    """

    def __init__(self, epoch: int, step: int, layer: str, first: str) -> None:
        """Builds the message."""
        where = f", in {layer!r}" if layer else ""
        what = f"non-finite or larger than {HUGE:g}" if first == "weight" else "non-finite"
        self.happened = (
            f"training diverged in epoch {epoch}, step {step}: the {first} became {what} "
            f"first{where}."
        )
        super().__init__(
            f"{self.happened} A learning rate that is too large is the usual cause: try a tenth of it, "
            "clip_norm=1, or inputs and targets scaled to about 1. The model keeps the last weights "
            "with which everything was finite."
        )
        self.epoch, self.step, self.layer, self.first = epoch, step, layer, first
        self.history: History | None = None


def locate(
    problem: Problem,
    start: Carry,
    batches: Iterator[tuple[Data, Keys]],
    advance: Callable[[Carry, int, int], Carry],
    epoch: int,
    first: int,
) -> tuple[Carry, int, TrainingDiverged]:
    """The last carry with which loss and gradient were finite, and the error that says what happened.

    Args:
        problem: what was being minimised.
        start: the carry at the first step that is looked at, on the host.
        batches: batch and random keys of each step of the epoch, from that one on.
        advance: steps of the training: ``(carry, first, stop) -> carry``.
        epoch: from 1, for the message.
        first: that step: 0, or where a resumed training began.

    Returns:
        The carry on the host, the steps of the epoch that led to it, and the error.
    """
    backend, xp = problem.backend, problem.backend.xp
    good, carry = start, to_device(start, problem)
    step = done = first
    for step, (batch, keys) in enumerate(batches, first):
        value, gradient, _, _ = problem.value_and_gradient(
            xp, carry.vector, carry.state, batch, keys
        )
        if not math.isfinite(float(value)):
            layer = _first_bad_output(problem, carry, batch, keys)
            return good, done, TrainingDiverged(epoch, step + 1, layer, "loss")
        host = backend.to_numpy(gradient)
        if not math.isfinite(float(gradient @ gradient)):
            layer = _last_bad_array(problem, host)
            return good, done, TrainingDiverged(epoch, step + 1, layer, "gradient")
        good, done = to_host(carry, backend), step
        carry = advance(carry, step, step + 1)
        moved = backend.to_numpy(carry.vector)
        sound = np.abs(moved) < HUGE
        if not sound.all():
            bad = int(np.flatnonzero(~sound)[0])
            return (
                good,
                done,
                TrainingDiverged(epoch, step + 1, problem.layout.owner(bad), "weight"),
            )
        for name, leaf in named_leaves(carry.state):
            if not np.isfinite(backend.to_numpy(leaf)).all():
                return good, done, TrainingDiverged(epoch, step + 1, name, "running statistic")
    # each number was finite, but not their sum over the epoch, or it was not the same epoch again
    return start, first, TrainingDiverged(epoch, step + 1, "", "sum of the losses")


def _first_bad_output(problem: Problem, carry: Carry, batch: Data, keys: Keys) -> str:
    """The first layer whose output is not finite, or the loss itself."""
    xp = problem.backend.xp
    params = problem.layout.views(carry.vector, xp)
    ctx, x = problem.context(xp, keys), batch.x
    for name, layer in problem.network.named_layers.items():
        x, _, _ = layer.apply(params[name], carry.state[name], x, ctx)
        if not np.isfinite(problem.backend.to_numpy(x)).all():
            return name
    return type(problem.loss).__name__


def _last_bad_array(problem: Problem, gradient: np.ndarray) -> str:
    """Gradients flow from the output back: the last bad array was reached first.

    Where each number is finite and only the norm is not, the largest number counts.
    """
    bad = np.flatnonzero(~np.isfinite(gradient))
    place = int(bad[-1]) if len(bad) else int(np.argmax(np.abs(gradient)))
    return problem.layout.owner(place)
