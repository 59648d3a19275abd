"""A trained model as a file that others run: ONNX, or Python with numpy alone."""

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.export.exported import Exported, ExportError
    from portable_mlp.export.writing import write

__all__ = ["ExportError", "Exported", "write"]

__getattr__, __dir__ = lazy.names(__name__, exported="ExportError Exported", writing="write")
