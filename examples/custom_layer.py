"""
A layer, an activation and a loss of your own
=============================================

Each with its derivative, checked numerically, on any backend.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from portable_mlp import MLP, nn

# %%
# A layer: its parameters by name, what goes forward, and what comes back.


class ShiftParams(NamedTuple):
    """Parameters of `Shift`, or their gradients."""

    shift: object


@dataclass(frozen=True)
class Shift(nn.Layer):
    """y = x + c, a learned c for each feature.   dL/dc = Σ_batch dy,   dL/dx = dy."""

    def parameters(self, shape):
        """One number for each feature, 0 at the start."""
        return ShiftParams(nn.ParameterSpec(shape, nn.Zeros()))

    def forward(self, params, x, ctx):
        """Y, and nothing that backward needs."""
        return x + params.shift, None

    def backward(self, params, cache, dy, ctx):
        """DL/dx and dL/dc."""
        return dy, ShiftParams(ctx.xp.sum(dy, axis=0))


# %%
# An activation is two functions; a loss gives each sample's loss and its derivative.

bent = nn.CustomActivation(
    function=lambda z, xp: z / (1 + xp.abs(z)),
    slope=lambda z, xp: 1 / (1 + xp.abs(z)) ** 2,
)


def fourth_power(outputs, targets, xp):
    """Each sample's loss Σ e⁴ and its derivative 4 e³."""
    e = outputs - targets
    return xp.sum(e**4, axis=1), 4 * e**3


# %%
# A network of them, checked before it is trained.

model = MLP(
    layers=[Shift(), nn.Dense(16), bent, nn.Dense(1)],
    inputs=2,
    loss=nn.CustomLoss(fourth_power),
    dtype="float64",
)
random = np.random.default_rng(0)
X = random.uniform(-1, 1, (200, 2))
y = np.sin(3 * X[:, :1]) * X[:, 1:]

# is the gradient right? compare it with a difference quotient along a random direction
loss, gradients = model.loss_and_gradients(X, y)
start = model.parameters()
direction = {name: random.normal(size=value.shape) for name, value in start.items()}
analytic = sum((gradients[name] * direction[name]).sum() for name in start)
values = []
for step in (+1e-6, -1e-6):
    model.set_parameters({name: start[name] + step * direction[name] for name in start})
    values.append(model.loss_and_gradients(X, y)[0])
model.set_parameters(start)
print(
    f"slope along a direction: backward {analytic:.8f}, numeric {(values[0] - values[1]) / 2e-6:.8f}"
)

history = model.fit(X, y, epochs=300, batch_size=50, learning_rate=0.01)
print(f"loss {history['loss'][0]:.5f} -> {history['loss'][-1]:.6f}")
