"""What a figure depends on: processor, system, versions, and the kernels that BLAS has chosen."""

from __future__ import annotations

import datetime
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "portable_mlp",
    "numpy",
    "numba",
    "torch",
    "jax",
    "scikit-learn",
    "keras",
    "thinc",
    "cupy-cuda12x",
    "cupy-cuda13x",
)
_VARIABLES = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""What changes how fast numpy and the others compute."""
_PATHS = ("--data-dir",)


def about(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """Machine, versions, environment, date and command line, without names of hosts or paths."""
    return {
        "date": today(),
        "command": command_line(module, arguments),
        "machine": machine(),
        "versions": {"Python": platform.python_version(), **versions()},
        "environment": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
        "blas": blas(),
    }


def today() -> str:
    """ISO date."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


def command_line(module: str, arguments: Sequence[str]) -> str:
    """As somebody else would type it: folders of this machine are replaced by a word."""
    words, hide = [], False
    for word in arguments:
        name, equals, _ = word.partition("=")
        if hide:
            word, hide = "FOLDER", False
        elif name in _PATHS:
            word, hide = (f"{name}=FOLDER", False) if equals else (name, True)
        words.append(f"'{word}'" if " " in word else word)
    settings = [f"{n}={os.environ[n]}" for n in _VARIABLES if n in os.environ]
    return " ".join([*settings, "python", "-m", module, *words])


def machine() -> dict[str, Any]:
    """Processor, cores and system."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux has it
    cores = len(allowed(0)) if allowed else os.cpu_count()
    return {"processor": processor(), "cores": cores, "system": system()}


def processor() -> str:
    """Its model name, and AVX-512 where it has that."""
    cpuinfo = Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return platform.processor() or platform.machine()
    lines = [line.partition(":") for line in cpuinfo.read_text().splitlines()]
    found = {key.strip(): value.strip() for key, _, value in lines}
    name = found.get("model name") or platform.machine()
    flags = found.get("flags", "").split()
    widest = next((text for flag, text in _WIDTHS if flag in flags), "")
    return f"{name} (family {found['cpu family']}, {widest})" if widest else name


_WIDTHS = (("avx512f", "AVX-512"), ("avx2", "AVX2"))


def system() -> str:
    """``Debian GNU/Linux 12, x86_64``."""
    try:
        release = platform.freedesktop_os_release()
        name = f"{release['NAME']} {release.get('VERSION_ID', '')}".strip()
    except OSError:
        name = f"{platform.system()} {platform.release()}"
    return f"{name}, {platform.machine()}"


def versions() -> dict[str, str]:
    """Of the libraries that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def blas() -> dict[str, Any]:
    """numpy's BLAS: ``library``, ``version``, ``threads``, and the processor its ``kernels`` are for.

    Empty where threadpoolctl, which knows, is not installed.
    """
    import numpy as np  # noqa: F401  (loads its BLAS)

    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {}
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    if not pools:
        return {}
    pool = pools[0]
    return {
        "library": pool["internal_api"],
        "version": pool["version"],
        "threads": pool["num_threads"],
        "kernels": pool.get("architecture", "unknown"),
    }


def blas_in_words(found: Mapping[str, Any]) -> str:
    """``openblas 0.3.31, 2 threads, Haswell kernels``."""
    if not found:
        return "unknown (threadpoolctl is not installed)"
    return "{library} {version}, {threads} threads, {kernels} kernels".format(**found)


def arguments_of_this_run() -> list[str]:
    """What was typed after the module's name."""
    return sys.argv[1:]
