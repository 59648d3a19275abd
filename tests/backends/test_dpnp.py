"""What is particular to dpnp."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp.backends import Backend


def test_no_call_waits_while_it_holds_the_lock(backend: Backend) -> None:
    """The call comes back while earlier work still runs: see portable_mlp/backends/dpnp.py."""
    if backend.name != "dpnp":
        pytest.skip(f"{backend.name}: only dpnp calls oneMKL's vector mathematics")
    big = backend.asarray(np.ones((1500, 1500), dtype=np.float32))
    small = backend.asarray(np.ones((64, 64), dtype=np.float32))
    calls = {
        "exp": lambda: backend.xp.exp(small),
        "tanh": lambda: backend.xp.tanh(small),
        "+": lambda: small + small,
        "*": lambda: small * small,
    }
    for call in calls.values():
        call()  # the first call compiles
    queue = big.sycl_queue
    for name, call in calls.items():
        queue.wait()
        products = [big @ big for _ in range(8)]  # half a second of work
        last = queue.submit_barrier()
        call()
        assert last.execution_status.name != "complete", name
        del products
    queue.wait()
