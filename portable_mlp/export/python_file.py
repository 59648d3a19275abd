"""A model as one readable Python file that needs numpy alone: formulas first, numbers at the end."""

from __future__ import annotations

import base64
import keyword
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from portable_mlp.export import python_table
from portable_mlp.export.exported import Answer, Exported
from portable_mlp.export.python_layers import Code, network_code
from portable_mlp.export.python_table import listed

_LINE = 100

_ARRAYS = '''\
def _arrays(dtype, shapes, text):
    """Arrays of these shapes from their bytes in base64, one after the other."""
    numbers = np.frombuffer(base64.b64decode(text), dtype)
    stops = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [part.reshape(shape) for part, shape in zip(np.split(numbers, stops[:-1]), shapes)]
'''

_PREDICT = {
    Answer.CLASS: ("np.argmax(forward(X), axis=1)", "classes (rows,)"),
    Answer.LABELS: ("(forward(X) > 0).astype(np.int32)", "1 for yes and 0 for no, (rows, {units})"),
    Answer.SIDES: ("2 * (forward(X) > 0).astype(np.int32) - 1", "+1 or -1, (rows, {units})"),
    Answer.VALUES: ("forward(X)", "values (rows, {units})"),
    Answer.RATES: ("np.exp(forward(X))", "values (rows, {units}): exp of the outputs"),
    Answer.MEANS: ("forward(X)[:, :{half}]", "values (rows, {half}): means"),
}
_OUTPUTS = {
    Answer.CLASS: "logits",
    Answer.LABELS: "logits",
    Answer.SIDES: "decision values",
    Answer.VALUES: "outputs",
    Answer.RATES: "logarithms of the values",
    Answer.MEANS: "means, then logarithms of the variances",
}
_TABLE = (
    "X: a table with text and gaps (None, NaN, empty text) as it was in training: {name: column}, a list",
    "of dicts, a data frame, or rows with the columns in the order of FEATURES. A row passes",
)
_PROBABILITIES = {
    Answer.CLASS: ("_softmax", "p_k = exp(y_k) / sum_j exp(y_j)"),
    Answer.LABELS: ("_sigmoid", "p = 1 / (1 + exp(-y))"),
}


def source(model: Exported, stem: str = "model") -> str:
    """The text of the file.

    Text of others (names of columns and classes) stands in it as escaped literals alone.

    Args:
        model: what is exported.
        stem: name of the module, for the example at its top.

    Raises:
        ExportError: a layer of the user's own.

    Example:
        >>> from portable_mlp import MLP
        >>> from portable_mlp.model.exporting import exported
        >>> names = {}
        >>> exec(source(exported(MLP([2, 3], seed=1))), names)
        >>> names["predict"]([[0.0, 1.0]]).shape
        (1,)
    """
    code = Code(model.dtype)
    network_code(code, model.network, model.parameters, model.state, model.sample_shape)
    if model.answer in _PROBABILITIES:
        code.helper(_PROBABILITIES[model.answer][0])
    if model.target_scaling is not None:
        shift, factor = model.undo
        code.array("target_factor", factor)
        code.array("target_shift", shift)
    if model.bounds is not None:
        code.array("target_low", model.bounds[0])
        code.array("target_high", model.bounds[1])
    exact = {}
    if model.scaling is not None:
        exact = {"scaling_shift": model.scaling.shift, "scaling_factor": model.scaling.factor}
    parts = [
        f'"""{_heading(model, code, stem)}"""\n',
        "import base64\n\nimport numpy as np\n",
        _constants(model),
        *_functions(model, code),
        *code.helpers,
        *_samples(model),
        _ARRAYS,
    ]
    numbers = [_numbers(model.dtype, code.arrays), *([_numbers("float64", exact)] if exact else [])]
    return (
        "\n\n".join(parts)
        + "\n\n# the numbers, as base64 of little-endian bytes\n"
        + "".join(numbers)
    )


