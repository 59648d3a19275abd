"""What is fuzzed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Edit = Callable[[random.Random, bytes, list[bytes]], bytes]
"""``edit(random, one of the seeds, all of them)``: a file with something changed in it."""


@dataclass(frozen=True)
class Target:
    """A reader of files.

    Args:
        read: takes the bytes of a file; raises, or gives what it made of them.
        refusal: the only exception that it may raise.
        seeds: makes files that are right; called once, the same files each time.
        check: raises AssertionError if something that was accepted should not have been.
        edits: changes that know the format; beside those that know only bytes.
        words: text that means something in the format, to be put anywhere.
    """

    read: Callable[[bytes], Any]
    refusal: type[Exception]
    seeds: Callable[[], list[bytes]]
    check: Callable[[bytes, Any], None]
    edits: tuple[Edit, ...] = ()
    words: tuple[bytes, ...] = ()
