"""thinc on numpy, with the training loop of its documentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from thinc.api import (
    Adam,
    CategoricalCrossentropy,
    NumpyOps,
    Relu,
    Softmax,
    chain,
    fix_random_seed,
    set_current_ops,
)

from benchmarks.contestants.contestant import BETA1, BETA2, EPSILON, LEARNING_RATE, Contestant, Task
from benchmarks.datasets import Arrays

_LOOKED_AT = 2_000


class ThincLoop(Contestant):
    """``begin_update``, ``backprop``, ``finish_update``; its matrix products are numpy's.

    thinc's default for products, BLIS on one core, was two to four times slower here.
    """

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        set_current_ops(NumpyOps(use_blis=False))
        self.one_hot = np.eye(task.sizes[-1], dtype=np.float32)[arrays.y]
        self.loss = CategoricalCrossentropy()
        self.reset(task.seed)

    def reset(self, seed: int) -> None:
        """A new model with Glorot's uniform weights; Softmax would start from zeros."""
        fix_random_seed(seed)
        *hidden, outputs = self.task.sizes[1:]
        self.model = chain(*map(Relu, hidden), Softmax(outputs))
        self.model.initialize(X=self.arrays.X[:2], Y=self.one_hot[:2])
        for layer, (weight, bias) in zip(self.model.layers, self.glorot(seed), strict=True):
            layer.set_param("W", np.ascontiguousarray(weight.T))
            layer.set_param("b", bias)
        self.optimizer = Adam(
            LEARNING_RATE,
            beta1=BETA1,
            beta2=BETA2,
            eps=EPSILON,
            L2=0.0,
            grad_clip=0.0,
            use_averages=False,
        )

    def train(self, epochs: int) -> dict[str, Any]:
        """The loss is looked at after each epoch, outside of its time."""
        before, seconds, losses = self.steps, [], []
        for _ in range(epochs):
            watch = self.stopwatch()
            self.pass_over()
            seconds.append(watch.stop())
            losses.append(self.loss_now())
        return {"seconds": seconds, "losses": losses, "steps": self.steps - before}

    def pass_over(self) -> None:
        """One epoch."""
        X, Y, size = self.arrays.X, self.one_hot, self.task.batch_size
        for x, y in self.model.ops.multibatch(size, X, Y, shuffle=True):
            shares, backprop = self.model.begin_update(x)
            backprop(self.loss.get_grad(shares, y))
            self.model.finish_update(self.optimizer)
            self.steps += 1

    def loss_now(self) -> float:
        """Mean cross-entropy of some training rows."""
        shares = self.model.predict(self.arrays.X[:_LOOKED_AT])
        of_truth = (shares * self.one_hot[:_LOOKED_AT]).sum(1)
        return float(-np.log(np.maximum(of_truth, 1e-30)).mean())

    def classes(self, x: Any) -> Any:
        """The largest share's place."""
        return self.model.predict(x).argmax(1)
