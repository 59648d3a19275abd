"""What is looked at after each epoch: scikit-learn's rules for stopping, and its figures."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring, r2_score
from sklearn.utils import shuffle

from portable_mlp.sklearn.minimize import sums_numbers
from portable_mlp.training.evaluate import make_outputs, penalty_of
from portable_mlp.training.loop import Callback, Run
from portable_mlp.training.problem import Problem, Snapshot


class Held(NamedTuple):
    """Rows that are held out: as they were given, and as the network sees them."""

    X: Any
    y: np.ndarray
    targets: np.ndarray
    weights: np.ndarray | None


class Orders:
    """scikit-learn's order of the rows: each epoch shuffles that of the one before.

    Args:
        random: the estimator's generator.
        first: number of the first epoch of this training; one that is resumed begins with a later one.
    """

    def __init__(self, random: np.random.RandomState, first: int) -> None:
        """No epoch yet."""
        self._random, self._epoch = random, first - 1
        self._order: Any = None
        state = pickle.dumps(random.get_state(legacy=False), protocol=4)
        self._mark = hashlib.sha256(state).hexdigest()[:12]

    def __repr__(self) -> str:
        """By which a checkpoint knows the same orders again."""
        return f"that of random_state {self._mark}"

    def __call__(self, epoch: int, rows: int) -> np.ndarray:
        for _ in range(self._epoch, epoch):
            before = np.arange(rows) if self._order is None else self._order
            self._order = shuffle(before, random_state=self._random)
        self._epoch = epoch
        return self._order  # type: ignore[no-any-return]


_CURVES = ("loss_curve_", "validation_loss_curve_", "validation_scores_")
_FIGURES = (
    *("loss_", "best_loss_", "best_validation_score_", "n_iter_", "t_", "_no_improvement_count"),
)
_RULES = ("early_stopping", "tol", "n_iter_no_change", "scoring")


class Watch(Callback):
    """Keeps the estimator's figures and says when to stop.

    Args:
        estimator: whose figures they are: ``loss_curve_`` and its kin.
        held: rows held out, or None.
        incremental: whether this is one pass of `partial_fit`.
        tasks: scikit-learn's own callbacks, told of each epoch, or None.
        decreasing: whether the rate falls in place of a stop.
    """

    def __init__(
        self,
        estimator: Any,
        held: Held | None,
        incremental: bool,
        tasks: Callable[[Run, Callable[[Run], Any]], bool] | None,
        decreasing: bool,
    ) -> None:
        """Nothing has been seen."""
        self.est, self.held, self.incremental = estimator, held, incremental
        self.tasks, self.decreasing = tasks, decreasing
        self.factor = 1.0
        """Of the learning rate, by which it has fallen in this training."""
        self.best: Snapshot | None = None
        self.best_epoch = 0
        self.stopped = False
        self._outputs: Any = None
        self._scorer: Any = None
        self._weighs = False

    def on_train_begin(self, run: Run) -> None:
        if self.est.scoring is not None:
            self._scorer = check_scoring(self.est, self.est.scoring)
            self._weighs = _takes_weights(self._scorer)

    def on_epoch_end(self, run: Run) -> None:
        est, figures = self.est, run.history.figures
        figures["loss"][-1] = loss = self._as_reported(run, "loss")
        est.loss_ = loss
        est.loss_curve_.append(loss)
        est.n_iter_ += 1
        est.t_ += run.plan.rows
        self._say(f"Iteration {est.n_iter_}, loss = {loss:.8f}")
        if self.held is not None:
            figures["val_loss"][-1] = self._as_reported(run, "val_loss")
            est.validation_loss_curve_.append(figures["val_loss"][-1])
            score = self._score(run)
            self._say(f"Validation score: {score:f}")
            est.validation_scores_ = [*(est.validation_scores_ or []), score]
        self._count(run)
        if est._no_improvement_count > est.n_iter_no_change:
            self._stop_or_slow_down(run)
        if self.tasks is not None and self.tasks(run, self.fitted):
            self.stopped = True
            run.stop("a callback of scikit-learn's asked for it")

    def state_dict(self, run: Run) -> dict[str, Any]:
        """The estimator's figures so far, the best weights, and by which rules training stops."""
        est, best = self.est, self.best
        kept: dict[str, Any] = {"rules": self._rules(), "factor": self.factor}
        kept |= {name: getattr(est, name, None) for name in _FIGURES}
        kept |= {
            name: np.asarray(curve, np.float64) for name in _CURVES if (curve := getattr(est, name))
        }
        if best is not None:
            vector, state = run.problem.to_host(best)
            kept |= {"vector": vector, "state": state, "best_epoch": self.best_epoch}
        return kept | {"stopped": self.stopped}

    def load_state_dict(self, run: Run, state: Mapping[str, Any]) -> None:
        """Goes on from there.

        Raises:
            ValueError: a rule is another one.
        """
        was, now = state["rules"], self._rules()
        changed = [f"{n} was {was[n]} and is {now[n]}" for n in _RULES if was[n] != now[n]]
        if changed:
            raise ValueError(
                f"{type(self.est).__name__}: the training to go on with has other rules for stopping: "
                f"{', '.join(changed)}; expected the same, or a Checkpoint in another folder."
            )
        for name in _FIGURES:
            setattr(self.est, name, state[name])
        for name in _CURVES:
            if name in state:
                setattr(self.est, name, state[name].tolist())
        self.factor, self.stopped = state["factor"], state["stopped"]
        if "vector" in state:
            self.best = run.problem.from_host(state["vector"], state["state"])
            self.best_epoch = state["best_epoch"]

    def _rules(self) -> dict[str, str]:
        texts = {name: repr(getattr(self.est, name)) for name in _RULES}
        return {name: text.partition(" at 0x")[0] for name, text in texts.items()}

    def on_train_end(self, run: Run) -> None:
        if self.best is not None:
            run.restore(self.best)
            run.history.best_epoch = self.best_epoch

    def fitted(self, run: Run) -> Any:
        """The estimator as if the training had ended here."""
        copy = self.est._copied()
        copy._take(self.est._mlp.with_weights(run.snapshot()))
        return copy

    def _count(self, run: Run) -> None:
        """Epochs without progress: of the score where early stopping is on, else of the loss."""
        est = self.est
        if est.early_stopping:
            now, best = est.validation_scores_[-1], est.best_validation_score_
            best = -np.inf if best is None else best  # the last training had no early stopping
            worse = now < best + est.tol
            if now > best:
                est.best_validation_score_, self.best = now, run.kept_snapshot()
                self.best_epoch = run.history.epochs
        else:
            now, best = est.loss_curve_[-1], est.best_loss_
            best = np.inf if best is None else best  # the last training had
            worse = now > best - est.tol
            est.best_loss_ = min(now, best)
        est._no_improvement_count = est._no_improvement_count + 1 if worse else 0

    def _stop_or_slow_down(self, run: Run) -> None:
        est = self.est
        what = "Validation score" if est.early_stopping else "Training loss"
        why = (
            f"{what} did not improve more than tol={est.tol:f} for {est.n_iter_no_change} consecutive "
            "epochs."
        )
        rate = est.learning_rate_init * est._rate_factor * self.factor
        if not self.decreasing or rate <= 1e-6:
            self._say(f"{why} {'Learning rate too small. ' if self.decreasing else ''}Stopping.")
            self.stopped = True
            run.stop(why)
            return
        self.factor /= 5.0
        est._no_improvement_count = 0
        self._say(f"{why} Setting learning rate to {rate / 5.0:f}")

    def _as_reported(self, run: Run, name: str) -> float:
        """The last loss in scikit-learn's measure: of several numbers the mean, not the sum."""
        value, problem = run.history.figures[name][-1], run.problem
        if not sums_numbers(problem):
            return value
        penalty = 0.0
        if problem.penalty:
            plan, backend = run.plan, problem.backend
            if name == "loss":
                mass = plan.rows if plan.total_weight is None else plan.total_weight
                penalty = float(backend.to_numpy(run.moving.totals.penalty)) / mass
            else:
                held = self.held
                assert held is not None  # noqa: S101
                mass = len(held.y) if held.weights is None else float(held.weights.sum())
                scalar = backend.asarray(np.asarray(mass))
                penalty = float(
                    backend.to_numpy(penalty_of(problem, run.snapshot().vector, scalar))
                )
        return (value - penalty) / problem.units + penalty

    def _score(self, run: Run) -> float:
        held = self.held
        assert held is not None  # noqa: S101
        if self._scorer is not None:
            known = self._weighs and held.weights is not None
            weights = {"sample_weight": held.weights} if known else {}
            return float(self._scorer(self.fitted(run), held.X, held.y, **weights))
        outputs = self._outputs_of(run)
        if not np.isfinite(outputs).all():
            return float("nan")
        predicted = self.est._head.decide(outputs)
        if self.est._numbers:
            return float(r2_score(held.y, predicted, sample_weight=held.weights))
        right = (predicted == held.y).reshape(len(held.y), -1).all(axis=1)
        return float(np.average(right, weights=held.weights))

    def _outputs_of(self, run: Run) -> np.ndarray:
        problem: Problem = run.problem
        if self._outputs is None:
            self._outputs = make_outputs(problem)
        assert run.validation is not None  # noqa: S101
        parts = [self._outputs(*run.snapshot(), part.x) for part in run.validation.parts()]
        return np.concatenate([self._predicted(problem, part) for part in parts])

    def _predicted(self, problem: Problem, outputs: Any) -> np.ndarray:
        if self.est._numbers:
            outputs = problem.loss.predict(outputs, problem.context(problem.backend.xp))
        return problem.backend.to_numpy(outputs)

    def _say(self, words: str) -> None:
        if self.est.verbose:
            print(words)


