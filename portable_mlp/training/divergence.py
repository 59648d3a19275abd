"""When numbers stop being finite: which step, which layer, and what came first.

The hot loop checks nothing; at the end of an epoch the weights and the summed loss are looked at. If
they are not finite, the epoch is run again from its start, step by step with a look at each value.
Random numbers depend on (seed, step) alone, so it is the same epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from portable_mlp.training.problem import Data, Keys, Problem
from portable_mlp.training.step import Carry


class TrainingDiverged(RuntimeError):  # noqa: N818  (a state of the training, not a fault)
    """Loss, gradient or weights are no longer finite numbers. The model keeps the last finite weights.

    Args:
        epoch: from 1.
        step: step of that epoch, from 1.
        layer: the first layer (in the direction of the computation) with a non-finite number.
        first: what came first: ``"loss"``, ``"gradient"`` or ``"weight"``.
        hint: a likely cause.
    """

    def __init__(self, epoch: int, step: int, layer: str, first: str, hint: str) -> None:
        """Builds the message."""
        super().__init__(
            f"training diverged in epoch {epoch}, step {step}: the {first} became non-finite first, "
            f"in layer {layer!r}. {hint} The model keeps the last finite weights."
        )
        self.epoch, self.step, self.layer, self.first = epoch, step, layer, first


def locate(
    problem: Problem,
    start: Carry,
    batches: Iterator[tuple[Data, Keys]],
    advance: Callable[[Carry, int], Carry],
    epoch: int,
) -> tuple[Carry, TrainingDiverged] | None:
    """The last carry with finite weights, and the error that says what happened.

    Args:
        problem: what was being minimised.
        start: the carry at the start of the epoch.
        batches: batch and random keys of each step of the epoch.
        advance: one step of the training: ``(carry, step) -> carry``.
        epoch: from 1, for the message.
    """
    carry = start
    for step, (batch, keys) in enumerate(batches):
        value, gradient, _, _ = problem.value_and_gradient(carry.vector, carry.state, batch, keys)
        host = problem.backend.to_numpy(gradient)
        if not math.isfinite(float(value)):
            layer = _first_bad_output(problem, carry, batch, keys)
            return carry, _error(epoch, step, layer, "loss")
        if not np.isfinite(host).all():
            return carry, _error(epoch, step, _last_bad_array(problem, host), "gradient")
        following = advance(carry, step)
        moved = problem.backend.to_numpy(following.vector)
        if not np.isfinite(moved).all():
            bad = int(np.flatnonzero(~np.isfinite(moved))[0])
            return carry, _error(epoch, step, problem.layout.owner(bad), "weight")
        carry = following
    return None


def _first_bad_output(problem: Problem, carry: Carry, batch: Data, keys: Keys) -> str:
    """The first layer whose output is not finite, or the loss itself."""
    params = problem.layout.views(carry.vector, problem.backend.xp)
    ctx, x = problem.context(keys), batch.x
    for name, layer in problem.network.named_layers.items():
        x, _, _ = layer.apply(params[name], carry.state[name], x, ctx)
        if not np.isfinite(problem.backend.to_numpy(x)).all():
            return name
    return type(problem.loss).__name__


def _last_bad_array(problem: Problem, gradient: np.ndarray) -> str:
    """Gradients flow from the output back: the last bad array was reached first."""
    bad = int(np.flatnonzero(~np.isfinite(gradient))[-1])
    return problem.layout.owner(bad)


def _error(epoch: int, step: int, layer: str, first: str) -> TrainingDiverged:
    hint = (
        "A learning rate that is too large is the usual cause: try a tenth of it, clip_norm=1, or "
        "inputs and targets scaled to about 1."
    )
    return TrainingDiverged(epoch, step + 1, layer, first, hint)
