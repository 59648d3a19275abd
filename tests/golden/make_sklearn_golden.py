"""Make ``sklearn_parity.safetensors``: trainings by scikit-learn's multi-layer perceptrons.

Run once, with scikit-learn installed::

    python tests/golden/make_sklearn_golden.py tests/golden/sklearn_parity.safetensors

Each case trains for 20 epochs in float64. Mini-batches are made equal by handing scikit-learn the
rows in the order of ``portable_mlp.randomness.permutation``, one ``partial_fit`` without a shuffle
for each epoch; whole batches are one ``fit``. In the file are, for a case: ``x``, ``y``, the first
weights ``first.dense_1.weight`` and so on, the last ones ``last.dense_1.weight`` and so on,
``loss_curve``, and for mini-batches ``orders`` (20, rows). The numbers of a case are in the header,
as JSON.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from portable_mlp.randomness import permutation

EPOCHS, SEED = 20, 5
Arrays = dict[str, NDArray[Any]]
COMMON = {"activation": "relu", "alpha": 0.0, "batch_size": None, "hidden": [6], "rows": 48}
SGD = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0, "nesterovs_momentum": False}
NESTEROV = {**SGD, "momentum": 0.9, "nesterovs_momentum": True}
# a tiny epsilon, with which both places of epsilon (√v there, √v̂ in algorithm 1) make no difference
ADAM = {
    "solver": "adam",
    "learning_rate_init": 0.02,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-15,
}
CASES: dict[str, dict[str, Any]] = {
    "classes_sgd": {"task": "classes", **SGD},
    "classes_momentum": {
        "task": "classes",
        **NESTEROV,
        "nesterovs_momentum": False,
        "alpha": 0.5,
        "hidden": [],
        "batch_size": 16,
    },
    "classes_nesterov": {
        "task": "classes",
        **NESTEROV,
        "alpha": 0.5,
        "batch_size": 24,
        "activation": "tanh",
        "hidden": [6, 4],
    },
    "classes_adam": {"task": "classes", **ADAM, "alpha": 0.3, "batch_size": 16},
    "binary_sgd": {
        "task": "binary",
        **SGD,
        "learning_rate_init": 0.5,
        "alpha": 2.0,
        "activation": "logistic",
    },
    "binary_nesterov": {"task": "binary", **NESTEROV, "batch_size": 24},
    "binary_adam": {
        "task": "binary",
        **ADAM,
        "beta_1": 0.8,
        "beta_2": 0.99,
        "alpha": 0.3,
        "batch_size": 16,
        "activation": "tanh",
    },
    "binary_adam_default_epsilon": {
        "task": "binary",
        **ADAM,
        "epsilon": 1e-8,
        "batch_size": 16,
        "activation": "tanh",
    },
    "number_sgd": {"task": "number", **SGD, "batch_size": 16, "alpha": 0.2},
    "number_nesterov": {"task": "number", **NESTEROV, "learning_rate_init": 0.02, "alpha": 1.0},
    "numbers_adam": {"task": "numbers", **ADAM, "batch_size": 12, "alpha": 0.4, "hidden": [8]},
    "numbers_nesterov": {
        "task": "numbers",
        **NESTEROV,
        "learning_rate_init": 0.03,
        "batch_size": 24,
        "activation": "logistic",
    },
}


def draw_data(task: str, rows: int, key: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw four features and targets that depend on them."""
    random = np.random.Generator(np.random.Philox(key=key))
    x = random.standard_normal((rows, 4))
    clean = np.stack([np.sin(2 * x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3], x[:, 1] - x[:, 0]], axis=1)
    clean += 0.3 * random.standard_normal(clean.shape)
    if task == "classes":
        return x, np.argmax(clean, axis=1)
    if task == "binary":
        return x, (clean[:, 0] > 0).astype(np.int64)
    return x, clean[:, 0] if task == "number" else clean[:, :2]


def record(base: type[Any]) -> type[Any]:
    """Make a class that keeps the weights that scikit-learn starts from."""

    class Recording(base):  # type: ignore[misc]
        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> Any:
            coef, intercept = super()._init_coef(fan_in, fan_out, dtype)
            self.first_weights_ = [
                *getattr(self, "first_weights_", []),
                (coef.copy(), intercept.copy()),
            ]
            return coef, intercept

    return Recording


def by_name(prefix: str, layers: list[tuple[Any, Any]]) -> Arrays:
    """Name weights and biases as portable_mlp does."""
    arrays = {}
    for i, (weight, bias) in enumerate(layers, start=1):
        arrays[f"{prefix}.dense_{i}.weight"] = weight
        arrays[f"{prefix}.dense_{i}.bias"] = bias
    return arrays


def train(case: dict[str, Any], key: int) -> Arrays:
    """Train one case."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    rows, batch_size = case["rows"], case["batch_size"]
    x, y = draw_data(case["task"], rows, key)
    options = {k: v for k, v in case.items() if k not in ("task", "rows", "batch_size", "hidden")}
    classifies = case["task"] in ("classes", "binary")
    model = record(MLPClassifier if classifies else MLPRegressor)(
        hidden_layer_sizes=tuple(case["hidden"]),
        batch_size=batch_size or rows,
        shuffle=False,
        max_iter=EPOCHS,
        tol=0.0,
        n_iter_no_change=10 * EPOCHS,
        random_state=key,
        **options,
    )
    arrays = {"x": x, "y": y}
    if batch_size is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
    else:
        assert rows % batch_size == 0, "a smaller last batch has another penalty there"
        orders = np.stack([permutation(SEED, epoch, rows) for epoch in range(EPOCHS)])
        arrays["orders"] = orders
        for order in orders:
            known = {"classes": np.unique(y)} if classifies else {}
            model.partial_fit(x[order], y[order], **known)
    assert len(model.loss_curve_) == EPOCHS
    arrays["loss_curve"] = np.asarray(model.loss_curve_)
    arrays |= by_name("first", model.first_weights_)
    arrays |= by_name("last", list(zip(model.coefs_, model.intercepts_, strict=True)))
    return arrays


def main(path: str) -> None:
    """Write the file."""
    import sklearn

    arrays, cases = {}, {}
    for i, (name, special) in enumerate(CASES.items()):
        cases[name] = {**COMMON, **special}
        for what, array in train(cases[name], 100 + i).items():
            arrays[f"{name}.{what}"] = np.ascontiguousarray(array)
            assert np.all(np.isfinite(array))
    header = {"scikit-learn": sklearn.__version__, "cases": json.dumps(cases), "seed": str(SEED)}
    save_file(arrays, path, header)


if __name__ == "__main__":
    main(sys.argv[1])
