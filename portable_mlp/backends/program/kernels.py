"""Who makes machine code of a kernel's source; here: numba, each source once, kept on disk.

No fast-math: each operation is rounded as numpy rounds it; only a long sum's additions may change places,
as in numpy's own. No threads: beside those of a matrix library a second pool costs more than it gives.
"""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from portable_mlp.backends.program.axes import AxisNames
from portable_mlp.backends.program.fusion import Group
from portable_mlp.backends.program.kernel_source import IN_LANES, KernelSource, loop_source
from portable_mlp.backends.program.record import Node

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


class KernelCompiler(ABC):
    """Makes kernels of sources.

    Args:
        reduces: whether a kernel may sum up, and know in one pass what it needs in the next.
        few: how many exponentials and the like a kernel may do, more of which the library does faster;
            None for any number.
    """

    reduces: ClassVar[bool]
    few: ClassVar[int | None]

    @abstractmethod
    def source(
        self, group: Group, names: AxisNames, views: set[Node], wanted: set[Node]
    ) -> KernelSource:
        """The source of a group's kernel."""

    @abstractmethod
    def compiled(self, source: KernelSource) -> Callable[..., Any]:
        """``kernel(n0, n1, *arrays, *numbers)``."""

    def gather(self) -> Callable[[Any, Any, Any], None] | None:
        """``gather(x, rows, out)`` for rows of a matrix, where that is faster than the library's."""
        return None

    @abstractmethod
    def shape(self, kind: str, shape: tuple[int, ...], two: bool) -> tuple[int, ...]:
        """The shape in which a kernel wants an array of that kind.

        Args:
            kind: as in `kernel_source`.
            shape: the array's own.
            two: whether the kernel has two loops.
        """


class NumbaCompiler(KernelCompiler):
    """Loops compiled for one core."""

    reduces = True
    few = 4096  # less than another call costs

    def source(
        self, group: Group, names: AxisNames, views: set[Node], wanted: set[Node]
    ) -> KernelSource:
        return loop_source(group, names, views, wanted)

    def compiled(self, source: KernelSource) -> Callable[..., Any]:
        return _compiled(source.text)

    def gather(self) -> Callable[[Any, Any, Any], None] | None:
        from portable_mlp.backends.program.gather import row_gatherer

        return row_gatherer()

    def shape(self, kind: str, shape: tuple[int, ...], two: bool) -> tuple[int, ...]:
        if kind == "full" and two:
            return tuple(n for n in shape if n != 1)
        return (math.prod(shape),)


@cache
def available() -> bool:
    """Whether numba is installed; it is imported with the first kernel."""
    return find_spec("numba") is not None


def wanted(compiler: str) -> bool:
    """Whether a backend with this compiler fuses operations by numba."""
    return compiler == "numba" or (compiler == "auto" and available())


@cache
def _compiled(text: str) -> Callable[..., Any]:
    return compiled_source(text, **({IN_LANES: _in_any_order()} if IN_LANES in text else {}))


@cache
def _in_any_order() -> Any:
    """The addition that lets a loop add up in lanes."""
    import numba

    return numba.njit(fastmath={"reassoc"})(lambda a, b: a + b)


def compiled_source(text: str, **names_of_its_own: Any) -> Callable[..., Any]:
    """The function ``kernel`` of this source; machine code is made at its first call."""
    import numba

    name = hashlib.sha256(text.encode()).hexdigest()[:24]
    path = _kept(name, text)
    names = {**_NAMES, **names_of_its_own}
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
