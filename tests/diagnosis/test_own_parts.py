"""Layers, losses and models of this library pass; a user's own that are wrong do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, check_layer, check_loss, check_model, nn
from portable_mlp.nn.dense_stack import dense_stack

LAYERS: list[tuple[nn.Layer, Any]] = [
    (nn.Dense(4), 3),
    (nn.Dense(4, use_bias=False), 3),
    (nn.Dropout(0.4), 6),
    (nn.LayerNorm(), 5),
    (nn.RMSNorm(), 5),
    (nn.BatchNorm(), 5),
    (nn.Scale(), 4),
    (nn.NTKDense(4), 3),
    (nn.Flatten(), (2, 3)),
    (nn.Residual((nn.Dense(4), nn.Tanh(), nn.Dense(4))), 4),
    *((activation, 5) for activation in nn.ACTIVATIONS.values()),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda part: str(part)[:30])
def test_our_layers_pass(layer: nn.Layer, shape: Any) -> None:
    report = check_layer(layer, shape)
    assert report.ok, str(report)
    assert report.parameters[0].name == "params['x']"


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(nn.LOSSES))
def test_our_losses_pass(name: str, weighted: bool) -> None:
    loss = nn.LOSSES[name]
    outputs = 4 if name == "gaussian_nll" or loss.targets_per_output(4) != 4 else 3
    weights = np.linspace(0.5, 2.0, 5) if weighted else None
    report = check_loss(loss, outputs, weights=weights)
    assert report.ok, str(report)


def test_our_models_pass() -> None:
    random = np.random.default_rng(0)
    layers = dense_stack([9, 7, 3], "silu", dropout=0.2, normalization="batch")
    model = MLP(layers=layers, inputs=4, l1=1e-3, l2=0.1)
    before = model.parameters()
    report = check_model(model, random.normal(size=(30, 4)), random.integers(0, 3, 30))
    assert report.ok, str(report)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])


@dataclass(frozen=True)
class WrongTanh(nn.Layer):
    """Its backward is given z where it wants a."""

    def forward(self, params: Any, x: Any, ctx: Any) -> tuple[Any, Any]:
        return ctx.xp.tanh(x), x

    def backward(self, params: Any, cache: Any, dy: Any, ctx: Any) -> tuple[Any, Any]:
        return dy * (1 - cache**2), None


@dataclass(frozen=True)
class WrongScale(nn.Dense):
    """Its bias gradient is one number."""

    def gradients(self, params: Any, cache: Any, dy: Any, ctx: Any) -> Any:
        right = super().gradients(params, cache, dy, ctx)
        return right._replace(bias=ctx.xp.sum(dy) + 0 * right.bias)


def test_wrong_layers_are_found() -> None:
    report = check_layer(WrongTanh(), 4)
    assert not report.ok
    assert report.findings[0].where == ("params['x']",)
    report = check_layer(WrongScale(3), 4)
    assert [f.id for f in report.findings] == ["R11"], str(report)
    assert report.findings[0].where == ("params['bias']",)


@dataclass(frozen=True)
class WrongSquares(nn.Loss):
    """Twice its derivative."""

    def per_sample(self, outputs: Any, targets: Any, ctx: Any) -> tuple[Any, Any]:
        e = outputs - targets
        return 0.5 * ctx.xp.sum(e * e, axis=1), 2 * e


def test_a_wrong_loss_is_found() -> None:
    (found,) = check_loss(WrongSquares()).findings
    assert found.id == "R02"
    assert "2" in found.evidence


def test_a_model_with_a_wrong_layer_is_found() -> None:
    layers = [nn.Dense(6), WrongTanh(), nn.Dense(2)]
    model = MLP(layers=layers, inputs=3)
    random = np.random.default_rng(0)
    report = check_model(model, random.normal(size=(20, 3)), random.integers(0, 2, 20))
    assert not report.ok
    wrong = {p.name for p in report.parameters if p.verdict != "right"}
    assert wrong == {"params['dense_1.weight']", "params['dense_1.bias']"}
