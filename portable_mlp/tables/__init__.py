"""Tables with text, gaps and categories, as the numbers that a network takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.tables.encoder import TableEncoder
    from portable_mlp.tables.frame import Frame
    from portable_mlp.tables.reading import TableRows, read_table

__all__ = ["Frame", "TableEncoder", "TableRows", "read_table"]

__getattr__, __dir__ = lazy.names(
    __name__,
    encoder="TableEncoder",
    frame="Frame",
    reading="TableRows read_table",
)
