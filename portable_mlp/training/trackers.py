"""The figures of each epoch in TensorBoard, MLflow, or Weights & Biases, by their own clients."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from portable_mlp.training.loop import Callback, Run


class _Tracker(Callback):
    """Opens a run when a training begins, tells it the figures of each epoch, and closes it at its end.

    A second training with the same tracker goes on in the same run. Epochs are counted over all
    trainings of the model.
    """

    _open = False
    _begun = False
    """Whether an earlier training was in this run."""

    def on_train_begin(self, run: Run) -> None:
        """Opens the run, and tells it the options."""
        self._start(options_of(run))
        self._open = self._begun = True

    def on_epoch_end(self, run: Run) -> None:
        """Tells it the figures."""
        self._write(run.plan.first_epoch + run.history.epochs, run.history.last())

    def on_train_end(self, run: Run) -> None:
        """Closes the run, if this tracker opened it."""
        if self._open:
            self._open = False
            self._close(run.history.stopped == "interrupted")

    def _start(self, options: Mapping[str, str]) -> None:
        raise TypeError(f"{type(self).__name__} does not define _start")

    def _write(self, epoch: int, row: Mapping[str, float]) -> None:
        raise TypeError(f"{type(self).__name__} does not define _write")

    def _close(self, interrupted: bool) -> None:
        raise TypeError(f"{type(self).__name__} does not define _close")


class TensorBoardLogger(_Tracker):
    """Figures of each epoch as curves of TensorBoard, written by tensorboardX (extra ``tensorboard``).

    Training and validation lie beside each other: ``loss/training`` and ``loss/validation``. Figures
    are on disk after about a second. ``tensorboard --logdir FOLDER`` shows them.

    Args:
        folder: where the curves of this model go; those of several models side by side are folders in
            one.

    Raises:
        ImportError: when a training begins: tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Touches nothing before a training begins."""
        self.folder = os.fspath(folder)
        self._writer: Any = None

    def _start(self, options: Mapping[str, str]) -> None:
        client = _client("TensorBoardLogger", "tensorboardX", "tensorboard")
        # files are named by the second, and a second one of that name would overwrite the first
        suffix = f".{time.time_ns()}"
        self._writer = client.SummaryWriter(self.folder, flush_secs=1, filename_suffix=suffix)
        if not self._begun:
            rows = [f"| {name} | {value} |" for name, value in options.items()]
            table = "\n".join(["| option | value |", "|---|---|", *rows])
            self._writer.add_text("options", table)

    def _write(self, epoch: int, row: Mapping[str, float]) -> None:
        validated = {name.removeprefix("val_") for name in row if name.startswith("val_")}
        for name, value in row.items():
            if name.startswith("val_"):
                tag = f"{name.removeprefix('val_')}/validation"
            else:
                both = name in validated or name == "loss"
                tag = f"{name}/training" if both else f"training/{name}"
            self._writer.add_scalar(tag, value, epoch)

    def _close(self, interrupted: bool) -> None:
        self._writer.close()


class MLflowLogger(_Tracker):
    """Options and the figures of each epoch in a run of MLflow (extra ``mlflow``).

    Within ``with mlflow.start_run():`` it is that run, which stays open. Else it makes one and ends it
    with the training. Nothing of mlflow's global state changes.

    Args:
        experiment: its name; it is made where there is none.
        name: of the run; None lets MLflow choose.
        tracking_uri: of the server, such as ``"http://localhost:5000"``; None for MLflow's own choice,
            which is a database that needs all of MLflow: ``pip install mlflow``.

    Raises:
        ImportError: when a training begins: mlflow is not installed.
        RuntimeError: when a training begins: MLflow can't open the place, with its reason.
    """

    def __init__(
        self,
        experiment: str = "Default",
        *,
        name: str | None = None,
        tracking_uri: str | None = None,
    ) -> None:
        """Touches nothing before a training begins."""
        self.experiment, self.name, self.tracking_uri = experiment, name, tracking_uri
        self.run_id = ""
        self._client: Any = None
        self._entities: Any = None
        self._own = True

    def _start(self, options: Mapping[str, str]) -> None:
        mlflow = _client("MLflowLogger", "mlflow", "mlflow")
        self._entities = import_module("mlflow.entities")
        try:
            self._begin(mlflow, options)
        except mlflow.exceptions.MlflowException as error:
            reason = str(error).strip().partition(". ")[0].rstrip(".")
            raise RuntimeError(
                f"MLflowLogger: MLflow can't open {self.tracking_uri or mlflow.get_tracking_uri()!r} "
                f"({reason}): give tracking_uri= of a server, such as 'http://localhost:5000', or "
                "'mlruns' with MLFLOW_ALLOW_FILE_STORE=true in the environment, or pip install mlflow, "
                "all of it, for a database."
            ) from error

    def _begin(self, mlflow: Any, options: Mapping[str, str]) -> None:
        """Finds or makes the run."""
        active = mlflow.active_run() if self.tracking_uri is None else None
        self._client = mlflow.MlflowClient(self.tracking_uri)
        if active is not None and active.info.run_id != self.run_id:
            self.run_id, self._own, self._begun = active.info.run_id, False, False
        if self._begun:  # its options can't be changed
            if self._own:
                self._client.update_run(self.run_id, status="RUNNING")
            return
        if active is None:
            found = self._client.get_experiment_by_name(self.experiment)
            known = self._client.create_experiment(self.experiment) if found is None else None
            place = found.experiment_id if known is None else known
            self.run_id = self._client.create_run(place, run_name=self.name).info.run_id
        listed = [self._entities.Param(key, value) for key, value in options.items()]
        self._client.log_batch(self.run_id, params=listed)

    def _write(self, epoch: int, row: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metrics = [
            self._entities.Metric(re.sub(r"[^\w\-. /]", "_", name), value, now, epoch)
            for name, value in row.items()
        ]
        self._client.log_batch(self.run_id, metrics=metrics)

    def _close(self, interrupted: bool) -> None:
        if self._own:
            self._client.set_terminated(self.run_id, "KILLED" if interrupted else "FINISHED")


class WandbLogger(_Tracker):
    """Options and the figures of each epoch in a run of Weights & Biases (extra ``wandb``).

    After ``wandb.init()`` it is that run, which stays open. Else it makes one and finishes it with the
    training.

    Args:
        project: its name; None for W&B's own choice.
        options: further arguments of ``wandb.init``, such as ``mode="offline"``, ``name=`` or ``dir=``.

    Raises:
        ImportError: when a training begins: wandb is not installed.
    """

    def __init__(self, project: str | None = None, **options: Any) -> None:
        """Touches nothing before a training begins."""
        self.project, self.options = project, options
        self.run_id = ""
        self._run: Any = None
        self._own = True

    def _start(self, options: Mapping[str, str]) -> None:
        wandb = _client("WandbLogger", "wandb", "wandb")
        self._own = wandb.run is None
        if self._own:
            again = {"id": self.run_id, "resume": "allow"} if self._begun else {}
            self._run = wandb.init(project=self.project, **(self.options | again))
        else:
            self._run = wandb.run
        self.run_id = self._run.id
        self._run.config.update(dict(options), allow_val_change=True)

    def _write(self, epoch: int, row: Mapping[str, float]) -> None:
        self._run.log(dict(row), step=epoch)

    def _close(self, interrupted: bool) -> None:
        if self._own:
            self._run.finish(exit_code=1 if interrupted else 0)


def options_of(run: Run) -> dict[str, str]:
    """What a training is done with, as text by name.

    Args:
        run: the training, at its beginning.
    """
    plan, problem = run.plan, run.problem
    described = {
        "layers": " → ".join(problem.network.named_layers),
        "parameters": problem.layout.size,
        "loss": problem.loss,
        "optimizer": plan.optimizer,
        "learning_rate": plan.learning_rate,
        "schedule": plan.schedule,
        "batch_size": plan.batch_size,
        "epochs": plan.epochs,
        "rows": plan.rows,
        "seed": plan.seed,
        "backend": problem.backend.name,
        "device": problem.backend.place,
        "dtype": problem.backend.dtype_name,
    }
    return {name: str(value)[:500] for name, value in described.items()}  # MLflow takes no more


def _client(who: str, module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        message = f'{who} needs {module}: pip install "portable_mlp[{extra}]"'
        raise ImportError(message) from error
