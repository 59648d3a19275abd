"""A .csv file of any size, parsed while a model trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from portable_mlp.data.columns import Columns
from portable_mlp.data.csv_file import Block, Layout, opened
from portable_mlp.data.doubts import warn_of_rounded
from portable_mlp.data.source import Piece, Source
from portable_mlp.data.stamp import Stamp
from portable_mlp.data.target import TASKS, Target, TargetColumn
from portable_mlp.nn.choices import check_name


def scan_csv(
    path: str | Path,
    target: str | None,
    task: str = "auto",
    *,
    features: Sequence[str] | None = None,
    least_classes: int = 2,
) -> Source:
    r"""A table as a source that a model can be trained from without loading it.

    One pass looks at every cell, as `read_csv` does, and notes where blocks of rows begin; a training
    parses them again in each epoch. Parsing is the slow part: a file of which many epochs are wanted is
    better converted once, to .npy or .parquet.

    Args:
        path: of a .csv file with a header, in UTF-8.
        target: name of the column to predict; None reads the features alone.
        task: ``"classification"``, ``"regression"``, or ``"auto"``: classes where the target is text,
            or whole numbers with at most 50 different values.
        features: names of the columns of X; None for all but the target.
        least_classes: as many a classification must have; 1 for data that a model is tried on.

    Returns:
        X float64 (rows, features); y class numbers (rows,), or numbers (rows, 1). ``columns`` has the
        names, and the classes.

    Raises:
        DataFileError: no such file or column, an empty cell, text among the features; it says where.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = Path(folder) / "flowers.csv"
        ...     _ = path.write_text("length,width,kind\n5.1,3.5,iris\n4.9,3.0,rose\n")
        ...     source = scan_csv(path, "kind")
        ...     pieces = list(source.read([0]))
        >>> source.blocks, source.columns.classes
        ((2,), ('iris', 'rose'))
        >>> pieces[0].X.tolist(), pieces[0].y.tolist()
        ([[5.1, 3.5], [4.9, 3.0]], [0, 1])
    """
    check_name("task", task, TASKS)
    path = Path(path)
    stamp = Stamp.of(path)
    column, blocks = TargetColumn(path, target or "", task, least_classes), list[Block]()
    told = set[str]()
    with opened(path) as file:
        layout = Layout.of(path, file, target, features)
        for block, rows in layout.blocks(file):
            column.add(rows.cells, partial(layout.line_of, file, block))
            blocks.append(block)
            for name, numbers in layout.long_numbers(file, block, rows).items():
                if name not in told and warn_of_rounded(f"{path}: column {name!r}", numbers):
                    told.add(name)
        found = None if target is None else column.result()
        return _CsvSource(layout, found, blocks, stamp)


class _CsvSource(Source):
    """Blocks of about 1 MiB of text.

    Args:
        layout: of the file.
        target: what the column to predict stands for; None without one.
        places: of the blocks.
        stamp: of the file, when the places were noted.
    """

    def __init__(
        self, layout: Layout, target: Target | None, places: Sequence[Block], stamp: Stamp
    ) -> None:
        self._layout, self._target, self._places, self._stamp = layout, target, places, stamp
        self.sample_shape = (len(layout.features),)
        self.blocks = tuple(block.rows for block in places)
        classes = () if target is None else target.classes
        self.columns = Columns(layout.features, layout.target or "", classes)

    def read(self, numbers: Iterable[int]) -> Iterator[Piece]:
        """The rows of these blocks."""
        self._stamp.check()
        with opened(self._layout.path) as file:
            for number in numbers:
                rows = self._layout.read(file, self._places[number])
                y = None if self._target is None else self._target.encode(rows.cells)
                yield Piece(rows.X, y)

    def __str__(self) -> str:
        """The file."""
        return str(self._stamp.path)
