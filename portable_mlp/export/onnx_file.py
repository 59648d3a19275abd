"""A model as ONNX: one file that holds all numbers, compared with the model before it is written."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import Any

import numpy as np

from portable_mlp.export import onnx_table
from portable_mlp.export.exported import Answer, Exported, ExportError
from portable_mlp.export.onnx_graph import ML_OPSET, Graph
from portable_mlp.export.onnx_layers import network_nodes
from portable_mlp.warning import warn

INPUT = "X"
MOST_BYTES = 2**31 - 2**20
"""A file of ONNX is one message of at most 2 GiB."""
_COARSE = 1e-3
"""Of the spread of a feature: steps in which single precision counts."""


def serialized(model: Exported) -> bytes:
    """The bytes of the file.

    Args:
        model: what is exported.

    Raises:
        ExportError: a layer of the user's own that can't be traced, too many numbers, or onnxruntime
            predicts something else than the model.
        ModuleNotFoundError: onnx or onnxruntime is not installed.
    """
    for library in ("onnx", "onnxruntime"):
        if find_spec(library) is None:
            raise ModuleNotFoundError(
                f"export: to .onnx needs {library}: pip install 'portable_mlp[onnx]'."
            )
    if model.encoder is not None:
        onnx_table.check_texts(model.encoder)
    size = model.count * np.dtype(model.dtype).itemsize
    if size > MOST_BYTES:
        raise ExportError(
            f"export: the model has {size:,} bytes of numbers, expected at most {MOST_BYTES:,} for one "
            ".onnx file; save() has no such limit."
        )
    for name in model.classes:
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise ExportError(
                f"export: the class {name!a} is no Unicode, expected no lone surrogates: ONNX has UTF-8."
            )
    _warn_of_digits(model)
    from portable_mlp.export.onnx_check import check

    data: bytes = made(model).SerializeToString()
    check(model, data)
    return data


def _warn_of_digits(model: Exported) -> None:
    """Says that single precision, the type of X in the file, is too coarse for a feature."""
    if model.scaling is None or model.dtype != "float32":
        return
    coarse = np.abs(model.scaling.shift * model.scaling.factor) * 2.0**-24 > _COARSE
    if coarse.any():
        place = int(np.flatnonzero(coarse)[0])
        shift, factor = (
            float(np.ravel(array)[place]) for array in (model.scaling.shift, model.scaling.factor)
        )
        warn(
            f"export: feature {place} is about {shift:.3g} ± {1 / factor:.3g}, for which float32, the "
            "type of X in the file, has too few digits; subtract a constant from it before training, or "
            "make the model with dtype='float64'."
        )


def made(model: Exported) -> Any:
    """The model as an object of onnx, not yet compared.

    Args:
        model: what is exported.
    """
    from onnx import TensorProto, checker, helper

    kind = TensorProto.FLOAT if model.dtype == "float32" else TensorProto.DOUBLE
    graph = Graph(model.dtype)
    if model.encoder is None:
        x, names = INPUT, model.features
        inputs = [helper.make_tensor_value_info(INPUT, kind, ["rows", *model.sample_shape])]
        opsets = []
    else:
        x, names = onnx_table.table_nodes(graph, model.encoder), model.encoder.used
        inputs = onnx_table.inputs(model.encoder)
        opsets = [helper.make_opsetid("ai.onnx.ml", ML_OPSET)] if model.encoder.categories else []
    if model.scaling is not None:
        x = graph.add("Sub", x, graph.constant(model.scaling.shift))
        x = graph.add("Mul", x, graph.constant(model.scaling.factor))
    outputs = network_nodes(
        graph, model.network, model.parameters, model.state, model.sample_shape, x
    )
    answers = _answers(graph, model, outputs)
    label = TensorProto.STRING if model.labels.dtype == object else TensorProto.INT64
    body = helper.make_graph(
        graph.nodes,
        "portable_mlp",
        inputs,
        [
            helper.make_tensor_value_info(
                name, label if name == "label" else kind, ["rows", *shape]
            )
            for name, shape in answers.items()
        ],
        graph.arrays,
    )
    found = helper.make_model(
        body,
        producer_name="portable_mlp",
        producer_version=model.written_by.rpartition(" ")[2],
        opset_imports=[helper.make_opsetid("", graph.opset), *opsets],
        ir_version=graph.ir_version,
    )
    helper.set_model_props(
        found,
        {
            "features": json.dumps(names),
            "classes": json.dumps(model.classes),
            "target": json.dumps(model.columns.target),
        },
    )
    checker.check_model(found, full_check=True)
    return found


def _answers(graph: Graph, model: Exported, outputs: str) -> dict[str, tuple[int, ...]]:
    """Adds the nodes that make predictions of the outputs; names of these, and shapes of a sample's."""
    units = (model.units,)
    if model.answer is Answer.CLASS:
        names = graph.array(model.labels) if model.classes else None
        best = graph.add("ArgMax", outputs, output=None if names else "label", axis=1, keepdims=0)
        if names:
            graph.add("Gather", names, best, output="label")
        graph.add("Softmax", outputs, output="probabilities", axis=-1)
        return {"label": (), "probabilities": units}
    if model.answer in (Answer.LABELS, Answer.SIDES):
        shape = _sides(graph, model, outputs)
        if model.answer is Answer.SIDES:
            graph.add("Identity", outputs, output="values")
            return {"label": shape, "values": units}
        graph.add("Sigmoid", outputs, output="probabilities")
        return {"label": shape, "probabilities": units}
    if model.answer is Answer.RATES:
        graph.add("Exp", outputs, output="values")
    elif model.answer is Answer.MEANS:
        units = (model.units // 2,)
        bounds = [graph.array(np.asarray([bound])) for bound in (0, *units, 1)]
        graph.add("Slice", outputs, *bounds, output="values")
    elif model.target_scaling is not None:
        if model.bounds is not None:
            low, high = map(graph.constant, model.bounds)
            outputs = graph.add("Min", graph.add("Max", outputs, low), high)
        shift, factor = model.undo
        scaled = graph.add("Mul", outputs, graph.constant(factor))
        graph.add("Add", scaled, graph.constant(shift), output="values")
    else:
        graph.add("Identity", outputs, output="values")
    return {"values": units}


def _sides(graph: Graph, model: Exported, outputs: str) -> tuple[int, ...]:
    """A label for each output, by its sign; the shape of a sample's."""
    from onnx import TensorProto

    above = graph.add("Greater", outputs, graph.constant(0.0))
    if model.classes:
        first = graph.add("Squeeze", above, graph.array(np.asarray([1])))
        place = graph.add("Cast", first, to=TensorProto.INT64)
        graph.add("Gather", graph.array(model.labels), place, output="label")
        return ()
    yes = (1, 0) if model.answer is Answer.LABELS else (1, -1)
    numbers = [graph.array(np.asarray(number)) for number in yes]
    graph.add("Where", above, *numbers, output="label")
    return (model.units,)
