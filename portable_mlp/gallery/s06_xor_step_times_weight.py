"""S6: XOR again, and the step is multiplied by the weight."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.data import xor
from portable_mlp.gallery.s05_xor_derivative_at_z import (
    fixed_xor,
    gradients_at_z,
    halved_cross_entropy,
    outputs_of,
    score,
    xor_model,
)
from portable_mlp.gallery.system import Params, Program, System, causes

_RATE = 0.03


def _update(params: Params, gradients: Params) -> Params:
    return {name: w - _RATE * w * gradients[name] for name, w in params.items()}


def _posted(seed: int) -> Program:
    random = np.random.default_rng(seed)
    x, y = xor()
    return Program(
        loss=halved_cross_entropy,
        gradients=gradients_at_z,
        params={"W1": random.random((2, 3)), "W2": random.random((2, 3))},
        X=x,
        Y=y,
        lr=_RATE,
        steps=4000,
        batch=1,
        forward=outputs_of,
        update=_update,
        score=score,
        columns=True,
    )


SYSTEMS = (
    System(
        id="S6",
        title="XOR: the step is multiplied by the weight",
        source="Q&A site on programming, 'How to correctly calculate gradients in neural network', "
        "second update",
        network="2-2-2, sigmoid and softmax, columns, biases inside of the weight matrices",
        symptom="Each of the four points can be learned alone; all together give about .5 everywhere.",
        claim="outputs about .5",
        causes=causes("R07", "R20", "D03 D07 R02"),
        posted=_posted,
        fixed=fixed_xor,
        target=("accuracy", 1.0),
        model=xor_model,
        explanation="The derivative is still z (1 - z) at z. The step is W * dW, so that no weight can "
        "change its sign, and all of them begin in 0 .. 1; that alone would do little harm here. "
        "1000 rounds at this rate would be too few even with both repaired. Nobody found it.",
    ),
)
