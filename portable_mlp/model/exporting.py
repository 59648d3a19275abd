"""A model as what is written into files of other formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portable_mlp import __version__
from portable_mlp.export import Exported, ExportError
from portable_mlp.nn.parameters import rebuild
from portable_mlp.tables import TableEncoder
from portable_mlp.training.evaluate import chunk_rows

if TYPE_CHECKING:
    from portable_mlp.model.trainable import Trainable


def exported(model: Trainable) -> Exported:
    """What others need to know of a model.

    Args:
        model: on any backend.

    Raises:
        ExportError: an encoder of the user's own.
        ValueError: it has a scaling that no training has worked out yet.
    """
    encoder = model.encoder
    if encoder is not None and type(encoder) is not TableEncoder:
        raise ExportError(
            f"export: {type(encoder).__name__} is your own, expected a TableEncoder, whose formulas are "
            "known."
        )
    problem, border = model._problem, model._border
    with problem.backend.scope():
        vector, state = problem.to_host(model._weights)
    shaped = (
        part.reshape(spec.shape)
        for part, (_, spec, _) in zip(state, problem.state_layout.entries, strict=True)
    )
    return Exported(
        network=problem.network,
        sample_shape=problem.sample_shape,
        loss=problem.loss,
        parameters=problem.layout.views(vector, np),
        state=rebuild(problem.state_layout.specs, shaped),
        scaling=border.scaling,
        target_scaling=problem.target_scaling,
        encoder=encoder,
        columns=model.columns,
        dtype=problem.backend.dtype_name,
        rows=chunk_rows(problem),
        training=model.training_record,
        written_by=f"portable_mlp {__version__}",
    )
