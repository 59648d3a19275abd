"""A model as it is in a file: what it is made of, and its numbers."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from portable_mlp.data.columns import Columns, check_columns
from portable_mlp.files import container, strict_json
from portable_mlp.files.container import Container, Tensor
from portable_mlp.files.errors import NEWER, Refusal, reading
from portable_mlp.files.plain import as_json, from_json
from portable_mlp.files.record import TrainingRecord
from portable_mlp.metrics import METRICS, choose_metrics, named_metric
from portable_mlp.nn import Layer, Loss, Network, ParameterLayout
from portable_mlp.nn.arrays import Shape
from portable_mlp.optim import Penalty
from portable_mlp.randomness import check_seed
from portable_mlp.scaling import (
    SCALINGS,
    TARGET_SCALINGS,
    Scaling,
    check_kind,
    check_target_scaling,
    parts_of,
)
from portable_mlp.tables.encoder import TableEncoder

FORMAT = "portable_mlp model"
VERSION = 1
OPTIONAL = "optional/"
"""How the names of arrays begin that a reader may pass over when it does not know them."""

_ENCODER = "encoder"
"""What a reader must know that is not to take a table's columns for the network's inputs."""
_DTYPES = {"float32": "F32", "float64": "F64"}
_SCALED = ("scaling", "target_scaling")


@dataclass(frozen=True)
class Description:
    """What a model is made of, without its numbers.

    Args:
        layers: of the network.
        sample_shape: shape of one sample.
        loss: what is minimised, without the penalty.
        penalty: L1 and L2.
        metrics: names of the figures beside the loss.
        dtype: ``"float32"`` or ``"float64"``.
        seed: of first weights, shuffles and dropout.
        scaling: kind of the samples' scaling, or None.
        target_scaling: kind of the targets' scaling, or None.
        columns: names of features, target and classes.
        training: how the weights came about; None before any training.
        written_by: the program that wrote it, with its version.
        encoder: of tables; None where samples are numbers already.
    """

    layers: Sequence[Layer]
    sample_shape: Shape
    loss: Loss
    penalty: Penalty
    metrics: tuple[str, ...]
    dtype: str
    seed: int
    scaling: str | None
    target_scaling: str | None
    columns: Columns
    training: TrainingRecord | None
    written_by: str
    encoder: TableEncoder | None = None

    @cached_property
    def network(self) -> Network:
        """The layers, one after the other."""
        return Network.of(self.layers)

    @cached_property
    def parameters(self) -> ParameterLayout:
        """Names and shapes of the parameters."""
        return ParameterLayout(self.network.parameters(self.sample_shape))

    @cached_property
    def state(self) -> ParameterLayout:
        """Names and shapes of the running statistics."""
        return ParameterLayout(self.network.state(self.sample_shape))

    @cached_property
    def output_shape(self) -> Shape:
        """Shape of what the network makes of one sample."""
        return self.network.output_shape(self.sample_shape)

    @cached_property
    def target_shape(self) -> Shape:
        """Shape of the targets of one sample."""
        return (self.loss.targets_per_output(self.output_shape[0]),)

    def check(self) -> None:
        """Refuses parts that do not go together.

        Raises:
            ValueError: with what was found and expected.
        """
        axes = len(self.sample_shape)
        if not 0 < axes <= container.MAX_AXES or min(self.sample_shape) < 1:
            raise ValueError(
                f"sample_shape is {self.sample_shape[:3]} of {axes} axes, expected 1 to "
                f"{container.MAX_AXES} lengths of at least 1"
            )
        kinds = [[] if kind is None else [kind] for kind in (self.scaling, self.target_scaling)]
        for what, names, known in (
            ("dtype", [self.dtype], _DTYPES),
            ("metrics", list(self.metrics), METRICS),
            ("scaling", kinds[0], SCALINGS),
            ("target_scaling", kinds[1], TARGET_SCALINGS),
        ):
            for name in names:
                if name not in known and not (what == "metrics" and named_metric(name)):
                    raise ValueError(f"{what} {name[:200]!a}, expected one of {', '.join(known)}")
        check_seed(self.seed)
        called = [name for name, _, _ in self.parameters.entries]
        if len(self.output_shape) != 1 or not called or len(set(called)) < len(called):
            raise ValueError(
                f"layers end in shape {self.output_shape} and have {len(set(called))} names for "
                f"{len(called)} parameters, expected one axis and a name for each"
            )
        units = self.output_shape[0]
        self.loss.check_outputs(units)
        choose_metrics(self.metrics, self.loss, units)
        check_columns(self.columns, self.sample_shape, units)
        check_target_scaling(self.target_scaling, self.loss, units)
        encoder = self.encoder
        if encoder and ((encoder.width,) != self.sample_shape or self.scaling is not None):
            raise ValueError(
                f"the encoder makes {encoder.width} numbers of a row, expected samples of shape "
                f"{self.sample_shape}, and no scaling beside it"
            )

    def check_tensors(self, tensors: Mapping[str, Tensor]) -> Collection[str]:
        """Refuses arrays that are not those of the layers and scalings: before any is made.

        Returns:
            The names of those that are.

        Raises:
            Refusal: one is missing, is too many, or has another shape or type.
        """
        dtype = _DTYPES[self.dtype]
        expected = {name: (dtype, spec.shape) for name, spec, _ in self.parameters.entries}
        expected |= {f"state/{name}": (dtype, spec.shape) for name, spec, _ in self.state.entries}
        for name, shape in (("scaling", self.sample_shape), ("target_scaling", self.target_shape)):
            keys = [f"{name}/{part}" for part in parts_of(getattr(self, name) or "")]
            if getattr(self, name) is not None and any(key in tensors for key in keys):
                expected |= dict.fromkeys(keys, ("F64", shape))
        for name in sorted(tensors.keys() - expected.keys()):
            if not name.startswith(OPTIONAL):
                raise Refusal(f"it has an array {name}, which its layers have not")
        for name, (dtype, shape) in expected.items():
            if name not in tensors:
                raise Refusal(f"it lacks the array {name}, which its layers have")
            found = tensors[name]
            if (found.dtype, found.shape) != (dtype, shape):
                raise Refusal(
                    f"{name} is {found.dtype} of shape {found.shape}, expected {dtype} of {shape}"
                )
        return expected.keys()


@dataclass(frozen=True)
class SavedModel:
    """A model on the host, of no backend.

    Args:
        description: what it is made of.
        parameters: by name, in the dtype of the description.
        state: running statistics, likewise.
        scaling: of the samples; None before the first fit works it out.
        target_scaling: of the targets, likewise.
    """

    description: Description
    parameters: Mapping[str, np.ndarray]
    state: Mapping[str, np.ndarray]
    scaling: Scaling | None
    target_scaling: Scaling | None


def to_bytes(model: SavedModel) -> list[bytes | memoryview]:
    """The bytes of a file, in pieces; equal models give equal bytes.

    Raises:
        Refusal: own layers, names that a file can't have, numbers that are not finite.
    """
    arrays = {**model.parameters, **{f"state/{n}": a for n, a in model.state.items()}}
    for name in _SCALED:
        scaling = getattr(model, name)
        if scaling is not None:
            arrays |= {
                f"{name}/{part}": np.asarray(getattr(scaling, part), np.float64)
                for part in scaling.parts
            }
    text = _text(model.description)
    size = len(strict_json.dumps(text))  # in the header it is a JSON string
    if size > container.MAX_HEADER:
        plain = len(strict_json.dumps(_text(replace(model.description, columns=Columns()))))
        raise Refusal(
            f"its description has {size:,} bytes, {size - plain:,} of them names of its columns, "
            f"expected at most {container.MAX_HEADER:,}",
            "too many names, or too long ones; leave them out with model.columns = Columns()",
        )
    pieces, tensors = container.pack(text, arrays)
    _described(text).check_tensors(tensors)  # what can't be read is not written
    for name, array in arrays.items():
        _check_finite(name, array)
    return pieces


def parse(data: bytes, source: str = "the model file") -> SavedModel:
    """The model in the bytes of a file.

    Args:
        data: all of them.
        source: what messages call them.

    Raises:
        ModelFileError: they are no such file, or were changed.
    """
    with reading(source):
        return unpacked(container.read(io.BytesIO(data), len(data)))


def unpacked(held: Container) -> SavedModel:
    """The model in a container.

    Raises:
        Refusal: description and arrays do not make one.
    """
    description = _described(held.text)
    expected = description.check_tensors(held.tensors)
    arrays = {n: held.array(n) for n in held.tensors if n in expected}
    for name, array in arrays.items():
        _check_finite(name, array)
    return SavedModel(
        description,
        {name: arrays[name] for name, _, _ in description.parameters.entries},
        {name: arrays[f"state/{name}"] for name, _, _ in description.state.entries},
        _scaling("scaling", description.scaling, arrays),
        _scaling("target_scaling", description.target_scaling, arrays),
    )


def _text(description: Description) -> str:
    """Canonical JSON of a description."""
    document = as_json(description)
    requires = [] if description.encoder is None else [_ENCODER]
    document |= {"format": FORMAT, "version": VERSION, "requires": requires}
    document["checksum"] = container.NO_CHECKSUM
    try:
        return strict_json.dumps(document)
    except ValueError:
        raise Refusal("a layer or the loss has an option that is not finite") from None


def _described(text: str) -> Description:
    document = strict_json.loads(text, "its description")
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        if isinstance(document, dict) and document.get("format") == "portable_mlp checkpoint":
            raise Refusal(
                f"it is the checkpoint of a training, expected a {FORMAT} file",
                "fit goes on from it, with the same options and Checkpoint(folder); save the model then",
            )
        raise Refusal(f"its description is of another format, expected {FORMAT!r}")
    version, requires = document.get("version"), document.get("requires")
    if type(version) is not int or version < 1 or not isinstance(requires, list):
        raise Refusal("its description has no version or no list of what it requires")
    unknown = [name for name in requires if name != _ENCODER]
    if version > VERSION or unknown:
        needs = f" and requires {ascii(unknown[0])[:200]}" if unknown else ""
        raise Refusal(f"it has version {version}{needs}, expected version {VERSION} at most", NEWER)
    description: Description = from_json(Description, document, "its description")
    if (_ENCODER in requires) != (description.encoder is not None):
        raise Refusal(
            "its description has an encoder that it does not require, or the other way round"
        )
    try:
        description.check()
    except Refusal:
        raise
    except Exception as error:  # whatever layers and losses say of one another
        raise Refusal(f"its description: {str(error).rstrip('.')}") from None
    return description


def _scaling(name: str, kind: str | None, arrays: Mapping[str, np.ndarray]) -> Scaling | None:
    if kind is None or f"{name}/shift" not in arrays:
        return None
    parts = [arrays[f"{name}/{part}"].astype(np.float64) for part in parts_of(kind)]
    made = Scaling(kind, *parts)
    try:
        check_kind(name, made, made.shift.shape)
    except ValueError as error:
        raise Refusal(str(error).rstrip(".")) from None
    return made


def _check_finite(name: str, array: Any) -> None:
    if not np.isfinite(array).all():
        raise Refusal(f"{name} holds NaN or infinity, expected finite numbers")
