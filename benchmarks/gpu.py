"""The grid on an NVIDIA GPU, in under ten minutes.

python -m benchmarks.gpu
python -m benchmarks.gpu --points G1,G4 --minutes 5

portable_mlp on CuPy, PyTorch and JAX beside PyTorch's and JAX's own ways to train; the floor is cuBLAS
alone. Figures are medians of warm rounds, timed by events of the device (PyTorch, CuPy) or until the
result is there (JAX). They go to benchmarks/results/gpu-DATE.json, and python -m benchmarks.report
puts them into docs/benchmarks.md. Who can't run here is left out by name.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

from benchmarks import grid, results
from benchmarks.contestants import CONTESTANTS, Entry
from benchmarks.machine import about, arguments_of_this_run, today
from benchmarks.processes import say
from benchmarks.rounds import measure
from benchmarks.tables import show_point

ROWS = 20_000  # of an epoch and of a timed round: some hundred steps at the smaller batch sizes
_HERE = "benchmarks.contestants"


def _portable(backend: str) -> Entry:
    return Entry(
        f"{_HERE}.portable_on_gpu:PortableOnGpu",
        f"`MLP.fit`, backend {backend}, device cuda",
        (backend,),
        {"backend": backend},
        _JAX if backend == "jax" else {},
    )


_JAX = {
    "JAX_PLATFORMS": "cuda"
}  # without a GPU's plugin JAX fails, and does not take the processor

ENTRIES: dict[str, Entry] = {
    "portable_mlp cupy": _portable("cupy"),
    "portable_mlp torch:cuda": _portable("torch"),
    "portable_mlp jax:cuda": _portable("jax"),
    "torch eager": CONTESTANTS["torch eager"],
    "torch.compile, CUDA graphs": replace(
        CONTESTANTS["torch.compile"],
        what='`torch.compile(mode="reduce-overhead")`, fused Adam',
        options={"mode": "reduce-overhead"},
    ),
    "jax jit per step": replace(CONTESTANTS["jax jit per step"], environment=_JAX),
    "jax scan per epoch": replace(CONTESTANTS["jax scan per epoch"], environment=_JAX),
    "floor torch": CONTESTANTS["floor torch"],
    "floor cupy": Entry(
        f"{_HERE}.matrix_products:CupyProducts",
        "the matrix products of a training alone: `cupy.matmul(out=)`",
        ("cupy",),
        is_floor=True,
    ),
}


def device_name() -> str | None:
    """Name of the GPU that PyTorch or CuPy can use; None if there is none."""
    try:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.get_device_name()
    except ImportError:
        pass
    try:
        import cupy

        if cupy.cuda.is_available():
            return cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    except ImportError:
        pass
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--points", help="with commas, such as G1,G3; all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--rows", type=int, default=ROWS, help="upper limit of the rows of an epoch"
    )
    parser.add_argument(
        "--minutes", type=float, default=9.0, help="no point begins that would end later"
    )
    parser.add_argument("--timeout", type=float, default=200.0, help="seconds of one answer")
    parser.add_argument("--data-dir", help="folder of the Fashion-MNIST files")
    parser.add_argument("--save", help="name of the results file; gpu and the date")
    options = parser.parse_args()
    try:
        points = grid.chosen(options.points, quick=False, rows=options.rows)
    except ValueError as error:
        parser.error(str(error))

    device = device_name()
    if device is None:
        sys.exit(
            "benchmarks.gpu: neither PyTorch nor CuPy finds an NVIDIA GPU here; nothing was measured."
        )
    say(device)
    found = measured(points, options)
    conditions = about("benchmarks.gpu", arguments_of_this_run())
    conditions["machine"]["gpu"] = device
    path = results.save(options.save or f"gpu-{today()}", "gpu", conditions, found)
    say(f"saved in {path.relative_to(path.parents[2])}")


def measured(points: list[grid.Point], options: argparse.Namespace) -> dict[str, Any]:
    """The points that fit into the time; the longest so far says how long the next may take."""
    found: dict[str, Any] = {}
    began, longest = time.perf_counter(), 0.0
    for point in points:
        started = time.perf_counter()
        if started - began + longest > 60 * options.minutes:
            say(f"{point.name} left out: it would end after {options.minutes:g} minutes.")
            continue
        found[point.name] = measure(
            replace(point, samples=point.rows),
            ENTRIES,
            rounds=options.rounds,
            timeout=options.timeout,
            data_dir=options.data_dir,
            device="cuda",
        )
        show_point(found[point.name])
        longest = max(longest, time.perf_counter() - started)
    return found


if __name__ == "__main__":
    main()
