"""Models that leave for other libraries, and models of other libraries that come in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

from portable_mlp.backends import Backend
from portable_mlp.model.trainable import Trainable
from portable_mlp.nn import Layer, Loss
from portable_mlp.nn.arrays import Shape


class Exchanged(Trainable):
    """How `MLP` gets along with other libraries."""

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the model as a file that predicts without this package; docs/export.md says how.

        ``.onnx``: for onnxruntime and whatever else reads ONNX (extra ``onnx``); what onnxruntime makes
        of it is compared with the model before it is written. ``.py``: one readable Python file,
        weights inside, that needs numpy alone.

        Args:
            path: its name, which ends in ``.onnx`` or ``.py``.
            overwrite: whether a file of that name may be replaced.

        Raises:
            ValueError: a name that ends otherwise; a part that the format can't have; a scaling that no
                training has worked out yet.
            ModuleNotFoundError: the extra is not installed.
            FileExistsError: there is such a file.
            OSError: it can't be written; one that was there is as it was.

        Example:
            >>> import pathlib, runpy, tempfile
            >>> from portable_mlp import MLP
            >>> model, X = MLP([4, 16, 3]), [[1.0, 2.0, 3.0, 4.0]]
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = pathlib.Path(folder, "flowers.py")
            ...     model.export(path)
            ...     flowers = runpy.run_path(str(path))
            >>> bool(abs(flowers["predict_proba"](X) - model.predict_proba(X)).max() < 1e-6)
            True
        """
        from portable_mlp import export
        from portable_mlp.model import exporting

        export.write(exporting.exported(self), path, overwrite=overwrite)

    @classmethod
    def from_sklearn(
        cls,
        estimator: Any,
        *,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
    ) -> Self:
        """The network of a fitted estimator of scikit-learn; its predictions are the same.

        Two classes get an output each (softmax), so that ``predict_proba`` has two columns too. `predict`
        gives class numbers, and ``estimator.classes_`` what they stand for; ``model.columns.classes``
        has that as text. Penalty, optimizer and history stay behind.

        Args:
            estimator: MLPClassifier, MLPRegressor, or a Pipeline of StandardScaler or MinMaxScaler and
                one of them.
            backend: as for a new model.
            device: likewise.
            dtype: None for that of the estimator.

        Raises:
            TypeError: it is something else.
            ValueError: it is not fitted, or has a step that a model here has not.

        Example:
            >>> from sklearn.neural_network import MLPRegressor  # doctest: +SKIP
            >>> model = MLP.from_sklearn(MLPRegressor().fit(X, y))  # doctest: +SKIP
        """
        from portable_mlp import foreign
        from portable_mlp.model import taking_over

        found = foreign.from_sklearn(estimator)
        taken: Self = taking_over.made(cls, found, backend, device, dtype)
        return taken

    @classmethod
    def from_torch(
        cls,
        model: Any,
        *,
        loss: str | Loss | None = None,
        layers: Sequence[Layer] | None = None,
        inputs: int | Shape | None = None,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
    ) -> Self:
        """A network of PyTorch; its predictions are those of ``model.eval()``.

        A softmax or log-softmax at the end becomes the loss ``"softmax_cross_entropy"``, a sigmoid
        ``"binary_cross_entropy"``: `predict_proba` gives what the module gives. Otherwise `predict` does,
        unless you say by ``loss=`` that its outputs are logits.

        Args:
            model: an ``nn.Sequential``, or a state dict (from ``torch.load(..., weights_only=True)``).
            loss: a name or a `Loss`; None chooses by the last layer.
            layers: beside a state dict, which has no activations: the layers in its order.
            inputs: features of a sample, or its shape, where the first layer does not say.
            backend: as for a new model.
            device: likewise.
            dtype: None for that of the weights.

        Raises:
            TypeError: it is something else.
            ValueError: a layer, or an option of one, that a model here has not.

        Example:
            >>> import numpy as np
            >>> from portable_mlp import MLP, nn
            >>> state = {"0.weight": np.ones((3, 2), np.float32), "0.bias": np.zeros(3, np.float32)}
            >>> MLP.from_torch(state, layers=[nn.Dense(3)]).predict([[1.0, 2.0]]).tolist()
            [[3.0, 3.0, 3.0]]
        """
        from portable_mlp import foreign
        from portable_mlp.model import taking_over

        found = foreign.from_torch(model, loss=loss, layers=layers, inputs=inputs)
        taken: Self = taking_over.made(cls, found, backend, device, dtype)
        return taken

    @classmethod
    def from_keras(
        cls,
        model: Any,
        *,
        loss: str | Loss | None = None,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
    ) -> Self:
        """A Sequential of Keras; the loss is chosen as by `from_torch`.

        A Normalization or Rescaling at its start becomes ``model.scaling``.

        Args:
            model: a Sequential that is built.
            loss: a name or a `Loss`; None chooses by the last activation.
            backend: as for a new model.
            device: likewise.
            dtype: None for that of the weights.

        Raises:
            TypeError: it is something else.
            ValueError: a layer, or an option of one, that a model here has not.
        """
        from portable_mlp import foreign
        from portable_mlp.model import taking_over

        found = foreign.from_keras(model, loss=loss)
        taken: Self = taking_over.made(cls, found, backend, device, dtype)
        return taken
