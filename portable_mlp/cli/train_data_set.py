"""``portable-mlp train`` on one of the data sets that it knows."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from portable_mlp.cli.common import usage_errors
from portable_mlp.cli.figures import ClassFigures, class_table
from portable_mlp.cli.order import Order, tell_saved
from portable_mlp.cli.streams import standard_output
from portable_mlp.data import Columns, Dataset, load_dataset
from portable_mlp.recipes import RECIPES
from portable_mlp.training import History


def train_data_set(data: str, data_dir: Path | None, order: Order) -> None:
    """Trains a classifier and shows what it makes of the test images.

    Args:
        data: name of the data set.
        data_dir: folder with its files, or None.
        order: network, training, backend.
    """
    chosen = order.recipe(RECIPES.get(data, RECIPES["plain"]))
    with usage_errors():
        made = order.made_backend()
    with _download_progress() as report:
        loaded = load_dataset(data, data_dir, progress=report)
    with usage_errors():
        model = chosen.build(loaded.features, loaded.classes, backend=made, seed=order.seed)
    verbose = 1 if sys.stderr.isatty() else 2
    with np.errstate(all="ignore"):  # divergence is told of in one line
        history = model.fit(
            loaded.train_images, loaded.train_labels, verbose=verbose, **order.fit_options(chosen)
        )
    model.columns = Columns(classes=loaded.class_names)
    saved = order.save(model)
    figures = model.evaluate(loaded.test_images, loaded.test_labels)
    predicted = model.predict(loaded.test_images)
    results = _results(data, model, history, figures, len(loaded.train_labels), order.seed)
    results |= {} if saved is None else {"model": saved}
    with standard_output():
        if order.as_json:
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
    figures = ClassFigures(loaded.class_names)
    figures.add(loaded.test_labels, predicted)
    title = f"{loaded.name}: each class of the test set"
    console.print(class_table(figures.to_dict(), title, "images"))
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
    tell_saved(results.get("model"))
