"""Recipes build the networks they name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portable_mlp import MLP, nn
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_build_and_their_options_are_those_of_fit(name: str) -> None:
    recipe = replace(RECIPES[name], hidden=(8,), epochs=1)
    model = recipe.build(4, 3, seed=5)
    assert model.seed == 5
    history = model.fit([[0.0, 1, 2, 3]] * 300, [0, 1, 2] * 100, **recipe.fit_options())
    assert history.epochs == 1


def test_accurate_is_what_the_documentation_says() -> None:
    layers = RECIPES["accurate"].build(784, 10).network.layers
    kinds = [layer.kind for layer in layers]
    block = ["dense", "batch_norm", "relu", "dropout"]
    assert kinds == [*block, *block, "dense"]


def test_dense_stack_orders_and_refuses() -> None:
    kinds = [layer.kind for layer in dense_stack([4, 2], nn.Tanh(), normalization="layer")]
    assert kinds == ["dense", "layer_norm", "tanh", "dense"]
    with pytest.raises(ValueError, match="got no widths"):
        dense_stack([])
    with pytest.raises(ValueError, match="normalization: got 'bach'.* Did you mean 'batch'"):
        dense_stack([2, 2], normalization="bach")
    given = dense_stack([2, 2], weight_init="orthogonal", bias_init=nn.Uniform(-1, 1))
    model = MLP(layers=given, inputs=2)
    weight = model.parameters()["dense_1.weight"]
    assert abs(weight.T @ weight - [[1, 0], [0, 1]]).max() < 1e-6
    assert model.parameters()["dense_1.bias"].any()
