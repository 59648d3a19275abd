"""Multi-layer perceptrons, written once against the array API standard.

>>> import numpy as np
>>> from portable_mlp import MLP
>>> model = MLP([4, 16, 3], backend="numpy", seed=0)
>>> model.predict(np.zeros((2, 4))).shape
(2,)
"""

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp import backends, diagnosis, metrics, nn, optim, plots, training
    from portable_mlp.checkpoint import Checkpoint
    from portable_mlp.data import load_digits, load_fashion_mnist, load_mnist
    from portable_mlp.diagnosis import (
        Doctor,
        check_gradients,
        check_layer,
        check_loss,
        check_model,
        diagnose,
    )
    from portable_mlp.metrics import Metric
    from portable_mlp.model import MLP
    from portable_mlp.steering import find_learning_rate, overfit_one_batch
    from portable_mlp.tables import TableEncoder
    from portable_mlp.training import (
        BestEpoch,
        Callback,
        CSVLogger,
        EarlyStopping,
        History,
        JSONLinesLogger,
        MLflowLogger,
        TensorBoardLogger,
        TimeLimit,
        TrainingDiverged,
        WandbLogger,
    )

__version__ = "0.1.0"

__all__ = [
    "MLP",
    "BestEpoch",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "Doctor",
    "EarlyStopping",
    "History",
    "JSONLinesLogger",
    "MLflowLogger",
    "Metric",
    "TableEncoder",
    "TensorBoardLogger",
    "TimeLimit",
    "TrainingDiverged",
    "WandbLogger",
    "backends",
    "check_gradients",
    "check_layer",
    "check_loss",
    "check_model",
    "diagnose",
    "diagnosis",
    "find_learning_rate",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "metrics",
    "nn",
    "optim",
    "overfit_one_batch",
    "plots",
    "training",
]

__getattr__, __dir__ = lazy.names(
    __name__,
    backends="",
    checkpoint="Checkpoint",
    diagnosis="Doctor check_gradients check_layer check_loss check_model diagnose",
    data="load_digits load_fashion_mnist load_mnist",
    metrics="Metric",
    model="MLP",
    nn="",
    optim="",
    plots="",
    steering="find_learning_rate overfit_one_batch",
    tables="TableEncoder",
    training=(
        "BestEpoch Callback CSVLogger EarlyStopping History JSONLinesLogger MLflowLogger "
        "TensorBoardLogger TimeLimit TrainingDiverged WandbLogger"
    ),
)
