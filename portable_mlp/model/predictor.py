"""A network with weights on one backend, that answers: predictions, figures, gradients."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from threading import get_ident
from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend, answer_like
from portable_mlp.data.columns import Columns, check_columns
from portable_mlp.data.opened import Opened
from portable_mlp.data.source import Source, pieces_of
from portable_mlp.metrics import AnyMetric, choose_metrics
from portable_mlp.model.memory import check_size
from portable_mlp.model.preparation import DEVICE_BUDGET, Border
from portable_mlp.nn import Loss, Network, Softmax, SoftmaxCrossEntropy
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import check_name
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.scaling import Scaling
from portable_mlp.summary import summary
from portable_mlp.tables.encoder import TableEncoder
from portable_mlp.training.evaluate import (
    Evaluate,
    bring_over,
    figures,
    make_evaluate,
    make_outputs,
    penalty_of,
)
from portable_mlp.training.loop import Run
from portable_mlp.training.problem import Problem, Snapshot

COMPILED = ("_outputs", "_evaluate", "_asked")
"""Attributes that are made when they are needed, and forgotten when the problem changes."""


class Predictor:
    """What `MLP` can do with the weights that it has.

    Args:
        problem: network, loss and backend.
        weights: parameters and running statistics, on the device.
        seed: of first weights, shuffles and dropout.
    """

    _problem: Problem
    _kept: Snapshot
    _run: Run | None = None
    """The training in progress, for as long as one is."""
    _seed: int
    _units: int
    _scaling_kind: str | None = None
    _scaling: Scaling | None = None
    _columns: Columns = Columns()
    _encoder: TableEncoder | None = None

    def _check_outputs(self) -> None:
        problem = self._problem
        shape = problem.network.output_shape(problem.sample_shape)
        if len(shape) != 1:
            raise ValueError(
                f"layers: a sample comes out with shape {shape}, expected one axis; end with a Dense."
            )
        self._units = shape[0]
        problem.loss.check_outputs(self._units)
        if problem.layout.size == 0:
            raise ValueError("layers: they have no parameters, expected at least one Dense.")
        check_size(problem.layout)
        if isinstance(problem.network.layers[-1], Softmax) and isinstance(
            problem.loss, SoftmaxCrossEntropy
        ):
            warnings.warn(
                "The last layer is Softmax and the loss takes logits, so softmax is applied twice; "
                "leave the Softmax out (predict_proba applies it).",
                stacklevel=3,
            )

    @property
    def _weights(self) -> Snapshot:
        """Parameters and running statistics.

        Within a callback those that the training has reached; for other threads those before it, as
        the training writes to its own.
        """
        run = self._run
        return run.snapshot() if run is not None and run.thread == get_ident() else self._kept

    @_weights.setter
    def _weights(self, weights: Snapshot) -> None:
        self._kept = weights

    # -- what it is ------------------------------------------------------------------------------

    @property
    def backend(self) -> Backend:
        """The backend on which the model lies."""
        return self._problem.backend

    @property
    def network(self) -> Network:
        """The layers."""
        return self._problem.network

    @property
    def sample_shape(self) -> Shape:
        """Shape of one sample."""
        return self._problem.sample_shape

    @property
    def loss(self) -> Loss:
        """The loss."""
        return self._problem.loss

    @property
    def seed(self) -> int:
        """The seed."""
        return self._seed

    @property
    def parameter_count(self) -> int:
        """Number of trained numbers."""
        return self._problem.layout.size

    def parameters(self) -> dict[str, np.ndarray]:
        """The parameters by name, as numpy copies: ``{"dense_1.weight": (in, out), ...}``."""
        with self.backend.scope():
            vector = self.backend.to_numpy(self._weights.vector)
        return {n: v.copy() for n, v in self._problem.layout.named(vector, np).items()}

    @property
    def scaling(self) -> Scaling | None:
        """What is done to each sample before the first layer; None where nothing is."""
        return self._scaling

    @property
    def target_scaling(self) -> Scaling | None:
        """What is done to targets before the loss sees them; `predict` undoes it."""
        return self._problem.target_scaling

    @property
    def encoder(self) -> TableEncoder | None:
        """What makes numbers of the columns of a table; None where samples are numbers already."""
        return self._encoder

    @property
    def columns(self) -> Columns:
        """Names of the features, the target and the classes, as far as they are known.

        A training on a data frame gives those of its columns; later frames must have the same.
        """
        return self._columns

    @columns.setter
    def columns(self, columns: Columns) -> None:
        check_columns(columns, self._problem.sample_shape, self._units)
        self._columns = columns

    def summary(self) -> str:
        """A table of the layers: output shape and number of parameters."""
        return summary(self._problem)

    def __repr__(self) -> str:
        """Layers and backend in short."""
        kinds = " → ".join(self.network.named_layers)
        return f"MLP({self._problem.sample_shape} → {kinds}; {self.parameter_count:,} parameters)"

    # -- what it answers -------------------------------------------------------------------------

    @cached_property
    def _outputs(self) -> Any:
        return make_outputs(self._problem)

    @cached_property
    def _evaluate(self) -> Any:
        return make_evaluate(self._problem)

    def forward(self, X: Any) -> Any:  # noqa: N803
        """What the network gives before the loss makes predictions of it: logits, most often.

        Args:
            X: samples (n, features).

        Returns:
            (n, outputs) in the kind of X.
        """
        return self._answer(X, lambda outputs, ctx: outputs)

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Class numbers (n,), 0/1 for each label (n, labels), or values (n, outputs), by the loss.

        Values have the digits of the model's dtype, after a target scaling was undone too: in float32
        numbers of about 1e9 are 64 apart, in float64 1e-7. The names of classes, where the model knows
        them from a file, are ``numpy.asarray(model.columns.classes)[model.predict(X)]``.

        Args:
            X: samples (n, features), or a source.

        Returns:
            An array in the kind of X, that is numpy for numpy, lists, data frames and sources; and else
            the same library and device.
        """
        problem = self._problem
        return self._answer(
            X,
            lambda outputs, ctx: problem.in_units(
                problem.clamped(problem.loss.predict(outputs, ctx))
            ),
        )

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Probabilities (n, classes), or (n, labels) for yes/no labels; for classifiers.

        Args:
            X: samples (n, features).

        Returns:
            An array in the kind of X.

        Raises:
            TypeError: the loss is none of a classifier with probabilities.
        """
        return self._answer(X, self.loss.probabilities)

    def _answer(self, X: Any, finish: Any) -> Any:  # noqa: N803
        X, _ = self._border.mapped(X, None, DEVICE_BUDGET)  # noqa: N806
        if isinstance(X, Source):
            self._border.check_encoded(X)
            pieces = pieces_of(X, range(len(X.blocks)))
            names = X.columns.features
            return np.concatenate([self._answer(Opened(p.X, names), finish) for p in pieces])
        with self.backend.scope():
            x = self._border.features(X, allow_empty=True)
            outputs = self._outputs(*self._weights, x)
            answer = finish(outputs, self._problem.context(self.backend.xp))
            like = X.array if isinstance(X, Opened) else X
            return answer_like(answer, like, self.backend)

    def evaluate(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        sample_weight: Any = None,
        metrics: Sequence[str | AnyMetric] | None = None,
    ) -> dict[str, float]:
        """Loss (penalties included) and metrics.

        Args:
            X: samples (n, features), or a source.
            y: targets as for `fit`.
            sample_weight: one number >= 0 for each row.
            metrics: for this call, in place of the model's own; see `portable_mlp.metrics.METRICS`.

        Returns:
            ``{"loss": ..., "accuracy": ...}``.

        Raises:
            ValueError: data that can't be, or a metric that this loss does not have.
        """
        with self.backend.scope():
            problem, evaluate = self._evaluation(metrics)
            sums = evaluate(*self._weights, self._border.feed(X, y, sample_weight))
            sums.append(penalty_of(problem, self._weights.vector, sums[1]))
            *host, penalty = bring_over(sums, self.backend)
        return figures(problem, problem.metrics, host, float(penalty))

    def _evaluation(self, metrics: Sequence[str | AnyMetric] | None) -> tuple[Problem, Evaluate]:
        """The problem with these metrics, and what evaluates it; those asked for last are kept."""
        chosen = self._problem.metrics
        if metrics is not None:
            chosen = choose_metrics(metrics, self.loss, self._units)
        if chosen == self._problem.metrics:
            return self._problem, self._evaluate
        asked: tuple[Problem, Evaluate] | None = vars(self).get("_asked")
        if asked is None or asked[0].metrics != chosen:
            problem = replace(self._problem, metrics=chosen)
            asked = self._asked = problem, make_evaluate(problem)
        return asked

    @property
    def _border(self) -> Border:
        """What rows pass on their way in."""
        if self._scaling_kind is not None and self._scaling is None:
            raise ValueError(
                f"scaling is {self._scaling_kind!r} and the model has seen no data: call fit first, "
                "which works out what to scale by."
            )
        return Border(self._problem, self._units, self._scaling, self._columns, self._encoder)

    def activations(self, X: Any, layer: str) -> Any:  # noqa: N803
        """What a layer gives for each sample, at prediction.

        Args:
            X: samples (n, features).
            layer: its name, one of ``network.named_layers``.

        Returns:
            (n, *shape of what the layer gives) in the kind of X.

        Raises:
            ValueError: there is no such layer.

        Example:
            >>> from portable_mlp import MLP
            >>> MLP([4, 8, 3]).activations(np.zeros((2, 4)), "relu_1").shape
            (2, 8)
        """
        check_name("activations: layer", layer, self.network.named_layers)
        last = list(self.network.named_layers).index(layer) + 1
        names = list(self.network.named_layers)[:last]
        part = Network.of(replace(self.network.named_layers[name], name=name) for name in names)
        with self.backend.scope():
            x = self._border.features(X, allow_empty=True)
            params = self._problem.layout.views(self._weights.vector, self.backend.xp)
            ctx = self._problem.context(self.backend.xp)
            return answer_like(part.apply(params, self._weights.state, x, ctx)[0], X, self.backend)

    def input_gradient(self, X: Any, output: int | None = None) -> Any:  # noqa: N803
        """How the outputs of `forward` change with each feature: ∂o_j/∂x, sample by sample.

        Args:
            X: samples (n, features).
            output: which output; None for all of them.

        Returns:
            (n, features), or (n, outputs, features) for all, in the kind of X. Of classifiers the outputs
            are logits, of a model with target scaling the scaled numbers. The features of a table are
            those of ``encoder.outputs``, scaled; of one that is embedded it is 0.

        Raises:
            ValueError: there is no such output.

        Example:
            >>> from portable_mlp import MLP
            >>> model = MLP([2, 1], loss="squared_error")
            >>> model.set_parameters({"dense_1.weight": [[3.0], [-1.0]]})
            >>> model.input_gradient(np.zeros((1, 2)), 0).tolist()
            [[3.0, -1.0]]
        """
        if output is not None and not (is_whole(output, 0) and output < self._units):
            raise ValueError(
                f"input_gradient: output is {output!r}, expected one of 0..{self._units - 1}, or None."
            )
        chosen = range(self._units) if output is None else [int(output)]
        with self.backend.scope():
            x = self._border.features(X, allow_empty=True)
            slopes = [self._slope(x, j) for j in chosen]
            answer = slopes[0] if output is not None else self.backend.xp.stack(slopes, axis=1)
            return answer_like(answer, X, self.backend)

    def _slope(self, x: Any, output: int) -> Any:
        """∂o_j/∂x of samples on the device, by the features as they were before scaling."""
        problem, backend, xp = self._problem, self.backend, self.backend.xp
        ctx, (vector, state) = problem.context(xp), self._weights
        params = problem.layout.views(vector, xp)
        outputs, cache, _ = self.network.apply(params, state, x, ctx)
        one = np.zeros((1, self._units))
        one[0, output] = 1.0
        dy = xp.zeros_like(outputs) + backend.asarray(one)
        slope, _ = self.network.backward(params, cache, dy, ctx)
        return slope if self._scaling is None else slope * backend.asarray(self._scaling.factor)

    def objective(
        self,
        X: Any,  # noqa: N803
        y: Any,
        *,
        sample_weight: Any = None,
    ) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """The training loss as a function of all parameters, for optimizers of other libraries.

        Args:
            X: samples (n, features).
            y: targets as for `fit`.
            sample_weight: one number >= 0 for each row.

        Returns:
            ``f(vector) -> (loss, gradient)``, penalties included; both vectors are numpy's and have the
            numbers of `parameters` one after the other. The model's own weights are not changed.

        Example:
            >>> from portable_mlp import MLP
            >>> model = MLP([1, 1], loss="squared_error")
            >>> f = model.objective([[1.0], [2.0]], [[2.0], [4.0]])
            >>> value, gradient = f(np.asarray([1.0, 0.0]))  # y = 1 x + 0
            >>> value, gradient.tolist()
            (2.5, [-5.0, -3.0])
        """
        problem, backend = self._problem, self.backend
        keys = randomness.stream_keys(self._seed, 0, self.network.streams)
        _ = problem.decay_mask  # made here, so that no compiler sees it being made
        with backend.scope():
            data, _ = self._border.data(X, y, sample_weight)

        def both(vector: Any, state: Any, data: Any) -> tuple[Any, Any]:
            return problem.value_and_gradient(backend.xp, vector, state, data, keys)[:2]

        compiled, state = backend.compile(both), self._weights.state

        def objective(vector: np.ndarray) -> tuple[float, np.ndarray]:
            with backend.scope():
                value, gradient = compiled(backend.asarray(np.array(vector)), state, data)
                return float(value), np.array(backend.to_numpy(gradient), np.float64)

        return objective

    def loss_and_gradients(
        self,
        X: Any,  # noqa: N803
        y: Any,
        *,
        sample_weight: Any = None,
        step: int = 0,
    ) -> tuple[float, dict[str, Any]]:
        """The training loss of one batch and its gradient by each parameter, by name.

        Args:
            X: samples (n, features).
            y: targets as for `fit`.
            sample_weight: one number >= 0 for each row.
            step: dropout masks are those of this step of a training.

        Returns:
            ``(loss, {"dense_1.weight": dL/dW, ...})``, penalties included, arrays in the kind of X.
        """
        problem = self._problem
        if not is_whole(step, 0):
            raise ValueError(f"step: got {step!r}, expected a whole number of at least 0.")
        with self.backend.scope():
            data, _ = self._border.data(X, y, sample_weight)
            keys = randomness.stream_keys(self._seed, step, self.network.streams)
            value, gradient, _, _ = problem.value_and_gradient(
                self.backend.xp, *self._weights, data, keys
            )
            named = problem.layout.named(gradient, self.backend.xp)
            return float(value), {n: answer_like(g, X, self.backend) for n, g in named.items()}
