"""Named recipes: a network with the training that suits it.

A recipe is a starting point: every field can be replaced (``dataclasses.replace``), and the command
line's options do just that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from portable_mlp.backends import Backend
from portable_mlp.model import MLP
from portable_mlp.nn import Dense, Flatten, Layer, NTKDense, Scale, SoftmaxCrossEntropy
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
        scaling: of the samples; see `MLP`. A `TableEncoder` scales in its place.
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

    for_tables: ClassVar[bool] = False
    """Whether it wants a `TableEncoder` before it, and says itself what is held out and for how long."""
    target_scaling: ClassVar[str] = "standard"

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
        layers = self.layers(classes)
        if isinstance(inputs, tuple) and len(inputs) > 1:
            layers = [Flatten(), *layers]
        return MLP(
            layers=layers,
            inputs=inputs,
            loss=SoftmaxCrossEntropy(self.label_smoothing) if classes else "squared_error",
            l2=self.l2,
            scaling=None if isinstance(inputs, TableEncoder) else self.scaling,
            target_scaling=None if classes else self.target_scaling,
            backend=backend,
            device=device,
            dtype=dtype,
            seed=seed,
        )

    def layers(self, classes: int) -> list[Layer]:
        """The network.

        Args:
            classes: their number; 0 for a number to be predicted.
        """
        return dense_stack(
            [*self.hidden, classes or 1],
            self.activation,
            dropout=self.dropout,
            normalization=self.normalization,
        )

    def suited(self, classes: int) -> Recipe:
        """The recipe for so many classes, or for a number where there are none; most suit both."""
        return self

    def fit_options(self) -> dict[str, Any]:
        """The options that `MLP.fit` is to be called with."""
        best = [self.best()] if self.validation else []
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "schedule": self.schedule,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "validation_fraction": self.validation,
            "callbacks": [EarlyStopping(patience=self.patience)] if self.patience else best,
        }

    def best(self) -> BestEpoch:
        """What keeps the weights of the best epoch."""
        return BestEpoch()


@dataclass(frozen=True)
class RealMLP(Recipe):
    """RealMLP-TD-S: a network for tables, whose numbers were chosen once for all of them.

    A learned factor for each column, three hidden layers of 256 in the neural tangent parametrisation,
    a last layer that begins with zeros. Adam with β₂ = 0.95 in four waves of a cosine, with six times
    the rate for the factors and a tenth for biases. Kept is the epoch that was best on the rows held
    out, the last one on ties. Its fields are those for classes; ``suited(0)`` gives those for a number.

    Differs from the paper in this: categories of more than 9 levels are embedded, and the last mini-batch
    of an epoch, which has fewer rows, is not left out.

    Example:
        >>> import numpy as np
        >>> from portable_mlp import TableEncoder
        >>> table, y = {"x": np.arange(60.0), "kind": ["a", "b", "c"] * 20}, np.arange(60) % 3
        >>> recipe = replace(RECIPES["realmlp-s"], epochs=8)
        >>> model = recipe.build(TableEncoder.of(table), classes=3)
        >>> history = model.fit(table, y, **recipe.fit_options())
        >>> model.evaluate(table, y)["accuracy"] > 0.9
        True

    Source: Holzmüller, Grinsztajn & Steinwart 2024, Better by default, arXiv 2407.04491, appendix A.
    """

    hidden: Sequence[int] = (256, 256, 256)
    activation: str = "selu"
    label_smoothing: float = 0.1
    optimizer: str | Optimizer = Adam(beta2=0.95)  # noqa: RUF009  (frozen)
    learning_rate: float | None = 0.04
    schedule: str = "coslog4"
    epochs: int = 256
    batch_size: int = 256
    validation: float = 0.2
    monitor: str = "val_accuracy"

    for_tables = True
    target_scaling = "clamped"

    def suited(self, classes: int) -> Recipe:
        """Mish and a rate of 0.07 for a number to be predicted."""
        if classes:
            return self
        return replace(
            self, activation="mish", label_smoothing=0.0, learning_rate=0.07, monitor="val_loss"
        )

    def layers(self, classes: int) -> list[Layer]:
        """The network.

        Args:
            classes: their number; 0 for a number to be predicted.
        """
        plain = dense_stack(
            [*self.hidden, classes or 1],
            self.activation,
            dropout=self.dropout,
            normalization=self.normalization,
        )
        *front, last = (
            NTKDense(layer.units, bias_rate=0.1) if isinstance(layer, Dense) else layer
            for layer in plain
        )
        assert isinstance(last, Dense)  # noqa: S101
        return [Scale(rate=6.0), *front, replace(last, weight_init="zeros", bias_init="zeros")]

    def best(self) -> BestEpoch:
        """The last of the epochs with the fewest errors."""
        return BestEpoch(self.monitor, ties="last")


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
    "realmlp-s": RealMLP(),
}
"""``plain``: one hidden layer. ``digits``: the same for 1,437 small images. ``accurate``: the best that
was found for Fashion-MNIST; docs/fashion_mnist.md has its figures. ``realmlp-s``: `RealMLP`, for
tables; docs/tables.md has its figures."""

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
