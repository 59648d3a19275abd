"""What a trained estimator says of samples, whatever they are labelled with."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from portable_mlp.data.columns import Columns
from portable_mlp.model import MLP
from portable_mlp.sklearn import compatibility as sk
from portable_mlp.sklearn import tables
from portable_mlp.sklearn.heads import one_axis
from portable_mlp.sklearn.weights import Weighted
from portable_mlp.sklearn.words import check_kind, text_in_rows


class Answering(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Weighted):
    """An estimator that is asked; what `predict` is depends on its kind."""

    _takes_tables = False
    """Whether X is a table, by what ``categorical_features`` was at the first training."""

    def _rows(self, X: Any, method: str) -> Any:  # noqa: N803
        """X checked for an answer."""
        check_is_fitted(self)
        if self._takes_tables:
            return tables.network_rows(self, tables.checked_table(self, X, False))
        if self.backend is None:
            sk.check_place(X, self, method)
        check_kind("X", X)
        with text_in_rows(self):
            X = validate_data(  # noqa: N806
                self, X, accept_sparse=["csr", "csc"], dtype=sk.float_types(X), reset=False
            )
        return self._dense(X)

    @property
    def _n_features_out(self) -> int:
        """Units of the last hidden layer; features where there is none."""
        shapes = self._mlp.network.shapes(self._mlp.sample_shape)
        (features,) = list(shapes.values())[-1][0]
        return int(features)

    def transform(self, X: Any) -> Any:  # noqa: N803
        """What the last hidden layer makes of each sample.

        Args:
            X: samples (n, features).

        Returns:
            (n, units of the last hidden layer); X itself, as numbers, where there is none.
        """
        rows = self._rows(X, "transform")
        *hidden, _ = self._mlp.network.named_layers
        return self._model().activations(rows, hidden[-1]) if hidden else tables.numbers(self, rows)

    def input_gradient(self, X: Any, output: int | None = None) -> Any:  # noqa: N803
        """How the outputs of the network change with each feature; see `portable_mlp.MLP.input_gradient`.

        Args:
            X: samples (n, features).
            output: which output: of a classifier the logit of that class; None for all of them.

        Returns:
            (n, features), or (n, outputs, features) for all; the features of a table are those of
            ``encoder_.outputs``.
        """
        rows = self._rows(X, "input_gradient")
        return self._model().input_gradient(rows, output)

    def to_mlp(self) -> MLP:
        """The trained network, as an `MLP` that knows the names of features and classes.

        Its predictions are those of the estimator, but for shape and labels: `MLP.predict` gives class
        numbers, places in ``classes_``, and (n, 1) of one number or of two classes.

        Returns:
            A model of its own, that a later `fit` of the estimator does not change.

        Raises:
            sklearn.exceptions.NotFittedError: there was no training.
        """
        check_is_fitted(self)
        model = self._model_to_train(None)
        names = () if self.encoder_ is not None else getattr(self, "feature_names_in_", ())
        classes = self._head.class_names
        model.columns = Columns(tuple(map(str, names)), "", classes)
        return model

    def network_targets(self, y: Any) -> np.ndarray:
        """Labels or numbers as the `MLP` of `to_mlp` takes them: class numbers, or one column for each.

        Args:
            y: as for `fit`.

        Raises:
            ValueError: a label that is none of the training's, another number of columns.
        """
        check_is_fitted(self)
        head = self._head
        if getattr(head, "smoothing", 0.0):
            head = replace(head, smoothing=0.0)  # type: ignore[call-arg]
        return head.targets(one_axis(np.asarray(sk.on_host(y))))

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a file that predicts without this package, ``.onnx`` or ``.py``; see `MLP.export`.

        What stands before the estimator in a pipeline is not in the file.

        Args:
            path: its name, which ends in ``.onnx`` or ``.py``.
            overwrite: whether a file of that name may be replaced.

        Raises:
            ValueError: a name that ends otherwise; a part that the format can't have; classes that the
                estimator chooses, not the network.
            FileExistsError: there is such a file.
        """
        model = self.to_mlp()
        if not self._head.network_decides:
            raise ValueError(
                f"{type(self).__name__}: export: with {type(model.loss).__name__} for this y it is the "
                "estimator that makes labels of the outputs, expected one question with loss=None, or "
                "to_mlp().export(path), which writes the network alone."
            )
        model.export(path, overwrite=overwrite)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the network to a file that `MLP.load` reads and in which no code is; see `MLP.save`.

        Args:
            path: its name; ``.safetensors`` is what others expect at its end.
            overwrite: whether a file of that name may be replaced.

        Raises:
            portable_mlp.files.ModelFileError: a layer, activation or loss is your own.
            FileExistsError: there is such a file.
        """
        self.to_mlp().save(path, overwrite=overwrite)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        numbers = self.categorical_features is None
        tags.input_tags.sparse = numbers
        tags.input_tags.allow_nan = tags.input_tags.categorical = (
            tags.input_tags.string
        ) = not numbers
        tags.array_api_support = sk.DISPATCHES and numbers
        return tags

    def _dense(self, X: Any) -> Any:  # noqa: N803
        return X.toarray() if hasattr(X, "toarray") else X
