"""The backend matrix: every test that takes `backend` runs on each row of it.

A row that can't run here is skipped with its reason. PORTABLE_MLP_REQUIRE_BACKENDS=cupy,torch turns
such a skip into a failure, for names of rows (``torch:cuda``) or of whole families (``torch``);
``all-cpu`` stands for every row that needs no GPU. ``--backend NAME`` runs some rows only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.backends import BACKENDS, Backend
from portable_mlp.backends.jax import JaxBackend
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.torch import TorchBackend

_OPENCL = Path(sys.prefix) / "lib" / "libintelocl.so"
if "OCL_ICD_FILENAMES" not in os.environ and _OPENCL.exists():
    os.environ["OCL_ICD_FILENAMES"] = str(_OPENCL)  # the CPU device for dpnp
    # with several workers this runtime has been seen to wait for ever on two busy cores
    os.environ.setdefault("CL_CONFIG_CPU_TBB_NUM_WORKERS", "1")


class ReadOnlyNumpyBackend(NumpyBackend):
    """Arrays that can't be written to: finds in-place changes of what was handed in."""

    def asarray(self, host: Any, dtype: Any = None) -> Any:
        array = np.array(super().asarray(host, dtype))
        array.flags.writeable = False
        return array


@dataclass(frozen=True)
class Row:
    """One row of the matrix."""

    id: str
    make: Callable[[str], Backend]
    float64: bool = True
    gpu: bool = False

    @property
    def family(self) -> str:
        return self.id.partition(":")[0]


def _named(name: str, device: str | None = None) -> Callable[[str], Backend]:
    return lambda dtype: BACKENDS[name](device, dtype)


MATRIX = [
    Row("numpy", _named("numpy")),
    Row("numpy:numba", lambda dtype: NumpyBackend(None, dtype, compiler="numba")),
    Row("numpy:buffers", lambda dtype: NumpyBackend(None, dtype, compiler="buffers")),
    Row("numpy:none", lambda dtype: NumpyBackend(None, dtype, compiler="none")),
    Row("numpy:readonly", lambda dtype: ReadOnlyNumpyBackend(None, dtype)),
    Row("strict:cpu", _named("array-api-strict", "CPU_DEVICE")),
    Row("strict:device1", _named("array-api-strict", "device1")),
    Row("strict:no_x64", _named("array-api-strict", "no_x64"), float64=False),
    Row("torch:cpu", _named("torch", "cpu")),
    Row("torch:buffers", lambda dtype: TorchBackend("cpu", dtype, compiler="buffers")),
    Row("torch:cuda", _named("torch", "cuda"), gpu=True),
    Row("torch:mps", _named("torch", "mps"), float64=False, gpu=True),
    Row("jax", lambda dtype: JaxBackend(None, dtype, compiler="none")),
    Row("jax:jit", lambda dtype: JaxBackend(None, dtype)),
    Row("dpnp", _named("dpnp")),
    Row("cupy", _named("cupy"), gpu=True),
]
_ROWS = {row.id: row for row in MATRIX}


def _required(row: Row) -> bool:
    words = {w for w in os.environ.get("PORTABLE_MLP_REQUIRE_BACKENDS", "").split(",") if w}
    known = set(_ROWS) | {r.family for r in MATRIX} | {"all-cpu"}
    if words - known:
        pytest.exit(f"PORTABLE_MLP_REQUIRE_BACKENDS: unknown {words - known}, expected {known}", 2)
    if row.id in words or (row.family in words and row.id != "torch:mps"):
        return True
    return "all-cpu" in words and not row.gpu


_reasons: dict[str, str] = {}


def _reason(row: Row) -> str:
    """Why a row can't run here; empty if it can. Asked once for each row."""
    if row.id not in _reasons:
        try:
            reason = row.make("float32").why_unusable() or ""
        except ValueError as error:  # the library is there, but not this device of it
            reason = str(error)
        _reasons[row.id] = reason
    return _reasons[row.id]


def _open(row: Row, dtype: str) -> Iterator[Backend]:
    reason = _reason(row)
    if reason and _required(row):
        pytest.fail(f"{row.id} is required here, but: {reason}")
    if reason:
        pytest.skip(f"{row.id}: {reason}")
    if dtype == "float64" and not row.float64:
        pytest.skip(f"{row.id}: has no float64")
    backend = row.make(dtype)
    with backend.scope():
        yield backend


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend of the matrix at float32, its scope entered."""
    yield from _open(_ROWS[request.param], "float32")


@pytest.fixture
def backend64(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend of the matrix at float64, its scope entered."""
    yield from _open(_ROWS[request.param], "float64")


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts what would be a wait for the device on a GPU, on array-api-strict's fake devices."""
    array = pytest.importorskip("array_api_strict._array_object").Array
    counts: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., Any]:
        original = getattr(array, name)

        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            counts[name] += 1
            return original(self, *args, **kwargs)

        return method

    for name in ("__float__", "__int__", "__bool__", "__index__", "__complex__", "to_device"):
        monkeypatch.setattr(array, name, counted(name))
    return counts


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        action="append",
        help="run the tests of the backend matrix only, on these rows or families",
    )
    parser.addoption(
        "--not-backend", action="append", default=[], help="leave out these rows or families"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_argmax: calls xp.argmax or argsort on the device")
    try:
        import array_api_strict
    except ImportError:
        return
    array_api_strict.set_array_api_strict_flags(
        api_version="2024.12", boolean_indexing=False, data_dependent_shapes=False
    )


NO_ARGMAX = "array-api-strict's argmax and argsort make an int64 on its device that has none"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.config.getoption("--backend")
    left_out = metafunc.config.getoption("--not-backend")
    rows = [
        row
        for row in MATRIX
        if (not chosen or {row.id, row.family} & set(chosen))
        and not {row.id, row.family} & set(left_out)
    ]
    needs_argmax = metafunc.definition.get_closest_marker("needs_argmax") is not None
    for fixture in ("backend", "backend64"):
        if fixture in metafunc.fixturenames:
            params = []
            for row in rows:
                broken = needs_argmax and row.id == "strict:no_x64" and fixture == "backend"
                marks = [pytest.mark.xfail(reason=NO_ARGMAX)] if broken else []
                params.append(pytest.param(row.id, id=row.id, marks=marks))
            metafunc.parametrize(fixture, params, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--backend"):
        return
    matrix = [i for i in items if {"backend", "backend64"} & set(getattr(i, "fixturenames", ()))]
    config.hook.pytest_deselected(items=[i for i in items if i not in matrix])
    items[:] = matrix


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What ran on which backend, and the reason of every skip."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    for outcome in ("passed", "failed", "skipped", "xfailed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            words = report.nodeid.rpartition("[")[2].rstrip("]").split("-")
            for row in _ROWS.keys() & set(words):
                counts[row][outcome] += 1
            if outcome == "skipped":
                reasons[str(report.longrepr[2]).removeprefix("Skipped: ")] += 1
    if counts:
        terminalreporter.section("backends")
        for row in _ROWS:
            figures = ", ".join(f"{n} {outcome}" for outcome, n in counts[row].items())
            terminalreporter.write_line(f"{row:15} {figures or 'not run'}")
    if reasons:
        terminalreporter.section("skipped, and why")
        for reason, count in reasons.most_common():
            terminalreporter.write_line(f"{count:5} x {reason}")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs that a test starts hear Ctrl-C, even where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
