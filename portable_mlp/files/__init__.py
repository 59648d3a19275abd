"""Model files that can be trusted: one model, one file, nothing in it that runs."""

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.files.errors import ModelFileError
    from portable_mlp.files.info import ModelInfo, inspect
    from portable_mlp.files.record import TrainingRecord

__all__ = ["ModelFileError", "ModelInfo", "TrainingRecord", "inspect"]

__getattr__, __dir__ = lazy.names(
    __name__,
    errors="ModelFileError",
    info="ModelInfo inspect",
    record="TrainingRecord",
)
