"""What is minimised: a network, its loss and its penalty, on one backend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend
from portable_mlp.metrics import AnyMetric, RunningMetric, WholeSetMetric
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.initializers import Initializer
from portable_mlp.nn.layer import Context, Tree
from portable_mlp.nn.losses import Loss
from portable_mlp.nn.network import Network
from portable_mlp.nn.parameters import ParameterLayout, named_leaves, rebuild
from portable_mlp.optim import Penalty
from portable_mlp.scaling import Scaling

Keys = tuple[tuple[Any, Any], ...]


class Data(NamedTuple):
    """A data set on the device."""

    x: Any  # (n, features)
    y: Any  # (n,) or (n, outputs)
    weights: Any  # (n,), or None


class Snapshot(NamedTuple):
    """Weights and running statistics at some moment, on the device."""

    vector: Any
    state: Tree


@dataclass(frozen=True)
class Problem:
    """What is minimised, on which backend: the network, its loss and its penalty."""

    network: Network
    sample_shape: Shape
    loss: Loss
    penalty: Penalty
    metrics: tuple[AnyMetric, ...]
    backend: Backend
    target_scaling: Scaling | None = None
    """How the numbers to be predicted were scaled: metrics see them in their own units."""

    def __getstate__(self) -> dict[str, Any]:
        """The choices alone: what was made of them on a device stays behind."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def has_foreign_code(self) -> bool:
        """Whether a layer, the loss or a metric is the user's own."""
        return any(is_foreign(part) for part in (self.network, self.loss, self.metrics))

    @cached_property
    def running(self) -> tuple[RunningMetric, ...]:
        """The metrics that are added up batch by batch."""
        return tuple(m for m in self.metrics if isinstance(m, RunningMetric))

    @cached_property
    def whole_set(self) -> tuple[WholeSetMetric, ...]:
        """The metrics that need all samples at once."""
        return tuple(m for m in self.metrics if isinstance(m, WholeSetMetric))

    @cached_property
    def units(self) -> int:
        """Outputs of the network."""
        return self.network.output_shape(self.sample_shape)[0]

    @cached_property
    def layout(self) -> ParameterLayout:
        """Where each parameter lies in the vector."""
        return ParameterLayout(self.network.parameters(self.sample_shape))

    @cached_property
    def state_layout(self) -> ParameterLayout:
        """Names and shapes of the running statistics."""
        return ParameterLayout(self.network.state(self.sample_shape))

    @cached_property
    def decay_mask(self) -> Any:
        """1 for weights, 0 for biases and norms, (parameters,)."""
        parts = [np.full(length, float(decays)) for decays, length in self.layout.decay_mask()]
        return self.backend.asarray(np.concatenate(parts))

    @cached_property
    def rate_factors(self) -> Any:
        """Of the learning rate, (parameters,); None where all are 1."""
        rates = self.layout.rates()
        if all(rate == 1 for rate, _ in rates):
            return None
        return self.backend.asarray(np.concatenate([np.full(n, rate) for rate, n in rates]))

    def context(self, xp: Any, keys: Keys | None = None) -> Context:
        """What layers and loss run with; training if there are keys."""
        device = self.backend.device
        matmul, transposed = self.backend.product(xp), self.backend.transposed_product(xp)
        if keys is None:
            return Context(xp, device, matmul=matmul, transposed_matmul=transposed)
        streams = iter(keys)

        def uniform(shape: Shape) -> Any:
            return randomness.uniform(xp, shape, next(streams), device)

        return Context(xp, device, True, uniform, matmul, transposed)

    def outputs(self, xp: Any, params: Tree, state: Tree, x: Any) -> Any:
        """What the network gives at prediction, (batch, outputs)."""
        return self.network.apply(params, state, x, self.context(xp))[0]

    def value_and_gradient(
        self, xp: Any, vector: Any, state: Tree, batch: Data, keys: Keys
    ) -> tuple[Any, Any, Any, Tree]:
        """``(objective, its gradient, outputs, new state)`` of one batch, in training mode."""
        value, gradient, outputs, state = self.data_gradient(xp, vector, state, batch, keys)
        if self.penalty:
            penalty, slope = self.penalty(vector, self.decay_mask, xp, mass_of(batch, xp))
            value, gradient = value + penalty, gradient + slope
        return value, gradient, outputs, state

    def data_gradient(
        self, xp: Any, vector: Any, state: Tree, batch: Data, keys: Keys
    ) -> tuple[Any, Any, Any, Tree]:
        """The same without the penalty: ``(loss, its gradient, outputs, new state)``."""
        ctx = self.context(xp, keys)
        params = self.layout.views(vector, xp)
        outputs, cache, state = self.network.apply(params, state, batch.x, ctx)
        value, d_outputs = self.loss(outputs, batch.y, batch.weights, ctx)
        gradients = self.network.gradients(params, cache, d_outputs, ctx)
        return value, self.layout.flatten(gradients, xp), outputs, state

    def settled(self, xp: Any, vector: Any, state: Tree, x: Any, keys: Keys) -> Tree:
        """The running statistics of these samples alone, with these weights.

        Those that a training has moved along belong to the weights of many steps; where each step is long
        and sees all rows, as with L-BFGS, these are the right ones.
        """
        ctx = replace(self.context(xp, keys), running_share=1.0)
        return self.network.apply(self.layout.views(vector, xp), state, x, ctx)[2]

    def sums(
        self, xp: Any, kept: tuple[Any, ...], value: Any, outputs: Any, batch: Data
    ) -> tuple[Any, tuple[Any, ...], Any]:
        """``(loss, metrics, mass)`` of a batch as sums over its samples, weighted.

        Metrics go on from what was ``kept`` of the batches before it.
        """
        ctx = self.context(xp)
        weighted = batch.weights is not None
        mass = xp.sum(batch.weights) if weighted else float(outputs.shape[0])
        seen = self._seen(self.running, outputs, batch.y)
        metrics = tuple(
            metric.add(sums, *seen[metric.ignores_shift], batch.weights, self.loss, ctx)
            for metric, sums in zip(self.running, kept, strict=True)
        )
        return (value if self.loss.reduction == "sum" else value * mass), metrics, mass

    def sums_of_all(self, data: Data) -> list[Any]:
        """What the metrics make of all samples at once, whose outputs are ``data.x``."""
        ctx = self.context(self.backend.xp)
        seen = self._seen(self.whole_set, data.x, data.y)
        return [
            m.sums(*seen[m.ignores_shift], data.weights, self.loss, ctx) for m in self.whole_set
        ]

    def _seen(
        self, metrics: Sequence[AnyMetric], outputs: Any, targets: Any
    ) -> dict[bool, tuple[Any, Any]]:
        """Outputs and targets as metrics see them: those that ignore a shift, and the others."""
        kinds = {metric.ignores_shift for metric in metrics}
        outputs = self.clamped(outputs)
        return {
            ignored: (self.in_units(outputs, not ignored), self.in_units(targets, not ignored))
            for ignored in kinds
        }

    def in_units(self, values: Any, shift: bool = True) -> Any:
        """Numbers of the targets' scale in the units in which they were given, less the shift or not."""
        if self.target_scaling is None:
            return values
        return self.target_scaling.undo_on_device(values, self.backend, shift)

    def clamped(self, predictions: Any) -> Any:
        """Scaled predictions as they are given: within the range of the targets, if that is asked for."""
        if self.target_scaling is None:
            return predictions
        return self.target_scaling.clamp_on_device(predictions, self.backend)

    def first_weights(self, seed: int) -> Snapshot:
        """Weights and running statistics before any training: drawn on the host, in float64."""
        random = randomness.HostStream(seed)
        vector = np.concatenate(self.layout.draw(random))
        return self.from_host(vector, self.state_layout.draw(random))

    def from_host(self, vector: np.ndarray, state: list[np.ndarray]) -> Snapshot:
        """Host arrays as a snapshot on the device; they are copied."""
        arrays = (
            self.backend.asarray(np.array(part).reshape(spec.shape))
            for part, (_, spec, _) in zip(state, self.state_layout.entries, strict=True)
        )
        tree = rebuild(self.state_layout.specs, arrays)
        return Snapshot(self.backend.asarray(np.array(vector)), tree)

    def to_host(self, snapshot: Snapshot) -> tuple[np.ndarray, list[np.ndarray]]:
        """The other way round, for `from_host` of a problem on another backend; copies."""
        state = [np.array(self.backend.to_numpy(leaf)) for _, leaf in named_leaves(snapshot.state)]
        return np.array(self.backend.to_numpy(snapshot.vector)), state


def mass_of(batch: Data, xp: Any) -> Any:
    """Rows of a batch, or the sum of their weights; 1 where that is 0, as in a loss."""
    if batch.weights is None:
        return float(batch.x.shape[0])
    return nonzero(xp.sum(batch.weights), xp)


def nonzero(mass: Any, xp: Any) -> Any:
    """A mass that can be divided by."""
    return mass + xp.astype(mass == 0, mass.dtype)


def is_foreign(part: Any) -> bool:
    """Whether code from outside this package runs in it.

    An eager library runs such a step as it is written, so that a user's own ``print``, debugger or
    changing number works in it.
    """
    if isinstance(part, (tuple, list)):
        return any(is_foreign(child) for child in part)
    if is_dataclass(part) and not isinstance(part, (type, Initializer)):
        children = (getattr(part, field.name) for field in fields(part))
        return _module(type(part)) != _HERE or any(is_foreign(child) for child in children)
    return callable(part) and not isinstance(part, (type, Initializer)) and _module(part) != _HERE


def _module(thing: Any) -> str:
    return str(getattr(thing, "__module__", "")).partition(".")[0]


_HERE = __name__.partition(".")[0]
