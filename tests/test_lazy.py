"""Packages whose names are imported when they are asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

PACKAGES = ("portable_mlp", "portable_mlp.data")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_listed(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name) is not None
        assert name in dir(module)
        assert name in vars(module)  # found at once the next time


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there(package: str) -> None:
    module = import_module(package)
    with pytest.raises(AttributeError, match=f"'{package}' has no attribute 'nothing'"):
        _ = module.nothing


def imported_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_alone_imports_nothing_heavy() -> None:
    assert "numpy" not in imported_by("import portable_mlp")


def test_the_model_imports_no_loader_of_files_and_no_other_library() -> None:
    seen = imported_by("from portable_mlp import MLP")
    slow = (
        "typer rich safetensors array_api_compat numba torch jax urllib.request importlib.resources"
    )
    assert not seen & {*slow.split(), "portable_mlp.data.mnist"}
