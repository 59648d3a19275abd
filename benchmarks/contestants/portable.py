"""portable_mlp on one of its backends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.contestants.contestant import Contestant, Task
from benchmarks.datasets import Arrays
from portable_mlp import MLP, backends
from portable_mlp.training import Callback


class Portable(Contestant):
    """``MLP.fit`` with data that lie on the backend already.

    An epoch's seconds are the History's: shuffling, all steps with their figures (loss and
    accuracy), and the wait at the end. The checks of X and y, once a ``fit``, are not in them.

    Args:
        task: what is to be trained.
        arrays: the data.
        backend: its name.
        compiler: which of the backend's compilers, None for its default.
        device: as the backend has it; None for its default.
    """

    def __init__(
        self,
        task: Task,
        arrays: Arrays,
        backend: str,
        compiler: str | None = None,
        device: str | None = None,
    ) -> None:
        super().__init__(task, arrays)
        self.backend = make_backend(backend, compiler, device)
        self.note = repr(self.backend)
        self.model = self.fresh(task.seed)
        with self.backend.scope():
            self.X = self.backend.asarray(arrays.X)
            self.y = self.backend.asarray(arrays.y, self.backend.index_dtype)

    def fresh(self, seed: int) -> MLP:
        """A model with first weights."""
        return MLP(
            list(self.task.sizes),
            activation="relu",
            weight_init="glorot_uniform",
            backend=self.backend,
            seed=seed,
        )

    def reset(self, seed: int) -> None:
        """Another model's first weights; the optimizer starts afresh with them."""
        self.model.set_parameters(self.fresh(seed).parameters())

    def train(self, epochs: int, callbacks: Sequence[Callback] = ()) -> dict[str, Any]:
        """One ``fit``."""
        history = self.model.fit(
            self.X,
            self.y,
            epochs=epochs,
            batch_size=self.task.batch_size,
            optimizer="adam",
            callbacks=callbacks,
            verbose=0,
        )
        steps = epochs * len(list(self.batches()))
        return {"seconds": history["seconds"], "losses": history["loss"], "steps": steps}

    def own(self, X: np.ndarray) -> Any:
        """On the backend, save for numpy, which it is already."""
        if self.backend.name == "numpy":
            return X
        with self.backend.scope():
            return self.backend.asarray(X)

    def classes(self, x: Any) -> Any:
        """``predict``."""
        return self._there(self.model.predict(x))

    def probabilities(self, x: Any) -> Any:
        """``predict_proba``."""
        return self._there(self.model.predict_proba(x))

    def _there(self, answer: Any) -> Any:
        if isinstance(answer, np.ndarray):
            return answer
        self.backend.synchronize(answer)
        return answer

    def accuracy(self) -> float:
        """By ``evaluate``."""
        return float(self.model.evaluate(self.arrays.X_test, self.arrays.y_test)["accuracy"])


def make_backend(name: str, compiler: str | None, device: str | None = None) -> Any:
    """The backend, with one of its compilers.

    Raises:
        LookupError: this portable_mlp has no such compiler for it.
    """
    if compiler is None:
        return backends.get(name, device)
    try:
        return backends.get(backends.BACKENDS[name](device, compiler=compiler))
    except (TypeError, ValueError) as error:
        raise LookupError(f"this portable_mlp has no compiler {compiler!r} ({error})") from None
