"""``portable-mlp train``: a network on a data set, or on a table of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from portable_mlp.cli.common import (
    BackendOption,
    DeviceOption,
    JsonOption,
    check_out,
    completed,
    failures,
    usage_errors,
)
from portable_mlp.cli.order import Checkpoints, Order
from portable_mlp.cli.rows import is_file
from portable_mlp.cli.train_data_set import train_data_set
from portable_mlp.cli.train_table import TableOptions, train_table
from portable_mlp.data import DATASETS
from portable_mlp.data.scanning import SUFFIXES
from portable_mlp.data.target import TASKS
from portable_mlp.nn import ACTIVATIONS
from portable_mlp.nn.choices import check_name
from portable_mlp.nn.dense_stack import NORMALIZATIONS
from portable_mlp.optim import OPTIMIZERS, SCHEDULES
from portable_mlp.recipes import RECIPES
from portable_mlp.scaling import SCALINGS

_FILES = "A file of your own"
_CHECKPOINTS = "A training that may be killed"
_FILE_NAMES = ", ".join(SUFFIXES)


def train(
    data: Annotated[
        str, typer.Argument(help=f"Data set: {', '.join(DATASETS)}; or a file: {_FILE_NAMES}.")
    ] = "digits",
    target: Annotated[
        str | None,
        typer.Option(
            help="Column to predict; array of an .npz file; path of the .npy file with the targets.",
            show_default="y for .npz",
            rich_help_panel=_FILES,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            help=f"One of {', '.join(TASKS)}.",
            autocompletion=completed(TASKS),
            rich_help_panel=_FILES,
        ),
    ] = "auto",
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Column to leave out; repeat it for more.", rich_help_panel=_FILES),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            help="Column of categories that look like numbers; repeat it for more.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(
            help=f"Of the features: {', '.join(SCALINGS)} or none.",
            show_default="standard",
            autocompletion=completed((*SCALINGS, "none")),
            rich_help_panel=_FILES,
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(
            help="Share of the rows held out.", show_default="0.15, or 0.1", rich_help_panel=_FILES
        ),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            help="Epochs without progress on those rows before it ends; 0: never.",
            show_default="20, or fewer",
            rich_help_panel=_FILES,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Save the model there (.safetensors).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    checkpoint_dir: Annotated[
        Path | None,
        typer.Option(help="Folder for checkpoints of this training.", rich_help_panel=_CHECKPOINTS),
    ] = None,
    checkpoint_every: Annotated[
        str | None,
        typer.Option(
            help="Epochs, or such as '500 steps', '10 min'.",
            show_default="1",
            rich_help_panel=_CHECKPOINTS,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on from the newest checkpoint, if there is one.",
            rich_help_panel=_CHECKPOINTS,
        ),
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--preset",
            help=f"Recipe to start from: {', '.join(RECIPES)}.",
            show_default="by the data",
            autocompletion=completed(RECIPES),
        ),
    ] = None,
    backend: BackendOption = "numpy",
    device: DeviceOption = None,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    hidden: Annotated[
        list[int] | None,
        typer.Option(
            help="Width of a hidden layer; repeat it for more layers.",
            show_default="128; a file: 256, or 256 and 128",
        ),
    ] = None,
    activation: Annotated[
        str | None,
        typer.Option(
            help="Of the hidden layers, such as silu, relu, tanh.",
            show_default="silu",
            autocompletion=completed(ACTIVATIONS),
        ),
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Share dropped.", show_default="0; a file: 0.3 or 0.2")
    ] = None,
    normalization: Annotated[
        str | None,
        typer.Option(
            help="batch or layer.",
            show_default="none",
            autocompletion=completed(NORMALIZATIONS),
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            help="Such as adam, adamw, sgd, lion.",
            show_default="adam",
            autocompletion=completed(OPTIMIZERS),
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Learning rate.", show_default="the optimizer's")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Such as constant, cosine, one_cycle.",
            show_default="constant",
            autocompletion=completed(SCHEDULES),
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Passes over the data; for a file 300 at most.",
            show_default="10; digits 60",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Rows of a mini-batch.", show_default="128; digits 32; a file: by its rows"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers on every backend.")] = 0,
    data_dir: Annotated[Path | None, typer.Option(help="Folder with the data set's files.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Train and test a network, on a file of yours or on a data set; with no argument: the digits."""
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
    changes = {name: value for name, value in given.items() if value is not None}
    checkpoints = Checkpoints(checkpoint_dir, checkpoint_every, resume)
    order = Order(recipe, changes, backend, device, dtype, seed, out, force, as_json, checkpoints)
    files_only = {
        "--target": target,
        "--task": None if task == "auto" else task,
        "--drop": drop,
        "--categorical": categorical,
        "--scale": scale,
        "--validation": validation,
        "--patience": patience,
    }
    with usage_errors():
        order.check()
        if data in DATASETS:
            _refuse(data, "a file of your own", files_only)
            if order.table_preset:
                _refuse(data, "a file of your own", {"--preset": recipe})
        else:
            _check_is_file(data)
            _refuse(data, "the data sets", {"--data-dir": data_dir})
        check_out(out, force or checkpoints.begun, Path(data))
        options = TableOptions(
            *(target, task, drop or [], categorical or [], scale, validation, patience)
        )
        options.check()
    with failures():
        if data in DATASETS:
            train_data_set(data, data_dir, order)
        else:
            train_table(Path(data), options, order)


def _refuse(data: str, whose: str, options: dict[str, Any]) -> None:
    """Refuses options that are for something else than what is trained on."""
    for name, value in options.items():
        if value is not None and value != []:
            raise ValueError(f"{name}: is for {whose}, got it beside {data!r}.")


def _check_is_file(data: str) -> None:
    if is_file(data):
        return
    try:
        check_name("data set", data, DATASETS)
    except ValueError as error:
        raise ValueError(f"{error} A file of your own ends in {_FILE_NAMES}.") from None
