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
from portable_mlp.metrics import AnyMetric, choose_metrics
from portable_mlp.model.exchange import Exchanged
from portable_mlp.model.predictor import COMPILED
from portable_mlp.nn import LOSSES, Layer, Loss, Network
from portable_mlp.nn.arrays import Shape
from portable_mlp.nn.choices import choose
from portable_mlp.nn.dense_stack import checked_sizes, dense_stack, sample_shape_of
from portable_mlp.nn.initializers import Initializer
from portable_mlp.optim import Penalty
from portable_mlp.scaling import Scaling, check_kind, check_target_scaling
from portable_mlp.tables.encoder import TableEncoder, split_encoder
from portable_mlp.training.carry import map_arrays
from portable_mlp.training.fastest import choose_backend
from portable_mlp.training.problem import Problem, Snapshot
from portable_mlp.training.reached import Reached

if TYPE_CHECKING:
    pass


class MLP(Exchanged):
    """A multi-layer perceptron.

    Args:
        sizes: number of inputs, hidden widths, number of outputs: ``[784, 128, 10]``. Or leave it out
            and give ``layers``. In place of the number of inputs a `portable_mlp.TableEncoder`: every
            method then takes tables with text and gaps, and the encoder's `Embedding` comes first.
        layers: any sequence of layers; needs ``inputs``.
        inputs: features of a sample (or its shape), or a `TableEncoder`, where ``layers`` are given.
        activation: of the hidden layers of ``sizes``.
        dropout: share dropped after each hidden layer of ``sizes``, in [0, 1).
        weight_init: of the weights of ``sizes``; None chooses by the activation.
        bias_init: of the biases of ``sizes``.
        loss: a name or a `Loss`. The last layer gives logits to the losses of classifiers.
        metrics: names of `portable_mlp.metrics.METRICS`, which says what they are, or metrics such as
            ``TopK(4)``; None means accuracy for a classifier.
        l1: factor of Σ|w| in the loss, over weights, not biases and norms.
        l2: factor of ½ Σ w² in the loss, over weights.
        penalty_per_batch: divide both by the rows of a mini-batch: so ``l2`` is scikit-learn's ``alpha``.
        scaling: of the samples: ``"standard"`` (mean 0, standard deviation 1), ``"minmax"`` (0 to 1),
            ``"/255"``, or a `Scaling`. The first fit works it out from its training rows; it stays with
            the model, and every method applies it.
        target_scaling: likewise, of the numbers to be predicted: the loss sees them scaled, metrics
            and predictions are in their own units. For losses whose outputs are the prediction. Or
            ``"clamped"``: as standard, and no prediction leaves the range of the targets trained on.
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
        sizes: Sequence[int | TableEncoder] | None = None,
        *,
        layers: Sequence[Layer] | None = None,
        inputs: int | Shape | TableEncoder | None = None,
        activation: str | Layer = "relu",
        dropout: float = 0.0,
        weight_init: Initializer | str | None = None,
        bias_init: Initializer | str = "zeros",
        loss: str | Loss = "softmax_cross_entropy",
        metrics: Sequence[str | AnyMetric] | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        penalty_per_batch: bool = False,
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
            self._encoder, numbers = split_encoder(sizes)
            inputs, *widths = checked_sizes(numbers)
            layers = dense_stack(
                widths,
                activation,
                dropout=dropout,
                weight_init=weight_init,
                bias_init=bias_init,
            )
        if isinstance(inputs, TableEncoder):
            self._encoder, inputs = inputs, inputs.width
        sample_shape = sample_shape_of(inputs)
        assert layers is not None  # noqa: S101
        if self._encoder is not None:
            layers = [*self._encoder.layers(), *Network.of(layers).layers]
            if scaling is not None:
                raise ValueError(
                    f"MLP: got scaling={scaling!r} beside a TableEncoder, which scales, expected None."
                )
        randomness.check_seed(seed)
        chosen_loss = choose("loss", loss, LOSSES, Loss)
        auto = "auto" in (backend, device)
        self._problem = Problem(
            network=Network.of(layers),
            sample_shape=sample_shape,
            loss=chosen_loss,
            penalty=Penalty(l1, l2, penalty_per_batch),
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
        self._check_idle("set_parameters")
        current = self.parameters()
        for name, value in parameters.items():
            if name not in current:
                raise ValueError(
                    f"set_parameters: got {name!r}, expected one of {', '.join(current)}."
                )
            with self.backend.scope():
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
        self._check_idle("reset")
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
        moved._encoder = self._encoder
        moved._forget()
        with self.backend.scope():
            vector, state = self._problem.to_host(self._weights)
        with made.scope():
            moved._weights = moved._problem.from_host(vector, state)
        moved._reached, moved._record = self._reached.without_state(), self._record
        return moved

    def with_weights(self, snapshot: Snapshot) -> MLP:
        """A copy of this model with other weights: in a callback, ``run.snapshot()`` as a model.

        Args:
            snapshot: parameters and running statistics on this model's device; they are copied.
        """
        made = self.to(self.backend)
        made._weights = map_arrays(self.backend.copy, snapshot)
        return made

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
        return state | {"_advances": {}, "_kept": weights, "_run": None, "_reached": reached}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The model on its backend again, which must be usable."""
        vars(self).update(state)
        with self.backend.scope():
            self._kept = self._problem.from_host(*state["_kept"])
