"""The training step, the loop around it, its history and callbacks."""

from portable_mlp.training.callbacks import (
    BestEpoch,
    EarlyStopping,
    EpochLines,
    ProgressBar,
    StopOnNonFinite,
    TimeLimit,
)
from portable_mlp.training.divergence import TrainingDiverged
from portable_mlp.training.history import History
from portable_mlp.training.loggers import CSVLogger, JSONLinesLogger
from portable_mlp.training.loop import Callback, Run, StopTraining
from portable_mlp.training.trackers import MLflowLogger, TensorBoardLogger, WandbLogger

__all__ = [
    "BestEpoch",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "EpochLines",
    "History",
    "JSONLinesLogger",
    "MLflowLogger",
    "ProgressBar",
    "Run",
    "StopOnNonFinite",
    "StopTraining",
    "TensorBoardLogger",
    "TimeLimit",
    "TrainingDiverged",
    "WandbLogger",
]
