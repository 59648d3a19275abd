"""What a model file says of itself."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from portable_mlp.data.columns import Columns
from portable_mlp.files.errors import reading
from portable_mlp.files.opening import PathLike, checked, read
from portable_mlp.files.plain import as_json
from portable_mlp.files.record import TrainingRecord
from portable_mlp.files.saved import VERSION, unpacked
from portable_mlp.nn.arrays import Shape
from portable_mlp.summary import LayerRow, layer_rows, table
from portable_mlp.tables.encoder import TableEncoder


@dataclass(frozen=True)
class ModelInfo:
    """What is in a model file, without the numbers.

    Args:
        format_version: of the file.
        written_by: the version of portable_mlp that wrote it.
        layers: the network as a table.
        options: of each layer, with its class as ``"type"``.
        parameters: shape of each parameter, by name.
        sample_shape: shape of one sample.
        loss: its class and options.
        penalty: factors of L1 and L2.
        metrics: figures beside the loss.
        dtype: of the parameters.
        seed: of first weights, shuffles and dropout.
        scaling: kind of the samples' scaling, or None.
        target_scaling: kind of the targets' scaling, or None.
        columns: names of features, target and classes, as far as they are known.
        training: how it was trained; None if it was not.
        encoder: of tables; None where samples are numbers.
        sha256: of the file, as sha256sum prints it.
    """

    format_version: int
    written_by: str
    layers: tuple[LayerRow, ...]
    options: tuple[Mapping[str, Any], ...]
    parameters: Mapping[str, Shape]
    sample_shape: Shape
    loss: Mapping[str, Any]
    penalty: Mapping[str, float]
    metrics: tuple[str, ...]
    dtype: str
    seed: int
    scaling: str | None
    target_scaling: str | None
    columns: Columns
    training: TrainingRecord | None
    encoder: TableEncoder | None
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """All of it in the types of JSON."""
        made = {field.name: as_json(getattr(self, field.name)) for field in fields(self)}
        rows = zip(self.layers, made.pop("options"), strict=True)
        made["layers"] = [options | as_json(row._asdict()) for row, options in rows]
        return made

    def __str__(self) -> str:
        """A page for people; whatever text a file holds, no letter of it moves a terminal's cursor."""
        count = sum(row.parameters for row in self.layers)
        scaled = "".join(
            f", {what} scaled {kind!r}"
            for what, kind in (("samples", self.scaling), ("targets", self.target_scaling))
            if kind is not None
        )
        lines = [
            f"model file, format {self.format_version}, written by {self.written_by}",
            *table(list(self.layers)),
            f"{count:,} parameters, {self.dtype}, samples of shape {self.sample_shape}{scaled}",
            f"loss {_call(self.loss)}, penalty {_call(self.penalty)}, seed {self.seed}",
            *_encoded(self.encoder),
            *_named_columns(self.columns),
            *_trained(self.training),
            f"sha256 {self.sha256}",
        ]
        return "\n".join(map(_printable, lines))


def inspect(path: PathLike) -> ModelInfo:
    """What a model file says of itself; its checksum is checked, nothing is put on a device.

    Args:
        path: its name.

    Raises:
        ModelFileError: it is no model file, is damaged, or a newer version wrote it.
        OSError: it is not there, or can't be read.

    Example:
        >>> import pathlib, tempfile
        >>> from portable_mlp import MLP
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "model.safetensors")
        ...     MLP([4, 16, 3]).save(path)
        ...     info = inspect(path)
        >>> info.sample_shape, info.dtype, info.parameters["dense_2.weight"]
        ((4,), 'float32', (16, 3))
    """
    with reading(repr(os.fspath(checked(path)))):
        held = read(path)
        description = unpacked(held).description
    whole = hashlib.sha256(held.head)
    whole.update(held.data)
    shapes = {name: spec.shape for name, spec, _ in description.parameters.entries}
    return ModelInfo(
        format_version=VERSION,
        written_by=description.written_by,
        layers=tuple(layer_rows(description.network, description.sample_shape)),
        options=tuple(as_json(layer) for layer in description.layers),
        parameters=shapes,
        sample_shape=description.sample_shape,
        loss=as_json(description.loss),
        penalty=as_json(description.penalty),
        metrics=description.metrics,
        dtype=description.dtype,
        seed=description.seed,
        scaling=description.scaling,
        target_scaling=description.target_scaling,
        columns=description.columns,
        training=description.training,
        encoder=description.encoder,
        sha256=whole.hexdigest(),
    )


def _call(part: Mapping[str, Any]) -> str:
    options = ", ".join(f"{name}={value!r}" for name, value in part.items() if name != "type")
    return f"{part.get('type', '')}({options})"


def _encoded(encoder: TableEncoder | None) -> list[str]:
    if encoder is None:
        return []
    return ["columns of the table:", *(f"  {name}: {words}" for name, words in encoder.describe())]


def _named_columns(columns: Columns) -> list[str]:
    named = (
        ("features", ", ".join(columns.features)),
        ("target", columns.target),
        ("classes", ", ".join(columns.classes)),
    )
    return [f"{what}: {names}" for what, names in named if names]


def _trained(record: TrainingRecord | None) -> list[str]:
    if record is None:
        return ["not trained"]
    figures = ", ".join(
        f"{name} not finite" if value is None else f"{name} {value:.4g}"
        for name, value in record.figures.items()
    )
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    data = record.data
    known = "" if data is None else f" on {data.dtype} data of shape {data.shape}"
    return [
        f"trained for {record.epochs} epochs, {record.steps} steps{known}: {record.optimizer}",
        f"last epoch: {figures}",
        f"with {versions}; {record.backend} on {record.device}",
    ]


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
