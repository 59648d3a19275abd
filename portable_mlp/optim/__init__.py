"""Optimizers, learning-rate schedules and penalties. It imports no array library."""

from portable_mlp.optim import schedules
from portable_mlp.optim.adam import Adam, AdamW, NAdam
from portable_mlp.optim.adaptive import Adagrad, RMSprop
from portable_mlp.optim.lbfgs import LBFGS
from portable_mlp.optim.line_search import StrongWolfe
from portable_mlp.optim.lion import Lion
from portable_mlp.optim.optimizer import Optimizer
from portable_mlp.optim.penalty import Penalty
from portable_mlp.optim.schedules import SCHEDULES, Schedule
from portable_mlp.optim.sgd import SGD

OPTIMIZERS: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True),
    "rmsprop": RMSprop(),
    "adagrad": Adagrad(),
    "adam": Adam(),
    "adamw": AdamW(),
    "nadam": NAdam(),
    "lion": Lion(),
    "lbfgs": LBFGS(),
}
"""The names that stand for an optimizer with its default numbers."""

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "NAdam",
    "Optimizer",
    "Penalty",
    "RMSprop",
    "Schedule",
    "StrongWolfe",
    "schedules",
]
