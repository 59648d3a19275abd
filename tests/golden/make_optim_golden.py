"""Make ``optim.safetensors``: what other programs make of the same optimisation problems.

Run once, with PyTorch and SciPy installed::

    python tests/golden/make_optim_golden.py tests/golden/optim.safetensors

Everything is float64. Optimizers start at ``start`` (12,) and make 30 steps on each of three
sources of gradients:

- ``given``: the rows of ``gradients`` (30, 12), whatever the weights are;
- ``quadratic``: of ½ (w - centre)ᵀ A (w - centre), by automatic differentiation;
- ``rosenbrock``: of Σ 2 (w_{i+1} - w_i²)² + (1 - w_i)², by automatic differentiation.

``<case>.rates`` (30,) are the learning rates and ``<case>.<source>`` (30, 12) the weights after
each step. Cases come from ``torch.optim`` where PyTorch has the form that is meant, and else from
the formula of the paper, written out below.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

SIZE, STEPS = 12, 30
Vector = NDArray[np.float64]
Rule = Callable[[Vector, Vector, float], Vector]


def draw_problem() -> dict[str, Vector]:
    """Draw start, gradients and matrix. Columns of the gradients have each their own character."""
    random = np.random.Generator(np.random.Philox(key=2015))
    gradients = random.standard_normal((STEPS, SIZE))
    gradients *= np.geomspace(1e-7, 100.0, SIZE)  # some are as small as epsilon
    gradients[:, 3] = 0.0
    gradients[:6, 7] = 0.0
    gradients[:, 8] = np.abs(gradients[:, 8])
    rotation, _ = np.linalg.qr(random.standard_normal((SIZE, SIZE)))
    return {
        "start": random.uniform(-0.2, 1.2, SIZE),
        "gradients": gradients,
        "matrix": (rotation * np.geomspace(0.1, 3.0, SIZE)) @ rotation.T,
        "centre": random.standard_normal(SIZE),
    }


def gradient_of(source: str, problem: dict[str, Vector], w: Any, step: int) -> Any:
    """Give the gradient at w, a tensor."""
    import torch

    if source == "given":
        return torch.tensor(problem["gradients"][step])
    w = w.detach().clone().requires_grad_(True)
    if source == "quadratic":
        r = w - torch.tensor(problem["centre"])
        value = 0.5 * r @ torch.tensor(problem["matrix"]) @ r
    else:
        value = (2 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()
    return torch.autograd.grad(value, w)[0]


def torch_trajectory(
    make: Callable[[Any, float], Any], source: str, problem: dict[str, Vector], rates: Vector
) -> Vector:
    """Let an optimizer of PyTorch walk."""
    import torch

    w = torch.tensor(problem["start"], requires_grad=True)
    optimizer = make([w], float(rates[0]))
    rows = []
    for step, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = float(rate)
        w.grad = gradient_of(source, problem, w, step)
        optimizer.step()
        rows.append(w.detach().numpy().copy())
    return np.stack(rows)


def formula_trajectory(
    rule: Rule, source: str, problem: dict[str, Vector], rates: Vector
) -> Vector:
    """Let a formula walk."""
    import torch

    w, rows = problem["start"], []
    for step, rate in enumerate(rates):
        gradient = gradient_of(source, problem, torch.tensor(w), step).numpy()
        w = rule(w, gradient, float(rate))
        rows.append(w)
    return np.stack(rows)


def lion(beta1: float, beta2: float, decay: float = 0.0) -> Rule:
    """Chen et al. 2023, algorithm 2, line by line."""
    m, largest = np.zeros(SIZE), np.zeros(SIZE)

    def rule(w: Vector, g: Vector, lr: float) -> Vector:
        nonlocal m, largest
        c = beta1 * m + (1 - beta1) * g
        largest = np.maximum(largest, np.abs(g))
        # a sign that hangs on rounding would make a test of float32 a matter of luck
        assert np.all((np.abs(c) > 1e-5 * largest) | (largest == 0))
        w = w - lr * (np.sign(c) + decay * w)
        m = beta2 * m + (1 - beta2) * g
        return w

    return rule


def velocity_sgd(momentum: float, nesterov: bool) -> Rule:
    """Sutskever et al. 2013, eqs. 1 and 2; eqs. 3 and 4 in the variables of scikit-learn."""
    v = np.zeros(SIZE)

    def rule(w: Vector, g: Vector, lr: float) -> Vector:
        nonlocal v
        v = momentum * v - lr * g
        return w + (momentum * v - lr * g if nesterov else v)

    return rule


def optimizer_cases() -> dict[str, tuple[Callable[..., Vector], Any, Vector]]:
    """Name each case: who walks, with what, and at which rates."""
    import torch.optim as o

    constant = np.full(STEPS, 0.02)
    falling = 0.02 * 0.9 ** np.arange(STEPS)
    small = np.full(STEPS, 0.004)  # where a step's length hangs little on the gradient's
    t, f = torch_trajectory, formula_trajectory
    return {
        "sgd": (t, lambda p, lr: o.SGD(p, lr), constant),
        "momentum": (t, lambda p, lr: o.SGD(p, lr, momentum=0.9), constant),
        "nesterov": (t, lambda p, lr: o.SGD(p, lr, momentum=0.9, nesterov=True), constant),
        "momentum_falling_rate": (f, lambda: velocity_sgd(0.8, nesterov=False), falling),
        "nesterov_falling_rate": (f, lambda: velocity_sgd(0.8, nesterov=True), falling),
        "rmsprop": (t, lambda p, lr: o.RMSprop(p, lr, alpha=0.9, eps=1e-8), small),
        "rmsprop_other": (t, lambda p, lr: o.RMSprop(p, lr, alpha=0.99, eps=1e-2), falling),
        "adagrad": (t, lambda p, lr: o.Adagrad(p, lr, eps=1e-10), constant),
        "adagrad_other": (t, lambda p, lr: o.Adagrad(p, lr, eps=1e-2), falling),
        "adam": (t, lambda p, lr: o.Adam(p, lr), constant),
        "adam_other": (t, lambda p, lr: o.Adam(p, lr, betas=(0.7, 0.95), eps=1e-2), falling),
        "adamw": (t, lambda p, lr: o.AdamW(p, lr), constant),
        "adamw_other": (
            t,
            lambda p, lr: o.AdamW(p, lr, betas=(0.7, 0.95), eps=1e-4, weight_decay=0.3),
            falling,
        ),
        "nadam": (t, lambda p, lr: o.NAdam(p, lr), constant),
        "nadam_other": (
            t,
            lambda p, lr: o.NAdam(
                p,
                lr,
                betas=(0.7, 0.95),
                eps=1e-2,
                momentum_decay=0.05,
                weight_decay=0.3,
                decoupled_weight_decay=True,
            ),
            falling,
        ),
        "lion": (f, lambda: lion(0.9, 0.99), small),
        "lion_other": (f, lambda: lion(0.6, 0.9, decay=0.5), small * 2),
    }


def optimizer_arrays(problem: dict[str, Vector]) -> dict[str, Vector]:
    """Collect the trajectories."""
    arrays = {}
    for name, (walk, made, rates) in optimizer_cases().items():
        arrays[f"{name}.rates"] = rates
        for source in ("given", "quadratic", "rosenbrock"):
            who = made() if walk is formula_trajectory else made
            arrays[f"{name}.{source}"] = walk(who, source, problem, rates)
    return arrays


def clipping_arrays(problem: dict[str, Vector]) -> dict[str, Vector]:
    """Clip the last given gradient by value, by norm, and by value and then by norm.

    PyTorch divides by norm + 1e-6: the relative difference to the formula is 1e-6 / norm.
    """
    import torch

    arrays = {"clip.gradient": problem["gradients"][-1]}
    for name, limit, norm in (("value", 2.0, None), ("norm", None, 5.0), ("both", 20.0, 5.0)):
        w = torch.zeros(SIZE, dtype=torch.float64, requires_grad=True)
        w.grad = torch.tensor(arrays["clip.gradient"])
        if limit is not None:
            torch.nn.utils.clip_grad_value_([w], limit)
        if norm is not None:
            assert float(w.grad.norm()) > 4 * norm
            torch.nn.utils.clip_grad_norm_([w], norm)
        arrays[f"clip.{name}"] = w.grad.numpy()
    return arrays


def schedule_arrays() -> dict[str, Vector]:
    """Ask PyTorch's schedulers for the factor of 40 steps, the rate being 1."""
    import torch
    from torch.optim import lr_scheduler as s

    def factors(make: Callable[[Any], Any], losses: Vector | None = None) -> Vector:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        scheduler, rows = make(optimizer), []
        for step in range(40):
            rows.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step(*(() if losses is None else (losses[step],)))
        return np.asarray(rows)

    # PyTorch's cycle is at its top in step pct_start · T - 1 and at its end in step T - 1. With
    # T = 41 and this pct_start these are the steps 10 and 40: a quarter, and all, of 40 steps.
    cycle = {"max_lr": 1.0, "total_steps": 41, "pct_start": 11 / 41, "cycle_momentum": False}
    random = np.random.Generator(np.random.Philox(key=40))
    losses = np.round(2.0 * 0.9 ** np.arange(40) + random.uniform(0.0, 0.5, 40), 3)
    losses[12:24] = losses[11]  # a plateau, and a fall that is smaller than the threshold
    losses[24] = losses[:24].min() - 0.01
    arrays = {
        "schedule.cosine": factors(lambda o: s.CosineAnnealingLR(o, 40)),
        "schedule.cosine_final": factors(lambda o: s.CosineAnnealingLR(o, 40, eta_min=0.2)),
        "schedule.step": factors(lambda o: s.StepLR(o, 3, gamma=0.5)),
        "schedule.exponential": factors(lambda o: s.ExponentialLR(o, 0.95)),
        "schedule.one_cycle": factors(
            lambda o: s.OneCycleLR(o, div_factor=25.0, final_div_factor=4000.0, **cycle)
        ),
        "plateau.losses": losses,
    }
    for name, patience, threshold, minimum in (
        ("patience_0", 0, 0.0, 0.0),
        ("patience_2", 2, 0.0, 0.0),
        ("patience_3_threshold", 3, 0.05, 0.0),
        ("patience_1_minimum", 1, 0.0, 0.02),
    ):
        arrays[f"plateau.{name}"] = factors(
            lambda o, patience=patience, threshold=threshold, minimum=minimum: s.ReduceLROnPlateau(
                o,
                factor=0.3,
                patience=patience,
                threshold=threshold,
                threshold_mode="abs",
                min_lr=minimum,
                eps=0.0,
            ),
            losses,
        )
    return arrays


