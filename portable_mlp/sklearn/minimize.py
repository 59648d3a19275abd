"""solver="lbfgs": SciPy's L-BFGS-B over all rows at once, as in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.utils.optimize import _check_optimize_result

from portable_mlp.model import MLP
from portable_mlp.nn import HalfSquaredError
from portable_mlp.training.evaluate import penalty_of
from portable_mlp.training.problem import Problem


def minimized(
    model: MLP,
    X: Any,  # noqa: N803
    t: np.ndarray,
    weights: np.ndarray | None,
    estimator: Any,
) -> tuple[MLP, float, int, list[float]]:
    """A model where the loss is at a minimum.

    It is looked for in double precision, whatever the model's own: a line search ends early in the
    rounding of a loss in single precision.

    Args:
        model: where to start.
        X: samples.
        t: targets as the model's loss wants them.
        weights: of the samples, or None.
        estimator: says ``tol``, ``max_iter``, ``max_fun`` and ``verbose``.

    Returns:
        ``(the model, its loss, iterations, the loss after each)``.

    Raises:
        ValueError: the network has dropout, under which the loss is no function of the weights.
    """
    if model.network.streams:
        raise ValueError(
            f"{type(estimator).__name__}: got dropout beside solver='lbfgs', expected none: with it the "
            "loss is another at each look. Choose 'adam' or 'sgd'."
        )
    backend = model.backend
    exact = model.to(backend.name, device=backend.device_name, dtype="float64")
    objective = exact.objective(X, t, sample_weight=weights)
    mass = float(len(t)) if weights is None else float(weights.sum())
    curve: list[float] = []

    def reported(found: Any) -> float:
        """The loss in scikit-learn's measure."""
        if not sums_numbers(exact._problem):
            return float(found.fun)
        with exact.backend.scope():
            vector, scalar = (exact.backend.asarray(np.array(a)) for a in (found.x, mass))
            penalty = float(exact.backend.to_numpy(penalty_of(exact._problem, vector, scalar)))
        return (float(found.fun) - penalty) / exact._problem.units + penalty

    def after_iteration(intermediate_result: Any) -> None:
        curve.append(reported(intermediate_result))
        if estimator.verbose:
            print(f"Iteration {len(curve)}, loss = {curve[-1]:.8f}")

    shapes = {name: array.shape for name, array in exact.parameters().items()}
    found = minimize(
        objective,
        np.concatenate([array.ravel() for array in exact.parameters().values()]),
        method="L-BFGS-B",
        jac=True,
        callback=after_iteration,
        options={
            "maxfun": estimator.max_fun,
            "maxiter": estimator.max_iter,
            "gtol": estimator.tol,
        },
    )
    iterations = int(_check_optimize_result("lbfgs", found, estimator.max_iter))
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    parts = np.split(found.x, ends)
    exact.set_parameters(
        {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}
    )
    _settle(exact, X)
    return exact.to(backend), reported(found), iterations, curve


def _settle(model: MLP, X: Any) -> None:  # noqa: N803
    """Running statistics, such as those of BatchNorm, are those of all samples from now on."""
    problem, weights = model._problem, model._weights
    with model.backend.scope():
        x = model._border.features(X)
        state = problem.settled(model.backend.xp, *weights, x, ())
        model._weights = weights._replace(state=state)


def sums_numbers(problem: Problem) -> bool:
    """Whether the loss is a sum over several numbers, of which scikit-learn reports the mean.

    Args:
        problem: what is minimised.
    """
    sums = isinstance(problem.loss, HalfSquaredError) and problem.loss.over_outputs == "sum"
    return sums and problem.units > 1
