"""Trainings of estimators that are killed, and go on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import joblib
from sklearn.base import clone
from sklearn.datasets import load_iris

from portable_mlp import Checkpoint
from portable_mlp.sklearn import MLPClassifier, MLPRegressor
from tests.checkpoint.programs import KillAt, Killed

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]
SHORT: dict[str, Any] = {
    **{"max_iter": 12, "hidden_layer_sizes": (8,), "batch_size": 32, "random_state": 0},
    "learning_rate_init": 0.01,
}
CLASSIFIERS = {
    "plain": {},
    "early": {"early_stopping": True, "n_iter_no_change": 2, "tol": 0.05, "max_iter": 40},
    "scoring": {"early_stopping": True, "scoring": "neg_log_loss"},
    "adaptive": {
        **{"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
        **{"max_iter": 40, "early_stopping": True},
    },
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "more": {"dropout": 0.2, "normalization": "batch", "average_weights": 0.9},
    "torch": {"backend": "torch", "early_stopping": True},
    "weights": {"class_weight": "balanced", "shuffle": False},
}


pytestmark = pytest.mark.usefixtures("short_trainings")


def same(one: Any, other: Any) -> None:
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_array_equal(a, b)
    names = {name for name in vars(one) if name.endswith("_")} - {"coefs_", "intercepts_"}
    assert names == {name for name in vars(other) if name.endswith("_")} - {"coefs_", "intercepts_"}
    for name in names - {"history_", "classes_", "encoder_"}:
        assert getattr(one, name) == getattr(other, name), name
    for name in one.history_.keys() - {"seconds", "samples_per_second"}:
        assert one.history_[name] == other.history_[name], name


def killed(model: Any, x: Any, y: Any, steps: int) -> None:
    again = clone(model)
    with pytest.raises(Killed):
        again.set_params(callbacks=[*again.callbacks, KillAt(steps)]).fit(x, y)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_killed_training_ends_as_one_that_was_not(name: str, tmp_path: Path) -> None:
    given = SHORT | CLASSIFIERS[name]
    if "backend" in given:
        pytest.importorskip(given["backend"], reason=f"{given['backend']} is not installed")
    whole = MLPClassifier(**given).fit(X, NAMES)
    model = MLPClassifier(**given, callbacks=[Checkpoint(tmp_path / "k", "2 steps")])
    for steps in (1, 17, 18):
        killed(model, X, NAMES, steps)
    model.fit(X, NAMES)
    same(model, whole)
    assert model.callbacks[0].resumed_from is not None
    same(clone(model).fit(X, NAMES), whole)  # it had ended
    for each in (model, whole):
        each.set_params(callbacks=None, early_stopping=False, class_weight=None).partial_fit(
            X, NAMES
        )
    same(model, whole)


def test_a_regressor_with_validation_rows_of_its_own(tmp_path: Path) -> None:
    x, y = X[:, :2], X[:, 2:] / 5
    held = {"X_val": x[::3], "y_val": y[::3]}
    whole = MLPRegressor(**SHORT).fit(x, y, **held)
    model = MLPRegressor(**SHORT, callbacks=[Checkpoint(tmp_path / "k", "3 steps")])
    with pytest.raises(Killed):
        clone(model).set_params(callbacks=[Checkpoint(tmp_path / "k"), KillAt(22)]).fit(
            x, y, **held
        )
    same(model.fit(x, y, **held), whole)


def test_more_epochs_go_on_and_fewer_are_refused(tmp_path: Path) -> None:
    model = MLPClassifier(**SHORT, callbacks=[Checkpoint(tmp_path / "k")])
    clone(model).set_params(max_iter=5).fit(X, Y)
    same(clone(model).fit(X, Y), MLPClassifier(**SHORT).fit(X, Y))
    with pytest.raises(ValueError, match="has begun 12 epochs, got max_iter=5, expected at least"):
        clone(model).set_params(max_iter=5).fit(X, Y)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"tol": 0.1}, "other rules for stopping: tol was 0.0001 and is 0.1; expected the same"),
        ({"early_stopping": True}, "data changed"),
        ({"n_iter_no_change": 3}, "rules for stopping: n_iter_no_change was 10 and is 3"),
        ({"random_state": 1}, "data: random_state is another one; expected the same"),
        ({"batch_size": 16}, "batch_size was 32 and is 16"),
        ({"learning_rate_init": 0.1}, "learning_rate_init was 0.01 and is 0.1"),
        ({"random_state": None}, "random_state is None beside a Checkpoint, expected a whole num"),
        ({"solver": "lbfgs"}, "got callbacks beside solver='lbfgs', expected None"),
    ],
)
def test_another_training_is_refused(
    given: dict[str, Any], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = MLPClassifier(**SHORT, callbacks=[Checkpoint(tmp_path / "k")])
    killed(model, X, Y, 17)
    files = sorted((tmp_path / "k").iterdir())
    other = clone(model).set_params(**given)
    with pytest.raises(ValueError, match=sentence):
        other.fit(X, Y)
    assert not hasattr(other, "coefs_")
    assert "goes on" not in capfd.readouterr().err
    assert sorted((tmp_path / "k").iterdir()) == files


def test_one_pass_has_no_checkpoints(tmp_path: Path) -> None:
    model = MLPClassifier(**SHORT, callbacks=[Checkpoint(tmp_path / "k")])
    with pytest.raises(ValueError, match="got a Checkpoint beside partial_fit, expected fit"):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert not (tmp_path / "k").exists()


def test_callbacks_of_scikit_learn_see_the_epochs_of_this_process(tmp_path: Path) -> None:
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
    from sklearn.callback import ScoringMonitor

    made = MLPClassifier(**SHORT, callbacks=[Checkpoint(tmp_path / "k")])
    killed(made, X, Y, 17)  # in the fourth epoch
    model = clone(made).set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, Y)
    same(model, MLPClassifier(**SHORT).fit(X, Y))
    again = clone(made).set_callbacks(ScoringMonitor(scoring="accuracy")).fit(X, Y)  # had ended
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


PROGRAM = """
import os, signal, sys, warnings
import joblib
from sklearn.datasets import load_iris
from portable_mlp import Checkpoint
from portable_mlp.sklearn import MLPClassifier
from portable_mlp.training import Callback

class Dies(Callback):
    def on_step_end(self, run, step):
        if run.number * run.plan.batches + step == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)

warnings.simplefilter("ignore")
model = MLPClassifier(
    (8,), max_iter=12, batch_size=32, random_state=0, early_stopping=True, pickle_optimizer=True,
    callbacks=[Checkpoint(sys.argv[1], "2 steps"), Dies()],
)
model.fit(*load_iris(return_X_y=True))
joblib.dump(model.set_params(callbacks=None), sys.argv[2])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_by_the_system(tmp_path: Path) -> None:
    def run(folder: str, step: int) -> int:
        words = [sys.executable, "-c", PROGRAM, tmp_path / folder, tmp_path / f"{folder}.pkl"]
        return subprocess.run([*map(str, words), str(step)], capture_output=True).returncode

    assert run("whole", -1) == 0
    assert run("killed", 23) == -signal.SIGKILL
    assert not (tmp_path / "killed.pkl").exists()
    assert run("killed", -1) == 0
    one, other = (joblib.load(tmp_path / f"{name}.pkl") for name in ("whole", "killed"))
    same(one, other)
    for model in (one, other):
        model.set_params(early_stopping=False).partial_fit(X, Y)
    same(one, other)
