"""The model that a user holds."""

from portable_mlp.model.mlp import MLP

__all__ = ["MLP"]
