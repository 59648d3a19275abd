"""Which backends there are, what is said of those that can't be used, and what is refused."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from portable_mlp import MLP, backends
from portable_mlp.backends import BACKENDS, Backend, BackendUnavailableError
from portable_mlp.backends.base import Backend as BaseBackend
from portable_mlp.backends.numpy import NumpyBackend


def test_names() -> None:
    assert list(BACKENDS) == ["numpy", "cupy", "torch", "jax", "dpnp", "array-api-strict"]


def test_status_says_what_is_true() -> None:
    found = {s.name: s for s in backends.status()}
    assert list(found) == list(BACKENDS)
    assert found["numpy"].usable
    assert found["numpy"].version
    for name, s in found.items():
        if s.usable:
            assert not s.reason
            assert backends.get(name).name == name
        else:
            assert s.reason.endswith(".")
            assert len(s.reason.splitlines()) == 1
            assert "pip install" in s.install
            assert str(s).startswith(f"{name}: not usable: ")
            with pytest.raises(BackendUnavailableError, match="can't be used here"):
                MLP([2, 2], backend=name)
    assert backends.usable() == tuple(s.name for s in found.values() if s.usable)


class NotInstalled(NumpyBackend):
    name = "ghost"
    library = "ghost"
    install = "pip install ghost"

    @classmethod
    def load(cls) -> object:
        raise ModuleNotFoundError("No module named 'ghost'")


class NoDevice(NumpyBackend):
    name = "ghost"

    @classmethod
    def no_device(cls) -> str | None:
        return "ghost finds no device."


class WrongNumbers(NumpyBackend):
    name = "ghost"

    def probe(self) -> None:
        raise RuntimeError("a test sum came out as 7\nand a second line")


class BrokenImport(NumpyBackend):
    name = "ghost"

    @classmethod
    def load(cls) -> object:
        raise OSError("libghost.so.1: cannot open shared object file")


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (NotInstalled, "ghost is not installed (ModuleNotFoundError: No module named 'ghost')."),
        (NoDevice, "ghost finds no device."),
        (WrongNumbers, "does not compute (RuntimeError: a test sum came out as 7)."),
        (BrokenImport, "does not import (OSError: libghost.so.1: cannot open shared object file)."),
    ],
)
def test_each_way_of_being_unusable_is_told_apart(cls: type[BaseBackend], reason: str) -> None:
    assert (cls.missing() or "").endswith(reason)
    with pytest.raises(BackendUnavailableError):
        backends.get(cls())


def test_probe_finds_a_wrong_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = NumpyBackend()
    monkeypatch.setattr(backend.xp, "exp", lambda x: x)
    with pytest.raises(RuntimeError, match="expected 8"):
        backend.probe()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("nunpy",),
            "backend: got 'nunpy', expected one of array-api-strict, .* Did you mean 'numpy'",
        ),
        (("numpy", "cuda"), "device: got 'cuda' for backend 'numpy', expected cpu. For a GPU use"),
        (("numpy", None, "float16"), "dtype: got 'float16', expected 'float32' or 'float64'"),
        (("array-api-strict", "device9"), "device: got 'device9' for backend 'array-api-strict'"),
        (("array-api-strict", "no_x64", "float64"), "dtype: got 'float64' .* has no float64"),
        ((NumpyBackend(), "cpu"), "device: got 'cpu' beside a backend object"),
    ],
)
def test_what_can_not_be_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        backends.get(*arguments)  # type: ignore[arg-type]


def test_a_class_is_no_backend() -> None:
    with pytest.raises(TypeError, match="expected a name, one of numpy, cupy"):
        backends.get(NumpyBackend)  # type: ignore[arg-type]


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cpu:x", "cuda"])
def test_devices_that_are_not_there(backend: Backend, device: str) -> None:
    if backend.place.startswith("cuda") and device == "cuda":
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ValueError, match=f"device: got '{device}'"):
        backends.get(backend.name, device)


def test_pickle_keeps_the_choice(backend: Backend) -> None:
    again = pickle.loads(pickle.dumps(backend))  # noqa: S301
    assert again == backend
    assert again.place == backend.place


def test_float64_in_jax_leaves_no_trace() -> None:
    pytest.importorskip("jax")
    code = (
        "from portable_mlp import MLP; import numpy as np\n"
        "m = MLP([2, 3, 2], backend='jax', dtype='float64')\n"
        "m.fit(np.eye(2), np.arange(2), epochs=2)\n"
        "assert m.predict_proba(np.eye(2)).dtype == np.float64\n"
        "import jax; print(jax.numpy.asarray(np.ones(1)).dtype, jax.config.jax_enable_x64)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "float32 False\n"
