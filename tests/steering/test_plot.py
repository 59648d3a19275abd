"""The curves as axes: what is in them, and that nobody else's figures change."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from portable_mlp import MLP, overfit_one_batch
from portable_mlp.steering import RateCurve

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
RATES = np.geomspace(1e-7, 10, 81)
CURVE = RateCurve(RATES, 1 + (np.log10(RATES) + 2) ** 2 / 10, 81)


def test_rate_curve_marks_the_suggestion() -> None:
    ax = CURVE.plot()
    assert ax.get_xlabel() == "learning rate"
    assert ax.get_xscale() == "log"
    texts = [text.get_text() for text in ax.texts]
    assert texts == [f"suggested: {CURVE.suggestion:.2g}"]
    x, y = ax.get_lines()[0].get_data()
    np.testing.assert_array_equal((x, y), (CURVE.rates, CURVE.losses))
    ax.figure.savefig(io.BytesIO(), format="png")
    assert (
        "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
    )


def test_no_suggestion_is_no_mark() -> None:
    flat = RateCurve(RATES, np.ones(81), 81)
    ax = flat.plot()
    assert not ax.texts
    ax.figure.savefig(io.BytesIO(), format="png")


def test_one_batch_draws_on_the_axes_that_it_is_given() -> None:
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    x = np.random.default_rng(0).normal(size=(40, 2))
    found = overfit_one_batch(MLP([2, 8, 2]), x, np.arange(40) % 2, steps=5)
    assert found.plot(ax=ax) is ax
    assert ax.get_title(loc="left") == "One batch of 32 rows: not learnt"
    shares = ax.get_lines()[0].get_ydata()
    assert shares[-1] == pytest.approx(found.left)
    ax.figure.savefig(io.BytesIO(), format="png")


def test_axes_that_are_none_are_refused() -> None:
    with pytest.raises(TypeError, match="ax: got type str, expected matplotlib axes or None"):
        CURVE.plot(ax="here")  # type: ignore[arg-type]


def test_without_matplotlib_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    with pytest.raises(ImportError, match=r'pip install "portable_mlp\[plot\]"'):
        CURVE.plot()
