"""The model that a user holds: a network, its loss and its weights, on one backend."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from portable_mlp import backends, randomness
from portable_mlp.backends import Backend
from portable_mlp.data import inputs as border
from portable_mlp.data.columns import Columns
from portable_mlp.data.source import Source
from portable_mlp.metrics import AnyMetric, choose_metrics
from portable_mlp.model.predictor import COMPILED, Predictor
from portable_mlp.model.preparation import DEVICE_BUDGET, Preparation
from portable_mlp.nn import LOSSES, Layer, Loss, Network
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.dense_stack import checked_sizes, dense_stack, sample_shape_of
from portable_mlp.nn.initializers import Initializer
from portable_mlp.optim import Optimizer, Penalty, Schedule
from portable_mlp.scaling import Scaling, check_kind, check_target_scaling
from portable_mlp.training.epoch import make_advance
from portable_mlp.training.fastest import choose_backend
from portable_mlp.training.history import History
from portable_mlp.training.loop import Callback, Run, train
from portable_mlp.training.options import BATCH_SIZE, Options, all_callbacks, check_validation
from portable_mlp.training.problem import Problem
from portable_mlp.training.reached import Reached

if TYPE_CHECKING:
    from portable_mlp.files import TrainingRecord


class MLP(Predictor):
    """A multi-layer perceptron.

    Args:
        sizes: number of inputs, hidden widths, number of outputs: ``[784, 128, 10]``. Or leave it out
            and give ``layers``.
        layers: any sequence of layers; needs ``inputs``.
        inputs: features of a sample (or its shape), where ``layers`` are given.
        activation: of the hidden layers of ``sizes``.
        dropout: share dropped after each hidden layer of ``sizes``, in [0, 1).
        weight_init: of the weights of ``sizes``; None chooses by the activation.
        bias_init: of the biases of ``sizes``.
        loss: a name or a `Loss`. The last layer gives logits to the losses of classifiers.
        metrics: names of `portable_mlp.metrics.METRICS`, which says what they are, or metrics such as
            ``TopK(4)``; None means accuracy for a classifier.
        l1: factor of Σ|w| in the loss, over weights, not biases and norms.
        l2: factor of ½ Σ w² in the loss, over weights.
        scaling: of the samples: ``"standard"`` (mean 0, standard deviation 1), ``"minmax"`` (0 to 1),
            ``"/255"``, or a `Scaling`. The first fit works it out from its training rows; it stays with
            the model, and every method applies it.
        target_scaling: likewise, of the numbers to be predicted: the loss sees them scaled, metrics
            and predictions are in their own units. For losses whose outputs are the prediction.
        backend: ``"numpy"``, ``"cupy"``, ``"torch"``, ``"jax"``, ``"dpnp"``, ``"array-api-strict"``; or
            ``"auto"``: a few steps are timed on each that can be used, and the fastest is taken.
        device: such as ``"cuda:1"``; None for the backend's default, ``"auto"`` for the fastest.
        dtype: ``"float32"`` (None means this) or ``"float64"``.
        seed: of first weights, shuffles and dropout: the same numbers on every backend.

    Raises:
        ValueError: sizes, layers, loss, device or dtype that can't be.
        portable_mlp.backends.BackendUnavailableError: the backend can't be used here.

    Example:
        >>> import numpy as np
        >>> X = np.asarray([[0, 0], [0, 1], [1, 0], [1, 1]])
        >>> y = np.asarray([0, 1, 1, 0])
        >>> model = MLP([2, 16, 2], activation="tanh", seed=0)
        >>> history = model.fit(X, y, epochs=200, batch_size=None, learning_rate=0.05)
        >>> model.predict(X).tolist()
        [0, 1, 1, 0]
    """

    def __init__(
        self,
        sizes: Sequence[int] | None = None,
        *,
        layers: Sequence[Layer] | None = None,
        inputs: int | Shape | None = None,
        activation: str | Layer = "relu",
        dropout: float = 0.0,
        weight_init: Initializer | str | None = None,
        bias_init: Initializer | str = "zeros",
        loss: str | Loss = "softmax_cross_entropy",
        metrics: Sequence[str | AnyMetric] | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        scaling: str | Scaling | None = None,
        target_scaling: str | Scaling | None = None,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        """Builds the network and draws its first weights."""
        if (sizes is None) == (layers is None):
            raise ValueError(
                "MLP: expected either sizes, such as MLP([784, 128, 10]), or layers= with inputs=."
            )
        if sizes is not None:
            if inputs is not None:
                raise ValueError(
                    f"MLP: got inputs={inputs!r} beside sizes, whose first number they are."
                )
            inputs, *widths = checked_sizes(sizes)
            layers = dense_stack(
                widths,
                activation,
                dropout=dropout,
                weight_init=weight_init,
                bias_init=bias_init,
            )
        sample_shape = sample_shape_of(inputs)
        assert layers is not None  # noqa: S101
        randomness.check_seed(seed)
        chosen_loss = choose("loss", loss, LOSSES, Loss)
        auto = "auto" in (backend, device)
        self._problem = Problem(
            network=Network.of(layers),
            sample_shape=sample_shape,
            loss=chosen_loss,
            penalty=Penalty(l1, l2),
            metrics=(),
            backend=backends.get(*(("numpy", None) if auto else (backend, device)), dtype),
        )
        self._seed = int(seed)
        self._check_outputs()
        chosen_metrics = choose_metrics(metrics, chosen_loss, self._units)
        self._problem = replace(self._problem, metrics=chosen_metrics)
        self._choose_scalings(scaling, target_scaling)
        if auto:
            made = choose_backend(self._problem, backend, device, dtype)
            self._problem = replace(self._problem, backend=made)
        with self._problem.backend.scope():
            self._weights = self._problem.first_weights(self._seed)
        self._forget()

    def _choose_scalings(
        self, scaling: str | Scaling | None, target_scaling: str | Scaling | None
    ) -> None:
        problem, loss = self._problem, self.loss
        columns = (loss.targets_per_output(self._units),)
        self._scaling_kind = check_kind("scaling", scaling, problem.sample_shape)
        self._target_kind = check_kind("target_scaling", target_scaling, columns)
        check_target_scaling(self._target_kind, loss, self._units)
        self._scaling = scaling if isinstance(scaling, Scaling) else None
        if isinstance(target_scaling, Scaling):
            self._problem = replace(problem, target_scaling=target_scaling)
        self._given = self._scaling, self.target_scaling

    def _forget(self) -> None:
        """No training yet, and nothing has been compiled."""
        self._reached = Reached()
        self._record: TrainingRecord | None = None
        self._forget_compiled()

    def _forget_compiled(self) -> None:
        """Nothing has been compiled for this problem."""
        self._advances: dict[Optimizer, Any] = {}
        for name in COMPILED:
            vars(self).pop(name, None)

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Puts these numbers in place of the parameters with these names.

        Args:
            parameters: names and shapes as `parameters` gives them; those left out stay.

        Raises:
            ValueError: an unknown name or another shape; then nothing is changed.
        """
        if not isinstance(parameters, Mapping):
            raise TypeError(
                f"set_parameters: got type {type(parameters).__name__}, expected {{name: array}}."
            )
        current = self.parameters()
        for name, value in parameters.items():
            if name not in current:
                raise ValueError(
                    f"set_parameters: got {name!r}, expected one of {', '.join(current)}."
                )
            array = border.finite_host(name, value, self.backend)
            if array.shape != current[name].shape:
                raise ValueError(
                    f"set_parameters: {name} has shape {array.shape}, expected "
                    f"{current[name].shape}."
                )
            current[name] = array
        with self.backend.scope():
            flat = np.concatenate([array.reshape(-1) for array in current.values()])
            self._weights = self._weights._replace(vector=self.backend.asarray(flat))
        self._reached = self._reached.without_state()

    def reset(self, seed: int | None = None) -> None:
        """Goes back to the first weights: the next `fit` is that of a model that was just made.

        Forgotten are the optimizer's state, the counters of epochs and steps, names of columns, and
        scalings that were worked out from training rows; a model that was loaded keeps those of its
        file.

        Args:
            seed: of other first weights, shuffles and dropout masks; None keeps the model's own.

        Raises:
            ValueError: a seed that can't be.

        Example:
            >>> model = MLP([2, 4, 3], seed=7)
            >>> history = model.fit([[0, 1], [1, 0]], [0, 2], epochs=3)
            >>> model.reset()
            >>> model.training_record is None
            True
        """
        if seed is not None:
            randomness.check_seed(seed)
            self._seed = int(seed)
        self._scaling, target_scaling = self._given
        if self.target_scaling is not target_scaling:
            self._problem = replace(self._problem, target_scaling=target_scaling)
            self._forget_compiled()
        self._columns, self._reached, self._record = Columns(), Reached(), None
        with self.backend.scope():
            self._weights = self._problem.first_weights(self._seed)

    def to(
        self, backend: str | Backend, *, device: str | None = None, dtype: str | None = None
    ) -> MLP:
        """A copy of this model on another backend, device or dtype; this one stays as it is.

        Args:
            backend: name of the backend, or a backend.
            device: its device; None for the default.
            dtype: None to keep it.

        Returns:
            A model with the same weights. A training goes on there with a fresh optimizer.
        """
        if dtype is None and isinstance(backend, str):
            dtype = self.backend.dtype_name
        made = backends.get(backend, device, dtype)
        moved = MLP.__new__(MLP)
        moved._problem = replace(self._problem, backend=made)
        moved._seed, moved._units, moved._columns = self._seed, self._units, self._columns
        moved._scaling_kind, moved._scaling = self._scaling_kind, self._scaling
        moved._target_kind, moved._given = self._target_kind, self._given
        moved._forget()
        with self.backend.scope():
            vector, state = self._problem.to_host(self._weights)
        with made.scope():
            moved._weights = moved._problem.from_host(vector, state)
        moved._reached, moved._record = self._reached.without_state(), self._record
        return moved

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes the model to a file, whole or not at all; docs/files.md says what is in it.

        Args:
            path: its name; ``.safetensors`` is what others expect at its end.
            overwrite: whether a file of that name may be replaced.

        Raises:
            portable_mlp.files.ModelFileError: a layer, activation or loss is your own: a file holds
                numbers and no code.
            FileExistsError: there is such a file.
            OSError: it can't be written; one that was there is as it was.

        Example:
            >>> import pathlib, tempfile
            >>> model = MLP([4, 16, 3])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = pathlib.Path(folder, "model.safetensors")
            ...     model.save(path)
            ...     again = MLP.load(path, backend="numpy")
            >>> again
            MLP((4,) → dense_1 → relu_1 → dense_2; 131 parameters)
        """
        from portable_mlp.files import opening
        from portable_mlp.model import saving

        opening.save(saving.saved(self), path, overwrite=overwrite)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        backend: str | Backend = "numpy",
        device: str | None = None,
        dtype: str | None = None,
    ) -> MLP:
        """The model in a file, on any backend; `fit` goes on with a fresh optimizer.

        Args:
            path: a file that `save` wrote. Nothing in it is run, whoever wrote it.
            backend: as for a new model, ``"auto"`` included.
            device: likewise.
            dtype: None for that of the file.

        Raises:
            portable_mlp.files.ModelFileError: it is no model file, is damaged, or too new.
            OSError: it is not there, or can't be read.
            ValueError: device or dtype that can't be.
            portable_mlp.backends.BackendUnavailableError: the backend can't be used here.
        """
        from portable_mlp.files import opening
        from portable_mlp.model import saving

        return saving.restored(cls, opening.load(path), backend, device, dtype)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: weights as numpy; the optimizer's state stays behind."""
        with self.backend.scope():
            weights = self._problem.to_host(self._weights)
        state = {k: v for k, v in vars(self).items() if k not in COMPILED}
        reached = self._reached.without_state()
        return state | {"_advances": {}, "_weights": weights, "_reached": reached}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The model on its backend again, which must be usable."""
        vars(self).update(state)
        with self.backend.scope():
            self._weights = self._problem.from_host(*state["_weights"])

    @property
    def training_record(self) -> TrainingRecord | None:
        """How it was trained: optimizer, data, last figures, versions; None before any training."""
        return self._record

    # -- training --------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        epochs: int = 10,
        batch_size: int | None = BATCH_SIZE,
        optimizer: str | Optimizer = "adam",
        learning_rate: float | None = None,
        schedule: str | Schedule = "constant",
        validation_data: tuple[Any, ...] | Source | None = None,
        validation_fraction: float = 0.0,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
        device_budget: int = DEVICE_BUDGET,
        callbacks: Sequence[Callback] = (),
        verbose: int | None = None,
    ) -> History:
        """Trains from the weights as they are; a second call goes on where the first ended.

        Args:
            X: samples (n, features): numpy, list, data frame, or an array of the model's library. Or a
                `Source` from `portable_mlp.data.scan`: a file that need not fit in memory.
            y: targets as the loss wants them: class numbers (n,), or values (n, outputs). None beside a
                source, which has its own.
            epochs: passes over the data.
            batch_size: rows of a mini-batch, 128; None for all at once.
            optimizer: a name or an `Optimizer`. ``Adam(accumulation_steps=4)`` moves after every fourth
                mini-batch, as with one of four times the rows; with ``Adam(ema_decay=0.999)`` validation
                and the trained model have a moving average of the weights.
            learning_rate: in place of the optimizer's own.
            schedule: a name or a `Schedule`: a factor for the learning rate.
            validation_data: ``(X, y)``, ``(X, y, sample_weight)`` or a source.
            validation_fraction: share of the rows held out for validation instead, in [0, 1);
                classes in proportion; of data that are streamed, whole blocks.
            sample_weight: one number >= 0 for each row.
            class_weight: ``{class: factor}`` or ``"balanced"``.
            device_budget: bytes that rows may take on the device. A source or a memory map with more is
                streamed: one chunk of half of that is read while another is computed with; rows are
                shuffled within a chunk, and a chunk has blocks from all over the file.
            callbacks: see `portable_mlp.training`.
            verbose: 0 silent, 1 a progress bar, 2 a line for each epoch, on standard error; None is 1
                on a terminal and 0 elsewhere.

        Returns:
            The figures of each epoch.

        Raises:
            ValueError: data or options that can't be; the model stays as it was. docs/bad_input.md has
                the sentences.
            TypeError: no array, no list of callbacks; likewise.
            TrainingDiverged: numbers became non-finite; the model keeps the last weights with which
                everything was finite.
        """
        # not before they are needed: they bring json and hashlib
        from portable_mlp.model import saving

        options = Options.of(epochs, batch_size, optimizer, learning_rate, schedule)
        watching = all_callbacks(callbacks, verbose)
        from_source = isinstance(validation_data, Source)
        check_validation(validation_data, validation_fraction, from_source)
        border.check_class_weight(class_weight, self.loss)
        with self.backend.scope():
            prepared = Preparation(
                *(self._problem, self._units, self._scaling, self._columns, self._seed),
                *(self._scaling_kind, self._target_kind, options, device_budget),
            )
            feed, validation, total = prepared.feeds(
                X, y, sample_weight, class_weight, validation_data, validation_fraction
            )
            before = self._scaling, self._columns, self._problem
            self._take_over(prepared.scaling, prepared.columns, prepared.problem)
            plan = self._reached.plan(self._problem, feed, options, self._seed, total)
            carry = self._reached.carry(self._problem, options.optimizer, self._weights)
            run = Run(plan, validation, carry)
            try:
                train(run, watching, self._advance(options.optimizer), self._evaluate)
            finally:
                if run.moved:
                    reached = self._reached = self._reached.after(run, options)
                    self._weights = run.kept_snapshot()
                    self._record = saving.record_of(
                        run, reached.epochs, reached.steps, prepared.mark
                    )
                else:  # the model stays as it was
                    self._take_over(*before)
        return run.history

    def _take_over(self, scaling: Scaling | None, columns: Columns, problem: Problem) -> None:
        self._scaling, self._columns = scaling, columns
        if problem is not self._problem:
            self._problem = problem
            self._forget_compiled()

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        batch_size: int | None = None,
        optimizer: str | Optimizer | None = None,
        learning_rate: float | None = None,
        sample_weight: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> History:
        """One pass over these rows; the next call goes on from there, with the optimizer's state.

        n calls with the same rows are `fit` with ``epochs=n``, bit for bit; a call with one mini-batch is
        the step that `fit` takes with it. The rate is constant, each call counts as an epoch, gradients
        that are accumulated are applied at its end, and a scaling is that of the first call's rows.

        Args:
            X: samples (n, features), as for `fit`.
            y: targets, as for `fit`; a call need not have all classes.
            batch_size: rows of a mini-batch. None: as in the last `fit` or `partial_fit`, at first 128.
            optimizer: likewise, at first Adam; another one starts afresh.
            learning_rate: likewise, at first the optimizer's own.
            sample_weight: one number >= 0 for each row.
            callbacks: see `portable_mlp.training`.

        Returns:
            The figures of this pass.

        Raises:
            ValueError: as for `fit`, and so for the other errors.

        Example:
            >>> model, random = MLP([2, 8, 1], loss="squared_error"), np.random.default_rng(0)
            >>> for _ in range(200):  # rows come as they come
            ...     X = random.uniform(-1, 1, (32, 2))
            ...     history = model.partial_fit(X, X[:, :1] * X[:, 1:], learning_rate=0.01)
            >>> history["loss"][-1] < 0.02
            True
        """
        again = self._reached.options.again(batch_size, optimizer, learning_rate)
        return self.fit(X, y, **again, sample_weight=sample_weight, callbacks=callbacks, verbose=0)

    def _advance(self, optimizer: Optimizer) -> Any:
        """The compiled step for this optimizer, made at its first use."""
        _ = self._problem.decay_mask  # made here, so that no compiler sees it being made
        if optimizer not in self._advances:
            self._advances[optimizer] = make_advance(self._problem, optimizer)
        return self._advances[optimizer]
