"""The training step, the loop around it, its history and callbacks."""

from portable_mlp.training.callbacks import (
    BestEpoch,
    EarlyStopping,
    EpochLines,
    ProgressBar,
    StopOnNonFinite,
)
from portable_mlp.training.divergence import TrainingDiverged
from portable_mlp.training.history import History
from portable_mlp.training.loop import Callback, Run

__all__ = [
    "BestEpoch",
    "Callback",
    "EarlyStopping",
    "EpochLines",
    "History",
    "ProgressBar",
    "Run",
    "StopOnNonFinite",
    "TrainingDiverged",
]
