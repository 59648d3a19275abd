"""scikit-learn that is too old, or not there."""

from __future__ import annotations

import importlib
import sys

import pytest

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def _imported_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "portable_mlp.sklearn", raising=False)
    importlib.import_module("portable_mlp.sklearn")


@pytest.mark.parametrize("version", ["1.5.2", "0.24.1"])
def test_an_older_one_is_refused_in_a_sentence(
    version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn, "__version__", version)
    with pytest.raises(ImportError, match=f"scikit-learn is {version}, expected 1.6 or newer: pip"):
        _imported_anew(monkeypatch)


@pytest.mark.parametrize("version", ["1.6.0", "1.10.dev0", "2.0rc1"])
def test_a_newer_one_is_taken(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn, "__version__", version)
    _imported_anew(monkeypatch)


def test_without_it_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"needs scikit-learn, .* pip install 'portable_mlp"):
        _imported_anew(monkeypatch)
