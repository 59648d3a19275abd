"""The documentation site has a place for every public name, and every page a place in the site."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parent.parent / "docs"
pytestmark = pytest.mark.skipif(
    not DOCS.exists(), reason="docs/ lies in the source tree, which is not here"
)


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What makes the reference; it needs no Sphinx."""
    monkeypatch.syspath_prepend(DOCS / "site")
    import reference_pages

    for name in ("reference_pages", "pages", "escaping"):
        monkeypatch.delitem(sys.modules, name)
    return reference_pages


def test_every_public_name_is_in_the_reference(reference: ModuleType) -> None:
    where, packages = reference.homes(), reference.packages()
    assert {"portable_mlp", "portable_mlp.nn", "portable_mlp.data"} <= packages.keys()
    described = set()
    for package, module in packages.items():
        page = reference.page(package, module, where)
        found = re.findall(r"^\.\. (?:autoclass|autofunction|py:data):: (\S+)", page, re.MULTILINE)
        linked = re.findall(r"^\* ``\w+``: :py:\w+:`(\S+)`", page, re.MULTILINE)
        shown = [name.rpartition(".")[2] for name in found + linked]
        assert sorted(shown) == sorted(name for name in module.__dict__.get("__all__", shown))
        described |= set(found)
    assert set(where.values()) <= described | packages.keys()


def test_constants_have_words(reference: ModuleType) -> None:
    from portable_mlp import nn

    assert "stand for an activation" in reference.described(nn, "ACTIVATIONS")


def test_markup_in_formulas_is_escaped(reference: ModuleType) -> None:
    assert reference.escaped("l1 Σ |w|, `a_`, coefs_ of o_j") == r"l1 Σ \|w\|, `a_`, coefs\_ of o_j"
    assert reference.escaped(">>> a | b\n1 | 2") == ">>> a | b\n1 | 2"


def test_pages_that_docstrings_name_are_links(reference: ModuleType) -> None:
    said = reference.escaped("docs/scikit_learn.md has what differs; `docs/files.md`")
    assert said == ":doc:`docs/scikit_learn.md </scikit_learn>` has what differs; `docs/files.md`"


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = set()
    for page in DOCS.glob("*.md"):
        for entries in re.findall(r"```\{toctree\}\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            listed |= set(re.findall(r"^[\w/]+$", entries, re.MULTILINE))
    assert {page.stem for page in DOCS.glob("*.md")} <= listed | {"index"}


def test_every_formula_has_its_place() -> None:
    from portable_mlp import nn, optim
    from portable_mlp.optim import schedules

    page = (DOCS / "mathematics.md").read_text("utf-8")
    families = (nn.Layer, nn.Loss, nn.Initializer, optim.Optimizer, optim.Schedule, optim.Penalty)
    public = {name: getattr(nn, name) for name in nn.__all__}
    public |= {name: getattr(optim, name) for name in optim.__all__}
    public |= {type(schedule).__name__: type(schedule) for schedule in schedules.SCHEDULES.values()}
    names = {
        name
        for name, value in public.items()
        if isinstance(value, type)
        and issubclass(value, families)
        and name not in ("Layer", "Network")
    }
    assert len(names) > 60
    assert not {name for name in names if not re.search(rf"\b{name}\b", page)}
