"""The examples in docstrings of the estimators, which pytest itself does not collect.

Without scikit-learn their modules can't be imported, and a collection that fails is an error.
"""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import portable_mlp.sklearn

MODULES = ["portable_mlp.sklearn"] + [
    f"portable_mlp.sklearn.{found.name}"
    for found in pkgutil.iter_modules(portable_mlp.sklearn.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


def test_there_are_some() -> None:
    finder = doctest.DocTestFinder()
    found = [t for name in MODULES for t in finder.find(importlib.import_module(name))]
    assert sum(bool(test.examples) for test in found) >= 2
