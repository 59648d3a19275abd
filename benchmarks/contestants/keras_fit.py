"""Keras on the backend that KERAS_BACKEND names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from benchmarks.contestants.contestant import (
    BETA1,
    BETA2,
    EPSILON,
    LEARNING_RATE,
    Contestant,
    Stopwatch,
    Task,
)
from benchmarks.datasets import Arrays


class _EachEpoch(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the watch."""
        self.watch = Stopwatch()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops it; the figures in ``logs`` are Python numbers, so the epoch is computed."""
        self.seconds.append(self.watch.stop())


class KerasFit(Contestant):
    """``Sequential``, ``compile`` and ``fit``; no metric beside the loss."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        hidden = [keras.layers.Dense(width, "relu") for width in task.sizes[1:-1]]
        self.model = keras.Sequential(
            [keras.Input((task.sizes[0],)), *hidden, keras.layers.Dense(task.sizes[-1])]
        )
        self.model.compile(
            keras.optimizers.Adam(LEARNING_RATE, BETA1, BETA2, EPSILON),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.reset(task.seed)

    def reset(self, seed: int) -> None:
        """New numbers in the same variables; Adam's moments and step number at zero."""
        keras.utils.set_random_seed(seed)
        self.model.set_weights([array for layer in self.glorot(seed) for array in layer])
        for variable in self.model.optimizer.variables:
            if variable.path.rpartition("/")[2] != "learning_rate":
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def train(self, epochs: int) -> dict[str, Any]:
        """One ``fit``; what it prepares before its first epoch is not timed."""
        watch = _EachEpoch()
        before = int(self.model.optimizer.iterations)
        history = self.model.fit(
            self.arrays.X,
            self.arrays.y,
            batch_size=self.task.batch_size,
            epochs=epochs,
            shuffle=True,
            verbose=0,
            callbacks=[watch],
        )
        steps = int(self.model.optimizer.iterations) - before
        losses = [float(loss) for loss in history.history["loss"]]
        return {"seconds": watch.seconds, "losses": losses, "steps": steps}

    def classes(self, x: Any) -> Any:
        """``predict``."""
        return self.model.predict(x, verbose=0).argmax(1)
