"""Named recipes: a network with the training that suits it.

A recipe is a starting point: every field can be replaced (``dataclasses.replace``), and the command
line's options do just that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portable_mlp.backends import Backend
from portable_mlp.model import MLP
from portable_mlp.nn import SoftmaxCrossEntropy
from portable_mlp.nn.dense_stack import dense_stack


@dataclass(frozen=True)
class Recipe:
    """A classifier and how it is trained.

    Args:
        hidden: widths of the hidden layers.
        activation: name of their activation. SiLU by default, because it is smooth: at a kink of ReLU
            one rounding can decide a whole gradient, and single-precision trainings on two backends
            part (docs/reproducibility.md has figures).
        dropout: share dropped after each of them.
        normalization: ``"batch"``, ``"layer"`` or None.
        label_smoothing: of the cross-entropy.
        optimizer: its name.
        learning_rate: None for the optimizer's own.
        schedule: its name.
        epochs: passes over the data.
        batch_size: rows of a mini-batch.

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
    optimizer: str = "adam"
    learning_rate: float | None = None
    schedule: str = "constant"
    epochs: int = 10
    batch_size: int = 128

    def build(
        self,
        inputs: int,
        classes: int,
        *,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str = "float32",
        seed: int = 0,
    ) -> MLP:
        """The untrained model.

        Args:
            inputs: features of a sample.
            classes: number of classes.
            backend: see `MLP`.
            device: see `MLP`.
            dtype: see `MLP`.
            seed: see `MLP`.
        """
        layers = dense_stack(
            [*self.hidden, classes],
            self.activation,
            dropout=self.dropout,
            normalization=self.normalization,
        )
        return MLP(
            layers=layers,
            inputs=inputs,
            loss=SoftmaxCrossEntropy(self.label_smoothing),
            backend=backend,
            device=device,
            dtype=dtype,
            seed=seed,
        )

    def fit_options(self) -> dict[str, Any]:
        """The options that `MLP.fit` is to be called with."""
        return {
            "optimizer": self.optimizer,
            "learning_rate": self.learning_rate,
            "schedule": self.schedule,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
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
