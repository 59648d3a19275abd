"""The floor: the matrix products of a training and nothing else.

Each batch: x W of every layer, xᵀ dy of every layer, dy Wᵀ of all but the first. No gathering, no
activation, no bias, no optimizer; the batches are slices of the data as they lie.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.contestants.contestant import Contestant, Task
from benchmarks.datasets import Arrays


class Products(Contestant):
    """What the libraries share: operands of ordinary size, outputs that are made once.

    Args:
        task: what is to be trained.
        arrays: the data.
    """

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        self.weights = [self.own(weight) for weight, _ in self.glorot(task.seed)]
        size = min(task.batch_size, len(arrays.X))
        slope = self.random.normal(size=(size, task.sizes[-1])).astype(np.float32) / size
        self.forward = [self.empty(size, width) for width in task.sizes[1:]]
        self.slopes = [*(self.empty(size, width) for width in task.sizes[1:-1]), self.own(slope)]
        self.gradients = [self.empty(*weight.shape) for weight in self.weights]
        self.X = self.own(arrays.X)

    def reset(self, seed: int) -> None:
        """Nothing changes here."""

    def empty(self, *shape: int) -> Any:
        """Room for a result."""
        return self.own(np.zeros(shape, np.float32))

    def multiply(self, a: Any, b: Any, out: Any) -> Any:
        """A product into its room."""
        raise NotImplementedError

    def wait(self) -> None:
        """Until everything is computed."""

    def epoch(self) -> float:
        """All batches."""
        for rows in self.batches():
            self.products(self.X[rows])
            self.steps += 1
        self.wait()
        return 0.0

    def products(self, x: Any) -> None:
        """Those of one step."""
        n, inputs = len(x), [x]
        for weight, out in zip(self.weights, self.forward, strict=True):
            inputs.append(self.multiply(inputs[-1], weight, out[:n]))
        for i in reversed(range(len(self.weights))):
            dy = self.slopes[i][:n]
            self.multiply(inputs[i].T, dy, self.gradients[i])
            if i:
                self.multiply(dy, self.weights[i].T, self.slopes[i - 1][:n])

    def classes(self, x: Any) -> Any:
        """The products of a forward pass."""
        for weight in self.weights:
            x = x @ weight
        self.wait()
        return x


class NumpyProducts(Products):
    """``np.matmul`` with ``out=``."""

    def multiply(self, a: Any, b: Any, out: Any) -> Any:
        """By BLAS."""
        return np.matmul(a, b, out=out)


class TorchProducts(Products):
    """``torch.mm`` with ``out=``."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        import torch

        self.torch, self.device = torch, task.device
        if task.device == "cuda":
            from benchmarks.contestants.pytorch import Events

            self.stopwatch = Events
        super().__init__(task, arrays)

    def own(self, X: np.ndarray) -> Any:
        """A tensor on the device."""
        return self.torch.from_numpy(X).to(self.device)

    def multiply(self, a: Any, b: Any, out: Any) -> Any:
        """By MKL or cuBLAS."""
        return self.torch.mm(a, b, out=out)

    def wait(self) -> None:
        """A GPU has a queue."""
        if self.device == "cuda":
            self.torch.cuda.synchronize()


class CupyProducts(Products):
    """``cupy.matmul`` with ``out=``."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        import cupy

        from benchmarks.contestants.cupy_events import CupyEvents

        self.cupy, self.stopwatch = cupy, CupyEvents
        super().__init__(task, arrays)

    def own(self, X: np.ndarray) -> Any:
        """On the device."""
        return self.cupy.asarray(X)

    def multiply(self, a: Any, b: Any, out: Any) -> Any:
        """By cuBLAS."""
        return self.cupy.matmul(a, b, out=out)

    def wait(self) -> None:
        """A GPU has a queue."""
        self.cupy.cuda.Device().synchronize()


class JaxProducts(Products):
    """One jitted function that returns all products of a step."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        import jax

        self.jax = jax
        if task.device == "cuda":
            jax.config.update("jax_default_matmul_precision", "highest")
        super().__init__(task, arrays)
        self.parts = [self.X[rows] for rows in self.batches()]
        self.step = jax.jit(self.all_products)

    def own(self, X: np.ndarray) -> Any:
        """On the device."""
        return self.jax.numpy.asarray(X)

    def all_products(self, x: Any, weights: Any, slope: Any) -> Any:
        """As `products`, without rooms: XLA has none."""
        inputs = [x]
        for weight in weights:
            inputs.append(inputs[-1] @ weight)
        dy, found = slope[: len(x)], [inputs[-1]]
        for i in reversed(range(len(weights))):
            found.append(inputs[i].T @ dy)
            if i:
                dy = dy @ weights[i].T
        return found

    def epoch(self) -> float:
        """Waits at the end only."""
        for part in self.parts:
            found = self.step(part, self.weights, self.slopes[-1])
            self.steps += 1
        self.jax.block_until_ready(found)
        return 0.0
