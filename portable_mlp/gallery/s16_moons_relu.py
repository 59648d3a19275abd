"""S16: the asker's own answer to S15: ReLU, and σ (1 - σ)."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.s15_moons_stuck_at_ln2 import SIZES, moons_in_columns
from portable_mlp.gallery.system import Model, Program, System
from portable_mlp.model import MLP


def _posted(seed: int) -> Program:
    """Its formulas are those of `Perceptron`; the first weights, which are not given, are He's."""
    net = Perceptron(SIZES, "relu", "sigmoid", columns=True)
    x, y = moons_in_columns()
    return Program(
        loss=net.loss,
        gradients=net.gradients,
        params=net.draw(seed),
        X=x,
        Y=y,
        lr=0.3,
        steps=3000,
        forward=net.forward,
        score=lambda params: {
            "accuracy": net.accuracy(params, x, y),
            "loss": net.loss(params, x, y),
        },
        columns=True,
    )


def _model(seed: int) -> Model:
    x, y = moons_in_columns()
    model = MLP(SIZES, activation="relu", loss="binary_cross_entropy", seed=seed)
    return (
        model,
        x.T,
        y.T.astype(np.int64),
        {"epochs": 200, "batch_size": 32, "learning_rate": 0.01},
    )


SYSTEMS = (
    System(
        id="S16",
        title="Moons: ReLU and the right derivative",
        source="Q&A site on artificial intelligence, a deep network whose loss is stuck at .69321, "
        "the asker's own answer",
        network="2-10-8-6-1, three times ReLU and a sigmoid, columns",
        symptom="It works: accuracy 100 %, loss .2 %.",
        claim="accuracy 1.00, loss .002",
        causes=(),
        posted=_posted,
        target=("accuracy", 1.0),
        model=_model,
        explanation="The derivative of the sigmoid is the right one here. That, and first weights of a "
        "sensible size, are what helped; ReLU in place of tanh is not.",
    ),
)
