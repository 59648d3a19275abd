"""What the columns of a table are called, and which classes the class numbers stand for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Names, kept with a model that was trained on a table.

    Args:
        features: of the columns of X, in their order; empty where they have none.
        target: of y.
        classes: the class that each class number stands for; empty in regression.
    """

    features: tuple[str, ...] = ()
    target: str = ""
    classes: tuple[str, ...] = ()
