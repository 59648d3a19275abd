"""S12: the answer to S11: everything in columns, and it works."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.data import mnist_test_set
from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.s11_mnist_softmax_axis import EPOCHS, mnist_rows
from portable_mlp.gallery.system import Model, Program, System
from portable_mlp.model import MLP
from portable_mlp.optim import SGD


def _posted(seed: int) -> Program:
    """Its formulas are those of `Perceptron`."""
    net = Perceptron((784, 64, 10), "tanh", "softmax", columns=True)
    random = np.random.default_rng(seed)
    first = net.draw(seed)
    for name in ("W1", "W2"):
        first[name] = 0.01 * random.normal(size=first[name].shape)
    rows, targets = mnist_rows()
    x, y = rows.T, targets.T
    return net.program(
        first,
        x,
        y,
        lr=0.3,
        steps=EPOCHS,
        score=lambda params: {"accuracy": net.accuracy(params, x, y)},
    )


def _model(seed: int) -> Model:
    x, labels = mnist_test_set()
    model = MLP([784, 64, 10], activation="tanh", seed=seed)
    fit = {"epochs": EPOCHS, "batch_size": None, "optimizer": SGD(), "learning_rate": 0.3}
    return model, x, labels, fit


SYSTEMS = (
    System(
        id="S12",
        title="MNIST: everything in columns",
        source="Q&A site on programming, 'Neural network for MNIST digits is not learning at all', "
        "the accepted answer",
        network="784-64-10, tanh and softmax, columns",
        symptom="It works: 14.93 % after the first epoch, 89.37 % after 100.",
        claim="accuracy .8937",
        causes=(),
        posted=_posted,
        target=("accuracy", 0.89),
        needs_mnist=True,
        model=_model,
        explanation="In columns the axes of the post's softmax and of its bias sums are the right ones, "
        "and m is 10,000. The answer 'can't explain properly' why transposing helps; that is why.",
    ),
)
