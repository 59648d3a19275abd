"""Before and around a training: which learning rate, and whether the network can learn at all."""

from portable_mlp.steering.learning_rate import RateCurve, find_learning_rate
from portable_mlp.steering.one_batch import OneBatch, overfit_one_batch

__all__ = ["OneBatch", "RateCurve", "find_learning_rate", "overfit_one_batch"]
