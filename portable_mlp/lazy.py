"""Public names of a package that are imported when they are asked for first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def names(package: str, **homes: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package whose import is to be quick.

    Args:
        package: its ``__name__``.
        homes: names by the module of the package in which they are; ``""`` stands for the module itself.
    """
    module_of = {name: home for home, listed in homes.items() for name in listed.split()}

    def get(name: str) -> Any:
        if name in module_of:
            found = getattr(import_module(f"{package}.{module_of[name]}"), name)
        elif name in homes:
            found = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, found)
        return found

    def listed() -> list[str]:
        module = sys.modules[package]
        return [*module.__all__, *(name for name in vars(module) if name.startswith("__"))]

    return get, listed
