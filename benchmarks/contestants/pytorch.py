"""PyTorch as its users write it: modules, autograd, fused Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.contestants.contestant import BETA1, BETA2, EPSILON, LEARNING_RATE, Contestant, Task
from benchmarks.datasets import Arrays


class Events:
    """A stopwatch of the GPU: the time between two events in its queue."""

    def __init__(self) -> None:
        """Starts."""
        self.first = torch.cuda.Event(enable_timing=True)
        self.last = torch.cuda.Event(enable_timing=True)
        self.first.record()

    def stop(self) -> float:
        """Seconds since the start, once everything before is computed."""
        self.last.record()
        self.last.synchronize()
        return self.first.elapsed_time(self.last) / 1e3


class Eager(Contestant):
    """``nn.Sequential``, ``backward``, ``torch.optim.Adam(fused=True)``; data on the device."""

    def __init__(self, task: Task, arrays: Arrays) -> None:
        super().__init__(task, arrays)
        self.device = torch.device(task.device)
        if self.device.type == "cuda":
            self.stopwatch = Events
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip(task.sizes, task.sizes[1:], strict=False):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        self.model = nn.Sequential(*layers[:-1]).to(self.device)
        self.X, self.y = self.own(arrays.X), self.own(arrays.y)
        self.reset(task.seed)

    def reset(self, seed: int) -> None:
        """New numbers in the same parameters."""
        torch.manual_seed(seed)
        linear = [layer for layer in self.model if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, (weight, bias) in zip(linear, self.glorot(seed), strict=True):
                layer.weight.copy_(torch.from_numpy(weight.T))
                layer.bias.copy_(torch.from_numpy(bias))
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), LEARNING_RATE, (BETA1, BETA2), EPSILON, fused=True
        )

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Forward pass and mean loss."""
        return nn.functional.cross_entropy(self.model(x), y)

    def epoch(self) -> float:
        """The usual loop; the loss stays on the device until the end."""
        total = torch.zeros((), device=self.device)
        for rows in torch.randperm(len(self.X), device=self.device).split(self.task.batch_size):
            # index_select is some percent faster than X[rows] on a processor
            x, y = self.X.index_select(0, rows), self.y.index_select(0, rows)
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.loss(x, y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(rows)
            self.steps += 1
        return float(total) / len(self.X)

    def own(self, X: np.ndarray) -> torch.Tensor:
        """A tensor on the device."""
        return torch.from_numpy(X).to(self.device)

    @torch.inference_mode()
    def classes(self, x: torch.Tensor) -> Any:
        """The largest logit's place."""
        found = self.model(x).argmax(1)
        return found.cpu() if self.device.type == "cuda" else found


class Compiled(Eager):
    """Forward pass and loss, and with them the backward pass, through ``torch.compile``.

    Args:
        task: what is to be trained.
        arrays: the data.
        mode: of ``torch.compile``; ``"reduce-overhead"`` means CUDA graphs.
    """

    def __init__(self, task: Task, arrays: Arrays, mode: str = "default") -> None:
        super().__init__(task, arrays)
        # dynamic=False: the smaller last batch gets a graph of its own
        self._compiled = torch.compile(super().loss, mode=mode, dynamic=False)

    def loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """As compiled; CUDA graphs may use the memory of the step before again."""
        torch.compiler.cudagraph_mark_step_begin()
        return self._compiled(x, y)
