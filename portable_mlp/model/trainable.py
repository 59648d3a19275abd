"""A network that is trained: one pass, many, or rows as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from portable_mlp.data import inputs as border
from portable_mlp.data.columns import Columns
from portable_mlp.data.source import Source
from portable_mlp.model.predictor import COMPILED, Predictor
from portable_mlp.model.preparation import DEVICE_BUDGET, Preparation
from portable_mlp.optim import Optimizer, Schedule
from portable_mlp.scaling import Scaling
from portable_mlp.training.epoch import make_advance
from portable_mlp.training.feed import Order
from portable_mlp.training.history import History
from portable_mlp.training.loop import Callback, Run, train
from portable_mlp.training.options import BATCH_SIZE, Options, all_callbacks, check_validation
from portable_mlp.training.problem import Problem
from portable_mlp.training.reached import Reached

if TYPE_CHECKING:
    from portable_mlp.files import TrainingRecord


class Trainable(Predictor):
    """What `MLP` does to change its weights by data."""

    _target_kind: str | None = None
    _reached: Reached
    _record: TrainingRecord | None
    _advances: dict[Optimizer, Any]

    def _forget(self) -> None:
        """No training yet, and nothing has been compiled."""
        self._reached = Reached()
        self._record: TrainingRecord | None = None
        self._forget_compiled()

    def _forget_compiled(self) -> None:
        """Nothing has been compiled for this problem."""
        self._advances: dict[Optimizer, Any] = {}
        for name in COMPILED:
            vars(self).pop(name, None)

    @property
    def training_record(self) -> TrainingRecord | None:
        """How it was trained: optimizer, data, last figures, versions; None before any training."""
        return self._record

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: int | None = BATCH_SIZE,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | None = None,
        schedule: str | Schedule = "constant",
        validation_data: tuple[Any, ...] | Source | None = None,
        validation_fraction: float = 0.0,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
        shuffle: bool | Order = True,
        device_budget: int = DEVICE_BUDGET,
        callbacks: Sequence[Callback] = (),
        verbose: int | None = None,
    ) -> History:
        """Trains from the weights as they are; a second call goes on where the first ended.

        Args:
            X: samples (n, features): numpy, list, data frame, or an array of the model's library. Or a
                `Source` from `portable_mlp.data.scan`: a file that need not fit in memory.
            y: targets as the loss wants them: class numbers (n,), or values (n, outputs). None beside a
                source, which has its own.
            epochs: passes over the data.
            batch_size: rows of a mini-batch, 128; None for all at once.
            optimizer: a name or an `Optimizer`. ``Adam(accumulation_steps=4)`` moves after every fourth
                mini-batch, as with one of four times the rows; with ``Adam(ema_decay=0.999)`` validation
                and the trained model have a moving average of the weights.
            learning_rate: in place of the optimizer's own.
            schedule: a name or a `Schedule`: a factor for the learning rate.
            validation_data: ``(X, y)``, ``(X, y, sample_weight)`` or a source.
            validation_fraction: share of the rows held out for validation instead, in [0, 1);
                classes in proportion; of data that are streamed, whole blocks.
            sample_weight: one number >= 0 for each row.
            class_weight: ``{class: factor}`` or ``"balanced"``.
            shuffle: whether rows come in a new order in each epoch; or a function ``(epoch, rows)`` that
                gives all row numbers in the order of that epoch, counted over all calls.
            device_budget: bytes that rows may take on the device. A source or a memory map with more is
                streamed: one chunk of half of that is read while another is computed with; rows are
                shuffled within a chunk, and a chunk has blocks from all over the file.
            callbacks: see `portable_mlp.training`.
            verbose: 0 silent, 1 a progress bar, 2 a line for each epoch, on standard error; None is 1
                on a terminal and 0 elsewhere.

        Returns:
            The figures of each epoch.

        Raises:
            ValueError: data or options that can't be; the model stays as it was. docs/bad_input.md has
                the sentences.
            TypeError: no array, no list of callbacks; likewise.
            TrainingDiverged: numbers became non-finite; the model keeps the last weights with which
                everything was finite.
        """
        # not before they are needed: they bring json and hashlib
        from portable_mlp.model import saving

        self._check_idle("fit")
        options = Options.of(epochs, batch_size, optimizer, learning_rate, schedule, shuffle)
        watching = all_callbacks(callbacks, verbose)
        from_source = isinstance(validation_data, Source)
        check_validation(validation_data, validation_fraction, from_source)
        border.check_class_weight(class_weight, self.loss)
        with self.backend.scope():
            prepared = Preparation(
                *(self._problem, self._units, self._scaling, self._columns, self._encoder),
                *(self._seed, self._scaling_kind, self._target_kind, options, device_budget),
            )
            feed, validation, total = prepared.feeds(
                X, y, sample_weight, class_weight, validation_data, validation_fraction
            )
            before = self._scaling, self._columns, self._problem
            self._take_over(prepared.scaling, prepared.columns, prepared.problem)
            plan = self._reached.plan(self._problem, feed, options, self._seed, total)
            carry = self._reached.carry(self._problem, options.optimizer, self._weights)
            known = dict if self._encoder is None else self._encoder.marks
            run = Run(plan, validation, carry, self._scaling, prepared.marks, known)
            self._run = run
            try:
                # numbers that are not finite are noticed, and told once with where they came from
                with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                    train(run, watching, self._advance(options.optimizer), self._evaluate)
            finally:
                self._run = None
                if run.moved:
                    reached = self._reached = self._reached.after(run, options)
                    self._weights = run.kept_snapshot()
                    self._record = saving.record_of(
                        run, reached.epochs, reached.steps, prepared.marks[0]
                    )
                else:  # the model stays as it was
                    self._take_over(*before)
        return run.history

    def _check_idle(self, what: str) -> None:
        if self._run is not None:
            raise RuntimeError(
                f"{what}: got a call while this model is training, expected one after it; a callback "
                "goes back to other weights with run.restore(snapshot)."
            )

    def _take_over(self, scaling: Scaling | None, columns: Columns, problem: Problem) -> None:
        self._scaling, self._columns = scaling, columns
        if problem is not self._problem:
            self._problem = problem
            self._forget_compiled()

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        batch_size: int | None = None,
        optimizer: str | Optimizer | None = None,
        learning_rate: float | None = None,
        sample_weight: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> History:
        """One pass over these rows; the next call goes on from there, with the optimizer's state.

        n calls with the same rows are `fit` with ``epochs=n``, bit for bit; a call with one mini-batch is
        the step that `fit` takes with it. The rate is constant, each call counts as an epoch, gradients
        that are accumulated are applied at its end, and a scaling is that of the first call's rows.

        Args:
            X: samples (n, features), as for `fit`.
            y: targets, as for `fit`; a call need not have all classes.
            batch_size: rows of a mini-batch. None: as in the last `fit` or `partial_fit`, at first 128.
            optimizer: likewise, at first Adam; another one starts afresh.
            learning_rate: likewise, at first the optimizer's own.
            sample_weight: one number >= 0 for each row.
            callbacks: see `portable_mlp.training`.

        Returns:
            The figures of this pass.

        Raises:
            ValueError: as for `fit`, and so for the other errors.

        Example:
            >>> import numpy as np
            >>> from portable_mlp import MLP
            >>> model, random = MLP([2, 8, 1], loss="squared_error"), np.random.default_rng(0)
            >>> for _ in range(200):  # rows come as they come
            ...     X = random.uniform(-1, 1, (32, 2))
            ...     history = model.partial_fit(X, X[:, :1] * X[:, 1:], learning_rate=0.01)
            >>> history["loss"][-1] < 0.02
            True
        """
        again = self._reached.options.again(batch_size, optimizer, learning_rate)
        return self.fit(X, y, **again, sample_weight=sample_weight, callbacks=callbacks, verbose=0)

    def _advance(self, optimizer: Optimizer) -> Any:
        """The compiled step for this optimizer, made at its first use."""
        _ = (
            self._problem.decay_mask,
            self._problem.rate_factors,
        )  # made here, so that no compiler sees it being made
        if optimizer not in self._advances:
            self._advances[optimizer] = make_advance(self._problem, optimizer)
        return self._advances[optimizer]