def _heading(model: Exported, code: Code, stem: str) -> str:
    """What is said at the top: how it is called, formulas, figures."""
    name = (
        stem if stem.isascii() and stem.isidentifier() and not keyword.iskeyword(stem) else "model"
    )
    rows = _shape(model.sample_shape)
    said = [f"X: finite numbers {rows}, as they were before any scaling. A sample passes"]
    lines = [
        f"A multi-layer perceptron of {model.count:,} numbers ({model.dtype}), for numpy alone.",
        "",
        f"    import {name}",
        "",
        f"    {name}.predict(X)  # {_answers(model)}",
    ]
    if model.answer in _PROBABILITIES:
        lines.append(f"    {name}.predict_proba(X)  # probabilities (rows, {model.units})")
    lines += [
        f"    {name}.forward(X)  # {_OUTPUTS[model.answer]} (rows, {model.units})",
        "",
        *(said if model.encoder is None else _TABLE),
        "",
    ]
    table = [(name, _sample(shape), formula) for name, shape, formula in code.table]
    if model.encoder is not None:
        table = [*python_table.formulas(model.encoder), *table]
    if model.scaling is not None:
        table.insert(0, ("scaling", _sample(model.sample_shape), "y = (x - shift) factor"))
    if model.bounds is not None:
        table.append(("target_range", f"({model.units},)", "y = x between low and high"))
    if model.target_scaling is not None:
        table.append(("target_scaling", f"({model.units},)", "y = factor x + shift"))
    if model.answer in _PROBABILITIES:
        table.append(("probability", f"({model.units},)", _PROBABILITIES[model.answer][1]))
    wide = [max(len(row[k]) for row in table) for k in (0, 1)]
    lines += [f"    {a:<{wide[0]}}  {b:<{wide[1]}}  {c}" for a, b, c in table]
    lines += ["", *_training(model), f"Written by {_harmless(model.written_by)}."]
    return "\n".join(lines) + "\n"


def _training(model: Exported) -> list[str]:
    record = model.training
    if record is None:
        return ["It was not trained, or its training is not known."]
    figures = ", ".join(
        f"{name} {value:.4g}" for name, value in record.figures.items() if value is not None
    )
    epochs = f"{record.epochs:,} epoch{'s' if record.epochs > 1 else ''}"
    return [
        _harmless(f"Trained for {epochs} by {record.optimizer}; figures of the last: {figures}.")
    ]


