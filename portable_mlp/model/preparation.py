"""What `fit` is given, as rows that a training can be fed with: checked, split, scaled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from portable_mlp.data import inputs as border
from portable_mlp.data.arrays import scan_arrays
from portable_mlp.data.columns import Columns, check_columns, joined
from portable_mlp.data.doubts import warn_of_samples, warn_of_targets
from portable_mlp.data.fingerprint import Fingerprint, fingerprint, fingerprint_of
from portable_mlp.data.opened import (
    Opened,
    check_names,
    listed,
    named,
    opened,
    opened_targets,
)
from portable_mlp.data.source import Source, pieces_of, split_source
from portable_mlp.data.stream import Stream, loaded, row_bytes, scalings_of, targets_of
from portable_mlp.nn.plain_numbers import is_whole
from portable_mlp.scaling import Scaling
from portable_mlp.tables.encoder import TableEncoder
from portable_mlp.training.feed import Feed, Streamed, Whole
from portable_mlp.training.options import Options
from portable_mlp.training.problem import Data, Problem
from portable_mlp.training.split import held_out, split

DEVICE_BUDGET = 2**28
"""Bytes that rows may take on the device before they are streamed."""
_EVALUATED_ROWS = 4096


@dataclass
class Border:
    """What rows are checked against and scaled by on their way to the device.

    Args:
        problem: network, loss and backend; its target scaling.
        units: outputs of the network.
        scaling: of the samples, or None.
        columns: names of the features, as far as they are known.
        encoder: of tables, or None.
    """

    problem: Problem
    units: int
    scaling: Scaling | None
    columns: Columns
    encoder: TableEncoder | None

    def opened(self, X: Any) -> Opened:  # noqa: N803
        """X as an array of numbers and the names of its columns."""
        return opened("X", X) if self.encoder is None else self.encoder.opened(X)

    def features(self, X: Any, *, allow_empty: bool = False) -> Any:  # noqa: N803
        """X on the device, scaled."""
        x = self.opened(X)
        self._check_names(x.names)
        return border.features(
            x,
            self.problem.backend,
            self.problem.sample_shape,
            scaling=self.scaling,
            allow_empty=allow_empty,
        )

    def _check_names(self, names: tuple[str, ...]) -> None:
        if self.columns.features:
            check_names(self.columns.features, names)

    def data(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
    ) -> tuple[Data, float | None]:
        """``(data on the device, sum of the weights or None)``."""
        problem, backend, x = self.problem, self.problem.backend, self.features(X)
        rows = x.shape[0]
        t = border.targets(y, backend, problem.loss, self.units, rows, problem.target_scaling)
        w, total = border.weights(sample_weight, class_weight, t, backend, self.units, rows)
        return Data(x, t, w), total

    def feed(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        budget: int = DEVICE_BUDGET,
    ) -> Feed:
        """All rows once, from arrays or from a source."""
        X, y = self.mapped(X, y, budget)  # noqa: N806
        if isinstance(X, Source):
            self.check_source(X, y)
            if sample_weight is not None:
                raise ValueError(
                    f"sample_weight: got one beside {X}, expected None: rows that are read meanwhile "
                    "have no weights."
                )
            return self.streamed(X, _EVALUATED_ROWS, budget, 0)
        data, _ = self.data(X, y, sample_weight)
        return Whole(data, data.x.shape[0], 0, self.problem.backend)

    def mapped(self, X: Any, y: Any, budget: int) -> tuple[Any, Any]:  # noqa: N803
        """A memory map of more than the budget, and its targets, as a source; all else as it is."""
        if not isinstance(X, np.memmap) or X.ndim < 2 or self.encoder is not None:
            return X, y
        source = scan_arrays(X, None if y is None else np.asarray(opened("y", y).array))
        return (source, None) if self._bytes(source) > budget else (X, y)

    def _bytes(self, source: Source) -> int:
        """What its rows take on the device."""
        problem = self.problem
        return source.rows * row_bytes(source, problem.loss, self.units, problem.backend)

    def check_encoded(self, source: Source) -> None:
        """Refuses rows that nobody has encoded, for a network that gets a table encoded."""
        if self.encoder is not None and source.columns.features != self.encoder.outputs:
            raise ValueError(
                f"{source}: got rows that are read meanwhile, for a model with a TableEncoder, expected "
                "the table in memory: portable_mlp.tables.read_table(path, target).X, or a data frame."
            )

    def check_source(self, source: Source, y: Any = None) -> None:
        """Refuses a source whose samples do not fit the network."""
        self.check_encoded(source)
        if y is not None:
            raise ValueError(
                "y: got an array beside a source, expected None: the source has targets."
            )
        border.check_shape((source.rows, *source.sample_shape), self.problem.sample_shape)
        if not source.blocks:
            raise ValueError(f"{source}: has no rows, expected at least one.")
        self._check_names(source.columns.features)
        known, found = self.columns.classes, source.columns.classes
        if known and found and known != found:
            raise ValueError(
                f"{source}: its classes are {listed(found)}, expected those of the model in their "
                f"order, {listed(known)}: the numbers of the classes would not fit."
            )

    def streamed(self, source: Source, batch_size: int, budget: int, seed: int) -> Streamed:
        """A source as a feed that reads ahead."""
        problem = self.problem
        stream = Stream(
            source,
            problem.backend,
            problem.loss,
            self.units,
            batch_size=batch_size,
            budget=budget,
            seed=seed,
            scaling=self.scaling,
            target_scaling=problem.target_scaling,
        )
        return Streamed(stream, batch_size, problem.backend)


@dataclass
class Preparation(Border):
    """A border that works out its scalings from the training rows, if they are not known yet.

    Args:
        seed: of the split.
        scaling_kind: what the samples are to be scaled by, or None.
        target_kind: likewise the targets.
        options: of the training.
        budget: bytes that rows may take on the device before they are streamed.
        marks: by which the training set, once it is prepared, can be known again, and the validation
            set that was given beside it.
    """

    seed: int
    scaling_kind: str | None
    target_kind: str | None
    options: Options
    budget: int
    marks: tuple[Fingerprint | None, ...] = (None,)

    def feeds(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | str | None,
        validation_data: tuple[Any, ...] | Source | None,
        fraction: float,
    ) -> tuple[Feed, Feed | None, float | None]:
        """``(training rows, validation rows or None, weight sum or None)``; see `MLP.fit`."""
        if not is_whole(self.budget, 1):
            raise ValueError(
                f"device_budget: got {self.budget!r}, expected a whole number of bytes, at least 1."
            )
        source = self._larger_than_budget(X, y)
        if isinstance(X, Source):
            self.columns = joined(self.columns, X.columns)
            check_columns(self.columns, self.problem.sample_shape, self.units)
        if source is not None:
            self._check_streamed(source, sample_weight, class_weight)
            feeds: tuple[Feed, Feed | None, float | None] = self._stream(source, fraction)
        else:
            if isinstance(X, Source):
                rows, y = loaded(X, self.problem.loss, self.units)
                X = Opened(rows, X.columns.features)  # noqa: N806
            feeds = self._memory(X, y, sample_weight, class_weight, fraction)
        self.options.warn_of_batch(feeds[0].rows)
        if validation_data is None:
            return feeds
        feed, _, total = feeds
        return feed, self._validation(validation_data), total

    def _validation(self, given: tuple[Any, ...] | Source) -> Feed:
        backend, loss = self.problem.backend, self.problem.loss
        try:
            if isinstance(given, Source):
                feed = self.feed(given, None, budget=self.budget)
                self.marks += (fingerprint_of(given, backend),)
                return feed
            if len(given) == 2 and isinstance(given[0], np.memmap):
                x, feed = self.opened(given[0]), self.feed(*given, budget=self.budget)
            else:
                x = self.opened(given[0])
                feed = self._whole(self.data(x, *given[1:])[0])
            self.marks += (fingerprint(x.array, opened_targets(given[1], loss).array, backend),)
            return feed
        except (ValueError, TypeError) as error:  # its X and y are not those of the training
            raise type(error)(f"validation_data: {error}") from None

    def _check_names(self, names: tuple[str, ...]) -> None:
        if names:  # rows without names are trained on as they are; at prediction it is warned of
            super()._check_names(names)

    # -- in memory -------------------------------------------------------------------------------

    def _memory(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        class_weight: Mapping[int, float] | str | None,
        fraction: float,
    ) -> tuple[Whole, Whole | None, float | None]:
        backend, loss = self.problem.backend, self.problem.loss
        x, t = self.opened(X), opened_targets(y, loss)
        self.columns = named(self.columns, x, t)
        self._scale_by(x, t, fraction)
        data, total = self.data(x, t, sample_weight, class_weight)
        if self.scaling is None and self.encoder is None:
            warn_of_samples(x, data.x, backend)
        warn_of_targets(t, data.y, loss, backend, self.problem.target_scaling)
        self.marks = (fingerprint(x.array, t.array, backend),)
        if not fraction:
            return self._whole(data), None, total
        labels = backend.to_numpy(data.y) if data.y.ndim == 1 else None
        out = held_out(data.x.shape[0], labels, fraction, self.seed)
        data, held, total = split(data, out, backend)
        return self._whole(data), self._whole(held), total

    def _whole(self, data: Data) -> Whole:
        batch_size = self.options.batch_rows(data.x.shape[0])
        backend, shuffle = self.problem.backend, self.options.shuffle
        return Whole(data, batch_size, self.seed, backend, shuffle=shuffle)

    def _scale_by(self, X: Opened, y: Opened, fraction: float) -> None:  # noqa: N803
        """Works out, once, what samples and targets are scaled by: from the training rows alone."""
        inputs, outputs = self._wanted()
        if inputs is None and outputs is None:
            return
        problem, backend = self.problem, self.problem.backend
        x = border.sample_rows(X, problem.sample_shape)
        rows, out = x.shape[0], None
        if fraction:
            out = held_out(rows, self._labels(y, rows), fraction, self.seed)
        if outputs is not None:
            t = border.target_rows(y, problem.loss, self.units, rows)
            found = Scaling.of(outputs, border.host_blocks("y", t, backend, out))
            self.problem = replace(problem, target_scaling=found)
        if inputs is not None:
            blocks = border.host_blocks("X", x, backend, out, X.names)
            self.scaling = Scaling.of(inputs, blocks)

    def _wanted(self) -> tuple[str | None, str | None]:
        """Kinds of the scalings that are to be worked out."""
        return (
            self.scaling_kind if self.scaling is None else None,
            self.target_kind if self.problem.target_scaling is None else None,
        )

    def _labels(self, y: Any, rows: int) -> np.ndarray | None:
        """Class numbers on the host, if that is what y holds."""
        problem = self.problem
        if problem.loss.targets == "values":
            return None
        t = border.targets(y, problem.backend, problem.loss, self.units, rows)
        return problem.backend.to_numpy(t) if t.ndim == 1 else None

    # -- streamed --------------------------------------------------------------------------------

    def _larger_than_budget(self, X: Any, y: Any) -> Source | None:  # noqa: N803
        """The source, or the memory map as a source, if its rows take more than the budget."""
        X, y = self.mapped(X, y, self.budget)  # noqa: N806
        if not isinstance(X, Source):
            return None
        self.check_source(X, y)
        return X if self._bytes(X) > self.budget else None

    def _warn_of(self, source: Source) -> None:
        """Warns of the first rows as of arrays."""
        problem, piece = self.problem, next(pieces_of(source, [0]))
        x = Opened(piece.X, source.columns.features)
        y = Opened(targets_of(source, piece, problem.loss, self.units))
        with np.errstate(over="ignore"):
            fits = np.isfinite(piece.X.astype(problem.backend.dtype_name)).all()
        if fits and self.scaling_kind is None and self.scaling is None:
            warn_of_samples(x, piece.X, problem.backend)
        scaled = problem.target_scaling is not None or self.target_kind is not None
        if problem.loss.targets == "values" and not scaled:
            warn_of_targets(y, y.array, problem.loss, problem.backend, None)

    def _check_streamed(self, source: Source, sample_weight: Any, class_weight: Any) -> None:
        options, size = self.options, self._bytes(source)
        start = f"{source}: its {source.rows:,} rows take {size / 2**20:,.0f} MiB and are streamed"
        if options.batch_size is None or options.optimizer.full_batch:
            raise ValueError(
                f"{start}, so no step can see all of them; expected a batch_size and an optimizer of "
                f"mini-batches, or a device_budget of at least {size}."
            )
        if options.shuffle is not True:
            raise ValueError(
                f"{start} in an order of their own; expected shuffle=True, or a device_budget of "
                f"at least {size}."
            )
        for name, weight in (("sample_weight", sample_weight), ("class_weight", class_weight)):
            if weight is not None:
                raise ValueError(
                    f"{start}, for which {name} is not there; expected None, or a device_budget of "
                    f"at least {size}."
                )

    def _stream(self, source: Source, fraction: float) -> tuple[Streamed, Streamed | None, None]:
        held: Source | None = None
        self.marks = (fingerprint_of(source, self.problem.backend),)
        self._warn_of(source)
        if fraction:
            source, held = split_source(source, fraction, self.seed)
        inputs, outputs = scalings_of(source, self.problem.loss, self.units, *self._wanted())
        if inputs is not None:
            self.scaling = inputs
        if outputs is not None:
            self.problem = replace(self.problem, target_scaling=outputs)
        batch_size = self.options.batch_rows(source.rows)
        feed = self.streamed(source, batch_size, self.budget, self.seed)
        if held is None:
            return feed, None, None
        return feed, self.streamed(held, batch_size, self.budget, self.seed), None
