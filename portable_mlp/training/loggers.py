"""The figures of each epoch in a file, as a table or as JSON lines."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from portable_mlp.training.loop import Callback, Run


class _EpochLog(Callback):
    """A file with one row for each epoch, which is whole in the file before the next epoch begins.

    So it outlives the program, however that ends. It is not forced to the disk, which would take longer
    than a short epoch: when the machine itself stops, the last rows may be missing.

    A training that is resumed goes on in the file of the one that was killed; rows of epochs that are
    trained again are taken away.

    Args:
        path: of the file.
        append: whether rows may be added to a file that has some.
    """

    _start: str
    """What a file of its own begins with, for messages."""

    def __init__(self, path: str | os.PathLike[str], *, append: bool = False) -> None:
        """Touches nothing before a training begins."""
        self.path, self.append = Path(path), append
        self._begun = False

    def on_train_begin(self, run: Run) -> None:
        if self._begun:  # a second training goes on in the same file
            return
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise FileNotFoundError(
                f"{type(self).__name__}: got {str(self.path)!r}, expected a file in a folder that exists."
            )
        if self.path.exists() and not self.path.is_file():  # a device may have no end
            raise ValueError(
                f"{type(self).__name__}: {str(self.path)!r} is a device or a pipe, expected a file "
                "that can be read again."
            )
        with self._told(), self.path.open("a+b") as file:
            size = file.tell()
            if size and not (self.append or run.resumed):
                raise FileExistsError(
                    f"{type(self).__name__}: {str(self.path)!r} has rows already, expected a new file; "
                    "append=True adds to it."
                )
            if size:
                self._check()
                file.seek(size - 1)
                if file.read() != b"\n":  # whoever wrote it was killed
                    file.write(b"\n")
        if size and run.resumed:
            with self._told():
                self._cut(run.plan.first_epoch + run.history.epochs)
        self._begun = True

    def on_epoch_end(self, run: Run) -> None:
        epoch = run.plan.first_epoch + run.history.epochs
        with self._told():
            self._write({"epoch": epoch, **run.history.last()})

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Says of which file an error of the disk is."""
        try:
            yield
        except FileExistsError:
            raise
        except OSError as error:
            told = type(error)(
                f"{type(self).__name__}: {str(self.path)!r} can't be written: {error.strerror or error}, "
                "expected a file that may be written, with room on its disk."
            )
            told.errno = error.errno
            raise told from None

    def _check(self) -> None:
        """Refuses a file with rows that are none of its own."""
        begins = "is no text in UTF-8"
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                first = file.readline()
                for _ in file:
                    pass
            if self._is_own(first):
                return
            begins = "begins with " + repr(first.rstrip("\r\n")[:80])
        except UnicodeDecodeError:
            pass
        raise ValueError(
            f"{type(self).__name__}: {str(self.path)!r} {begins}, expected {self._start}."
        )

    def _is_own(self, first: str) -> bool:
        """Whether a file of its own begins with this line."""
        raise TypeError(f"{type(self).__name__} does not define _is_own")

    def _cut(self, done: int) -> None:
        """Takes away the rows of epochs that are trained again, and what is no whole row."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        rows, later = list(lines), math.inf
        while rows:
            epoch = self._epoch_of(rows[-1], lines[0])
            # above them there may be rows of another training, which ended with a higher number
            if epoch is not None and not done < epoch < later:
                break
            later = later if epoch is None else epoch
            rows.pop()
        if rows != lines:
            self._replace(rows)

    def _replace(self, lines: Iterable[str]) -> None:
        """Writes them to a new file that takes the old one's place."""
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        new.replace(self.path)

    def _epoch_of(self, line: str, first: str) -> float | None:
        """The epoch of a row, -1 of a header (the first line), None of what is no whole row."""
        raise TypeError(f"{type(self).__name__} does not define _epoch_of")

    def _write(self, row: Mapping[str, float]) -> None:
        raise TypeError(f"{type(self).__name__} does not define _write")


