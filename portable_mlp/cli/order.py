"""What ``train`` is asked for, whatever it trains on."""

from __future__ import annotations

import filecmp
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import typer

from portable_mlp import backends
from portable_mlp.backends import Backend
from portable_mlp.checkpoint import Checkpoint
from portable_mlp.cli.common import printable
from portable_mlp.files import inspect
from portable_mlp.model import MLP
from portable_mlp.nn import ACTIVATIONS, Layer
from portable_mlp.nn.choices import choose
from portable_mlp.nn.dense_stack import NORMALIZATIONS
from portable_mlp.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule
from portable_mlp.recipes import RECIPES, Recipe
from portable_mlp.training.options import Options


@dataclass(frozen=True)
class Checkpoints:
    """Where the checkpoints of a training are.

    Args:
        folder: theirs; None for none.
        every: see `Checkpoint`; None for each epoch.
        resume: whether to go on from the newest.
    """

    folder: Path | None = None
    every: str | None = None
    resume: bool = False

    def callback(self) -> list[Checkpoint]:
        """The callback, if there are to be any.

        Raises:
            ValueError: what was given can't be.
        """
        if self.folder is None:
            for name, given in (("--checkpoint-every", self.every), ("--resume", self.resume)):
                if given:
                    raise ValueError(f"{name}: expected --checkpoint-dir beside it.")
            return []
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(f"--checkpoint-dir: got {str(self.folder)!r}, expected a folder.")
        every = self.every or "1"
        made = Checkpoint(
            self.folder, int(every) if every.isdecimal() else every, resume=self.resume
        )
        if not self.resume and made.files():
            raise ValueError(
                f"--checkpoint-dir: {str(self.folder)!r} has checkpoints already, expected --resume to "
                "go on from them, or another folder."
            )
        return [made]

    @property
    def begun(self) -> bool:
        """Whether a training goes on: what it saves may be there already."""
        return self.resume and any(made.files() for made in self.callback())


@dataclass(frozen=True)
class Order:
    """The options that are the same for data sets and files.

    Args:
        preset: name of a recipe to start from, or None.
        changes: fields of the recipe that were given.
        backend: name of the backend.
        device: its device, or None.
        dtype: ``"float32"`` or ``"float64"``.
        seed: of everything random.
        out: where the model is saved, or None.
        force: whether a file there may be replaced.
        as_json: whether one JSON object is printed.
        checkpoints: where they are.
    """

    preset: str | None
    changes: Mapping[str, Any]
    backend: str
    device: str | None
    dtype: str
    seed: int
    out: Path | None
    force: bool
    as_json: bool
    checkpoints: Checkpoints = Checkpoints()

    def recipe(self, default: Recipe) -> Recipe:
        """The recipe to train by.

        Raises:
            ValueError: an unknown name.
        """
        start = default
        if self.preset is not None and not self.table_preset:
            start = choose("--preset", self.preset, RECIPES, Recipe)
            kept = ("scaling", "validation", "patience")
            start = replace(start, **{name: getattr(default, name) for name in kept})
        return replace(start, **self.changes)

    @property
    def table_preset(self) -> Recipe | None:
        """The preset, if it is one for tables."""
        recipe = None if self.preset is None else RECIPES.get(self.preset)
        return recipe if recipe is not None and recipe.for_tables else None

    def check(self) -> None:
        """Refuses unknown names and impossible numbers, before any data are read.

        Raises:
            ValueError: with the nearest name.
        """
        recipe = self.recipe(self.table_preset or RECIPES["plain"])
        choose("--activation", recipe.activation, ACTIVATIONS, Layer)
        choose("--optimizer", recipe.optimizer, OPTIMIZERS, Optimizer)
        choose("--schedule", recipe.schedule, SCHEDULES, Schedule)
        Options.of(
            *(recipe.epochs, recipe.batch_size, recipe.optimizer),
            *(recipe.learning_rate, recipe.schedule),
        )
        self.checkpoints.callback()
        if recipe.normalization is not None:
            choose("--normalization", recipe.normalization, NORMALIZATIONS, type)

    def fit_options(self, recipe: Recipe) -> dict[str, Any]:
        """What `MLP.fit` is to be called with: the recipe's options, with checkpoints."""
        options = recipe.fit_options()
        return options | {"callbacks": [*options["callbacks"], *self.checkpoints.callback()]}

    def made_backend(self) -> Backend:
        """The backend, ready for use.

        Raises:
            ValueError: an unknown name, device or dtype.
            portable_mlp.backends.BackendUnavailableError: it can't be used here.
        """
        return backends.get(self.backend, self.device, self.dtype)

    def save(self, model: MLP) -> dict[str, str] | None:
        """Saves the model, if that was asked for: its path and SHA-256.

        A resumed training leaves a file as it is that holds this very model.

        Raises:
            OSError: it can't be written.
        """
        if self.out is None:
            return None
        if self.force or not self.checkpoints.resume or not self.out.exists():
            model.save(self.out, overwrite=self.force)
        elif not _holds(self.out, model):
            raise FileExistsError(
                f"--out: {str(self.out)!r} is there already with another model, expected a new name, or "
                "--force; with --resume nothing is trained a second time."
            )
        return {"path": str(self.out), "sha256": inspect(self.out).sha256}


def _holds(path: Path, model: MLP) -> bool:
    """Whether a file has the bytes that the model would be saved as."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "model")
        model.save(own)
        return filecmp.cmp(own, path, shallow=False)


def tell_saved(saved: dict[str, str] | None) -> None:
    """Says where the model is and what sha256sum prints of it, in lines that can be copied."""
    if saved is not None:
        typer.echo(f"saved   {printable(saved['path'])}\nsha256  {saved['sha256']}")
