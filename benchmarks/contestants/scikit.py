"""scikit-learn's MLPClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.contestants.contestant import BETA1, BETA2, EPSILON, LEARNING_RATE, Contestant, Task
from benchmarks.datasets import Arrays


class Scikit(Contestant):
    """``partial_fit`` is exactly one shuffled epoch and keeps Adam's state.

    ``fit`` with ``warm_start`` would begin a new Adam at every call. Each call checks X and y, which
    is some percent of an epoch.
    """

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        self.reset(task.seed)

    def reset(self, seed: int) -> None:
        """A new estimator."""
        self.model = MLPClassifier(
            self.task.sizes[1:-1],
            activation="relu",
            solver="adam",
            alpha=0.0,
            batch_size=self.task.batch_size,
            learning_rate_init=LEARNING_RATE,
            beta_1=BETA1,
            beta_2=BETA2,
            epsilon=EPSILON,
            early_stopping=False,
            tol=0.0,
            n_iter_no_change=10**9,
            # a number would give every call of partial_fit the same order of the rows
            random_state=np.random.RandomState(seed),
        )

    def epoch(self) -> float:
        """One call."""
        classes = np.arange(self.task.sizes[-1])
        self.model.partial_fit(self.arrays.X, self.arrays.y, classes=classes)
        self.steps += len(list(self.batches()))
        return float(self.model.loss_)

    def classes(self, x: Any) -> Any:
        """``predict``."""
        return self.model.predict(x)
