"""The gradient check for layers, losses and models of this library, and for a user's own of that kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from portable_mlp import randomness
from portable_mlp.backends import get
from portable_mlp.diagnosis.gradient_check import check_gradients
from portable_mlp.diagnosis.report import GradientReport
from portable_mlp.model import MLP
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.layer import Context, Layer
from portable_mlp.nn.losses import LOSSES, Loss
from portable_mlp.nn.parameters import ParameterLayout


def check_layer(
    layer: Layer, sample_shape: int | Shape, *, batch: int = 5, training: bool = True, seed: int = 0
) -> GradientReport:
    """Whether a layer's backward is the derivative of its forward.

    A random projection Σ R ∘ forward(x) stands in for the loss, so that every output counts.

    Args:
        layer: one of this library's or of your own.
        sample_shape: shape of one sample, or its number of features.
        batch: samples.
        training: whether dropout draws (the same numbers in each call) and batch statistics are used.
        seed: of everything random.

    Returns:
        A verdict for ``x`` and for each parameter.

    Example:
        >>> from portable_mlp import nn
        >>> check_layer(nn.Dense(3), 4).ok
        True
    """
    if not isinstance(layer, Layer):
        raise TypeError(f"layer: got {layer!r}, expected a Layer object, with its parentheses.")
    if batch < 1:
        raise ValueError(f"batch: got {batch}, expected 1 or more.")
    shape = tuple(int(n) for n in np.atleast_1d(np.asarray(sample_shape)))
    random, xp = np.random.default_rng(seed), get("numpy", dtype="float64").xp
    layout, state = ParameterLayout(layer.parameters(shape)), _state_of(layer, shape)
    projection = random.normal(size=(batch, *layer.output_shape(shape)))
    keys = randomness.stream_keys(seed, 0, layer.streams)

    def context() -> Context:
        streams = iter(keys)
        return Context(
            xp, "cpu", training, lambda s: randomness.uniform(xp, s, next(streams), "cpu")
        )

    def split(params: dict[str, Any]) -> tuple[Any, Any]:
        arrays = [params[name].reshape(-1) for name, _, _ in layout.entries]
        return params["x"], layout.views(np.concatenate([*arrays, np.zeros(0)]), xp)

    def loss(params: dict[str, Any], X: Any, Y: Any) -> float:  # noqa: N803
        x, tree = split(params)
        y, _, _ = layer.apply(tree, state, x, context())
        return float(np.sum(projection * y))

    def gradients(params: dict[str, Any], X: Any, Y: Any) -> dict[str, Any]:  # noqa: N803
        x, tree = split(params)
        ctx = context()
        _, cache, _ = layer.apply(tree, state, x, ctx)
        dx, found = layer.backward(tree, cache, projection.copy(), ctx)
        named = {}
        if layout.entries:
            named = layout.named(layout.flatten(found, xp), xp)
        return {"x": dx, **named}

    drawn = {name: random.normal(size=spec.shape) for name, spec, _ in layout.entries}
    params = {"x": random.normal(size=(batch, *shape)), **drawn}
    return check_gradients(loss, gradients, params, np.zeros(1), np.zeros(1), seed=seed)


def check_loss(
    loss: Loss | str,
    outputs: int = 4,
    *,
    targets: Any = None,
    weights: Any = None,
    batch: int = 5,
    seed: int = 0,
) -> GradientReport:
    """Whether a loss gives the derivative of its value.

    Args:
        loss: one of this library's, or its name, or of your own.
        outputs: units of the network that it would follow.
        targets: (batch, ...) as the loss wants them; None draws some, numbers in (0, 1).
        weights: one for each sample, or None.
        batch: samples, where no targets are given.
        seed: of everything random.

    Example:
        >>> check_loss("huber").ok
        True
    """
    loss = choose("loss", loss, LOSSES, Loss)
    random, xp = np.random.default_rng(seed), get("numpy", dtype="float64").xp
    if targets is None:
        rows = batch
        targets = random.integers(0, outputs, rows)
        if loss.targets == "values":
            targets = random.uniform(0.1, 0.9, (rows, loss.targets_per_output(outputs)))
    targets = np.asarray(targets)
    ctx = Context(xp, "cpu", True)

    def call(params: dict[str, Any]) -> tuple[Any, Any]:
        given = None if weights is None else np.asarray(weights, np.float64)
        return loss(params["outputs"], targets.copy(), given, ctx)

    return check_gradients(
        lambda params, X, Y: float(call(params)[0]),  # noqa: N803
        lambda params, X, Y: {"outputs": call(params)[1]},  # noqa: N803
        {"outputs": random.normal(size=(len(targets), outputs))},
        np.zeros(1),
        np.zeros(1),
        seed=seed,
    )


def check_model(model: MLP, X: Any, y: Any, *, seed: int = 0) -> GradientReport:  # noqa: N803
    """Whether a model's gradient is the derivative of its loss: on numpy, in double precision.

    Args:
        model: any model; it is not changed.
        X: some samples.
        y: their targets.
        seed: of the random points.

    Example:
        >>> report = check_model(MLP([4, 8, 3]), np.eye(4)[:3], [0, 1, 2])
        >>> report.ok
        True
    """
    if not isinstance(model, MLP):
        raise TypeError(f"model: got a {type(model).__name__}, expected an MLP.")
    double = model.to("numpy", dtype="float64")

    def at(params: dict[str, Any], x: Any, t: Any) -> tuple[float, dict[str, Any]]:
        double.set_parameters(params)
        return double.loss_and_gradients(x, t)

    return check_gradients(
        lambda params, x, t: at(params, x, t)[0],
        lambda params, x, t: at(params, x, t)[1],
        double.parameters(),
        X,
        y,
        seed=seed,
    )


def _state_of(layer: Layer, shape: Shape) -> Any:
    layout = ParameterLayout(layer.state(shape))
    if not layout.entries:
        return layer.state(shape)
    drawn = np.concatenate(layout.draw(randomness.HostStream(0)))
    return layout.views(drawn, np)
