"""The API reference: a page for each public package, every name of its `__all__` on it.

A name is described where a user would import it from, the package nearest to the root, and is a link
everywhere else.
"""

import ast
import inspect
import pkgutil
import re
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from escaping import escaped
from pages import forget, write

import portable_mlp

MODULES = ("portable_mlp.recipes", "portable_mlp.scaling", "portable_mlp.optim.schedules")
"""Files with names for users; the other names for users are those of the packages."""
GROUPED = ("portable_mlp", "portable_mlp.nn", "portable_mlp.metrics")
"""Packages with so many names that the page has a heading for each of their parts."""


def packages():
    """Public packages and modules by name, the nearest to the root first."""
    found = {"portable_mlp": portable_mlp}
    for part in pkgutil.walk_packages(portable_mlp.__path__, "portable_mlp."):
        public = not any(word.startswith("_") for word in part.name.split("."))
        if not public or part.name.count(".") > 2 or not (part.ispkg or part.name in MODULES):
            continue
        try:
            module = import_module(part.name)
        except ImportError:  # an extra that is not installed here
            continue
        if part.name in MODULES or hasattr(module, "__all__"):
            found[part.name] = module
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[0])))


def public_names(module):
    """What a package's page has."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]


def homes():
    """Each name of each package: where it is described, as a full name."""
    first, where = {}, {}
    for package, module in packages().items():
        for name in public_names(module):
            value = getattr(module, name)
            if isinstance(value, ModuleType):
                where[package, name] = value.__name__
                continue
            key = (getattr(value, "__module__", None), getattr(value, "__qualname__", id(value)))
            where[package, name] = first.setdefault(key, f"{package}.{name}")
    return where


def described(module, name):
    """A constant's own words: the string after its assignment."""
    for candidate in (module, *list(sys.modules.values())):
        if not getattr(candidate, "__name__", "").startswith(module.__name__):
            continue
        if getattr(candidate, name, None) is not getattr(module, name):
            continue
        body = ast.parse(inspect.getsource(candidate)).body
        for node, after in pairwise(body):
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            if any(isinstance(t, ast.Name) and t.id == name for t in targets) and (
                isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            ):
                return inspect.cleandoc(after.value.value)
    return ""


def entry(package, module, name):
    """The directive that describes one name."""
    value, full = getattr(module, name), f"{package}.{name}"
    if inspect.isclass(value):
        return f".. autoclass:: {full}\n"
    if inspect.isroutine(value):
        return f".. autofunction:: {full}\n"
    text = escaped(described(module, name)).replace("\n", "\n   ")
    return f".. py:data:: {full}\n\n   {text}\n"


def heading(package, value):
    """The part of the package from which a name comes, as words."""
    home = getattr(value, "__module__", package).removeprefix(f"{package}.")
    if home == package:
        return "Names"
    return home.partition(".")[0].replace("_", " ").capitalize()


def page(package, module, where):
    """The page of one package, in reStructuredText."""
    lines = [package, "=" * len(package), "", f".. py:currentmodule:: {package}", ""]
    lines += [f".. py:module:: {package}", "   :no-typesetting:", "", words_of(module), ""]
    own, elsewhere = {}, []
    for name in public_names(module):
        if where[package, name] == f"{package}.{name}":
            group = heading(package, getattr(module, name)) if package in GROUPED else ""
            own.setdefault(group, []).append(name)
        else:
            elsewhere.append(name)
    for group, names in own.items():
        if group:
            lines += [group, "-" * len(group), ""]
        lines += [entry(package, module, name) for name in names]
    if elsewhere:
        lines += ["Also here", "---------", "", "Each leads to where it is described.", ""]
    for name in elsewhere:
        role = "mod" if isinstance(getattr(module, name), ModuleType) else "obj"
        lines.append(f"* ``{name}``: :py:{role}:`{where[package, name]}`")
    return "\n".join([*lines, ""])


def words_of(module):
    """The words of the package itself; a drawing in them stays as it is."""
    return re.sub(r"\n\n(?=    )", "\n\n::\n\n", escaped(inspect.getdoc(module) or ""))


def write_pages(app):
    """Writes the pages where Sphinx will read them."""
    folder = Path(app.srcdir) / "_made" / "reference"
    where, found = homes(), packages()
    made = {f"{package}.rst": page(package, module, where) for package, module in found.items()}
    short = {package: package.removeprefix("portable_mlp.") for package in found}
    listed = "\n".join(f"   {short[package]} <{package}>" for package in found)
    made["index.rst"] = (
        "API reference\n=============\n\nEvery public name, with shapes and units.\n\n"
        f".. toctree::\n   :maxdepth: 1\n\n{listed}\n"
    )
    forget(folder, made)
    for name, text in made.items():
        write(folder / name, text)


def setup(app):
    """Called by Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