def _takes_weights(scorer: Any) -> bool:
    """Whether a score has a parameter for them; of those that `make_scorer` made the function decides."""
    try:
        return "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters
    except ValueError:  # one written in C does not say
        return False


def tasks_of(
    estimator: Any,
    X: Any,  # noqa: N803
    y: np.ndarray,
    weights: np.ndarray | None,
) -> Callable[[Run, Callable[[Run], Any]], bool] | None:
    """Tells scikit-learn's own callbacks of each epoch, if the estimator has some.

    Args:
        estimator: that was asked to fit.
        X: the rows it trains on.
        y: their labels or numbers.
        weights: their weights, or None.

    Returns:
        A function of the training and of what makes a fitted estimator of it, that says whether to stop.
    """
    if not hasattr(estimator, "_skl_callbacks"):
        return None
    about = {"estimator": estimator, "X": X, "y": y, "metadata": {"sample_weight": weights}}
    root = estimator._init_callback_context(max_subtasks=estimator.max_iter)
    root.call_on_fit_task_begin(**about)

    def epoch_ended(run: Run, fitted: Callable[[Run], Any]) -> bool:
        def attributes() -> dict[str, Any]:
            return dict(vars(fitted(run)))

        task = root.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(**about)
        stop = bool(task.call_on_fit_task_end(**about, reconstruction_attributes=attributes))
        if stop or run.history.epochs == run.plan.epochs or run.history.stopped:
            root.call_on_fit_task_end(**about, reconstruction_attributes=attributes)
        return stop

    return epoch_ended
