"""A model that is asked something by its own callbacks: weights as the training has reached them."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP, Callback
from portable_mlp.backends import Backend
from portable_mlp.optim import Adam
from portable_mlp.training import Run

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


class Asking(Callback):
    def __init__(self, model: MLP, folder: Path) -> None:
        self.model, self.folder = model, folder
        self.losses: list[float] = []
        self.copies: list[MLP] = []

    def on_epoch_end(self, run: Run) -> None:
        self.losses.append(self.model.evaluate(X, Y)["loss"])
        path = self.folder / f"{run.history.epochs}.safetensors"
        self.model.save(path)
        self.copies += [
            MLP.load(path, backend=self.model.backend),
            copy.deepcopy(self.model),
            pickle.loads(pickle.dumps(self.model)),  # noqa: S301
            self.model.to(self.model.backend),
        ]


@pytest.mark.needs_argmax
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs", Adam(ema_decay=0.9)])
def test_callbacks_see_the_weights_of_the_epoch_that_ended(
    backend: Backend, optimizer: object, tmp_path: Path
) -> None:
    model = MLP([2, 8, 2], backend=backend)
    asking = Asking(model, tmp_path)
    history = model.fit(
        *(X, Y),
        epochs=3,
        batch_size=20 if optimizer != "lbfgs" else None,
        optimizer=optimizer,  # type: ignore[arg-type]
        validation_data=(X, Y),
        callbacks=[asking],
    )
    assert asking.losses == pytest.approx(history["val_loss"], rel=1e-5)
    kept = [made.evaluate(X, Y)["loss"] for made in asking.copies]
    assert kept == pytest.approx(np.repeat(history["val_loss"], 4).tolist(), rel=1e-5)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(history["val_loss"][-1], rel=1e-5)


def test_another_thread_sees_the_weights_from_before() -> None:
    model = MLP([2, 8, 2])
    before, seen = model.evaluate(X, Y), []

    class Elsewhere(Callback):
        def on_epoch_end(self, run: Run) -> None:
            thread = threading.Thread(target=lambda: seen.append(model.evaluate(X, Y)))
            thread.start()
            thread.join()

    model.fit(X, Y, epochs=2, callbacks=[Elsewhere()])
    assert seen == [before, before]


@pytest.mark.parametrize("name", ["fit", "partial_fit", "reset", "set_parameters"])
def test_a_callback_can_not_change_the_model(name: str) -> None:
    model = MLP([2, 8, 2])
    arguments = {"fit": (X, Y), "partial_fit": (X, Y), "set_parameters": ({},)}.get(name, ())

    class Changing(Callback):
        def on_epoch_end(self, run: Run) -> None:
            getattr(model, name)(*arguments)

    with pytest.raises(RuntimeError, match="got a call while this model is training"):
        model.fit(X, Y, epochs=1, callbacks=[Changing()])
    assert model.fit(X, Y, epochs=1).epochs == 1
