"""The import rules of docs/design.md, read from the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import portable_mlp

PACKAGE = Path(portable_mlp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ARRAY_LIBRARIES = {"cupy", "cupyx", "torch", "jax", "jaxlib", "dpnp", "dpctl", "array_api_strict"}
HOST_LIBRARIES = {"numpy", "array_api_compat", "scipy"}
EXTRAS = ARRAY_LIBRARIES | {
    *("pandas", "polars", "pyarrow", "narwhals", "sklearn", "onnx", "numba", "matplotlib"),
    *("tensorboardX", "tensorboard", "mlflow", "wandb"),
    *("onnxruntime", "ndonnx", "keras"),
}

# which parts of the package each part may import
ALLOWED = {
    "nn": {"nn"},
    "optim": {"nn", "optim"},
    "backends": {"nn", "backends"},
    "randomness": {"nn", "randomness"},
    "metrics": {"nn", "metrics", "warning"},
    "scaling": {"nn", "backends", "scaling"},
    "warning": {"warning"},
    "data": {"nn", "backends", "randomness", "scaling", "data", "lazy", "warning"},
    # a table knows what becomes of its columns, not of any model
    "tables": {"nn", "backends", "data", "lazy", "warning", "tables"},
    "training": {
        *("nn", "optim", "backends", "randomness", "metrics", "scaling", "training", "warning"),
    },
    "model": {
        *("nn", "optim", "backends", "randomness", "metrics", "scaling", "data", "training"),
        *("files", "summary", "export", "foreign", "model", "tables", "lazy", "__version__"),
    },
    "foreign": {"nn", "data", "scaling", "foreign", "lazy"},
    "export": {"nn", "data", "scaling", "files", "tables", "export", "lazy", "warning"},
    # a file knows what a model is made of, not the model: model turns itself into a description
    "files": {
        "nn",
        "optim",
        "randomness",
        "metrics",
        "scaling",
        "data",
        "summary",
        "tables",
        "files",
        "lazy",
    },
    "checkpoint": {
        *("nn", "optim", "data", "scaling", "training", "files", "checkpoint", "warning"),
        "__version__",
    },
    "summary": {"nn", "training"},
    "diagnosis": {"nn", "optim", "backends", "randomness", "training", "model", "diagnosis"},
    "gallery": {"nn", "optim", "data", "model", "diagnosis", "gallery"},
    "recipes": {"nn", "optim", "backends", "training", "model", "tables"},
    "plots": {"nn", "data", "model", "plots"},
    "steering": {
        *("nn", "optim", "backends", "randomness", "training", "model", "plots", "steering"),
    },
    "sklearn": {
        *("nn", "optim", "backends", "data", "tables", "training", "model", "checkpoint"),
        *("sklearn", "warning"),
    },
}


def part(path: Path) -> str:
    """``nn`` for portable_mlp/nn/layers/dense.py, ``model`` for portable_mlp/model.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def names(path: Path) -> Iterator[str]:
    """Identifiers and short strings of the code, docstrings left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
        ):
            yield node.value


def test_the_package_was_found() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path) -> None:
    allowed = ALLOWED.get(part(path))
    if allowed is None:
        return  # __init__, __main__ and cli may import all of it
    for name in imports(path):
        words = name.split(".")
        if words[0] == "portable_mlp" and len(words) > 1:
            assert words[1] in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_array_libraries_are_named_in_backends_only(path: Path) -> None:
    if part(path) == "backends":
        return
    roots = {name.partition(".")[0] for name in imports(path)}
    if path.name == "plot.py" or part(path) == "plots":  # a figure for those who asked for one
        roots -= {"matplotlib"}
    if path.name == "parquet.py":  # a file format, read to numpy
        roots -= {"pyarrow"}
    if part(path) == "export":  # another file format
        roots -= {"onnx", "onnxruntime", "ndonnx"}
    if path.name == "frames.py":  # a frame came in
        roots -= {"narwhals"}
    if part(path) == "sklearn":  # what it is made for
        roots -= {"sklearn"}
    assert not roots & EXTRAS
    assert not set(names(path)) & ARRAY_LIBRARIES
    if part(path) in ("nn", "optim"):
        outside = {r for r in roots if r not in sys.stdlib_module_names} - {"portable_mlp"}
        assert not outside, f"the mathematics imports {outside}"


def test_backends_import_their_library_inside_functions_only() -> None:
    for path in (PACKAGE / "backends").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        for node in top:
            modules = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
            )
            for module in modules:
                assert (module or "").partition(".")[0] not in EXTRAS, path


def test_import_is_silent_and_imports_no_extra() -> None:
    code = (
        "import sys, portable_mlp; "
        f"print(sorted(set(sys.modules) & {EXTRAS | {'typer', 'rich', 'pytest'}!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_no_file_is_longer_than_a_sitting() -> None:
    long = {
        p.name: n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 480
    }
    assert not long
