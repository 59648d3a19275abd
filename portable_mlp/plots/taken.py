"""What is drawn: an MLP, also of an estimator that was given."""

from __future__ import annotations

from typing import Any

from portable_mlp.model import MLP


def taken(who: str, model: Any, y: Any = None) -> tuple[MLP, Any]:
    """``(the model, its targets)``; of a fitted estimator its network, and labels as the loss wants them.

    Args:
        who: the name of the picture, for messages.
        model: an `MLP`, or an estimator of `portable_mlp.sklearn`.
        y: targets of the one, labels or numbers of the other, or None.

    Raises:
        TypeError: something else was given.
        ValueError: the estimator is not fitted, or y has a label that it does not know.
    """
    if isinstance(model, MLP):
        return model, y
    if not hasattr(model, "to_mlp"):
        name = type(model).__name__
        hint = "; of a pipeline its last step, with rows that the others transformed"
        raise TypeError(
            f"{who}: got {name}, expected an MLP or a fitted estimator of portable_mlp.sklearn"
            f"{hint if hasattr(model, 'steps') else ''}."
        )
    network = model.to_mlp()
    return network, None if y is None else model.network_targets(y)
