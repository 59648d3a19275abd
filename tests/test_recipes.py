"""Recipes build the networks they name."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder, backends, nn, optim
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


# -- realmlp-s -------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [3, 0])
def test_realmlp_is_the_network_of_its_paper(classes: int) -> None:
    recipe = RECIPES["realmlp-s"].suited(classes)
    layers = recipe.build(4, classes).network.layers
    activation = "selu" if classes else "mish"
    block = ["ntk_dense", activation]
    assert [layer.kind for layer in layers] == ["scale", *block, *block, *block, "ntk_dense"]
    options = recipe.fit_options()
    assert options["optimizer"] == optim.Adam(beta2=0.95)
    rate = 0.04 if classes else 0.07
    shown = (rate, "coslog4", 256, 256)
    names = ("learning_rate", "schedule", "epochs", "batch_size")
    assert tuple(options[name] for name in names) == shown
    (best,) = options["callbacks"]
    assert (best.monitor, best.ties) == ("val_accuracy" if classes else "val_loss", "last")


@pytest.mark.parametrize("classes", [3, 0])
def test_realmlp_moves_as_pytorch_with_groups_of_parameters(classes: int) -> None:
    """The paper's network, written in PyTorch, with its rates for factors, weights and biases."""
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 4))
    y = random.integers(0, 3, 40) if classes else random.normal(size=(40, 1))
    recipe = replace(RECIPES["realmlp-s"].suited(classes), hidden=(6, 5), epochs=12, validation=0.0)
    model = recipe.build(4, classes, dtype="float64", seed=3)
    first = {n: torch.tensor(v, requires_grad=True) for n, v in model.parameters().items()}
    model.fit(x, y, **recipe.fit_options())

    rates = {".scale": 6.0, ".weight": 1.0, ".bias": 0.1}
    groups = {end: [v for n, v in first.items() if n.endswith(end)] for end in rates}
    adam = torch.optim.Adam([{"params": part} for part in groups.values()], betas=(0.9, 0.95))
    act = torch.nn.SELU() if classes else torch.nn.Mish()
    inputs = torch.tensor(x)
    targets = torch.tensor(y if classes else (y - y.mean()) / y.std())
    for step in range(12):
        rate = 0.5 - 0.5 * np.cos(2 * np.pi * np.log2(1 + 15 * step / 12))
        for group, factor in zip(adam.param_groups, rates.values(), strict=True):
            group["lr"] = (0.04 if classes else 0.07) * rate * factor
        h = inputs * first["scale_1.scale"]
        for k in (1, 2, 3):
            weight, bias = first[f"ntk_dense_{k}.weight"], first[f"ntk_dense_{k}.bias"]
            h = h @ weight / len(weight) ** 0.5 + bias
            h = act(h) if k < 3 else h
        if classes:
            loss = torch.nn.functional.cross_entropy(h, targets, label_smoothing=0.1)
        else:
            loss = torch.nn.functional.mse_loss(h, targets)
        adam.zero_grad()
        loss.backward()
        adam.step()
    for name, value in model.parameters().items():
        np.testing.assert_allclose(value, first[name].detach().numpy(), rtol=1e-7, atol=1e-9)


def test_realmlp_learns_a_table_and_stays_in_range() -> None:
    random = np.random.default_rng(0)
    table = {"x": random.normal(size=300), "kind": random.choice(list("abc"), 300).tolist()}
    y = 100 + 10 * table["x"][:, None] + 5.0 * (np.asarray(table["kind"]) == "b")[:, None]
    recipe = replace(RECIPES["realmlp-s"].suited(0), epochs=40, hidden=(32, 32))
    model = recipe.build(TableEncoder.of(table), 0)
    model.fit(table, y, **recipe.fit_options())
    assert model.evaluate(table, y, metrics=["r2"])["r2"] > 0.98
    far = model.predict({"x": [-50, 50], "kind": ["a", "b"]})
    assert y.min() - 1e-4 <= far.min() < far.max() <= y.max() + 1e-4


def test_an_encoder_scales_in_place_of_the_recipe() -> None:
    table = {"a": [1.0, 2.0, None, 4.0], "b": ["x", "y", "x", None]}
    recipe = table_recipe(4)
    assert recipe.scaling is not None
    model = recipe.build(TableEncoder.of(table), 2)
    assert (model.scaling, model.encoder is None) == (None, False)
