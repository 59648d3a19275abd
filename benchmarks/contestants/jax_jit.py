"""JAX as its users write it: a tree of parameters, value_and_grad, one jitted step."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contestants.contestant import BETA1, BETA2, EPSILON, LEARNING_RATE, Contestant, Task
from benchmarks.datasets import Arrays


def logits_of(params: Any, x: Any) -> Any:
    """The forward pass."""
    for weight, bias in params[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = params[-1]
    return x @ weight + bias


def loss_of(params: Any, x: Any, y: Any) -> Any:
    """Mean softmax cross-entropy."""
    log_shares = jax.nn.log_softmax(logits_of(params, x))
    return -jnp.mean(jnp.take_along_axis(log_shares, y[:, None], axis=1))


def adam_step(params: Any, m: Any, v: Any, t: Any, x: Any, y: Any) -> tuple[Any, ...]:
    """``(params, m, v, t, loss)`` after one step of Adam."""
    loss, gradients = jax.value_and_grad(loss_of)(params, x, y)
    t = t + 1
    m = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, gradients)
    v = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, gradients)
    rate, root = LEARNING_RATE / (1 - BETA1**t), jnp.sqrt(1 - BETA2**t)
    params = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + EPSILON), params, m, v
    )
    return params, m, v, t, loss


@partial(jax.jit, donate_argnums=(0, 1, 2, 3, 4))
def train_step(
    params: Any, m: Any, v: Any, t: Any, total: Any, X: Any, y: Any, order: Any, i: Any
) -> tuple[Any, ...]:
    """One step on the i-th batch of an epoch's order; ``total`` adds up the losses."""
    rows = order[i]
    params, m, v, t, loss = adam_step(params, m, v, t, X[rows], y[rows])
    return params, m, v, t, total + loss * len(rows)


@partial(jax.jit, donate_argnums=(0, 1, 2, 3, 4))
def train_steps(
    params: Any, m: Any, v: Any, t: Any, total: Any, X: Any, y: Any, order: Any
) -> tuple[Any, ...]:
    """All batches of an order in one program."""

    def step(carry: tuple[Any, ...], rows: Any) -> tuple[tuple[Any, ...], None]:
        *state, total = carry
        *state, loss = adam_step(*state, X[rows], y[rows])
        return (*state, total + loss * len(rows)), None

    return jax.lax.scan(step, (params, m, v, t, total), order)[0]


@jax.jit
def predicted(params: Any, x: Any) -> Any:
    """The largest logit's place."""
    return logits_of(params, x).argmax(1)


class PerStep(Contestant):
    """One jitted call a step: it gathers its batch on the device; the state's memory is donated."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        if task.device == "cuda":  # no TF32, as everywhere else
            jax.config.update("jax_default_matmul_precision", "highest")
        self.X, self.y = jnp.asarray(arrays.X), jnp.asarray(arrays.y.astype(np.int32))
        self.reset(task.seed)

    def reset(self, seed: int) -> None:
        """New trees."""
        params = jax.tree.map(jnp.asarray, self.glorot(seed))
        moments = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
        self.state: tuple[Any, ...] = (params, *moments, jnp.zeros(()))

    def orders(self) -> list[Any]:
        """The shuffled row numbers on the device: ``(batches, batch size)``, and the last batch."""
        order = self.random.permutation(len(self.X)).astype(np.int32)
        size = self.task.batch_size
        cut = len(order) // size * size
        parts = [order[:cut].reshape(-1, size), order[None, cut:]]
        return [jnp.asarray(part) for part in parts if part.size]

    def epoch(self) -> float:
        """Waits for the device at the end only."""
        state = (*self.state, jnp.zeros(()))
        for order in self.orders():
            state = self.through(state, order)
            self.steps += len(order)
        *self.state, total = jax.block_until_ready(state)
        return float(total) / len(self.X)

    def through(self, state: tuple[Any, ...], order: Any) -> tuple[Any, ...]:
        """The state after all batches of an order."""
        for i in range(len(order)):
            state = train_step(*state, self.X, self.y, order, i)
        return state

    def own(self, X: np.ndarray) -> Any:
        """On the device."""
        return jnp.asarray(X)

    def classes(self, x: Any) -> Any:
        """By a jitted function."""
        return predicted(self.state[0], x).block_until_ready()


class ScanPerEpoch(PerStep):
    """The whole batches of an epoch in one program, by ``jax.lax.scan``."""

    def through(self, state: tuple[Any, ...], order: Any) -> tuple[Any, ...]:
        """One call."""
        return train_steps(*state, self.X, self.y, order)
