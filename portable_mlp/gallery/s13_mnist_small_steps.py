"""S13: the second answer to S11: the accuracy repaired, and a rate of .003 that hides the rest."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.perceptron import accuracy
from portable_mlp.gallery.s11_mnist_softmax_axis import (
    fixed_in_rows,
    mnist_model,
    mnist_rows,
    posted_forward,
    posted_gradients,
    posted_loss,
    small_weights,
)
from portable_mlp.gallery.system import Params, Program, System, causes


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = mnist_rows()
    a2 = posted_forward(params, x)
    return {"accuracy": accuracy(a2, y, False), "sum of the first sample's outputs": a2[0].sum()}


def _posted(seed: int) -> Program:
    x, y = mnist_rows()
    return Program(
        loss=posted_loss,
        gradients=posted_gradients,
        params=small_weights(seed),
        X=x,
        Y=y,
        lr=0.003,
        steps=50,
        forward=posted_forward,
        score=_score,
    )


SYSTEMS = (
    System(
        id="S13",
        title="MNIST: a small rate hides the faults",
        source="Q&A site on programming, 'Neural network for MNIST digits is not learning at all', "
        "the second answer",
        network="784-60-10, tanh and softmax, rows",
        symptom="50 % after 50 epochs at a rate of .003.",
        claim="accuracy .50",
        causes=causes("D18", "R12 D35"),
        posted=_posted,
        fixed=fixed_in_rows,
        target=("accuracy", 0.89),
        needs_mnist=True,
        model=mnist_model,
        explanation="The accuracy is computed rightly now. The softmax is still taken over the "
        "samples and each sample still has its own biases; a hundredth of the rate keeps that "
        "from blowing up.",
    ),
)
