"""Which kernels NumPy's matrix products run on, and whether the processor has better ones.

OpenBLAS chooses its kernels when it is loaded. A version that does not know the processor takes older
ones, and so does any version where OPENBLAS_CORETYPE names them: some machines come with it set.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_WIDE = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
_NARROW = ("haswell", "zen", "sandybridge", "nehalem", "prescott")


@cache
def openblas_kernels() -> str:
    """Name of the kernels, such as ``"Haswell"``; empty where NumPy runs on another library."""
    function = _openblas("get_corename")
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    return str(function().decode())


def openblas_threads() -> int:
    """Threads of NumPy's matrix products now; 0 where NumPy runs on another library."""
    function = _openblas("get_num_threads")
    return 0 if function is None else int(function())


def usable_cores() -> int:
    """Cores of the processor that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _openblas(name: str) -> Any:
    """A function of the OpenBLAS that came with NumPy, or None."""
    folder = Path(np.__file__).parent.parent / "numpy.libs"
    for path in sorted(folder.glob("libscipy_openblas*")):
        try:
            library = ctypes.CDLL(str(path))  # loaded already: this is the same one
        except OSError:
            continue
        for ending in ("64_", ""):
            function = getattr(library, f"scipy_openblas_{name}{ending}", None)
            if function is not None:
                return function
    return None


def advice() -> str:
    """One sentence if matrix products could be faster here; empty if not, or not known."""
    kernels = openblas_kernels()
    if not kernels or kernels.lower() not in _NARROW or not _has_wide_vectors():
        return ""
    forced = os.environ.get("OPENBLAS_CORETYPE")
    remedy = (
        f"without OPENBLAS_CORETYPE={forced} in the environment"
        if forced
        else "with OPENBLAS_CORETYPE=SkylakeX in the environment, set before Python starts,"
    )
    return (
        f"OpenBLAS runs its {kernels} kernels on this processor, which has AVX-512: {remedy} matrix "
        "products may be half as fast again."
    )


def _has_wide_vectors() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return set(_WIDE) <= set(flags)
