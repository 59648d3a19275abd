"""How both estimators are trained: scikit-learn's `fit` around that of `portable_mlp.MLP`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from portable_mlp.model import MLP
from portable_mlp.sklearn import compatibility as sk
from portable_mlp.sklearn import tables
from portable_mlp.sklearn.answers import Answering
from portable_mlp.sklearn.heads import one_axis
from portable_mlp.sklearn.minimize import minimized
from portable_mlp.sklearn.network import new_model
from portable_mlp.sklearn.options import (
    check_parameters,
    optimizer_of,
    own_callbacks,
    schedule_of,
)
from portable_mlp.sklearn.watch import Held, Orders, Watch, tasks_of
from portable_mlp.sklearn.words import check_kind, check_text, own_doubts, own_names, text_in_rows
from portable_mlp.training import TrainingDiverged
from portable_mlp.training.history import History
from portable_mlp.warning import warn

NON_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to "
    "be preprocessed."
)


def has_passes(estimator: Any) -> bool:
    """Whether the solver takes one pass at a time."""
    if estimator.solver == "lbfgs" and estimator.optimizer is None:
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
        )
    return True


class BaseMLP(sk.CallbackSupportMixin, Answering):
    """What `MLPClassifier` and `MLPRegressor` share."""

    _numbers: bool
    """Whether numbers are predicted."""

    @sk.with_callbacks
    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,  # noqa: N803
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Trains the network.

        Args:
            X: samples (n, features): numpy, list, data frame, sparse matrix (made dense), or with
                scikit-learn's ``array_api_dispatch`` an array of another library.
            y: labels or numbers, (n,) or (n, outputs).
            sample_weight: one number >= 0 for each row.
            X_val: rows to validate on, in place of ``validation_fraction``.
            y_val: their labels or numbers.
            sample_weight_val: their weights.

        Returns:
            The estimator itself.

        Raises:
            ValueError: data or parameters that can't be, or weights that became non-finite; the estimator
                stays as it was.
        """
        return self._fit(X, y, sample_weight, validation=(X_val, y_val, sample_weight_val))

    def _fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        *,
        incremental: bool = False,
        validation: tuple[Any, Any, Any] = (None, None, None),
        classes: Any = None,
    ) -> Any:
        made = self._copied()
        made._train(X, y, sample_weight, incremental, validation, classes, self)
        self.__dict__.update(vars(made))
        if not hasattr(made, "feature_names_in_"):  # those of the training before
            self.__dict__.pop("feature_names_in_", None)
        return self

    def _train(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        incremental: bool,
        validation: tuple[Any, Any, Any],
        classes: Any,
        asked: Any,
    ) -> None:
        check_parameters(self)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        if first:
            self._takes_tables = self.categorical_features is not None
        X, y = self._validated(X, y, first)  # noqa: N806
        self._choose_head(y, classes, first, incremental)
        own = self._weights_of(y, sample_weight)
        weights = self._times_classes(y, own)
        held = self._given_validation(*validation)
        random = check_random_state(self.random_state)
        minimizes = self.solver == "lbfgs" and self.optimizer is None
        splits = self.early_stopping and held is None and not minimizes
        if splits and self._takes_tables:  # the encoder sees the training rows alone
            X, y, weights, held = self._split(X, y, weights, own, random)  # noqa: N806
        if first:
            self.encoder_ = tables.encoder_of(self, X)
            with own_names(self):
                self._take(new_model(self, self._head, X, random))
        if first or not hasattr(self, "history_"):
            self._start()
        model = self._model_to_train(X)
        if minimizes:
            self._minimize(model, X, y, weights, held)
            return
        if splits and held is None:
            X, y, weights, held = self._split(X, y, weights, own, random)  # noqa: N806
        self._passes(model, X, y, weights, held, random, incremental, asked)

    def _validated(self, X: Any, y: Any, reset: bool) -> tuple[Any, np.ndarray]:  # noqa: N803
        """X as numbers or as a table, y as numpy."""
        check_kind("y", y, dates=not self._numbers)
        if self._numbers:
            check_text(self, y)
        if self._takes_tables:
            X = tables.checked_table(self, X, reset)  # noqa: N806
            return X, one_axis(tables.checked_targets(self, X, y, self._numbers))
        check_kind("X", X)
        with text_in_rows(self):
            X, y = validate_data(  # noqa: N806
                self,
                X,
                y,
                accept_sparse=["csr", "csc"],
                multi_output=True,
                y_numeric=self._numbers,
                dtype=sk.float_types(X),
                reset=reset,
            )
        y = sk.on_host(y)
        return self._dense(X), one_axis(y.toarray() if hasattr(y, "toarray") else y)

    def _choose_head(self, y: np.ndarray, classes: Any, first: bool, incremental: bool) -> None:
        raise TypeError(f"{type(self).__name__} does not define _choose_head")

    def _weights_of(self, y: np.ndarray, sample_weight: Any) -> np.ndarray | None:
        """One number for each row, or None."""
        if sample_weight is None:
            return None
        if isinstance(sample_weight, str):
            raise ValueError(
                f"{type(self).__name__}: sample_weight is {sample_weight!r}, expected one number for "
                "each row; weights of classes are MLPClassifier(class_weight=...)."
            )
        check_kind("sample_weight", sample_weight)
        weights: np.ndarray = _check_sample_weight(sk.on_host(sample_weight), y, dtype=np.float64)
        return weights

    def _times_classes(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        """The weights, each times the factor of its row's class."""
        return weights

    def _given_validation(self, X: Any, y: Any, sample_weight: Any) -> Held | None:  # noqa: N803
        if X is None and y is None:
            if sample_weight is not None:
                raise ValueError("sample_weight_val: got one without X_val, expected both.")
            return None
        if X is None or y is None:
            raise ValueError(
                f"{type(self).__name__}: got {'X_val' if y is None else 'y_val'} alone, expected "
                "X_val and y_val."
            )
        X, y = self._validated(X, y, False)  # noqa: N806
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sk.on_host(sample_weight), y, dtype=np.float64)
        try:
            return Held(X, y, self._targets(y), weights)
        except ValueError as error:
            raise ValueError(f"y_val: {error}") from None

    def _targets(self, y: np.ndarray) -> np.ndarray:
        return self._head.targets(y)

    def _start(self) -> None:
        """No figures yet."""
        self.n_iter_ = self.t_ = 0
        self.history_: dict[str, list[float]] = {}
        self.n_outputs_ = self._head.outputs
        self.out_activation_ = self._head.activation
        self.n_layers_ = len(self.coefs_) + 1
        self._no_improvement_count, self._rate_factor = 0, 1.0
        if self.solver == "lbfgs" and self.optimizer is None:
            return
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self.best_loss_ = None if self.early_stopping else np.inf

    def _split(
        self,
        X: Any,  # noqa: N803
        y: np.ndarray,
        weights: np.ndarray | None,
        own: np.ndarray | None,
        random: np.random.RandomState,
    ) -> tuple[Any, np.ndarray, np.ndarray | None, Held]:
        """Rows to train on and rows held out: scikit-learn's choice.

        Those held out have the user's ``own`` weights alone, as with X_val: classes are not weighted.
        """
        stratify = self._stratify(y)
        training, held = train_test_split(
            np.arange(len(y)),
            random_state=random,
            test_size=self.validation_fraction,
            stratify=stratify,
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your "
                "dataset."
            )
        of_held = Held(
            sk.rows_of(X, held),
            y[held],
            self._targets(y[held]),
            None if own is None else own[held],
        )
        of_training = None if weights is None else weights[training]
        return sk.rows_of(X, training), y[training], of_training, of_held

    def _stratify(self, y: np.ndarray) -> Any:
        return None

    def _passes(
        self,
        model: MLP,
        X: Any,  # noqa: N803
        y: np.ndarray,
        weights: np.ndarray | None,
        held: Held | None,
        random: np.random.RandomState,
        incremental: bool,
        asked: Any,
    ) -> None:
        """Epochs of mini-batches."""
        rows = int(X.shape[0])
        self.n_iter_ = 0
        if not incremental:
            self._rate_factor = 1.0
        decreasing = (
            self.solver == "sgd"
            and self.learning_rate == "adaptive"
            and self.schedule is None
            and self.optimizer is None
        )
        optimizer, own = optimizer_of(self), own_callbacks(self, incremental)
        watch = Watch(self, held, incremental, tasks_of(asked, X, y, weights), decreasing)
        try:
            with own_names(self), own_doubts(self, X, y):
                history = model.fit(
                    tables.network_rows(self, X),
                    self._targets(y),
                    epochs=1 if incremental else self.max_iter,
                    batch_size=self._batch_rows(rows),
                    optimizer=optimizer,
                    learning_rate=optimizer.learning_rate * self._rate_factor,
                    schedule=schedule_of(self, self.t_, rows, lambda: watch.factor),
                    validation_data=None if held is None else self._validation_rows(held),
                    sample_weight=weights,
                    shuffle=Orders(random, model._reached.epochs) if self.shuffle else False,
                    callbacks=[watch, *own],
                    verbose=0,
                )
        except TrainingDiverged as error:
            if watch.best is None:
                where = f" in {error.layer!r}" if error.layer else ""
                raise ValueError(
                    f"{NON_FINITE} The training diverged in epoch {error.epoch}, step {error.step}: "
                    f"the {error.first}{where} was the first. A tenth of learning_rate_init, clip_norm=1 "
                    "or a StandardScaler most often helps."
                ) from error
            warn(
                f"The training diverged in epoch {error.epoch}; the weights of the best validation score "
                "were kept.",
                ConvergenceWarning,
            )
            self.validation_scores_ = [*(self.validation_scores_ or ()), float("nan")]
            history = error.history or History()
        self._rate_factor *= watch.factor
        for name, figures in history.items():
            self.history_[name] = [*self.history_.get(name, []), *figures]
        if history.stopped == "interrupted":
            warn("Training interrupted by user.")
        elif not incremental and self.n_iter_ == self.max_iter and not watch.stopped:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached and the "
                "optimization hasn't converged yet.",
                ConvergenceWarning,
            )
        self._take(model)

    def _validation_rows(self, held: Held) -> tuple[Any, ...]:
        return tables.network_rows(self, held.X), held.targets, held.weights

    def _batch_rows(self, rows: int) -> int:
        if isinstance(self.batch_size, str):
            return min(200, rows)
        if self.batch_size > rows:
            warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped"
            )
        return min(int(self.batch_size), rows)

    def _minimize(
        self,
        model: MLP,
        X: Any,  # noqa: N803
        y: np.ndarray,
        weights: np.ndarray | None,
        held: Held | None,
    ) -> None:
        if held is not None:
            raise ValueError(
                f"{type(self).__name__}: got X_val beside solver='lbfgs', expected None: it has no "
                "epochs to validate after."
            )
        model, self.loss_, self.n_iter_, curve = minimized(
            model, tables.network_rows(self, X), self._targets(y), weights, self
        )
        self.history_["loss"] = [*self.history_.get("loss", []), *curve]
        self._take(model)
