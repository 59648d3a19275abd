"""Whether onnxruntime predicts what the model predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.export import onnx_table
from portable_mlp.export.exported import Answer, Exported, ExportError
from portable_mlp.nn import Context

_ROWS = 33
_EXACT = {"float32": 1e-5, "float64": 1e-10}
"""Relative to the largest number of a prediction, beside what rounding costs the model itself."""


def check(model: Exported, data: bytes) -> None:
    """Compares the predictions of a file with the model's own, on random samples, many and one.

    Args:
        model: as it is.
        data: the bytes of the file.

    Raises:
        ExportError: they differ by more than rounding.
    """
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 3  # errors, which are raised too
    session = InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    x, given = samples(model, _ROWS)
    for rows in (len(x), 1):
        few = {name: column[:rows] for name, column in given.items()}
        found = dict(zip(names, session.run(None, few), strict=True))
        _compare(model, x[:rows], found)


def samples(model: Exported, rows: int) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    """Random rows: as the layers get them, in double precision, and as they are given to the file."""
    if model.encoder is not None:
        return onnx_table.samples(model.encoder, rows)
    x = np.random.default_rng(0).standard_normal((rows, *model.sample_shape))
    given = x if model.scaling is None else x / model.scaling.factor + model.scaling.shift
    given = given.astype(model.dtype)
    if model.scaling is not None:  # as far as the type of the file has digits for them
        kind = model.dtype
        x = (given - model.scaling.shift.astype(kind)) * model.scaling.factor.astype(kind)
        return x.astype(np.float64), {"X": given}
    return given.astype(np.float64), {"X": given}


def _compare(model: Exported, x: NDArray[Any], found: dict[str, NDArray[Any]]) -> None:
    with np.errstate(all="ignore"):
        exact = model.outputs(x)
        rounded = model.outputs(x.astype(model.dtype))
        name = next(name for name in found if name != "label")
        expected = _answer(model, exact)
        own = _distance(_answer(model, rounded), expected)
    size = float(np.abs(expected[np.isfinite(expected)]).max(initial=1.0))
    limit = 10 * own + _EXACT[model.dtype] * size
    differs = _distance(found[name], expected)
    if not differs <= limit:
        raise ExportError(
            f"export: onnxruntime's {name} differ from the model's by {differs:.2g}, expected at most "
            f"{limit:.2g}: no file was written."
        )
    if "label" not in found:
        return
    sure = _margins(model, exact) > 10 * _distance(rounded, exact) + _EXACT[model.dtype] * size
    if not (found["label"] == _labels(model, exact))[sure].all():
        raise ExportError(
            "export: onnxruntime's label differs from the model's, expected the same: no file was "
            "written."
        )


def _answer(model: Exported, outputs: NDArray[Any]) -> NDArray[Any]:
    """Probabilities, or values in their own units."""
    if model.answer in (Answer.CLASS, Answer.LABELS):
        found = model.loss.probabilities(outputs, Context(np))
    elif model.answer is Answer.SIDES:
        found = outputs
    else:
        found = model.in_units(model.loss.predict(outputs, Context(np)))
    return np.asarray(found)


def _labels(model: Exported, outputs: NDArray[Any]) -> NDArray[Any]:
    numbers = np.asarray(model.loss.predict(outputs, Context(np)))
    if not model.classes:
        return numbers
    places = numbers if model.answer is Answer.CLASS else (numbers[:, 0] > 0).astype(np.int64)
    return np.asarray(model.labels[places])


def _margins(model: Exported, outputs: NDArray[Any]) -> NDArray[Any]:
    """How far the outputs are from another label, in the shape of the labels."""
    if model.answer is Answer.CLASS:
        ordered = np.sort(outputs, axis=1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])
    return np.asarray(np.abs(outputs[:, 0]) if model.classes else np.abs(outputs))


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The largest difference; infinities of one sign are equal."""
    if a.shape != b.shape:
        return np.inf
    apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return float(apart.max(initial=0.0))
