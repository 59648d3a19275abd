"""The layers that are not activations, one file each."""

from portable_mlp.nn.layers.batch_norm import BatchNorm, BatchNormParams, BatchNormState
from portable_mlp.nn.layers.dense import Dense, DenseParams
from portable_mlp.nn.layers.dropout import Dropout
from portable_mlp.nn.layers.embedding import Embedding, EmbeddingParams
from portable_mlp.nn.layers.flatten import Flatten
from portable_mlp.nn.layers.layer_norm import (
    LayerNorm,
    LayerNormParams,
    RMSNorm,
    RMSNormParams,
)
from portable_mlp.nn.layers.ntk_dense import NTKDense
from portable_mlp.nn.layers.residual import Residual
from portable_mlp.nn.layers.scale import Scale, ScaleParams

__all__ = [
    "BatchNorm",
    "BatchNormParams",
    "BatchNormState",
    "Dense",
    "DenseParams",
    "Dropout",
    "Embedding",
    "EmbeddingParams",
    "Flatten",
    "LayerNorm",
    "LayerNormParams",
    "NTKDense",
    "RMSNorm",
    "RMSNormParams",
    "Residual",
    "Scale",
    "ScaleParams",
]
