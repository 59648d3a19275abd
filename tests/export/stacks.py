"""Models whose numbers are random, of every layer, activation, loss and scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from portable_mlp import MLP, backends, nn
from portable_mlp.data.columns import Columns
from portable_mlp.data.opened import Opened
from portable_mlp.nn.parameters import named_leaves, rebuild
from portable_mlp.scaling import SCALINGS, Scaling

FEATURES = 5

LAYERS: dict[str, Callable[[], list[nn.Layer]]] = {
    **{name: lambda layer=layer: [layer] for name, layer in nn.ACTIVATIONS.items()},
    "leaky 0.3": lambda: [nn.LeakyReLU(0.3)],
    "elu 0.5": lambda: [nn.ELU(0.5)],
    "sigmoid 2": lambda: [nn.Sigmoid(2.0)],
    "dense": lambda: [nn.Dense(7)],
    "dense without bias": lambda: [nn.Dense(4, use_bias=False)],
    "ntk dense": lambda: [nn.NTKDense(7)],
    "ntk dense without bias": lambda: [nn.NTKDense(4, use_bias=False)],
    "dropout": lambda: [nn.Dropout(0.5)],
    "scale": lambda: [nn.Scale()],
    "batch norm": lambda: [nn.BatchNorm(epsilon=1e-3)],
    "layer norm": lambda: [nn.LayerNorm(epsilon=1e-2)],
    "rms norm": lambda: [nn.RMSNorm()],
    "embedding": lambda: [nn.Embedding([4, 12, 1])],
    "embedding alone": lambda: [nn.Embedding([3] * FEATURES, units=2)],
    "flatten": lambda: [nn.Flatten()],
    "residual": lambda: [nn.Residual([nn.BatchNorm(), nn.Dense(FEATURES), nn.Tanh()])],
    "residual in residual": lambda: [
        nn.Residual([nn.Scale(), nn.Residual([nn.ReLU(), nn.Dense(FEATURES)]), nn.SiLU()])
    ],
    "network": lambda: [nn.Network.of([nn.Dense(3), nn.Network.of([nn.PReLU(), nn.LayerNorm()])])],
}
LOSSES: dict[str, tuple[nn.Loss, int]] = {
    **{name: (loss, 4) for name, loss in nn.LOSSES.items()},
    "one yes or no": (nn.BinaryCrossEntropy(), 1),
    "one side": (nn.Hinge(), 1),
    "quantiles": (nn.Quantile((0.1, 0.5, 0.9)), 6),
    "two classes": (nn.SoftmaxCrossEntropy(), 2),
    "own": (nn.CustomLoss(lambda o, t, xp: (xp.sum(o, axis=1), o)), 2),
}


def with_random_numbers(model: MLP, seed: int) -> MLP:
    """Weights, biases, norms and running statistics that no start would have."""
    random = np.random.default_rng(seed)
    values = {n: random.normal(0, 0.6, v.shape) for n, v in model.parameters().items()}
    model.set_parameters(values)
    problem = model._problem
    state = (
        model.backend.asarray(random.uniform(0.5, 2.0, leaf.shape))
        for _, leaf in named_leaves(problem.state_layout.specs)
    )
    tree = rebuild(problem.state_layout.specs, state)
    model._weights = model._weights._replace(state=tree)
    return model


def scaling(kind: str, shape: tuple[int, ...], random: np.random.Generator) -> Scaling:
    return Scaling.of(kind, [random.normal(3.0, 2.0, (20, *shape))])


def model_of(
    layers: list[nn.Layer], loss: nn.Loss | str, units: int, seed: int, **more: Any
) -> MLP:
    more = {
        "inputs": FEATURES,
        "backend": backends.get("numpy", None, more.pop("dtype", None)),
    } | more
    made = MLP(layers=[*layers, nn.Dense(units)], loss=loss, seed=seed, **more)
    return with_random_numbers(made, seed)


def random_model(seed: int) -> MLP:
    """A stack of up to six layers, a loss, scalings, names: all by the seed."""
    random = np.random.default_rng(seed)
    loss, units = list(LOSSES.values())[seed % len(LOSSES)]
    kinds = [*LAYERS]
    layers: list[nn.Layer] = []
    shape: tuple[int, ...] = (FEATURES,)
    if random.random() < 0.3:
        shape = (2, 3)
        layers = [nn.Scale(), nn.LayerNorm(), nn.Flatten(), nn.Dense(FEATURES)]
    width = FEATURES
    for kind in random.choice(kinds, random.integers(0, 6)):
        if width != FEATURES:
            layers.append(nn.Dense(FEATURES))
        layers += [replace(layer, name=None) for layer in LAYERS[kind]()]
        (width,) = nn.Network.of(layers).output_shape(shape)
    more: dict[str, Any] = {"dtype": str(random.choice(["float32", "float64"])), "inputs": shape}
    if random.random() < 0.6:
        more["scaling"] = scaling(str(random.choice(SCALINGS)), shape, random)
    if type(loss).predict is nn.Loss.predict and type(loss) in (
        nn.SquaredError,
        nn.Huber,
        nn.LogCosh,
    ):
        kind = str(random.choice(["standard", "clamped"]))
        more["target_scaling"] = scaling(kind, (units,), random)
    made = model_of(layers, loss, units, seed, **more)
    if loss.classifies and random.random() < 0.5:
        names = [f"f {k}" for k in range(FEATURES)] if shape == (FEATURES,) else []
        classes = [f"class {k}" for k in range(max(units, 2))]
        made.columns = Columns(tuple(names), "y", tuple(classes))
    return made


def rows_for(model: MLP, rows: int, seed: int = 0) -> np.ndarray:
    """Samples that are of about 1 after the model's scaling."""
    x = np.random.default_rng(seed).normal(size=(rows, *model.sample_shape))
    if isinstance(model.network.layers[0], nn.Embedding):
        x = np.round(4 * x) / 2  # category numbers, and some that are none
    if model.scaling is not None:
        x = x / model.scaling.factor + model.scaling.shift
    return x.astype(model.backend.dtype_name)


def expected(model: MLP, X: np.ndarray) -> dict[str, np.ndarray]:
    """What the exported file must answer: names of classes in place of their numbers."""
    rows = Opened(X, model.columns.features)
    found = {"predict": model.predict(rows), "forward": model.forward(rows)}
    classes = np.array(model.columns.classes, object)
    if len(classes) and found["predict"].ndim == 1:
        found["predict"] = classes[found["predict"]]
    elif len(classes) and found["predict"].shape[1] == 1:
        found["predict"] = classes[(found["predict"][:, 0] > 0).astype(int)]
    if type(model.loss).probabilities is not nn.Loss.probabilities:
        found["predict_proba"] = model.predict_proba(rows)
    return found


def check_equal(found: Any, wanted: np.ndarray, tolerance: float, what: str) -> None:
    found = np.asarray(found)
    assert found.shape == wanted.shape, what
    if wanted.dtype.kind == "f":
        size = max(float(np.abs(wanted).max(initial=0)), 1.0)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * size, err_msg=what)
    else:
        assert (found == wanted).all(), what
