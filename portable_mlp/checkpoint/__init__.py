"""Trainings that go on after they were killed: checkpoint files, and the callback that writes them."""

from portable_mlp.checkpoint.callback import Checkpoint

__all__ = ["Checkpoint"]