def _answers(model: Exported) -> str:
    units = model.units
    if model.classes:
        return "names of classes (rows,)" if model.labels.dtype == object else "classes (rows,)"
    return _PREDICT[model.answer][1].format(units=units, half=units // 2)


def _constants(model: Exported) -> str:
    classes = ""
    if model.classes:
        names, kind = listed(model.classes), "object"
        if model.labels.dtype != object:
            names, kind = str(model.labels.tolist()), "np.int64"
        classes = f"CLASSES = np.array({names}, dtype={kind})\n"
    if model.encoder is not None:
        return python_table.constants(model.encoder) + classes
    features = f"FEATURES = {listed(model.features)}\n" if model.features else ""
    return f"SAMPLE_SHAPE = {model.sample_shape!r}\n{features}{classes}"


def _functions(model: Exported, code: Code) -> list[str]:
    """The three that are called."""
    body = "".join(f"    {line}\n" for line in code.lines)
    outputs = f"{_OUTPUTS[model.answer]} (rows, {model.units})"
    samples = f"samples {_shape(model.sample_shape)}" if model.encoder is None else "a table"
    forward = (
        f"def forward(X):\n"
        f'    """What the last layer gives for {samples}: {outputs}."""\n'
        "    X = _checked(X)\n"
        f"    starts = range(0, max(len(X), 1), {model.rows})  # so many rows at once\n"
        f"    return np.concatenate([_layers(X[start : start + {model.rows}]) for start in starts])\n"
    )
    layers = (
        "def _layers(X):\n"
        '    """Layer after layer, for a few samples."""\n'
        f"    x = _scaled(X)\n{body}    return x\n"
    )
    predict = (
        f'def predict(X):\n    """{_first_up(_answers(model))}."""\n    return {_answer(model)}\n'
    )
    if model.answer not in _PROBABILITIES:
        return [predict, forward, layers]
    helper = _PROBABILITIES[model.answer][0]
    meaning = "of each class" if model.answer is Answer.CLASS else "of each yes"
    return [
        predict,
        f"def predict_proba(X):\n"
        f'    """Probabilities {meaning}, (rows, {model.units})."""\n'
        f"    return {helper}(forward(X))\n",
        forward,
        layers,
    ]


def _answer(model: Exported) -> str:
    if model.classes and model.answer is Answer.CLASS:
        return "CLASSES[np.argmax(forward(X), axis=1)]"
    if model.classes:
        return "CLASSES[(forward(X)[:, 0] > 0).astype(np.int64)]"
    text = _PREDICT[model.answer][0].format(half=model.units // 2)
    if model.bounds is not None:
        text = f"np.minimum(np.maximum({text}, target_low), target_high)"
    return text if model.target_scaling is None else f"{text} * target_factor + target_shift"


def _samples(model: Exported) -> list[str]:
    """The functions that check X, and that scale it and give it the type of the numbers."""
    scaling = f"    x = X.astype(np.{model.dtype})\n"
    if model.scaling is not None:
        kind = "np.float64"
        if model.dtype == "float32":
            kind = "np.float32 if np.can_cast(X.dtype, np.float32) else np.float64"
        scaling = (
            f"    kind = {kind}  # that has the digits of X\n"
            "    x = X.astype(kind) - scaling_shift.astype(kind)\n"
            f"    x = (x * scaling_factor.astype(kind)).astype(np.{model.dtype})\n"
        )
    return [
        *([_checked(model)] if model.encoder is None else python_table.functions(model.encoder)),
        "def _scaled(X):\n"
        '    """What the first layer gets of X."""\n'
        f"{scaling}"
        "    if not np.isfinite(x).all():\n"
        '        raise ValueError("X holds numbers that are not finite, or too large.")\n'
        "    return x\n",
    ]


def _checked(model: Exported) -> str:
    """The function that checks X where that is an array."""
    shape, axes, names = _shape(model.sample_shape), len(model.sample_shape) + 1, ""
    if model.features:
        names = (
            "    # of a data frame\n"
            '    names = [name for name in getattr(X, "columns", ()) if isinstance(name, str)]\n'
            "    if names:\n"
            "        _check_names(names, FEATURES)\n"
            "        if names != FEATURES:\n"
            '            raise ValueError("X has columns twice or not in the order of FEATURES.")\n'
        )
    return (
        "def _checked(X):\n"
        '    """X as an array of numbers."""\n'
        f"{names}"
        "    X = np.asarray(X)\n"
        '    if X.dtype.kind not in "buif":\n'
        '        raise TypeError("X holds %s, expected numbers." % X.dtype)\n'
        f"    if X.ndim != {axes} or X.shape[1:] != SAMPLE_SHAPE:\n"
        f'        raise ValueError("X has shape %s, expected {shape}." % (X.shape,))\n'
        "    return X\n" + (f"\n\n{python_table.NAMES}" if model.features else "")
    )


def _numbers(dtype: str, arrays: dict[str, NDArray[Any]]) -> str:
    """Assignments of arrays: names, shapes, and all bytes one after the other."""
    kind = "<f4" if dtype == "float32" else "<f8"
    flat = b"".join(np.ascontiguousarray(a, kind).tobytes() for a in arrays.values())
    text = base64.b64encode(flat).decode()
    lines = "\n".join(text[k : k + _LINE] for k in range(0, len(text), _LINE))
    names = "".join(f"    {name},\n" for name in arrays)
    shapes = "".join(f"        {array.shape!r},\n" for array in arrays.values())
    return (
        f'(\n{names}) = _arrays(\n    "{kind}",\n    [\n{shapes}    ],\n    """\n{lines}\n""",\n)\n'
    )


def _harmless(text: str) -> str:
    """Text for a docstring: nothing in it ends one, or is no letter, digit or usual sign."""
    return re.sub(r"[^A-Za-z0-9 _.,:;()=+-]", "?", text)


def _shape(sample_shape: tuple[int, ...]) -> str:
    return f"(rows, {', '.join(map(str, sample_shape))})"


def _sample(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
