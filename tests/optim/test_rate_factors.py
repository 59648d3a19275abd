"""A factor of the learning rate for each parameter."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend
from portable_mlp.optim import LBFGS, OPTIMIZERS

FACTORS = (6.0, 1.0, 0.1)
NAMES = sorted(name for name, made in OPTIMIZERS.items() if not isinstance(made, LBFGS))


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_a_larger_or_smaller_rate(backend64: Backend, name: str) -> None:
    """Each third of the vector moves as it does alone, at its own rate."""
    optimizer, xp = OPTIMIZERS[name], backend64.xp
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(3, 5)), random.normal(size=(8, 3, 5))
    with backend64.scope():
        vector = backend64.asarray(start.reshape(-1))
        factors = backend64.asarray(np.repeat(FACTORS, 5))
        slots = optimizer.init(vector, xp)
        alone = [backend64.asarray(part) for part in start]
        alone_slots = [optimizer.init(part, xp) for part in alone]
        for step, gradient in enumerate(gradients, 1):
            vector, slots = optimizer.update(
                *(backend64.asarray(gradient.reshape(-1)), slots, vector),
                *(optimizer.scalars(step, 0.01), xp),
                rate_factors=factors,
            )
            for k, factor in enumerate(FACTORS):
                alone[k], alone_slots[k] = optimizer.update(
                    *(backend64.asarray(gradient[k]), alone_slots[k], alone[k]),
                    *(optimizer.scalars(step, 0.01 * factor), xp),
                )
        expected = np.concatenate([backend64.to_numpy(part) for part in alone])
        np.testing.assert_allclose(backend64.to_numpy(vector), expected, rtol=1e-12, atol=1e-14)


def test_layers_say_their_factors() -> None:
    layers = [nn.Scale(rate=6.0), nn.NTKDense(2, bias_rate=0.1), nn.Dense(2)]
    model = MLP(layers=layers, inputs=3)
    factors = model._problem.rate_factors
    assert factors.tolist() == pytest.approx([6] * 3 + [1] * 6 + [0.1] * 2 + [1] * 6)
    assert MLP([3, 4, 2])._problem.rate_factors is None


def test_a_factor_on_everything_is_the_optimizers_own() -> None:
    x = np.random.default_rng(1).normal(size=(40, 3))
    y = np.arange(40) % 2
    fitted = []
    for rate, learning_rate in ((1.0, 0.03), (3.0, 0.01)):
        layers = [nn.Scale(rate=rate), nn.Dense(2, use_bias=False)]
        model = MLP(layers=layers, inputs=3, dtype="float64")
        if rate == 3.0:
            layout = model._problem.layout  # the weights of Dense as fast as the factors
            model._problem.__dict__["rate_factors"] = np.full(layout.size, rate)
        model.fit(x, y, epochs=4, learning_rate=learning_rate)
        fitted.append(model.parameters())
    for name, value in fitted[0].items():
        np.testing.assert_allclose(fitted[1][name], value, rtol=1e-9)
