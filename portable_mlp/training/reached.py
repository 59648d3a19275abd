"""What a training reached, and the next one goes on from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from portable_mlp.optim import SCHEDULES, Optimizer
from portable_mlp.optim.lbfgs import LBFGSState
from portable_mlp.training.carry import Carry, first_carry, map_arrays
from portable_mlp.training.epoch import Plan
from portable_mlp.training.feed import Feed
from portable_mlp.training.loop import Run
from portable_mlp.training.options import BATCH_SIZE, Options
from portable_mlp.training.problem import Problem, Snapshot


@dataclass(frozen=True)
class Reached:
    """What the trainings of a model reached, but for its weights.

    Args:
        epochs: passes over the data, of all trainings together.
        steps: mini-batches, likewise.
        updates: of the optimizer, that its state has seen.
        optimizer: whose state is kept, or None.
        slots: that state.
        vector: the weights that move, where the model has their moving average.
        options: of the last training; at first those of `MLP.fit` where nothing else is said.
    """

    epochs: int = 0
    steps: int = 0
    updates: int = 0
    optimizer: Optimizer | None = None
    slots: Any = None
    vector: Any = None
    options: Options = field(
        default_factory=lambda: Options.of(1, BATCH_SIZE, "adam", None, "constant")
    )

    def without_state(self) -> Reached:
        """The same with a fresh optimizer."""
        return replace(self, optimizer=None, slots=None, vector=None)

    def mapped(self, function: Callable[[Any], Any]) -> Reached:
        """The same with ``function`` of each array: on the host, or back on a device."""
        slots = self.slots
        if isinstance(slots, LBFGSState):
            slots = slots._replace(pairs=map_arrays(function, slots.pairs))
        else:
            slots = map_arrays(function, slots)
        return replace(self, slots=slots, vector=map_arrays(function, self.vector))

    def plan(
        self, problem: Problem, feed: Feed, options: Options, seed: int, total_weight: float | None
    ) -> Plan:
        """The plan of the next training; see `Plan` for the arguments."""
        same = options.optimizer == self.optimizer
        return Plan(
            problem=problem,
            feed=feed,
            batch_size=options.batch_rows(feed.rows),
            optimizer=options.optimizer,
            learning_rate=options.learning_rate,
            schedule=options.schedule,
            epochs=options.epochs,
            seed=seed,
            first_epoch=self.epochs,
            first_step=self.steps,
            first_update=self.updates if same else 0,
            total_weight=total_weight,
        )

    def carry(self, problem: Problem, optimizer: Optimizer, weights: Snapshot) -> Carry:
        """Where the next training starts: with the state of an equal optimizer, else afresh."""
        state = (self.slots, self.vector) if optimizer == self.optimizer else (None, None)
        return first_carry(problem, optimizer, weights, *state)

    def after(self, run: Run, options: Options) -> Reached:
        """What is reached after one more training, of which an epoch was begun at least."""
        plan, carry = run.plan, run.carry
        whole, averaged = run.number, carry.average is not None
        of_last = plan.updates
        if run.done < plan.batches:
            of_last = run.done // plan.optimizer.accumulation_steps
        reached = Reached(
            self.epochs + whole + 1,  # one that was begun is not begun again
            self.steps + whole * plan.batches + run.done,
            plan.first_update + whole * plan.updates + of_last,
            plan.optimizer,
            carry.slots,
            run.problem.backend.copy(carry.vector) if averaged else None,
            # those of the user's own may hold code
            replace(options, schedule=SCHEDULES["constant"], shuffle=True),
        )
        # the optimizer's memory is of another path if weights were taken back
        return reached.without_state() if run.went_back or run.restored else reached
