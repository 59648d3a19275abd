"""Figures in TensorBoard, MLflow and Weights & Biases: read back by what their own clients wrote."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, MLflowLogger, TensorBoardLogger, TrainingDiverged, WandbLogger
from portable_mlp.training.loop import Callback, Run

X = np.random.default_rng(0).normal(size=(40, 2))
Y = (X[:, 0] > 0).astype(int)
FIT: dict[str, Any] = {"batch_size": 16, "validation_data": (X, Y)}
DEPRECATED = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


class Interrupts(Callback):
    def on_epoch_end(self, run: Run) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("logger", "module", "extra"),
    [
        (lambda: TensorBoardLogger("nowhere"), "tensorboardX", "tensorboard"),
        (MLflowLogger, "mlflow", "mlflow"),
        (WandbLogger, "wandb", "wandb"),
    ],
    ids=["tensorboard", "mlflow", "wandb"],
)
def test_without_its_client_a_sentence_says_what_to_install(
    logger: Any, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    model = MLP([2, 2])
    before = model.parameters()
    words = rf'Logger needs {module}: pip install "portable_mlp\[{extra}\]"'
    with pytest.raises(ImportError, match=words):
        model.fit(X, Y, callbacks=[logger()])
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


# -- TensorBoard ---------------------------------------------------------------------------------


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard itself reads."""
    module = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed",
    )
    read = module.EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


@DEPRECATED
def test_tensorboard_shows_each_number_of_each_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    model, logger = MLP([2, 3, 2]), TensorBoardLogger(tmp_path / "run")
    first = model.fit(X, Y, epochs=2, callbacks=[logger], **FIT)
    second = model.fit(
        X, Y, epochs=1, callbacks=[logger], **FIT
    )  # within the same second, most often
    found = scalars(tmp_path / "run")
    suffixes = {file.name.rpartition(".")[2] for file in (tmp_path / "run").iterdir()}
    assert len(suffixes) == 2  # the rest of the name is that of the second in which it was opened
    names = {
        "loss": "loss/training",
        "accuracy": "accuracy/training",
        "val_loss": "loss/validation",
        "val_accuracy": "accuracy/validation",
        "learning_rate": "training/learning_rate",
        "gradient_norm": "training/gradient_norm",
        "seconds": "training/seconds",
        "samples_per_second": "training/samples_per_second",
    }
    assert set(found) == set(names.values())
    for name, tag in names.items():
        assert [step for step, _ in found[tag]] == [1, 2, 3]
        values = [*first[name], *second[name]]
        np.testing.assert_allclose([v for _, v in found[tag]], values, rtol=1e-6)


# -- MLflow --------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "runs").as_uri()
    try:
        mlflow.MlflowClient(uri).search_experiments()
    except Exception as error:  # a version without files as a store
        pytest.skip(f"mlflow keeps no runs in files: {error}")
    return uri


@DEPRECATED
def test_mlflow_has_each_number_and_the_options(store: str) -> None:
    import mlflow

    model = MLP([2, 3, 2], seed=5)
    logger = MLflowLogger("fruit", name="apples", tracking_uri=store)
    first = model.fit(X, Y, epochs=2, callbacks=[logger], **FIT)
    second = model.fit(X, Y, epochs=1, optimizer="sgd", callbacks=[logger], **FIT)
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("fruit").experiment_id])
    assert (run.info.run_id, run.info.run_name) == (logger.run_id, "apples")
    assert run.info.status == "FINISHED"
    assert run.data.params["layers"] == "dense_1 → relu_1 → dense_2"
    assert run.data.params["seed"] == "5"
    assert run.data.params["optimizer"].startswith("Adam(")
    for name in first:
        found = sorted((m.step, m.value) for m in client.get_metric_history(logger.run_id, name))
        assert found == list(zip([1, 2, 3], [*first[name], *second[name]], strict=True))


