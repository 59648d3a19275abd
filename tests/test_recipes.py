"""Recipes build the networks they name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portable_mlp import MLP, backends, nn
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.recipes import RECIPES, Recipe, table_recipe


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


def test_a_recipe_for_a_number_scales_it() -> None:
    model = replace(Recipe(), hidden=(4,), scaling="standard").build(3, 0)
    x = np.random.default_rng(0).normal(5, 2, (40, 3))
    model.fit(x, 1e6 + 1e5 * x[:, :1], epochs=1)
    assert model.target_scaling is not None
    assert model.target_scaling.shift[0] == pytest.approx(1e6 + 1e5 * x[:, 0].mean())
    assert model.scaling is not None
    assert (model.loss, model.predict(x).shape) == (nn.SquaredError(), (40, 1))


def test_a_recipe_builds_on_a_backend_and_flattens_images() -> None:
    model = Recipe(hidden=(4,), l2=0.5).build(
        (2, 3), 2, backend=backends.get("numpy", dtype="float64")
    )
    assert model.backend.dtype_name == "float64"
    assert [layer.kind for layer in model.network.layers] == ["flatten", "dense", "silu", "dense"]
    weights = [w for name, w in model.parameters().items() if "weight" in name]
    figures = model.evaluate(np.zeros((2, 2, 3)), [0, 1])
    expected = np.log(2) + 0.25 * sum((w**2).sum() for w in weights)
    assert figures["loss"] == pytest.approx(expected)


def test_what_is_held_out_chooses_the_epoch() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.random.default_rng(1).integers(0, 2, 60)  # nothing to be learned
    for patience, epochs in ((2, 4), (None, 12)):
        recipe = Recipe(
            hidden=(64,), learning_rate=0.1, epochs=12, validation=0.3, patience=patience
        )
        history = recipe.build(3, 2).fit(x, y, **recipe.fit_options())
        assert history.best_epoch == np.argmin(history["val_loss"]) + 1
        assert history.epochs <= epochs if patience else history.epochs == epochs


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs", "patience"),
    [(1, 16, 300, 20), (999, 32, 300, 20), (10**5, 256, 200, 20), (10**7, 256, 10, 3)],
)
def test_a_table_sets_the_recipe(rows: int, batch_size: int, epochs: int, patience: int) -> None:
    recipe = table_recipe(rows)
    assert (recipe.batch_size, recipe.epochs, recipe.patience) == (batch_size, epochs, patience)
    assert len(recipe.hidden) == (1 if rows < 1000 else 2)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes"])
def test_a_table_is_learned_about_as_well_as_by_scikit_learn(name: str) -> None:
    sklearn = pytest.importorskip("sklearn")
    from sklearn import datasets, neural_network, pipeline, preprocessing

    assert sklearn
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    classes, train, test = name != "diabetes", np.arange(len(X)) % 4 > 0, np.arange(len(X)) % 4 == 0
    recipe = table_recipe(train.sum())
    model = recipe.build(X.shape[1], 2 if classes else 0)
    model.fit(X[train], y[train] if classes else y[train, None], **recipe.fit_options())
    kind = neural_network.MLPClassifier if classes else neural_network.MLPRegressor
    theirs = pipeline.make_pipeline(preprocessing.StandardScaler(), kind(random_state=0))
    theirs.fit(X[train], y[train])
    predicted = model.predict(X[test]).reshape(-1)
    wrong, other = (
        ((p != y[test]).mean() if classes else ((p - y[test]) ** 2).mean())
        for p in (predicted, theirs.predict(X[test]))
    )
    assert wrong <= other + (0.03 if classes else 0)
