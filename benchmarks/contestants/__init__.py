"""The libraries that take part, by name, and what each needs.

A contestant's library is imported in its worker process only.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

_HERE = "benchmarks.contestants"


@dataclass(frozen=True)
class Entry:
    """How a contestant is made.

    Args:
        make: ``module:class``.
        what: it does, for readers of the tables.
        needs: packages that must be installed.
        options: keyword arguments of the class.
        environment: variables of its process.
        starts_quickly: whether ``--quick`` has it.
        is_floor: whether it does the matrix products alone.
        needs_compiler: whether a C++ compiler must be there.
    """

    make: str
    what: str
    needs: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    starts_quickly: bool = True
    is_floor: bool = False
    needs_compiler: bool = False

    def missing(self) -> str:
        """One sentence why it can't take part here; empty if it can."""
        absent = [name for name in self.needs if find_spec(name) is None]
        if absent:
            return f"{', '.join(absent)} is not installed."
        if self.needs_compiler and not any(map(shutil.which, ("g++", "c++", "clang++"))):
            return "there is no C++ compiler."
        return ""


def _portable(backend: str, what: str, compiler: str | None = None, **more: Any) -> Entry:
    options = {"backend": backend, "compiler": compiler}
    return Entry(f"{_HERE}.portable:Portable", f"`MLP.fit`, {what}", options=options, **more)


def _keras(backend: str) -> Entry:
    return Entry(
        f"{_HERE}.keras_fit:KerasFit",
        f"`Sequential`, `compile`, `fit`; KERAS_BACKEND={backend}",
        ("keras", backend),
        environment={"KERAS_BACKEND": backend},
        starts_quickly=False,
    )


def _products(cls: str, library: str, what: str) -> Entry:
    what = f"the matrix products of a training alone: {what}"
    return Entry(f"{_HERE}.matrix_products:{cls}", what, (library,), is_floor=True)


OURS = "portable_mlp numpy"
"""Everybody is compared with this one."""

CONTESTANTS: dict[str, Entry] = {
    OURS: _portable("numpy", "the default backend as installed here"),
    "portable_mlp numpy, plain": _portable("numpy", "numpy's own functions only", "buffers"),
    "portable_mlp torch": _portable("torch", "on PyTorch", needs=("torch",)),
    "portable_mlp torch, compiled": _portable(
        "torch",
        "on PyTorch, the step through `torch.compile`",
        "inductor",
        needs=("torch",),
        needs_compiler=True,
        starts_quickly=False,
    ),
    "portable_mlp jax": _portable("jax", "on JAX", needs=("jax",)),
    "torch eager": Entry(
        f"{_HERE}.pytorch:Eager", "modules, autograd, `Adam(fused=True)`", ("torch",)
    ),
    "torch.compile": Entry(
        f"{_HERE}.pytorch:Compiled",
        "the same, forward and backward pass compiled",
        ("torch",),
        starts_quickly=False,
        needs_compiler=True,
    ),
    "jax jit per step": Entry(
        f"{_HERE}.jax_jit:PerStep", "`value_and_grad` and Adam in one jitted call a step", ("jax",)
    ),
    "jax scan per epoch": Entry(
        f"{_HERE}.jax_jit:ScanPerEpoch",
        "the same step, all whole batches of an epoch in one `lax.scan`",
        ("jax",),
    ),
    "scikit-learn": Entry(
        f"{_HERE}.scikit:Scikit",
        "`MLPClassifier.partial_fit`, its checks of X and y included",
        ("sklearn",),
    ),
    "keras (jax)": _keras("jax"),
    "keras (torch)": _keras("torch"),
    "thinc": Entry(
        f"{_HERE}.thinc_loop:ThincLoop",
        "`begin_update`, `finish_update`, with `NumpyOps(use_blis=False)`",
        ("thinc",),
    ),
    "floor numpy": _products("NumpyProducts", "numpy", "`np.matmul(out=)`"),
    "floor torch": _products("TorchProducts", "torch", "`torch.mm(out=)`"),
    "floor jax": _products("JaxProducts", "jax", "one jitted function a step"),
}

CPU_ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
"""Keeps every library on the processor, also on a machine with a GPU."""


def chosen(words: str | None, *, quick: bool) -> dict[str, Entry]:
    """The contestants whose names contain one of the words, with commas between; all for None.

    Raises:
        ValueError: no name contains any of them.
    """
    if words is None:
        return {n: e for n, e in CONTESTANTS.items() if e.starts_quickly or not quick}
    parts = [word.strip().lower() for word in words.split(",") if word.strip()]
    found = {n: e for n, e in CONTESTANTS.items() if any(part in n.lower() for part in parts)}
    if not found:
        raise ValueError(
            f"--contestants: got {words!r}, expected parts of: {'; '.join(CONTESTANTS)}."
        )
    return found
