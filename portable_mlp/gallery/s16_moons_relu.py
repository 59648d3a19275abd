"""S16: the asker's own answer to S15: ReLU, and σ (1 - σ)."""

from __future__ import annotations

from portable_mlp.gallery.perceptron import Perceptron
from portable_mlp.gallery.s15_moons_stuck_at_ln2 import SIZES, moons_in_columns, moons_model
from portable_mlp.gallery.system import Program, System


def _posted(seed: int) -> Program:
    """Its formulas are those of `Perceptron`; the first weights, which are not given, are He's."""
    net = Perceptron(SIZES, "relu", "sigmoid", columns=True)
    x, y = moons_in_columns()
    return net.program(
        net.draw(seed),
        x,
        y,
        lr=0.3,
        steps=3000,
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
        model=moons_model("relu"),
        explanation="The derivative of the sigmoid is the right one here. That, and first weights of a "
        "sensible size, are what helped; ReLU in place of tanh is not.",
    ),
)
