"""Losses: value and gradient from one function."""

from portable_mlp.nn.losses.base import CustomLoss, Loss
from portable_mlp.nn.losses.classification import (
    BinaryCrossEntropy,
    BinaryFocal,
    GroupedSoftmaxCrossEntropy,
    Hinge,
    SoftmaxCrossEntropy,
    SoftmaxFocal,
)
from portable_mlp.nn.losses.regression import (
    AbsoluteError,
    GaussianNLL,
    HalfSquaredError,
    HalfSumSquaredError,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    SquaredError,
    SumSquaredError,
)

LOSSES: dict[str, Loss] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy(),
    "softmax_focal": SoftmaxFocal(),
    "binary_cross_entropy": BinaryCrossEntropy(),
    "binary_focal": BinaryFocal(),
    "hinge": Hinge(),
    "squared_error": SquaredError(),
    "half_squared_error": HalfSquaredError(),
    "sum_squared_error": SumSquaredError(),
    "half_sum_squared_error": HalfSumSquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "log_cosh": LogCosh(),
    "poisson": Poisson(),
    "quantile": Quantile(),
    "gaussian_nll": GaussianNLL(),
}
"""The names that stand for a loss with its default numbers."""

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "CustomLoss",
    "GaussianNLL",
    "GroupedSoftmaxCrossEntropy",
    "HalfSquaredError",
    "HalfSumSquaredError",
    "Hinge",
    "Huber",
    "LogCosh",
    "Loss",
    "Poisson",
    "Quantile",
    "SoftmaxCrossEntropy",
    "SoftmaxFocal",
    "SquaredError",
    "SumSquaredError",
]
