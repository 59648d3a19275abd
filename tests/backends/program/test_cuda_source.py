"""The C++ of CuPy's kernels, compiled for this machine's processor and run over numpy arrays.

It proves the operations and the broadcasting, not CuPy itself: that takes a GPU, where the backend
matrix runs all of this on the device.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn, optim
from portable_mlp.backends import Loop
from portable_mlp.backends.numpy import NumpyBackend
from portable_mlp.backends.program import CompiledLoop, cuda
from portable_mlp.backends.program.numpy_library import NumpyLibrary
from tests.backends.program.test_compiled_loop import leaves, mixed, problem_of, trained

CXX = shutil.which("c++")


def kernel_maker(folder: Path) -> Callable[..., Any]:
    """Stands in for ``cupy.ElementwiseKernel``: one loop over the broadcast arrays."""
    made: dict[Any, Callable[..., Any]] = {}

    def make(ins: str, outs: str, body: str, places: tuple[int, ...]) -> Callable[..., Any]:
        key = (ins, outs, body)
        if key not in made:
            made[key] = built(ins, outs, body)

        def call(n0: int, n1: int, *arguments: Any) -> None:
            made[key](*(arguments[place] for place in places))

        return call

    def built(ins: str, outs: str, body: str) -> Callable[..., Any]:
        params = [p.split() for p in (*ins.split(", "), *outs.split(", ")) if p]
        heads = ", ".join(f"{t}* {n}_" for t, n in params)
        loads = " ".join(f"{t}& {n} = {n}_[i];" for t, n in params)
        text = "#include <cmath>\nusing namespace std;\n" + cuda.PREAMBLE.replace(
            "#define nan (0.0 / 0.0)", ""
        )
        text += f'extern "C" void run(long size, {heads}) {{\n'
        text += f"for (long i = 0; i < size; ++i) {{ {loads}\n{body}\n}}}}\n"
        path = folder / f"kernel{len(made)}.cpp"
        path.write_text(text)
        library = path.with_suffix(".so")
        subprocess.run([CXX, "-O1", "-shared", "-fPIC", path, "-o", library], check=True)
        function = ctypes.CDLL(str(library)).run
        function.argtypes = [ctypes.c_long, *[ctypes.c_void_p] * len(params)]
        kinds = [np.dtype(t) for t, _ in params]
        written = len(outs.split(", "))

        def kernel(*arguments: Any) -> None:
            arrays = [np.asarray(a, kind) for a, kind in zip(arguments, kinds, strict=True)]
            shape = np.broadcast_shapes(*(a.shape for a in arrays))
            for array in arrays[-written:]:
                assert array.shape == shape, "a result has another shape than the loop"
            copies = [np.array(np.broadcast_to(a, shape), order="C") for a in arrays]
            function(int(np.prod(shape)), *(c.ctypes.data for c in copies))
            for target, copy in zip(arguments[-written:], copies[-written:], strict=True):
                target[...] = copy

        return kernel

    return make


@pytest.mark.skipif(CXX is None, reason="no C++ compiler on this machine")
@pytest.mark.parametrize(
    ("layers", "optimizer"),
    [
        (mixed("gelu", "layer"), optim.AdamW(clip_value=0.5, clip_norm=1.0, ema_decay=0.9)),
        (mixed("relu", "rms") if "rms" in nn.__all__ else mixed("relu", "layer"), optim.Lion()),
        (mixed("elu", "layer"), optim.RMSprop()),
        ([nn.Dense(8), nn.LeakyReLU(), nn.PReLU(), nn.Dense(5)], optim.SGD(momentum=0.9)),
    ],
)
def test_kernels_in_c_give_what_the_plain_step_gives(
    layers: list[nn.Layer],
    optimizer: optim.Optimizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cuda, "_kernel", kernel_maker(tmp_path))
    backend = NumpyBackend(None, "float64")
    problem = problem_of(backend, layers, l1=1e-4, l2=1e-3)
    kept: list[CompiledLoop] = []

    def compile_loop(step: Any) -> Loop:
        library = NumpyLibrary(backend.xp)
        loop = CompiledLoop(library, step, backend.loop(step), cuda.CudaCompiler(), checked=True)
        kept.append(loop)
        return loop

    plain = trained(problem, optimizer, backend.loop, 20)
    found = trained(problem, optimizer, compile_loop, 20)
    assert kept[0].refused is None
    assert "kernel" in kept[0].texts[0]
    for expected, other in zip(leaves(plain), leaves(found), strict=True):
        scale = np.max(np.abs(expected), initial=1e-30)
        assert np.max(np.abs(other - expected), initial=0.0) <= 1e-12 * scale


def test_a_program_that_is_wrong_is_left() -> None:
    backend = NumpyBackend(None, "float64")
    problem = problem_of(backend, [nn.Dense(5)])

    def compile_loop(step: Any) -> Loop:
        def wrong(*arguments: Any) -> Any:
            carry = step(*arguments)
            return carry._replace(vector=carry.vector * 1.01)

        return CompiledLoop(NumpyLibrary(backend.xp), wrong, backend.loop(step), None, checked=True)

    plain = trained(problem, optim.Adam(), backend.loop, 5)
    with pytest.warns(RuntimeWarning, match="left for the plain one"):
        found = trained(problem, optim.Adam(), compile_loop, 5)
    for expected, other in zip(leaves(plain), leaves(found), strict=True):
        np.testing.assert_array_equal(other, expected)