class CSVLogger(_EpochLog):
    """A table with a header and one row for each epoch: ``epoch`` and the figures of `History`.

    Epochs are counted over all trainings of the model. A second training with the same logger adds to
    its file. Should it have figures that the first had not, such as those of a validation set, the file
    is written anew with their columns, empty in the earlier rows. A file with rows is not overwritten;
    a training that is resumed (`Checkpoint`) goes on in it.

    Args:
        path: of the file.
        append: whether rows may be added to the log of an earlier program.

    Raises:
        FileExistsError: when a training begins: the file has rows, and ``append`` is false.
        ValueError: likewise: the file is no such table, or it is a device.
        OSError: it can't be written; its folder is not there (FileNotFoundError).

    Example:
        >>> import pathlib, tempfile
        >>> from portable_mlp import MLP
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "log.csv")
        ...     history = MLP([2, 3]).fit([[0, 1]], [2], epochs=5, callbacks=[CSVLogger(path)])
        ...     lines = path.read_text().splitlines()
        >>> lines[0]
        'epoch,loss,accuracy,learning_rate,gradient_norm,seconds,samples_per_second'
        >>> len(lines)
        6
    """

    _start = "the header of an earlier log, with a column 'epoch'"

    def _is_own(self, first: str) -> bool:
        return "epoch" in first.rstrip("\r\n").split(",")

    def _rows(self) -> Iterator[list[str]]:
        import csv  # as json below, not before it is needed

        if self.path.exists():
            with self.path.open(encoding="utf-8", newline="") as file:
                yield from csv.reader(file)

    def _write(self, row: Mapping[str, float]) -> None:
        header = next(self._rows(), [])
        columns = [*header, *(name for name in row if name not in header)]
        if len(columns) > len(header):
            self._widen(columns)
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(_line([row.get(name, "") for name in columns]))

    def _epoch_of(self, line: str, first: str) -> float | None:
        header, cells = (text.rstrip("\n").split(",") for text in (first, line))
        if line == first:
            return -1
        try:
            return float(cells[header.index("epoch")]) if len(cells) == len(header) else None
        except ValueError:
            return None

    def _widen(self, columns: list[str]) -> None:
        """Puts a longer header over the rows."""
        rows = list(self._rows())[1:]
        longer = (_line([*row, *[""] * (len(columns) - len(row))]) for row in rows)
        self._replace([_line(columns), *longer])


class JSONLinesLogger(_EpochLog):
    """One JSON object in a line for each epoch: ``epoch`` and the figures of `History`.

    What is not finite is null. Epochs are counted over all trainings of the model. A second training
    with the same logger adds to its file. A file with lines is not overwritten; a training that is
    resumed (`Checkpoint`) goes on in it.

    Args:
        path: of the file.
        append: whether lines may be added to the log of an earlier program.

    Raises:
        FileExistsError: when a training begins: the file has lines, and ``append`` is false.
        ValueError: likewise: its lines are none of such a log, or it is a device.
        OSError: it can't be written; its folder is not there (FileNotFoundError).

    Example:
        >>> import json, pathlib, tempfile
        >>> from portable_mlp import MLP
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "log.jsonl")
        ...     history = MLP([2, 3]).fit([[0, 1]], [2], epochs=5, callbacks=[JSONLinesLogger(path)])
        ...     rows = [json.loads(line) for line in path.read_text().splitlines()]
        >>> [row["epoch"] for row in rows]
        [1, 2, 3, 4, 5]
        >>> [row["loss"] for row in rows] == history["loss"]
        True
    """

    _start = 'a line of an earlier log, such as {"epoch": 1, ...}'

    def _is_own(self, first: str) -> bool:
        # or all of it that there is, where whoever wrote it was killed
        return self._epoch_of(first, first) is not None or first.startswith('{"epoch":')

    def _epoch_of(self, line: str, first: str) -> float | None:
        import json

        try:
            return float(json.loads(line)["epoch"])
        except (ValueError, KeyError, TypeError):
            return None

    def _write(self, row: Mapping[str, float]) -> None:
        import json

        plain = {name: value if math.isfinite(value) else None for name, value in row.items()}
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(json.dumps(plain, allow_nan=False) + "\n")


def _line(cells: Sequence[object]) -> str:
    import csv

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
