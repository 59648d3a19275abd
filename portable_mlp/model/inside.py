"""What goes through the layers of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from portable_mlp.model.mlp import MLP


def layer_outputs(model: MLP, X: Any) -> dict[str, np.ndarray]:  # noqa: N803
    """What each layer gives at prediction: ``{layer name: (n, ...)}``, on the host.

    Args:
        model: whose layers.
        X: samples (n, features).

    Raises:
        ValueError: samples that can't be.
    """
    problem, backend = model._problem, model.backend
    found = {}
    with backend.scope():
        x = model._border.features(X)
        params = problem.layout.views(model._weights.vector, backend.xp)
        ctx = problem.context(backend.xp)
        for name, layer in model.network.named_layers.items():
            x, _, _ = layer.apply(params[name], model._weights.state[name], x, ctx)
            found[name] = np.array(backend.to_numpy(x))
    return found