@DEPRECATED
def test_mlflow_uses_the_run_that_is_active_and_leaves_it_open(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    try:
        logger = MLflowLogger()
        with mlflow.start_run() as active:
            MLP([2, 2]).fit(X, Y, epochs=2, callbacks=[logger])
            assert logger.run_id == active.info.run_id
            assert mlflow.get_run(logger.run_id).info.status == "RUNNING"
            MLP([2, 2]).fit(X, Y, epochs=3, callbacks=[logger])
        history = mlflow.MlflowClient(store).get_metric_history(logger.run_id, "loss")
        assert len(history) == 5
    finally:
        mlflow.set_tracking_uri(before)


@DEPRECATED
def test_mlflow_says_that_a_training_was_interrupted(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import mlflow

    logger = MLflowLogger(tracking_uri=store)
    MLP([2, 2]).fit(X, Y, callbacks=[logger, Interrupts()])
    assert mlflow.MlflowClient(store).get_run(logger.run_id).info.status == "KILLED"
    assert "interrupted" in capsys.readouterr().err


@DEPRECATED
def test_mlflow_that_can_not_open_its_place_is_one_sentence() -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    words = (
        r"MLflowLogger: MLflow can't open 'ftp://nowhere' \(.* unsupported URI 'ftp://nowhere' .*\): "
        r"give tracking_uri= of a server, .* MLFLOW_ALLOW_FILE_STORE=true .* pip install mlflow"
    )
    model = MLP([2, 2])
    before = model.parameters()
    with pytest.raises(RuntimeError, match=words):
        model.fit(X, Y, callbacks=[MLflowLogger("digits", tracking_uri="ftp://nowhere")])
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


# -- Weights & Biases ----------------------------------------------------------------------------


class Wandb(ModuleType):
    """Stands for the client: what it was told is kept."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.run: Any = None
        self.runs: list[SimpleNamespace] = []

    def init(self, **options: Any) -> Any:
        rows, config = list[tuple[int, dict[str, float]]](), dict[str, Any]()
        made = SimpleNamespace(id=options.get("id", "abc"), options=options, rows=rows, ended=None)
        made.config = SimpleNamespace(
            update=lambda values, allow_val_change: config.update(values), values=config
        )
        made.log = lambda row, step: rows.append((step, row))

        def finish(exit_code: int) -> None:
            made.ended, self.run = exit_code, None

        made.finish = finish
        self.run = made
        self.runs.append(made)
        return made


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> Wandb:
    module = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


def test_wandb_is_told_each_number_and_the_options(wandb: Wandb) -> None:
    model, logger = MLP([2, 3, 2], seed=5), WandbLogger("fruit", mode="offline")
    history = model.fit(X, Y, epochs=2, callbacks=[logger], **FIT)
    model.fit(X, Y, epochs=1, callbacks=[logger], **FIT)
    first, second = wandb.runs
    assert first.options == {"project": "fruit", "mode": "offline"}
    assert second.options == {"project": "fruit", "mode": "offline", "id": "abc", "resume": "allow"}
    assert [step for step, _ in first.rows + second.rows] == [1, 2, 3]
    assert first.rows[1][1] == history.last()
    assert first.config.values["seed"] == "5"
    assert (first.ended, second.ended) == (0, 0)


def test_wandb_run_that_is_open_stays_open(wandb: Wandb) -> None:
    mine = wandb.init(project="mine")
    MLP([2, 2]).fit(X, Y, epochs=2, callbacks=[WandbLogger()])
    assert wandb.runs == [mine]
    assert mine.ended is None
    assert len(mine.rows) == 2


def test_wandb_run_ends_when_the_training_fails(wandb: Wandb) -> None:
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged):
        MLP([2, 1], loss="squared_error").fit(
            *(X, X[:, :1]),
            optimizer="sgd",
            learning_rate=1e30,
            batch_size=8,
            callbacks=[WandbLogger()],
        )
    assert wandb.runs[0].ended == 0
    assert wandb.runs[0].rows == []


PROGRAM = """
import json, sys
import numpy as np
from portable_mlp import MLP, WandbLogger
X = np.random.default_rng(0).normal(size=(40, 2))
logger = WandbLogger("fruit", mode="offline", dir=sys.argv[1])
history = MLP([2, 2]).fit(X, (X[:, 0] > 0).astype(int), epochs=3, callbacks=[logger])
print(json.dumps([logger.run_id, history.figures]))
"""


@DEPRECATED
def test_wandb_itself_writes_a_run_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    from wandb.proto.wandb_internal_pb2 import Record

    done = subprocess.run(  # in a process of its own, at whose end everything is on disk
        [sys.executable, "-c", PROGRAM, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"WANDB_SILENT": "true"},
    )
    assert done.returncode == 0, done.stderr
    run_id, figures = json.loads(done.stdout)
    (file,) = tmp_path.rglob(f"run-{run_id}.wandb")
    written, place, rows = file.read_bytes(), 7, list[dict[str, Any]]()
    assert (
        len(written) < 2**15
    )  # one block of LevelDB's log format: whole records, one after another
    while place < len(written):
        _, length, kind = struct.unpack_from("<IHB", written, place)
        assert kind == 1
        record = Record.FromString(written[place + 7 : place + 7 + length])
        place += 7 + length
        items = record.history.item
        row = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in items}
        if row:
            rows.append(row)
    for name, values in figures.items():
        assert [row[name] for row in rows] == values
    assert [row["_step"] for row in rows] == [1, 2, 3]
