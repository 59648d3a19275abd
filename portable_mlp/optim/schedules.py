"""Learning-rate schedules: a factor for the optimizer's rate, worked out on the host.

A schedule is asked before each step. It may depend on the share of the training that is done
(``fraction``, from 0 at the first step towards 1), on the number of steps done, and on epochs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from portable_mlp.nn.plain_numbers import PlainNumbers, is_whole


class Progress(NamedTuple):
    """Where the training stands just before a step."""

    step: int  # steps done
    steps_per_epoch: int
    epochs: int  # epochs planned

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self.step // self.steps_per_epoch

    @property
    def fraction(self) -> float:
        """Steps done of steps planned, in [0, 1)."""
        return min(self.step / (self.steps_per_epoch * self.epochs), 1.0)


@dataclass(frozen=True)
class Schedule(PlainNumbers):
    """A factor for the learning rate: ``factor`` of each step times ``epoch_factor`` of its epoch."""

    def factor(self, progress: Progress) -> float:
        """What the progress alone says."""
        return 1.0

    def epoch_factor(self, history: Mapping[str, Sequence[float]]) -> float:
        """What the figures of the epochs so far say; asked once before each epoch."""
        return 1.0

    def _require(self, condition: bool, name: str, expected: str) -> None:
        if not condition:
            got = getattr(self, name)
            raise ValueError(f"{type(self).__name__}: {name} is {got!r}, expected {expected}.")


@dataclass(frozen=True)
class Constant(Schedule):
    """1."""


@dataclass(frozen=True)
class Step(Schedule):
    """gamma^⌊epoch / every⌋.

    Args:
        every: epochs between drops, at least 1.
        gamma: factor of each drop, above 0.
    """

    every: int = 10
    gamma: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            is_whole(self.every, 1),
            "every",
            "a whole number of at least 1",
        )
        self._require(self.gamma > 0, "gamma", "a number above 0")

    def factor(self, progress: Progress) -> float:
        return self.gamma ** (progress.epoch // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """gamma^epoch.

    Args:
        gamma: factor of each epoch, above 0.
    """

    gamma: float = 0.95

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.gamma > 0, "gamma", "a number above 0")

    def factor(self, progress: Progress) -> float:
        return self.gamma**progress.epoch


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """1 / (steps done + 1)^power. scikit-learn's invscaling counts samples instead of steps.

    Args:
        power: the exponent, >= 0.
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.power >= 0, "power", "a number of at least 0")

    def factor(self, progress: Progress) -> float:
        return float((progress.step + 1) ** -self.power)


@dataclass(frozen=True)
class Cosine(Schedule):
    """final + (1 - final) ½ (1 + cos(π fraction)). Source: Loshchilov & Hutter 2017, without restarts.

    Args:
        final: factor at the end, in [0, 1].
    """

    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(0 <= self.final <= 1, "final", "a share in [0, 1]")

    def factor(self, progress: Progress) -> float:
        return self.final + (1 - self.final) * _half_cosine(progress.fraction)


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """1 for the first ``flat`` of the training, then half a cosine down to 0.

    Args:
        flat: share of the training at the full rate, in [0, 1). Source: RealMLP's ``flat_cos``.
    """

    flat: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(0 <= self.flat < 1, "flat", "a share in [0, 1)")

    def factor(self, progress: Progress) -> float:
        return _half_cosine(max(0.0, (progress.fraction - self.flat) / (1 - self.flat)))


@dataclass(frozen=True)
class CosLog4(Schedule):
    """½ (1 - cos(2π log₂(1 + 15 fraction))): four waves, each twice as long as the one before.

    Source: RealMLP, Holzmüller et al. 2024, arXiv 2407.04491.
    """

    def factor(self, progress: Progress) -> float:
        return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * progress.fraction)))


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linear from 1/steps to 1 over the first steps, then another schedule.

    Args:
        steps: length of the warm-up, at least 1.
        then: the schedule that gives the factor afterwards (it counts from the first step too).
    """

    steps: int = 100
    then: Schedule = Constant()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            is_whole(self.steps, 1),
            "steps",
            "a whole number of at least 1",
        )

    def factor(self, progress: Progress) -> float:
        return min(1.0, (progress.step + 1) / self.steps) * self.then.factor(progress)

    def epoch_factor(self, history: Mapping[str, Sequence[float]]) -> float:
        return self.then.epoch_factor(history)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Half a cosine up from 1/start_divisor to 1, then half a cosine down to 1/end_divisor.

    Args:
        rise: share of the training that goes up, inside (0, 1).
        start_divisor: full rate over first rate, at least 1.
        end_divisor: full rate over last rate, at least 1.

    Source: Smith & Topin 2018; cosine form and defaults of fastai (PyTorch rises to 0.3).
    """

    rise: float = 0.25
    start_divisor: float = 25.0
    end_divisor: float = 1e5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(0 < self.rise < 1, "rise", "a share inside (0, 1)")
        for name in ("start_divisor", "end_divisor"):
            self._require(getattr(self, name) >= 1, name, "a number of at least 1")

    def factor(self, progress: Progress) -> float:
        t = progress.fraction
        if t < self.rise:
            start = 1 / self.start_divisor
            return 1 + (start - 1) * _half_cosine(t / self.rise)
        end = 1 / self.end_divisor
        return end + (1 - end) * _half_cosine((t - self.rise) / (1 - self.rise))


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """The rate times ``gamma`` each time a figure has not improved for ``patience`` epochs.

    Args:
        monitor: the figure of `History` that should fall: ``"val_loss"`` falls back to ``"loss"``
            where there is no validation.
        gamma: factor of each reduction, inside (0, 1).
        patience: epochs without improvement before a reduction, >= 0.
        min_delta: what counts as improvement, >= 0.
        minimum: smallest factor, in [0, 1].
    """

    monitor: str = "val_loss"
    gamma: float = 0.1
    patience: int = 10
    min_delta: float = 1e-4
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(0 < self.gamma < 1, "gamma", "a number inside (0, 1)")
        self._require(self.patience >= 0, "patience", "a whole number of at least 0")
        self._require(self.min_delta >= 0, "min_delta", "a number of at least 0")
        self._require(0 <= self.minimum <= 1, "minimum", "a share in [0, 1]")

    def epoch_factor(self, history: Mapping[str, Sequence[float]]) -> float:
        factor, best, waited = 1.0, math.inf, 0
        for value in self._monitored(history):
            if value < best - self.min_delta:
                best, waited = value, 0
                continue
            waited += 1
            if waited > self.patience:
                factor, waited = max(self.minimum, factor * self.gamma), 0
        return factor

    def _monitored(self, history: Mapping[str, Sequence[float]]) -> Sequence[float]:
        if self.monitor in history:
            return history[self.monitor]
        if self.monitor == "val_loss":
            return history["loss"]
        raise ValueError(
            f"ReduceOnPlateau: monitor is {self.monitor!r}, expected one of {', '.join(history)}."
        )


def _half_cosine(t: float) -> float:
    """1 at t = 0, 0 at t = 1."""
    return 0.5 * (1 + math.cos(math.pi * min(max(t, 0.0), 1.0)))


SCHEDULES: dict[str, Schedule] = {
    "constant": Constant(),
    "step": Step(),
    "exponential": Exponential(),
    "inverse_scaling": InverseScaling(),
    "cosine": Cosine(),
    "flat_cosine": FlatCosine(),
    "coslog4": CosLog4(),
    "warm_up": WarmUp(),
    "one_cycle": OneCycle(),
    "reduce_on_plateau": ReduceOnPlateau(),
}
"""The names that stand for a schedule with its default numbers."""
