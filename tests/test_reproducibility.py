"""What docs/reproducibility.md promises and no other test holds; and that the tests it names exist."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, CSVLogger, Doctor, JSONLinesLogger, nn
from portable_mlp.backends import Backend
from portable_mlp.data import scan
from portable_mlp.training import Run
from portable_mlp.training.split import held_out

ROOT = Path(__file__).parent.parent
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(90, 5))
Y = RANDOM.integers(0, 3, 90)
HELD_OUT = [7, 13, 34, 45, 48, 62, 66, 86, 87]  # a tenth of them with seed 7, whatever the backend
TIMES = {"seconds", "samples_per_second"}


def made(**options: Any) -> MLP:
    layers = [nn.Dense(8), nn.BatchNorm(), nn.SiLU(), nn.Dropout(0.3), nn.Dense(3)]
    return MLP(layers=layers, inputs=5, seed=3, scaling="standard", **options)


def trace(model: MLP, *data: Any, **options: Any) -> str:
    """All figures, weights and probabilities of a training, to the last bit."""
    history = model.fit(*(data or (X, Y)), epochs=2, batch_size=40, **options)
    figures = [(name, values) for name, values in history.items() if name not in TIMES]
    weights = [(name, value.tobytes()) for name, value in model.parameters().items()]
    answers = np.asarray(model.predict_proba(X)).tobytes()
    return hashlib.sha256(repr((figures, weights, answers)).encode()).hexdigest()


@pytest.mark.needs_argmax
def test_the_same_seed_gives_the_same_bits(backend: Backend) -> None:
    options = {"validation_fraction": 0.2}
    assert trace(made(backend=backend), **options) == trace(made(backend=backend), **options)


def test_another_seed_gives_others() -> None:
    """The trace sees what it should."""
    first, second = made(), made()
    second.reset(seed=4)
    assert trace(first) != trace(second)


PROGRAM = """
import numpy as np
from portable_mlp import MLP
random = np.random.default_rng(0)
X, y = random.normal(size=(600, 300)), random.integers(0, 3, 600)
model = MLP([300, 200, 3], activation="silu", dropout=0.2, seed=3)
history = model.fit(X, y, epochs=3, batch_size=200)
print(*(loss.hex() for loss in history["loss"]))
print(*(value.tobytes().hex()[:400] for value in model.parameters().values()))
"""


def output(**changed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | changed,
    )
    return done.stdout


def threads(count: int) -> dict[str, str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    return dict.fromkeys(names, str(count))


def test_another_process_gives_the_same_bits() -> None:
    assert output(PYTHONHASHSEED="1") == output(PYTHONHASHSEED="2")


def test_another_number_of_threads_agrees_up_to_rounding() -> None:
    one, two = (output(**threads(count)).splitlines()[0].split() for count in (1, 2))
    losses = [[float.fromhex(loss) for loss in line] for line in (one, two)]
    assert len(losses[0]) == 3
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


@pytest.mark.needs_argmax
def test_a_streamed_training_repeats_bit_for_bit(backend: Backend, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=X, y=Y)
    source = scan(tmp_path / "rows.npz")
    streamed = {"device_budget": 2000}
    found = {trace(made(backend=backend), source, **streamed) for _ in range(2)}
    assert len(found) == 1


def test_the_same_rows_are_held_out(backend: Backend) -> None:
    labels = backend.to_numpy(backend.asarray(Y, backend.index_dtype))
    found = np.flatnonzero(held_out(len(Y), labels, 0.1, seed=7))
    assert found.tolist() == HELD_OUT
    values = np.flatnonzero(held_out(len(Y), None, 0.1, seed=7))
    assert found.tolist() != values.tolist()


class Looks(Callback):
    def on_step_end(self, run: Run, step: int) -> None:
        assert run.carry.vector.shape


@pytest.mark.needs_argmax
def test_who_watches_changes_no_bit(backend: Backend, tmp_path: Path) -> None:
    alone = trace(made(backend=backend))
    watchers = [
        CSVLogger(tmp_path / "log.csv"),
        JSONLinesLogger(tmp_path / "log.jsonl"),
        Doctor(verify=False, quiet=True),
    ]
    assert trace(made(backend=backend), callbacks=watchers, verbose=2) == alone
    assert trace(made(backend=backend), callbacks=[Looks()]) == alone


# -- the page ------------------------------------------------------------------------------------


@pytest.fixture
def page() -> str:
    path = ROOT / "docs" / "reproducibility.md"
    if not path.exists():
        pytest.skip("docs/ lies in the source tree, which is not here")
    return path.read_text(encoding="utf-8")


def test_every_test_that_the_page_names_exists(page: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in functions, (
            f"docs/reproducibility.md names {file}::{name}, which is not there"
        )


def test_every_line_of_a_promise_names_a_test(page: str) -> None:
    promises = page.partition("**A kink")[0]
    rows = [
        line for line in promises.splitlines() if line.startswith("| ") and "what" not in line[:7]
    ]
    assert len(rows) > 20
    for row in rows:
        assert "`tests/" in row.rstrip(" |").rpartition("|")[2], row
