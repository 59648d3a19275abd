"""A layer of the user's own as ONNX: its forward is run on arrays that note what is done to them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from portable_mlp.export.exported import ExportError
from portable_mlp.nn import Context, Layer
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.layer import Tree
from portable_mlp.nn.parameters import named_leaves, rebuild


def traced(layer: Layer, params: Tree, state: Tree, shape: Shape, dtype: str) -> Any:
    """The layer at prediction, as a model of onnx with one input ``x`` and one output ``y``.

    Args:
        layer: written with functions of the array API standard.
        params: its parameters, numpy.
        state: its running statistics.
        shape: of one sample.
        dtype: of the numbers.

    Raises:
        ExportError: it does something that can't be noted.
        ModuleNotFoundError: ndonnx is not installed.
    """
    who = type(layer).__name__
    if find_spec("ndonnx") is None:
        raise ModuleNotFoundError(
            f"export: {who} is your own, and to trace it into .onnx needs ndonnx: pip install ndonnx."
        )
    import ndonnx

    params, state = (
        rebuild(tree, (ndonnx.asarray(array) for _, array in named_leaves(tree)))
        for tree in (params, state)
    )
    x = ndonnx.argument(shape=("rows", *shape), dtype=getattr(ndonnx, dtype))
    try:
        y, _, _ = layer.apply(params, state, x, Context(ndonnx))
        if str(y.dtype) != str(x.dtype):
            raise TypeError(f"its output is {y.dtype}, expected {x.dtype}")
        return ndonnx.build({"x": x}, {"y": y})
    except Exception as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise ExportError(
            f"export: {who} is your own and can't be traced into .onnx ({type(error).__name__}: "
            f"{reason}), expected a forward of functions of ctx.xp alone, which asks neither for the "
            "number of rows nor for values."
        ) from error
