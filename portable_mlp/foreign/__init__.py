"""Models of other libraries, taken over: scikit-learn, PyTorch, Keras. It imports none of them."""

from typing import TYPE_CHECKING

from portable_mlp import lazy

if TYPE_CHECKING:
    from portable_mlp.foreign.found import Found
    from portable_mlp.foreign.keras_models import from_keras
    from portable_mlp.foreign.sklearn_models import from_sklearn
    from portable_mlp.foreign.torch_models import from_torch

__all__ = ["Found", "from_keras", "from_sklearn", "from_torch"]

__getattr__, __dir__ = lazy.names(
    __name__,
    found="Found",
    keras_models="from_keras",
    sklearn_models="from_sklearn",
    torch_models="from_torch",
)
