"""Named recipes: a network with the training that suits it.

A recipe is a starting point: every field can be replaced (``dataclasses.replace``), and the command
line's options do just that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp.backends import Backend
from portable_mlp.model import MLP
from portable_mlp.nn import Flatten, SoftmaxCrossEntropy
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.optim import Adam, Optimizer
from portable_mlp.tables import TableEncoder
from portable_mlp.training import BestEpoch, EarlyStopping


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained.

    Args:
        hidden: widths of the hidden layers.
        activation: name of their activation. SiLU by default, because it is smooth: at a kink of ReLU
            one rounding can decide a whole gradient, and single-precision trainings on two backends
            part (docs/reproducibility.md has figures).
        dropout: share dropped after each of them.
        normalization: ``"batch"``, ``"layer"`` or None.
        label_smoothing: of the cross-entropy.
        l2: factor of ½ Σ w² in the loss.
        optimizer: its name, or an `Optimizer`.
        learning_rate: None for the optimizer's own.
        schedule: its name.
        epochs: passes over the data.
        batch_size: rows of a mini-batch.
        scaling: of the samples; see `MLP`.
        validation: share of the rows held out; the weights of the epoch that was best on them are kept.
        patience: epochs without progress on them after which the training ends; None for all epochs.

    Example:
        >>> import numpy as np
        >>> recipe = RECIPES["plain"]
        >>> model = recipe.build(4, 3)
        >>> history = model.fit(np.zeros((6, 4)), np.arange(6) % 3, **recipe.fit_options())
        >>> history.epochs
        10
    """

    hidden: Sequence[int] = (128,)
    activation: str = "silu"
    dropout: float = 0.0
    normalization: str | None = None
    label_smoothing: float = 0.0
    l2: float = 0.0
    optimizer: str | Optimizer = "adam"
    learning_rate: float | None = None
    schedule: str = "constant"
    epochs: int = 10
    batch_size: int = 128
    scaling: str | None = None
    validation: float = 0.0
    patience: int | None = None

    def build(
        self,
        inputs: int | Shape | TableEncoder,
        classes: int,
        *,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
        seed: int = 0,
    ) -> MLP:
        """The untrained model.

        Args:
            inputs: features of a sample, or its shape, or what makes numbers of a table.
            classes: their number; 0 for a number to be predicted, which is scaled to mean 0 and
                standard deviation 1.
            backend: see `MLP`.
            device: see `MLP`.
            dtype: see `MLP`.
            seed: see `MLP`.
        """
        layers = dense_stack(
            [*self.hidden, classes or 1],
            self.activation,
            dropout=self.dropout,
            normalization=self.normalization,
        )
        if isinstance(inputs, tuple) and len(inputs) > 1:
            layers = [Flatten(), *layers]
        return MLP(
            layers=layers,
            inputs=inputs,
            loss=SoftmaxCrossEntropy(self.label_smoothing) if classes else "squared_error",
            l2=self.l2,
            scaling=self.scaling,
            target_scaling=None if classes else "standard",
            backend=backend,
            device=device,
            dtype=dtype,
            seed=seed,
        )

    def fit_options(self) -> dict[str, Any]:
        """The options that `MLP.fit` is to be called with."""
        best: list[BestEpoch] = [BestEpoch()] if self.validation else []
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "schedule": self.schedule,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "validation_fraction": self.validation,
            "callbacks": [EarlyStopping(patience=self.patience)] if self.patience else best,
        }


RECIPES: dict[str, Recipe] = {
    "plain": Recipe(),
    "digits": Recipe(epochs=60, batch_size=32),
    "accurate": Recipe(
        hidden=(1024, 512),
        activation="relu",
        dropout=0.3,
        normalization="batch",
        label_smoothing=0.1,
        optimizer="adamw",
        learning_rate=4e-3,
        schedule="one_cycle",
        epochs=30,
        batch_size=256,
    ),
}
"""``plain``: one hidden layer. ``digits``: the same for 1,437 small images. ``accurate``: the best that
was found for Fashion-MNIST; docs/fashion_mnist.md has its figures."""

_MANY_ROWS = 1000


def table_recipe(rows: int) -> Recipe:
    """A starting point for a table, by its size.

    A second hidden layer learns few rows by heart; of many rows it makes more. docs/tables.md has
    figures.

    Args:
        rows: of the table.

    Returns:
        The recipe. Its epochs are a limit, at most 300 and about 20 million rows seen; early stopping
        ends most trainings before.

    Example:
        >>> table_recipe(150).hidden, table_recipe(150).batch_size, table_recipe(10**6).epochs
        ((256,), 16, 20)
    """
    many = rows >= _MANY_ROWS
    epochs = min(max(20_000_000 // max(rows, 1), 10), 300)
    return Recipe(
        hidden=(256, 128) if many else (256,),
        dropout=0.2 if many else 0.3,
        l2=0.0 if many else 1e-3,
        optimizer=Adam(ema_decay=0.99),
        epochs=epochs,
        batch_size=2 ** min(max(round(math.log2(max(rows, 1) / 40)), 4), 8),
        scaling="standard",
        validation=0.1 if many else 0.15,
        patience=min(max(epochs // 5, 3), 20),
    )
