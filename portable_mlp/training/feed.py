"""Where an epoch's rows come from: a data set on the device, or chunks that are read meanwhile."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import Backend
from portable_mlp.nn.arrays import Shape
from portable_mlp.training.problem import Data

_PATIENCE = 2.0
"""Seconds that a thread which reads has to notice that nobody wants its rows."""


Order = Callable[[int, int], np.ndarray]
"""``order(epoch, rows)``: all row numbers in the order of that epoch, counted over all trainings."""


def checked_order(order: Any, rows: int) -> np.ndarray:
    """Row numbers as a user's function gave them, each once, or one sentence why they can't be."""
    numbers = np.asarray(order)
    fits = numbers.shape == (rows,) and numbers.dtype.kind in "iu"
    fits = fits and numbers.min() >= 0 and numbers.max() < rows
    if not fits or (np.bincount(numbers, minlength=rows) != 1).any():
        raise ValueError(
            f"shuffle: the function gave {numbers.dtype} numbers of shape {numbers.shape}, expected "
            f"each of the rows 0..{rows - 1} once."
        )
    return numbers


class Chunk:
    """Rows on the device and the order in which an epoch sees them, cut into batches.

    Args:
        data: rows on the device.
        order: row numbers on the host; None for all rows at once, as they are.
        batch_size: rows of a batch; the last may be smaller.
        first: number of its first batch in the epoch.
        backend: where the data lie.
    """

    def __init__(
        self,
        data: Data,
        order: np.ndarray | None,
        batch_size: int,
        first: int,
        backend: Backend,
    ) -> None:
        """Moves the row numbers to the device."""
        self.data, self.first = data, first
        self.whole: Any = None  # row numbers of the batches, (batches, batch size)
        self.rest: Any = None  # of the last, smaller one, (1, rows left)
        self.full = 1  # batches of the full size
        if order is not None:
            self.full = len(order) // batch_size
            cut = self.full * batch_size
            shape = (self.full, batch_size)
            self.whole = backend.asarray(order[:cut].reshape(shape), backend.index_dtype)
            if cut < len(order):
                self.rest = backend.asarray(order[None, cut:], backend.index_dtype)
        self.stop = first + self.full + (self.rest is not None)

    def runs(self, first: int, stop: int) -> Iterator[tuple[Any, int, int, int]]:
        """``(row numbers, first, stop, number of the first of these rows' batches)``.

        Args:
            first: batch of the epoch.
            stop: batch of the epoch before which it ends.
        """
        last = self.first + self.full
        if first < min(stop, last):
            yield self.whole, first - self.first, min(stop, last) - self.first, self.first
        if stop > last:
            yield self.rest, 0, 1, last


class Feed(Protocol):
    """Rows for each epoch."""

    @property
    def backend(self) -> Backend:
        """Where the rows go."""

    @property
    def rows(self) -> int:
        """Of an epoch."""

    def chunks(self, epoch: int) -> Generator[Chunk, None, None]:
        """The chunks of an epoch, from 0 over all trainings; the last one read is the only one valid."""

    def parts(self) -> Generator[Data, None, None]:
        """All rows once, for figures; the last one read is the only one valid."""


@dataclass(frozen=True)
class Whole:
    """A data set that lies on the device.

    Args:
        data: the data set.
        batch_size: rows of a batch; all of them or more for the whole set, unshuffled.
        seed: of the shuffles.
        backend: where the data lie.
        shuffle: whether rows come in a new order in each epoch, or who says in which.
    """

    data: Data
    batch_size: int
    seed: int
    backend: Backend
    shuffle: bool | Order = field(default=True, kw_only=True)

    @property
    def rows(self) -> int:
        """Of an epoch."""
        return int(self.data.x.shape[0])

    def chunks(self, epoch: int) -> Generator[Chunk, None, None]:
        """One, with all rows in a new order."""
        order = None
        if self.batch_size < self.rows:
            order = self._order(epoch)
        yield Chunk(self.data, order, self.batch_size, 0, self.backend)

    def _order(self, epoch: int) -> np.ndarray:
        if callable(self.shuffle):
            return checked_order(self.shuffle(epoch, self.rows), self.rows)
        if self.shuffle:
            return randomness.permutation(self.seed, epoch, self.rows)
        return np.arange(self.rows)

    def parts(self) -> Generator[Data, None, None]:
        """The data set."""
        yield self.data


Memory = tuple[np.ndarray, np.ndarray]
"""For the x and the y of a chunk."""


class Reader(Protocol):
    """Somebody who fills memory with rows; `portable_mlp.data.stream` does."""

    @property
    def rows(self) -> int:
        """Of an epoch."""

    @property
    def decodes(self) -> bool:
        """Whether reading is work for a core; see `portable_mlp.data.source.Source`."""

    @property
    def memory(self) -> tuple[tuple[Shape, Any], tuple[Shape, Any]]:
        """What a chunk needs: shape and numpy type of x, and of y."""

    def fill(
        self, take: Callable[[], Memory], epoch: int | None, wanted: Callable[[], None]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """``(x, y, order)`` of each chunk: memory that ``take`` gave, and row numbers, shuffled.

        In the source's own order for the epoch None. Rows that the order leaves out are of an earlier
        chunk. ``wanted`` is called now and then; it raises if nobody wants the rest.
        """


@dataclass(frozen=True)
class Streamed:
    """Chunks that a thread reads ahead: while one is computed with, the next is read and moved.

    Two chunks are in memory at a time; one where reading and computing would take each other's cores,
    and so take turns. Whoever takes the next one has waited until the device is done with the last.

    Args:
        reader: who reads.
        batch_size: rows of a batch.
        backend: where the data go.
        turn: nobody reads while somebody else does.
    """

    reader: Reader
    batch_size: int
    backend: Backend
    turn: Any = field(default_factory=threading.Lock)
    """Held by the thread that reads: one that waits for its source is not waited for for ever."""

    @property
    def rows(self) -> int:
        """Of an epoch."""
        return self.reader.rows

    def chunks(self, epoch: int) -> Generator[Chunk, None, None]:
        """The chunks of an epoch, from 0 over all trainings."""
        first = 0
        with closing(self._read(epoch)) as read:
            for data, order in read:
                chunk = Chunk(data, order, self.batch_size, first, self.backend)
                first = chunk.stop
                yield chunk

    def parts(self) -> Generator[Data, None, None]:
        """All rows once, in the source's order."""
        with closing(self._read(None)) as read:
            for data, order in read:
                rows = len(order)
                yield Data(data.x[:rows, ...], data.y[:rows, ...], None)

    def _read(self, epoch: int | None) -> Generator[tuple[Data, np.ndarray], None, None]:
        """Chunks on the device, read by a thread that is one chunk ahead."""
        free: queue.Queue[Any] = queue.Queue()
        ready: queue.Queue[Any] = queue.Queue()
        for _ in range(1 if self.reader.decodes and self.backend.shares_cores else 2):
            free.put(tuple(self.backend.host_memory(*needed) for needed in self.reader.memory))

        given_up = threading.Event()

        def wanted() -> None:
            if given_up.is_set():
                raise _GivenUpError

        def take() -> Memory:
            memory = free.get()
            wanted()
            return memory  # type: ignore[no-any-return]

        def work() -> None:
            try:
                with self.turn, self.backend.scope():
                    for x, y, order in self.reader.fill(take, epoch, wanted):
                        data = Data(self.backend.upload(x), self.backend.upload(y), None)
                        ready.put(((x, y), data, order))
                ready.put(None)
            except _GivenUpError:
                pass
            except BaseException as error:  # told to whoever waits
                ready.put(error)

        thread = threading.Thread(target=work, name="portable_mlp reader", daemon=True)
        thread.start()
        try:
            while (got := ready.get()) is not None:
                if isinstance(got, BaseException):
                    raise got
                memory, data, order = got
                yield data, order
                free.put(memory)
                del data, got
        finally:
            given_up.set()
            free.put(None)
            thread.join(_PATIENCE)


class _GivenUpError(Exception):
    """Nobody wants the rest of the chunks."""
