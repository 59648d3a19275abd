"""Every wrong input gets one answer: bad_input.toml has them. The model stays as it was."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TrainingDiverged, nn
from portable_mlp.backends import BACKENDS, Backend
from portable_mlp.data.columns import Columns
from portable_mlp.model import memory

_spec = spec_from_file_location("bad_input_table", Path(__file__).with_name("bad_input_table.py"))
assert _spec is not None
assert _spec.loader is not None
table = module_from_spec(_spec)
sys.modules["bad_input_table"] = table  # where dataclasses look for it
_spec.loader.exec_module(table)

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.asarray([0, 1, 2, 0, 1, 2])


def outcome_of(row: Any, **options: Any) -> Any:
    library = table.missing(row)
    if library:
        pytest.skip(f"{library} is not installed")
    return table.run(row, **options)


def said(error: Exception | None) -> str:
    return "" if error is None else f"{type(error).__name__}: {error.args[0]}"


def is_usual(row: Any) -> bool:
    """Whether the row passes in samples and targets that are looked at on every backend."""
    return not {"model", "call"} & set(row.keys) and "strict" not in row.keys.get("needs", ())


@pytest.mark.parametrize("row", table.rows(), ids=lambda row: row.id)
def test_the_answer(row: Any) -> None:
    outcome = outcome_of(row)
    expected = f"{row.error}: {row.keys[row.error]}" if row.error else ""
    assert said(outcome.error) == expected
    assert "\n" not in expected
    assert [str(w.message) for w in outcome.warned] == [
        row.keys[name] for name in ("UserWarning",) if name in row.keys
    ]
    for warning in outcome.warned:
        assert warning.category is UserWarning
        assert warning.filename == row.id  # the user's own line
    assert outcome.changed == ()
    if "works" in row.keys:
        assert table.holds(row, outcome)


@pytest.mark.parametrize(
    "row", [r for r in table.rows() if r.error and r.model], ids=lambda row: row.id
)
def test_a_refused_call_leaves_the_model_as_it_was(row: Any) -> None:
    outcome = outcome_of(row)
    model = outcome.names["model"]
    now = model.parameters()
    if isinstance(outcome.error, TrainingDiverged) or row.keys.get("trains"):
        assert all(np.isfinite(value).all() for value in now.values())
        return
    for name, value in outcome.before.items():
        np.testing.assert_array_equal(value, now[name])
    if not row.model.startswith("fitted"):
        assert model.columns == Columns()
        assert model.scaling is None
        assert model.target_scaling is None


def test_divergence_says_where() -> None:
    diverged = [r for r in table.rows() if r.error == "TrainingDiverged"]
    assert len(diverged) >= 4
    for row in diverged:
        error = table.run(row).error
        assert error.epoch >= 1
        assert error.step >= 1
        assert error.layer
        assert error.first in ("loss", "gradient", "weight")


def test_every_backend_refuses_in_the_same_words(backend: Backend) -> None:
    rows = [r for r in table.rows() if is_usual(r) and r.error and not table.missing(r)]
    assert len(rows) > 60
    for row in rows:
        outcome = table.run(row, backend=backend, metrics=())
        assert said(outcome.error) == f"{row.error}: {row.keys[row.error]}", row.id


def test_every_backend_takes_what_is_fine(backend: Backend) -> None:
    rows = [
        r
        for r in table.rows()
        if is_usual(r) and "works" in r.keys and "check" not in r.keys and not table.missing(r)
    ]
    assert len(rows) > 20
    for row in rows:
        if "tensor" in row.id and backend.place != "cpu":
            continue  # refused, as the test above shows
        row = table.Row(row.section, row.keys | {"call": "model.evaluate(X, y)"})
        outcome = table.run(row, backend=backend, metrics=())
        assert outcome.error is None, row.id
        assert outcome.warned == (), row.id
        assert outcome.changed == (), row.id
        x, y = (row.keys.get(f"plain_{name}", name) for name in "Xy")
        plain = table.Row(
            "plain",
            {"id": row.id, "X": x, "y": y, "call": row.call} | {"needs": row.keys.get("needs", ())},
        )
        expected = table.run(plain, backend=backend, metrics=()).result
        assert outcome.result == pytest.approx(expected, rel=1e-6), row.id


def test_no_two_rows_are_called_alike() -> None:
    ids = [row.id for row in table.rows()]
    assert len(set(ids)) == len(ids)


def test_the_page_is_current() -> None:
    if not table.PAGE.parent.exists():
        pytest.skip("docs/ is not here")
    assert table.PAGE.read_text(encoding="utf-8") == table.page(), "python -m tests.bad_input_table"


# -- what is not in the table ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["torch", "jax", "array-api-strict"])
def test_labels_of_any_library_are_looked_at_in_their_own_type(library: str) -> None:
    cls = BACKENDS[library]
    if cls.missing():
        pytest.skip(f"{library}: {cls.missing()}")
    backend = cls("cpu" if library != "array-api-strict" else None, "float32")
    with backend.scope():
        half = backend.asarray(np.asarray([0.5, 1, 2, 0, 1, 2]))
        gap = backend.asarray(np.asarray([np.nan, 1, 2, 0, 1, 2]))
        whole = backend.asarray(Y, backend.index_dtype)
    for model_backend in {"numpy", library} - (
        {"numpy"} if library == "array-api-strict" else set()
    ):
        model = MLP([4, 3], backend=model_backend, metrics=())
        with pytest.raises(ValueError, match="y holds 0.5, expected class numbers"):
            model.fit(X, half, epochs=1)
        with pytest.raises(ValueError, match=r"Input y contains NaN at \[0\]"):
            model.fit(X, gap, epochs=1)
        assert model.fit(X, whole, epochs=1).epochs == 1


def test_warnings_of_a_training_on_any_backend(backend: Backend) -> None:
    model = MLP([4, 3], backend=backend, metrics=())
    with pytest.warns(UserWarning, match="feature 1 has scale 1.4e[+]06"):
        model.fit(X * [1, 1e6, 1, 1], Y, epochs=1)
    with pytest.warns(UserWarning, match="a single class"):
        model.fit(X, np.zeros(6, dtype=int), epochs=1)


def test_warnings_of_arrays_of_the_device(backend: Backend) -> None:
    with backend.scope():
        large = backend.asarray(X * [1, 1e6, 1, 1])
        single = backend.asarray(np.zeros(6, dtype=int), backend.index_dtype)
    model = MLP([4, 3], backend=backend, metrics=())
    with pytest.warns(UserWarning, match="feature 1 has scale 1.4e[+]06"):
        model.fit(large, Y, epochs=1)
    with pytest.warns(UserWarning, match="a single class"):
        model.fit(X, single, epochs=1)


def test_the_largest_feature_of_an_image_is_named_by_its_place() -> None:
    images = np.zeros((6, 2, 3))
    images[4, 1, 2] = -2e4
    model = MLP(layers=[nn.Flatten(), nn.Dense(3)], inputs=(2, 3))
    with pytest.warns(UserWarning, match=r"X: feature \[1, 2\] has scale 2e\+04"):
        model.fit(images, Y, epochs=1)


def test_one_sample_at_a_time_is_no_single_class() -> None:
    model = MLP([4, 3])
    for k in range(6):
        model.fit(X[k : k + 1], Y[k : k + 1], epochs=1)


def test_rows_lie_together_on_the_device() -> None:
    """In Fortran order an epoch of 60,000 rows took twice as long: each batch gathers whole rows."""
    for given in (np.asfortranarray(X), np.asfortranarray(X.astype(np.float32)), X[:, ::-1]):
        x = MLP([4, 3])._border.features(given)
        assert x.flags.c_contiguous
        np.testing.assert_array_equal(x, given.astype(np.float32))


def test_memory_is_that_of_the_machine_or_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert 1e8 < memory.memory_limit() < 1e15
    container = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_CGROUP", container)
    container.write_text("max\n")
    machine = memory.memory_limit()
    container.write_text("12345678\n")
    assert memory.memory_limit() == 12345678.0 < machine


def test_nothing_is_made_of_a_network_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(*_: Any) -> None:
        raise AssertionError

    monkeypatch.setattr("portable_mlp.randomness.HostStream.uniform", drawn)
    monkeypatch.setattr("portable_mlp.training.fastest.fastest", drawn)
    with pytest.raises(ValueError, match="10,000,000,003 parameters need"):
        MLP(layers=[nn.Dense(1), nn.Dense(10**10, use_bias=False)], inputs=2, backend="auto")
