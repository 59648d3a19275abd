"""``portable-mlp train``: a classifier on a data set."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from portable_mlp import backends
from portable_mlp.backends import BACKENDS, BackendUnavailableError
from portable_mlp.cli.common import fail, usage_errors
from portable_mlp.data import DATASETS, Dataset, load_dataset
from portable_mlp.nn import ACTIVATIONS, Layer
from portable_mlp.nn.choices import check_name, choose
from portable_mlp.nn.dense_stack import NORMALIZATIONS
from portable_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from portable_mlp.recipes import RECIPES, Recipe
from portable_mlp.training import History, TrainingDiverged


def train(
    data: Annotated[str, typer.Argument(help=f"Data set: {', '.join(DATASETS)}.")] = "digits",
    recipe: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help=f"Recipe to start from: {', '.join(RECIPES)}.",
            show_default="digits or plain, by the data",
        ),
    ] = None,
    backend: Annotated[str, typer.Option(help=f"One of {', '.join(BACKENDS)}.")] = "numpy",
    device: Annotated[str | None, typer.Option(help="Such as cpu, cuda, cuda:1, mps.")] = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    hidden: Annotated[
        list[int] | None,
        typer.Option(
            help="Width of a hidden layer; repeat it for more layers.", show_default="128"
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(help="Of the hidden layers, such as silu, relu, tanh.", show_default="silu"),
    ] = None,
    dropout: Annotated[float | None, typer.Option(help="Share dropped.", show_default="0")] = None,
    normalization: Annotated[
        str | None, typer.Option(help="batch or layer.", show_default="none")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="Such as adam, adamw, sgd, lion.", show_default="adam")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the optimizer's")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Such as constant, cosine, one_cycle.", show_default="constant"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="10; digits 60")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows of a mini-batch.", show_default="128; digits 32")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers on every backend.")] = 0,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
    ] = False,
) -> None:
    """Train and test a classifier on a data set. With no argument: the digits, in a few seconds."""
    with usage_errors():
        check_name("data set", data, DATASETS)
        chosen = choose("--preset", recipe or _default_recipe(data), RECIPES, Recipe)
        given = {
            "hidden": tuple(hidden) if hidden else None,
            "activation": activation,
            "dropout": dropout,
            "normalization": normalization,
            "optimizer": optimizer,
            "learning_rate": lr,
            "schedule": schedule,
            "epochs": epochs,
            "batch_size": batch_size,
        }
        chosen = replace(chosen, **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
        _check_names(chosen)
    try:
        with usage_errors():
            made = backends.get(backend, device, dtype)
        with _download_progress() as report:
            loaded = load_dataset(data, data_dir, progress=report)
        with usage_errors():
            model = chosen.build(loaded.features, loaded.classes, backend=made, seed=seed)
        verbose = 1 if sys.stderr.isatty() else 2
        with usage_errors(), np.errstate(all="ignore"):  # divergence is told of in one line
            history = model.fit(
                loaded.train_images, loaded.train_labels, verbose=verbose, **chosen.fit_options()
            )
        figures = model.evaluate(loaded.test_images, loaded.test_labels)
        predicted = model.predict(loaded.test_images)
    except (BackendUnavailableError, OSError, TrainingDiverged, MemoryError) as error:
        fail(str(error) or type(error).__name__)
    except ValueError as error:  # a damaged data file, most likely
        fail(str(error))
    results = _results(data, model, history, figures, len(loaded.train_labels), seed)
    if as_json:
        typer.echo(json.dumps(results, allow_nan=False))
    else:
        _print_tables(loaded, predicted, results)
    if history.stopped == "interrupted":
        raise typer.Exit(1)


@contextmanager
def _download_progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error that appears with the first byte of a download."""
    bar = Progress(
        TextColumn("downloading"), BarColumn(), DownloadColumn(), console=Console(stderr=True)
    )
    task: list[TaskID] = []

    def report(done: int, total: int) -> None:
        if not task:
            bar.start()
            task.append(bar.add_task("download", total=total))
        bar.update(task[0], completed=done)

    try:
        yield report
    finally:
        if task:
            bar.stop()


def _default_recipe(data: str) -> str:
    return data if data in RECIPES else "plain"


def _check_names(recipe: Recipe) -> None:
    choose("--activation", recipe.activation, ACTIVATIONS, Layer)
    choose("--optimizer", recipe.optimizer, OPTIMIZERS, Optimizer)
    choose("--schedule", recipe.schedule, SCHEDULES, Schedule)
    if recipe.normalization is not None:
        choose("--normalization", recipe.normalization, NORMALIZATIONS, type)


def _results(
    data: str, model: Any, history: History, figures: dict[str, float], rows: int, seed: int
) -> dict[str, Any]:
    rates = history.figures.get("samples_per_second", [])
    seconds = sum(rows / rate for rate in rates)
    return {
        "data": data,
        "test_accuracy": figures["accuracy"],
        "test_loss": figures["loss"],
        "train_seconds": seconds,
        "samples_per_second": rows * history.epochs / seconds if seconds else 0.0,
        "backend": model.backend.name,
        "device": model.backend.place,
        "parameters": model.parameter_count,
        "epochs_run": history.epochs,
        "seed": seed,
        "interrupted": history.stopped == "interrupted",
        "history": history.as_dict(),
    }


def _print_tables(loaded: Dataset, predicted: np.ndarray, results: dict[str, Any]) -> None:
    console = Console()
    report = Table(title=f"{loaded.name}: each class of the test set")
    report.add_column("class")
    for column in ("precision", "recall", "f1", "images"):
        report.add_column(column, justify="right")
    for label, name in enumerate(loaded.class_names):
        is_class, said_class = loaded.test_labels == label, predicted == label
        hits = int((is_class & said_class).sum())
        precision = hits / max(int(said_class.sum()), 1)
        recall = hits / max(int(is_class.sum()), 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-12)
        cells = [f"{value:.3f}" for value in (precision, recall, f1)]
        report.add_row(name, *cells, str(int(is_class.sum())))
    console.print(report)
    summary = Table(title="result", show_header=False)
    summary.add_column(style="bold")
    summary.add_column(justify="right")
    summary.add_row("test accuracy", f"{results['test_accuracy']:.4f}")
    summary.add_row("test loss", f"{results['test_loss']:.4f}")
    summary.add_row("training", f"{results['train_seconds']:.2f} s")
    summary.add_row("speed", f"{results['samples_per_second']:,.0f} samples/s")
    summary.add_row("parameters", f"{results['parameters']:,}")
    summary.add_row("epochs", str(results["epochs_run"]))
    summary.add_row("backend", f"{results['backend']} on {results['device']}")
    console.print(summary)
