"""Whether a network fits this machine, worked out before anything of it is made."""

from __future__ import annotations

import os
from pathlib import Path

from portable_mlp.nn.parameters import ParameterLayout

_DRAWN = 8
"""Bytes of a parameter when it is drawn: float64, on the host, whatever the backend."""
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def check_size(layout: ParameterLayout) -> None:
    """Refuses a network whose first weights alone are more than this machine can hold.

    Args:
        layout: of the parameters.

    Raises:
        ValueError: it does not fit; says how much it is, how much there is, and which array it is.
    """
    needed, limit = _DRAWN * layout.size, memory_limit()
    if needed > limit:
        name, spec, _ = max(layout.entries, key=lambda entry: entry[2].stop - entry[2].start)
        raise ValueError(
            f"MLP: {layout.size:,} parameters need {needed / 1e9:,.1f} GB for the first weights, and "
            f"there are {limit / 1e9:,.1f} GB of memory: {name} has shape {spec.shape}, expected "
            "smaller layers."
        )


def memory_limit() -> float:
    """Bytes that a process may have here: the machine's memory, or less by a container or ulimit."""
    return min(_physical(), _container(), _address_space())


def _physical() -> float:
    try:
        return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows does not say
        return float("inf")


def _container() -> float:
    try:
        return float(_CGROUP.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or "max"
        return float("inf")


def _address_space() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if limit == resource.RLIM_INFINITY else float(limit)
