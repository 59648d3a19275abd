"""A model as a file holds it, and a model made of one."""

from __future__ import annotations

import copy
import math
import platform
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portable_mlp import __version__, backends
from portable_mlp.backends import Backend
from portable_mlp.data.fingerprint import Fingerprint
from portable_mlp.files.record import TrainingRecord
from portable_mlp.files.saved import Description, SavedModel
from portable_mlp.metrics import choose_metrics, named_metric
from portable_mlp.training.fastest import choose_backend
from portable_mlp.training.loop import Run
from portable_mlp.training.problem import Problem, Snapshot
from portable_mlp.training.reached import Reached

if TYPE_CHECKING:
    from portable_mlp.model.mlp import MLP

_TIMES = ("seconds", "samples_per_second")


def saved(model: MLP) -> SavedModel:
    """What a file holds of a model; metrics of the user's own are left out, with a warning."""
    problem = model._problem
    with problem.backend.scope():
        vector, state = problem.to_host(model._weights)
    known = [metric for metric in problem.metrics if named_metric(metric.name) == metric]
    for metric in problem.metrics:
        if metric not in known:
            warnings.warn(
                f"save: the metric {metric.name!r} is your own and is left out: a file holds no code.",
                stacklevel=3,
            )
    return SavedModel(
        Description(
            layers=problem.network.layers,
            sample_shape=problem.sample_shape,
            loss=problem.loss,
            penalty=problem.penalty,
            metrics=tuple(metric.name for metric in known),
            dtype=problem.backend.dtype_name,
            seed=model.seed,
            scaling=model._scaling_kind,
            target_scaling=model._target_kind,
            columns=model.columns,
            training=model.training_record,
            encoder=model.encoder,
            written_by=f"portable_mlp {__version__}",
        ),
        problem.layout.named(vector, np),
        {
            name: part.reshape(spec.shape)
            for (name, spec, _), part in zip(problem.state_layout.entries, state, strict=True)
        },
        model.scaling,
        model.target_scaling,
    )


def restored(
    cls: type[MLP], file: SavedModel, backend: str | Backend, device: str | None, dtype: str | None
) -> MLP:
    """A model from what a file holds.

    Args:
        cls: `MLP`, or a class of the user's that is one.
        file: what it holds.
        backend: name of the backend, ``"auto"``, or a backend.
        device: its device; None for the default, ``"auto"`` for the fastest.
        dtype: None for that of the file.

    Raises:
        ValueError: device or dtype that can't be.
        portable_mlp.backends.BackendUnavailableError: the backend can't be used here.
    """
    description, record = file.description, file.description.training
    if dtype is None and isinstance(backend, str):
        dtype = description.dtype
    auto = "auto" in (backend, device)
    problem = Problem(
        network=description.network,
        sample_shape=description.sample_shape,
        loss=description.loss,
        penalty=description.penalty,
        metrics=choose_metrics(description.metrics, description.loss, description.output_shape[0]),
        backend=backends.get(*(("numpy", None) if auto else (backend, device)), dtype),
        target_scaling=file.target_scaling,
    )
    if auto:
        problem = replace(problem, backend=choose_backend(problem, backend, device, dtype))
    model = cls.__new__(cls)
    model._problem = problem
    model._seed, model._units = description.seed, description.output_shape[0]
    model._scaling_kind, model._scaling = description.scaling, file.scaling
    model._target_kind, model._columns = description.target_scaling, description.columns
    model._encoder = description.encoder
    model._given = model._scaling, file.target_scaling
    model._forget()
    with model.backend.scope():
        model._weights = _weights(file, model._problem)
    if record is not None:
        model._record, model._reached = record, Reached(record.epochs, record.steps)
    return model


def _weights(file: SavedModel, problem: Problem) -> Snapshot:
    """The numbers of a file, in the dtype and on the device of a problem."""
    dtype = problem.backend.dtype_name
    with np.errstate(over="ignore"):
        parameters = [array.astype(dtype).reshape(-1) for array in file.parameters.values()]
        state = [array.astype(dtype) for array in file.state.values()]
    if not all(np.isfinite(array).all() for array in (*parameters, *state)):
        raise ValueError(
            f"dtype: got {dtype!r} for a model with numbers too large for it, expected "
            f"{file.description.dtype!r}, in which it was saved."
        )
    return problem.from_host(np.concatenate(parameters), state)


def record_of(run: Run, epochs: int, steps: int, data: Fingerprint | None) -> TrainingRecord:
    """What is kept of a training.

    Args:
        run: the training, at its end.
        epochs: that the model has seen, those of earlier trainings included.
        steps: likewise.
        data: the training set.
    """
    plan, backend, last = run.plan, run.problem.backend, run.history.last()
    optimizer = copy.copy(plan.optimizer)  # one of the user's own may have an __init__ of its own
    object.__setattr__(optimizer, "learning_rate", plan.learning_rate)
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "portable_mlp": __version__,
        backend.library: backend.version(),
    }
    return TrainingRecord(
        epochs=epochs,
        steps=steps,
        batch_size=min(plan.batch_size, plan.rows),
        optimizer=optimizer.describe(),
        schedule=type(plan.schedule).__name__,
        # equal trainings give equal files, so times stay out of them
        figures={n: v if math.isfinite(v) else None for n, v in last.items() if n not in _TIMES},
        stopped=run.history.stopped,
        data=data,
        backend=backend.name,
        device=backend.place,
        precision=backend.precision,
        versions=versions,
    )
