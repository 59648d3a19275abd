"""The contract of an optimizer: an elementwise rule on the flat vector, and what surrounds it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, fields
from typing import Any, ClassVar

from portable_mlp.nn.arrays import Array, Namespace
from portable_mlp.nn.plain_numbers import PlainNumbers, is_number, is_whole

Scalars = tuple[float, ...]
"""Numbers of one step that the host works out in full precision and hands to the rule."""


@dataclass(frozen=True)
class Optimizer(PlainNumbers):
    """Frozen hyper-parameters; state is handed in and out.

    A subclass names its state vectors (``slots``) and writes ``rule``: the arithmetic of one step
    with operators and ``xp`` functions only, element by element, so that a backend can fuse it.

    Args:
        learning_rate: step size before the schedule's factor, above 0.
        weight_decay: decoupled decay λ >= 0: w ← w - lr λ w, before the step, on weights only, not on
            biases and norms. Source: Loshchilov & Hutter 2019, algorithm 2. (For a penalty inside the
            loss see ``l2`` of the model.)
        clip_value: largest absolute value of a gradient's element, or None.
        clip_norm: largest Euclidean norm of the whole gradient, or None; applied after clip_value.
        accumulation_steps: mini-batches whose gradients are averaged for one step, at least 1.
        ema_decay: d in (0, 1), or None. Validation and the trained model then use the exponential
            moving average of the weights, a ← d_t a + (1 - d_t) w, d_t = min(d, (1 + t) / (10 + t));
            a further training starts from that average.
    """

    learning_rate: float = 1e-3
    _: KW_ONLY
    weight_decay: float = 0.0
    clip_value: float | None = None
    clip_norm: float | None = None
    accumulation_steps: int = 1
    ema_decay: float | None = None

    slots: ClassVar[tuple[str, ...]] = ()
    full_batch: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        rate = self.learning_rate
        self._require(is_number(rate) and rate > 0, "learning_rate", "a number above 0")
        self._require(self.weight_decay >= 0, "weight_decay", "a number of at least 0")
        for name in ("clip_value", "clip_norm"):
            limit = getattr(self, name)
            self._require(limit is None or limit > 0, name, "a number above 0, or None")
        self._require(
            is_whole(self.accumulation_steps, 1),
            "accumulation_steps",
            "a whole number of at least 1",
        )
        self._require(
            self.ema_decay is None or 0 < self.ema_decay < 1,
            "ema_decay",
            "a number inside (0, 1), such as 0.999, or None",
        )

    def _require(self, condition: bool, name: str, expected: str) -> None:
        if not condition:
            got = getattr(self, name)
            raise ValueError(f"{type(self).__name__}: {name} is {got!r}, expected {expected}.")

    def _require_shares(self, *names: str) -> None:
        for name in names:
            self._require(0 <= getattr(self, name) < 1, name, "a number in [0, 1)")

    def init(self, vector: Array, xp: Namespace) -> tuple[Any, ...]:
        """Zeros for each slot."""
        return tuple(xp.zeros_like(vector) for _ in self.slots)

    def scalars(self, step: int, learning_rate: float) -> Scalars:
        """What ``rule`` needs of the step number (1 for the first) and the scheduled rate."""
        return (learning_rate,)

    def rule(
        self,
        xp: Namespace,
        vector: Array,
        gradient: Array,
        slots: tuple[Any, ...],
        scalars: Scalars,
    ) -> tuple[Any, tuple[Any, ...]]:
        """``(new vector, new slots)``; elementwise."""
        raise TypeError(f"{type(self).__name__} does not define rule")

    def update(
        self,
        gradient: Array,
        state: tuple[Any, ...],
        vector: Array,
        scalars: Scalars,
        xp: Namespace,
        *,
        decay_mask: Array | None = None,
        squared_norm: Array | None = None,
        rate_factors: Array | None = None,
    ) -> tuple[Any, tuple[Any, ...]]:
        """One step: clip, decay, rule.

        Args:
            gradient: dL/dw, (parameters,).
            state: the slots, from `init` or the step before.
            vector: w, (parameters,).
            scalars: from `scalars`.
            xp: the namespace.
            decay_mask: 1 where weight decay applies, else 0; None for everywhere.
            squared_norm: ‖gradient‖² if the caller has it already and ``clip_value`` is None.
            rate_factors: of the learning rate, one for each parameter; None for 1. Every rule's step is
                in proportion to its rate, so the step is multiplied.

        Returns:
            ``(vector, state)``, new arrays.
        """
        gradient, before = self.clip(gradient, xp, squared_norm), vector
        if self.weight_decay:
            shrink = vector * (scalars[0] * self.weight_decay)
            vector = vector - (shrink if decay_mask is None else shrink * decay_mask)
        after, slots = self.rule(xp, vector, gradient, state, scalars)
        if rate_factors is not None:
            after = before + (after - before) * rate_factors
        return after, slots

    def clip(self, gradient: Array, xp: Namespace, squared_norm: Array | None = None) -> Any:
        """The gradient within both limits. Source: Pascanu et al. 2013, for the norm."""
        clipped: Any = gradient
        if self.clip_value is not None:
            clipped = xp.minimum(xp.maximum(clipped, -self.clip_value), self.clip_value)
            squared_norm = None
        if self.clip_norm is not None:
            if squared_norm is None:
                squared_norm = xp.sum(clipped * clipped)
            norm = xp.sqrt(squared_norm)
            # below the limit the factor is exactly 1
            clipped = clipped * (self.clip_norm / xp.maximum(norm, self.clip_norm))
        return clipped

    def ema_share(self, step: int) -> float:
        """1 - d_t: the share of the new weights in their moving average."""
        decay = self.ema_decay or 0.0
        return 1 - min(decay, (1 + step) / (10 + step))

    def describe(self) -> str:
        """``Adam(learning_rate=0.001)``: only what differs from the defaults."""
        shown = []
        for f in fields(self):
            value = getattr(self, f.name)
            default = f.default_factory() if callable(f.default_factory) else f.default
            if f.name == "learning_rate" or value != default:
                shown.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"
