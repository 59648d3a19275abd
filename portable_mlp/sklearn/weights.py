"""What a trained estimator holds: the network, its weights under scikit-learn's names, and pickles."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from portable_mlp import backends
from portable_mlp.backends import library_of
from portable_mlp.model import MLP
from portable_mlp.sklearn.heads import Head
from portable_mlp.sklearn.network import dense_names, device_of, new_model, shown_as, to_numpy


class Weighted(BaseEstimator):
    """An estimator with ``coefs_`` and ``intercepts_`` that are those of an `MLP`."""

    _head: Head
    _mlp: MLP
    coefs_: list[Any]
    intercepts_: list[Any]

    def _keep(self, given: dict[str, Any]) -> None:
        """Stores the arguments of the constructor, as they are."""
        for name in self._get_param_names():
            setattr(self, name, given[name])

    def _copied(self) -> Any:
        """Another estimator with the same attributes, whose curves grow by themselves."""
        made = type(self).__new__(type(self))
        for name, value in vars(self).items():
            grows = name.endswith("_") and isinstance(value, (list, dict))
            setattr(made, name, value.copy() if grows else value)
        return made

    def _take(self, model: MLP) -> None:
        """This network is the estimator's from now on."""
        self._mlp = model
        found, names = model.parameters(), dense_names(model)
        make = shown_as(self, model)
        self.coefs_ = [make(found[weight]) for weight, _ in names]
        self.intercepts_ = [make(found[bias]) for _, bias in names if bias in found]
        self._held = (*self.coefs_, *self.intercepts_)

    def _model(self, X: Any = None) -> MLP:  # noqa: N803
        """The network with the weights that ``coefs_`` and ``intercepts_`` hold now."""
        now = (*self.coefs_, *self.intercepts_)
        held = getattr(self, "_held", ())
        if len(held) == len(now) and all(a is b for a, b in zip(held, now, strict=True)):
            return self._mlp
        weights = [np.asarray(to_numpy(array)) for array in now]
        if hasattr(self, "_mlp"):
            backend = self._mlp.backend
            owner = library_of(self.coefs_[0])
            if self.backend is None and owner is not None:
                device = device_of(self.coefs_[0])
                backend = backends.get(owner.name, device, backend.dtype_name)
            model = self._mlp.to(backend)
        else:  # weights that somebody put there before any training
            model = new_model(self, self._head, X, np.random.RandomState(0))
        names = dense_names(model)
        parts = [weight for weight, _ in names]
        parts += [bias for _, bias in names if bias in model.parameters()]
        if len(parts) != len(weights):
            raise ValueError(
                f"{type(self).__name__}: coefs_ and intercepts_ hold {len(weights)} arrays, expected "
                f"{len(parts)}, those of the layers."
            )
        model.set_parameters(dict(zip(parts, weights, strict=True)))
        self._mlp, self._held = model, now
        return model

    @property
    def _first_weight(self) -> Any:
        return self.coefs_[0]

    def _model_to_train(self, X: Any) -> MLP:  # noqa: N803
        """The same in an object of its own, so that a training that fails leaves no trace."""
        return _twin(self._model(X))

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy: the weights; with ``pickle_optimizer`` the optimizer's state too."""
        model = self._model() if hasattr(self, "_mlp") else None
        state: dict[str, Any] = {k: v for k, v in super().__getstate__().items() if k != "_held"}
        if self.pickle_optimizer and model is not None:
            with model.backend.scope():
                state["_optimizer_state"] = model._reached.mapped(model.backend.to_numpy)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The estimator again."""
        state = dict(state)
        kept = state.pop("_optimizer_state", None)
        super().__setstate__(state)
        if hasattr(self, "_mlp"):
            self._held = (*self.coefs_, *self.intercepts_)
        if kept is not None:
            self._mlp = _twin(self._mlp)
            with self._mlp.backend.scope():
                self._mlp._reached = kept.mapped(self._mlp.backend.asarray)


def _twin(model: MLP) -> MLP:
    """Another model with the same weights and optimizer's state, which neither of them writes to."""
    made = MLP.__new__(MLP)
    vars(made).update(vars(model))
    return made
