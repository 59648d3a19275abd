"""A graph of ONNX while it grows: nodes, and the arrays that they use."""

from __future__ import annotations

from typing import Any

import numpy as np

OPSET = 18
"""Of the operators written here. onnxruntime 1.14 of 2023 and all later ones run it."""
ML_OPSET = 3
"""Of the operator for text, which came with it."""
IR_VERSION = 8
"""The version of the file format that came with it."""


class Graph:
    """Nodes and arrays, named by their numbers; text of others names nothing.

    Args:
        dtype: of the arrays, ``"float32"`` or ``"float64"``.
    """

    def __init__(self, dtype: str) -> None:
        """Nothing yet."""
        self.dtype = dtype
        self.opset, self.ir_version = OPSET, IR_VERSION
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self._scalars: dict[float, str] = {}

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """A node.

        Args:
            operator: its kind.
            inputs: names of what it takes.
            output: name of what it gives; None for one of its own.
            attributes: of the operator.

        Returns:
            The name of what it gives.
        """
        from onnx import helper

        name = output or f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, value: Any) -> str:
        """An array in the model's precision; a number that is used again is kept once."""
        if isinstance(value, float):
            if value not in self._scalars:
                self._scalars[value] = self.array(np.asarray(value, self.dtype))
            return self._scalars[value]
        return self.array(np.asarray(value, self.dtype))

    def array(self, value: np.ndarray) -> str:
        """An array as it is; of objects those that are text."""
        from onnx import numpy_helper

        name = f"array_{len(self.arrays)}"
        self.arrays.append(
            numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        )
        return name

    def plus(self, x: str, number: float) -> str:
        """x + number."""
        return self.add("Add", x, self.constant(number))

    def times(self, x: str, number: float) -> str:
        """x · number."""
        return self.add("Mul", x, self.constant(number))

    def mean(self, x: str) -> str:
        """The mean over the last axis, which stays with length 1."""
        return self.add("ReduceMean", x, self.array(np.asarray([-1])), keepdims=1)

    def columns(self, x: str, start: int, stop: int) -> str:
        """x[:, start:stop]; a stop of 0 is the end, for places that are counted from there."""
        bounds = (start, stop if stop or not start else 2**31, 1)
        return self.add("Slice", x, *(self.array(np.asarray([bound])) for bound in bounds))

    def one_hot(self, numbers: str, known: np.ndarray) -> str:
        """1 where a number of a column (rows, 1) is the known one, else 0: (rows, known)."""
        return self.cast(self.add("Equal", numbers, self.constant(known)))

    def cast(self, x: str) -> str:
        """x in the model's precision."""
        from onnx import helper

        return self.add("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype)))

    def insert(self, model: Any, x: str) -> str:
        """The nodes of another model with one input ``x`` and one output ``y``.

        Args:
            model: of ONNX.
            x: what goes in.

        Returns:
            The name of what comes out.
        """
        from onnx import compose

        prefix = f"traced_{len(self.nodes)}_"
        inner = compose.add_prefix(model, prefix).graph
        self.add("Identity", x, output=f"{prefix}x")
        self.nodes += inner.node
        self.arrays += inner.initializer
        self.opset = max(self.opset, *(o.version for o in model.opset_import if not o.domain))
        self.ir_version = max(self.ir_version, model.ir_version)
        return f"{prefix}y"
