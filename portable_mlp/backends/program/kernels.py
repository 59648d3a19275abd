"""Kernels compiled by numba: each source once, kept on disk for the next process.

No fast-math: each operation is rounded as numpy rounds it. No threads: beside those of a matrix
library a second pool costs more than it gives.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

_FUNCTIONS = "sqrt exp expm1 log log1p log2 log10 tanh sinh cosh sin cos tan floor ceil"
_NAMES = {
    **{name: getattr(np, name) for name in _FUNCTIONS.split()},
    "atan": np.arctan,
    "atan2": np.arctan2,
    **{name: getattr(np, name) for name in ("float32", "float64", "int32", "int64")},
    "__name__": __name__,  # numba imports it again with machine code from the disk
    "inf": math.inf,
    "nan": math.nan,
}


@cache
def available() -> bool:
    """Whether numba is installed; it is imported with the first kernel."""
    return find_spec("numba") is not None


@cache
def compiled(text: str) -> Callable[..., Any]:
    """The kernel of this source; machine code is made at its first call."""
    import numba

    name = hashlib.sha256(text.encode()).hexdigest()[:24]
    path = _kept(name, text)
    names = dict(_NAMES)
    exec(compile(text, str(path or f"<kernel {name}>"), "exec"), names)  # noqa: S102  (our own text)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "cache": path is not None}
    kernel: Callable[..., Any] = numba.njit(**options)(names["kernel"])
    return kernel


def _kept(name: str, text: str) -> Path | None:
    """The source as a file beside which numba keeps its machine code; None where none can be kept."""
    folder = _folder()
    if folder is None:
        return None
    path = folder / f"kernel_{name}.py"
    try:
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            handle, part = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(part).replace(path)
    except OSError:
        return None
    return path


@cache
def _folder() -> Path | None:
    """A folder of the user's own. numba reads its files as code, so nobody else may write there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "portable_mlp" / "kernels"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o022):
        return None
    return folder if os.access(folder, os.W_OK) else None
