"""scikit-learn's estimators, parameter for parameter, and what is added to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted

from portable_mlp.backends import Backend
from portable_mlp.nn import LOSSES, Initializer, Layer, Loss, Network
from portable_mlp.nn.plain_numbers import is_number
from portable_mlp.optim import Optimizer, Schedule
from portable_mlp.sklearn import compatibility as sk
from portable_mlp.sklearn.base import BaseMLP, has_passes
from portable_mlp.sklearn.heads import ManyAnswers, ManyLabels, OneLabel, labels_head, numbers_head
from portable_mlp.sklearn.words import check_labels
from portable_mlp.training.loop import Callback


def has_probabilities(estimator: Any) -> bool:
    """Whether the loss gives probabilities."""
    loss = LOSSES.get(estimator.loss) if isinstance(estimator.loss, str) else estimator.loss
    if isinstance(loss, Loss) and type(loss).probabilities is Loss.probabilities:
        raise AttributeError(
            f"{type(estimator).__name__}: {type(loss).__name__} gives no probabilities; expected a "
            "cross-entropy, as with loss=None."
        )
    return True


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron for classes: scikit-learn's `MLPClassifier` on any backend.

    Parameters, methods and attributes of scikit-learn have its names, order, defaults and meaning, and
    the same ``random_state`` gives the same first weights, shuffles and validation rows.
    docs/scikit_learn.md has what differs.

    y may be labels (n,), several yes/no labels (n, labels) of 0 and 1, or several questions
    (n, questions), each with classes of its own.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any
            other name of `portable_mlp.nn.ACTIVATIONS`, a layer, or a list with one for each.
        solver: ``"adam"``, ``"sgd"``, or ``"lbfgs"`` (SciPy's, over all rows at once).
        alpha: factor of ½ Σ w² in the loss, divided by the rows of the mini-batch.
        batch_size: rows of a mini-batch; ``"auto"`` is min(200, n).
        learning_rate: ``"constant"``; for sgd also ``"invscaling"``, which divides the rate by
            (samples seen + 1)^power_t after each epoch, and ``"adaptive"``, which divides it by 5 where a
            training would stop.
        learning_rate_init: the rate.
        power_t: exponent of ``"invscaling"``.
        max_iter: epochs at most; iterations of lbfgs.
        shuffle: whether rows come in a new order in each epoch.
        random_state: seed, `numpy.random.RandomState`, or None.
        tol: a change of the loss, or of the score, smaller than this is no progress.
        verbose: whether to print a line for each epoch.
        warm_start: whether `fit` goes on from the last weights, with the optimizer's state.
        momentum: of sgd.
        nesterovs_momentum: whether it looks ahead.
        early_stopping: holds out ``validation_fraction`` of the rows (or takes X_val), stops when the
            score on them does not rise, and goes back to the best weights.
        validation_fraction: share that is held out.
        beta_1: decay of adam's first moment.
        beta_2: decay of its second moment.
        epsilon: of adam.
        n_iter_no_change: epochs without progress before a stop.
        max_fun: looks at the loss by lbfgs at most.
        backend: name of the array library that trains, or a backend; None for that of X.
        device: such as ``"cuda:1"``; None for the backend's default, or where X is.
        dtype: ``"float32"`` or ``"float64"``; None for that of X.
        layers: hidden layers of `portable_mlp.nn` in place of ``hidden_layer_sizes`` and its options; the
            last layer is added.
        network: all layers, the last included, in place of these: a list, a `portable_mlp.nn.Network`, or
            a function ``(inputs, outputs)`` that gives either.
        dropout: share dropped after each hidden layer, or a list with one for each.
        normalization: ``"batch"`` or ``"layer"`` before each activation, or None.
        loss: None for the cross-entropy that fits y; a name of `portable_mlp.nn.LOSSES`, or a loss.
        optimizer: a name, which takes ``learning_rate_init``, or an `Optimizer` with its own rate; None
            for ``solver``.
        schedule: a name or `Schedule` in place of ``learning_rate``.
        weight_decay: decoupled, as in AdamW.
        class_weight: ``"balanced"``, ``{class: factor}``, or a list of such for several questions; it
            weights the rows trained on, not those held out. `partial_fit` does not take ``"balanced"``.
        clip_norm: largest norm of the gradient, or None.
        label_smoothing: share of each target that goes to all classes.
        scoring: of the rows held out: a name or function as in scikit-learn; None is accuracy.
        callbacks: of `portable_mlp.training`; for scikit-learn's own there is ``set_callbacks``.
        initializer: of the weights, name or `Initializer`, with biases at 0; None is scikit-learn's rule.
        average_weights: whether to keep the moving average of the weights, or its decay; True is 0.999.
        categorical_features: None for X of numbers alone. ``"from_dtype"``: X is a table of numbers,
            text, truths and gaps, of which a `portable_mlp.TableEncoder` of the training rows makes
            numbers. Or names, places or a mask of columns: likewise, and these are categories also where
            they hold numbers.
        pickle_optimizer: whether pickles and copies hold the optimizer's state beside the weights:
            `partial_fit` and ``warm_start`` then go on from one as if it had never been written.

    Attributes:
        classes_: the classes; for several questions a list.
        coefs_: weights of each layer, (in, out). Others may be put in their place.
        intercepts_: biases of each layer.
        loss_: the last loss, penalty included.
        best_loss_: the lowest; None with early stopping.
        loss_curve_: of each epoch.
        validation_scores_: of each epoch, on the rows held out; None without any.
        best_validation_score_: the highest; None without early stopping.
        validation_loss_curve_: loss of the rows held out after each epoch.
        history_: all figures of each epoch, by name.
        t_: samples seen.
        n_iter_: epochs of the last call.
        n_layers_: layers, input and output included.
        n_outputs_: outputs of the network.
        out_activation_: what makes predictions of them.
        n_features_in_: features.
        feature_names_in_: their names, where X was a data frame.
        encoder_: the `portable_mlp.TableEncoder`; None without ``categorical_features``.

    Example:
        >>> from sklearn.datasets import make_moons
        >>> X, y = make_moons(200, noise=0.1, random_state=0)
        >>> model = MLPClassifier((32, 32), learning_rate_init=0.01, random_state=0).fit(X, y)
        >>> model.score(X, y) > 0.97
        True
    """

    _numbers = False
    _head: OneLabel | ManyLabels | ManyAnswers

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        backend: str | Backend | None = None,
        device: str | None = None,
        dtype: str | None = None,
        layers: Sequence[Layer] | None = None,
        network: Sequence[Layer] | Network | Callable[[int, int], Any] | None = None,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        loss: str | Loss | None = None,
        optimizer: str | Optimizer | None = None,
        schedule: str | Schedule | None = None,
        weight_decay: float = 0.0,
        class_weight: Mapping[Any, float] | str | list[Any] | None = None,
        clip_norm: float | None = None,
        label_smoothing: float = 0.0,
        scoring: Any = None,
        callbacks: Sequence[Callback] | None = None,
        initializer: str | Initializer | None = None,
        average_weights: bool | float = False,
        categorical_features: str | Sequence[Any] | None = None,
        pickle_optimizer: bool = False,
    ) -> None:
        """Stores the parameters; `fit` checks them."""
        self._keep(locals())

    def _choose_head(self, y: np.ndarray, classes: Any, first: bool, incremental: bool) -> None:
        check_labels(self, y)
        check_classification_targets(y)
        if not hasattr(self, "_head") or (first and not incremental):
            self._head = labels_head(self.loss, y, classes, self.label_smoothing)
            self.classes_ = self._head.classes
            if classes is not None and isinstance(self._head, OneLabel):
                self._check_classes(self._head.classes, unique_labels(y))
            return
        if isinstance(self._head, ManyLabels):
            return
        if isinstance(self._head, ManyAnswers):
            for known, column in zip(self._head.classes, y.T, strict=True):
                self._check_classes(known, np.unique(column))
            return
        self._check_classes(self._head.classes, unique_labels(y))

    def _check_classes(self, known: np.ndarray, found: np.ndarray) -> None:
        if self.warm_start and set(found) != set(known):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to "
                f"fit. Previously got {known}, `y` has {found}"
            )
        if len(np.setdiff1d(found, known)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {known}. 'y' has {found}."
            )

    def _times_classes(self, y: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return weights
        of_class = self._weights_of_classes(y)
        return of_class if weights is None else weights * of_class

    def _weights_of_classes(self, y: np.ndarray) -> np.ndarray:
        """The factor of each row's class."""
        given, who = self.class_weight, type(self).__name__
        if isinstance(given, list) and isinstance(self._head, OneLabel):
            raise ValueError(
                f"{who}: class_weight is a list, expected {{class: factor}}: y asks one question."
            )
        if not (isinstance(given, Mapping) and isinstance(self._head, OneLabel)):
            found: np.ndarray = compute_sample_weight(given, y)
            return found
        known = self._head.classes.tolist()
        for label, factor in given.items():
            if label not in known:
                raise ValueError(
                    f"{who}: class_weight has the class {label!r}, expected those of y: "
                    f"{', '.join(map(repr, known[:10]))}{' ...' * (len(known) > 10)}."
                )
            if not is_number(factor) or not 0 <= factor < np.inf:
                raise ValueError(
                    f"{who}: class_weight of the class {label!r} is {factor!r}, expected a finite number "
                    "of at least 0."
                )
        return np.array([float(given.get(label, 1.0)) for label in y.tolist()])

    def _stratify(self, y: np.ndarray) -> Any:
        """scikit-learn keeps the shares of two classes alone."""
        if self._head.outputs != 1 or isinstance(self._head, ManyLabels):
            return None
        return self._head.targets(y).astype(bool)

    @available_if(has_passes)
    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
    ) -> MLPClassifier:
        """One pass over these rows, with the optimizer's state of the last call.

        Args:
            X: samples (n, features).
            y: their labels.
            sample_weight: one number >= 0 for each row.
            classes: all classes that there will be; the first call needs them.

        Returns:
            The estimator itself.
        """
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"{type(self).__name__}: class_weight is {self.class_weight!r} beside partial_fit, "
                "expected {class: factor} or None: these rows do not tell how many of each class "
                "there will be; sklearn.utils.compute_class_weight works it out from y of all."
            )
        made = self._copied()
        new = _check_partial_fit_first_call(made, classes)
        return self._fit(  # type: ignore[no-any-return]
            X, y, sample_weight, incremental=True, classes=made.classes_ if new else None
        )

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The class of each sample.

        Args:
            X: samples (n, features).

        Returns:
            (n,), or (n, labels) or (n, questions) as y was.
        """
        outputs = self._model_outputs(X, "predict")
        return sk.like(self._head.decide(outputs), X)

    def _model_outputs(self, X: Any, method: str) -> np.ndarray:  # noqa: N803
        rows = self._rows(X, method)
        return sk.on_host(self._model().forward(rows))  # type: ignore[no-any-return]

    @available_if(has_probabilities)
    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Probability of each class.

        Args:
            X: samples (n, features).

        Returns:
            (n, classes) in the order of ``classes_``, or (n, labels); for several questions a list.
        """
        return self._probabilities(X, "predict_proba")

    @available_if(has_probabilities)
    def predict_log_proba(self, X: Any) -> Any:  # noqa: N803
        """Natural logarithm of `predict_proba`.

        Args:
            X: samples (n, features).

        Returns:
            As `predict_proba`.
        """
        found = self._probabilities(X, "predict_log_proba")
        several = isinstance(found, list)
        with np.errstate(divide="ignore"):
            logs = [_namespace(p).log(p) for p in (found if several else [found])]
        return logs if several else logs[0]

    def _probabilities(self, X: Any, method: str) -> Any:  # noqa: N803
        rows = self._rows(X, method)
        p, head = self._model().predict_proba(rows), self._head
        if isinstance(head, ManyAnswers):
            return head.parts(p)
        if isinstance(head, ManyLabels):
            return p
        if head.outputs == 1:
            return _namespace(p).concat([1 - p, p], axis=1)[:, : max(len(self.classes_), 1)]
        return p

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Share of the samples that are classified right; of several labels or questions all of them.

        Args:
            X: samples (n, features).
            y: their labels.
            sample_weight: one number for each row.

        Returns:
            In [0, 1].
        """
        check_is_fitted(self)
        if not isinstance(self._head, ManyAnswers):
            return float(super().score(X, y, sample_weight=sample_weight))
        right = (self.predict(X) == np.asarray(y)).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron for numbers: scikit-learn's `MLPRegressor` on any backend.

    See `MLPClassifier`, whose parameters and attributes these are but for what is said here.

    Args:
        loss: ``"squared_error"`` (half of it), ``"poisson"`` (half of the deviance; the network gives the
            logarithm), another name of `portable_mlp.nn.LOSSES`, or a loss.
        hidden_layer_sizes: as of `MLPClassifier`, like all that follow.
        activation: likewise.
        scoring: of the rows held out; None is R².

    Example:
        >>> import numpy as np
        >>> X = np.linspace(-2, 2, 200)[:, None]
        >>> model = MLPRegressor(solver="lbfgs", activation="tanh", random_state=0)
        >>> model.fit(X, np.sin(2 * X[:, 0])).score(X, np.sin(2 * X[:, 0])) > 0.99
        True
    """

    _numbers = True

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        backend: str | Backend | None = None,
        device: str | None = None,
        dtype: str | None = None,
        layers: Sequence[Layer] | None = None,
        network: Sequence[Layer] | Network | Callable[[int, int], Any] | None = None,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        optimizer: str | Optimizer | None = None,
        schedule: str | Schedule | None = None,
        weight_decay: float = 0.0,
        clip_norm: float | None = None,
        scoring: Any = None,
        callbacks: Sequence[Callback] | None = None,
        initializer: str | Initializer | None = None,
        average_weights: bool | float = False,
        categorical_features: str | Sequence[Any] | None = None,
        pickle_optimizer: bool = False,
    ) -> None:
        """Stores the parameters; `fit` checks them."""
        self._keep(locals())

    def _choose_head(self, y: np.ndarray, classes: Any, first: bool, incremental: bool) -> None:
        if first or not hasattr(self, "_head"):
            self._head = numbers_head(self.loss, y)

    @available_if(has_passes)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:  # noqa: N803
        """One pass over these rows, with the optimizer's state of the last call.

        Args:
            X: samples (n, features).
            y: numbers (n,) or (n, outputs).
            sample_weight: one number >= 0 for each row.

        Returns:
            The estimator itself.
        """
        return self._fit(X, y, sample_weight, incremental=True)  # type: ignore[no-any-return]

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The numbers of each sample.

        Args:
            X: samples (n, features).

        Returns:
            (n,), or (n, outputs) for several.
        """
        rows = self._rows(X, "predict")
        found = self._model().predict(rows)
        return found[:, 0] if found.shape[1] == 1 else found


def _namespace(x: Any) -> Any:
    from array_api_compat import array_namespace

    return array_namespace(x)
