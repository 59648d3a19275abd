"""Advice on OpenBLAS's kernels."""

from __future__ import annotations

import pytest

from portable_mlp.backends import blas


def test_the_kernels_have_a_name_or_none() -> None:
    name = blas.openblas_kernels()
    assert isinstance(name, str)
    assert name.isprintable()


@pytest.mark.parametrize(
    ("kernels", "wide", "variable", "speaks"),
    [
        ("Haswell", True, None, True),
        ("SkylakeX", True, None, False),
        ("Haswell", False, None, False),
        ("Haswell", True, "Haswell", True),  # set by somebody, perhaps long ago
        ("", True, None, False),  # another library
    ],
)
def test_advice_only_where_it_helps(
    kernels: str, wide: bool, variable: str | None, speaks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blas, "openblas_kernels", lambda: kernels)
    monkeypatch.setattr(blas, "_has_wide_vectors", lambda: wide)
    if variable is None:
        monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    else:
        monkeypatch.setenv("OPENBLAS_CORETYPE", variable)
    advice = blas.advice()
    assert bool(advice) == speaks
    if speaks:
        assert ("without OPENBLAS_CORETYPE=Haswell" if variable else "=SkylakeX") in advice