def logistic_arrays() -> dict[str, Vector]:
    """Let SciPy find the optimum of a logistic regression; the bias is not penalised."""
    from scipy.optimize import minimize

    random = np.random.Generator(np.random.Philox(key=1989))
    x = random.standard_normal((60, 5)) * np.asarray([1.0, 2.0, 0.5, 1.0, 3.0])
    y = (x @ random.standard_normal(5) + 0.7 + random.logistic(size=60) > 0).astype(np.float64)
    l2 = 0.05

    def objective(w: Vector) -> tuple[float, Vector]:
        z = x @ w[:5] + w[5]
        value = np.mean(np.logaddexp(0.0, z) - y * z) + 0.5 * l2 * w[:5] @ w[:5]
        e = (1 / (1 + np.exp(-z)) - y) / len(y)
        return float(value), np.append(x.T @ e + l2 * w[:5], e.sum())

    found = minimize(
        objective,
        np.zeros(6),
        jac=True,
        method="L-BFGS-B",
        options={"ftol": 0.0, "gtol": 1e-10, "maxcor": 20},
    )
    assert np.max(np.abs(found.jac)) < 1e-8
    return {
        "logistic.x": x,
        "logistic.y": y,
        "logistic.l2": np.asarray([l2]),
        "logistic.optimum": found.x,
        "logistic.value": np.asarray([found.fun]),
    }


def main(path: str) -> None:
    """Write the file."""
    import scipy
    import torch

    torch.set_default_dtype(torch.float64)  # also of numbers that an optimizer keeps for itself
    problem = draw_problem()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arrays = {
            **problem,
            **optimizer_arrays(problem),
            **clipping_arrays(problem),
            **schedule_arrays(),
            **logistic_arrays(),
        }
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    assert all(array.dtype == np.float64 for array in arrays.values())
    assert all(np.all(np.isfinite(array)) for array in arrays.values())
    save_file(arrays, path, {"torch": torch.__version__, "scipy": scipy.__version__})


if __name__ == "__main__":
    main(sys.argv[1])
