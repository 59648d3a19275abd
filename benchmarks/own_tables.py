"""The recipe for tables beside scikit-learn's own network: `python -m benchmarks.own_tables`.

Each table is divided anew for each seed, three quarters to train on. scikit-learn's network has its
defaults and stands behind a StandardScaler; `portable_mlp.recipes.table_recipe` is what
``portable-mlp train TABLE.csv`` does.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from portable_mlp.recipes import table_recipe

Table = tuple[np.ndarray, np.ndarray, bool]


def main() -> None:
    from sklearn.model_selection import train_test_split

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--only", nargs="*", help="names of tables")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # scikit-learn's network says where it has not converged
    print(
        "| table | rows | figure | portable_mlp | scikit-learn | difference | seconds | seconds |"
    )
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, (X, y, classes) in tables().items():
        if options.only and name not in options.only:
            continue
        found = []
        for seed in range(options.seeds):
            parts = train_test_split(
                X, y, test_size=0.25, random_state=seed, stratify=y if classes else None
            )
            found.append(
                [*timed(ours, *parts, classes, seed), *timed(theirs, *parts, classes, seed)]
            )
        mine, seconds, other, other_seconds = np.array(found).T
        apart = mine - other
        error = apart.std(ddof=1) / len(apart) ** 0.5
        print(
            f"| {name} | {len(X):,} | {'accuracy' if classes else 'R²'} | {mine.mean():.4f} "
            f"| {other.mean():.4f} | {apart.mean():+.4f} ± {error:.4f} "
            f"| {seconds.mean():.2f} | {other_seconds.mean():.2f} |",
            flush=True,
        )


def tables() -> dict[str, Table]:
    """Samples, targets, and whether these are classes."""
    from sklearn import datasets

    bundled = {
        name: (*getattr(datasets, f"load_{name}")(return_X_y=True), name != "diabetes")
        for name in ("iris", "wine", "breast_cancer", "diabetes", "digits")
    }
    few = {"n_informative": 8, "n_classes": 3, "flip_y": 0.05}
    many = {"n_informative": 12, "n_redundant": 6, "n_classes": 4, "flip_y": 0.03}
    many["n_clusters_per_class"] = 3
    return bundled | {
        "friedman1, few": (*datasets.make_friedman1(300, noise=1.0, random_state=0), False),
        "friedman1, many": (*datasets.make_friedman1(20_000, noise=1.0, random_state=0), False),
        "clusters, few": (*datasets.make_classification(2000, 20, random_state=1, **few), True),
        "clusters, many": (*datasets.make_classification(20_000, 30, random_state=0, **many), True),
    }


def timed(train: Callable[..., np.ndarray], *arguments: object) -> tuple[float, float]:
    """Accuracy or R² on the test part, and seconds of the training."""
    *_, y, classes, _ = arguments
    started = time.perf_counter()
    predicted = train(*arguments)
    seconds = time.perf_counter() - started
    if classes:
        return float(np.mean(predicted == y)), seconds
    return 1 - float(np.sum((predicted - y) ** 2) / np.sum((y - np.mean(y)) ** 2)), seconds


def ours(
    X: np.ndarray, test: np.ndarray, y: np.ndarray, _: np.ndarray, classes: bool, seed: int
) -> np.ndarray:
    """The recipe as the command line has it."""
    recipe = table_recipe(len(X))
    model = recipe.build(X.shape[1], int(y.max()) + 1 if classes else 0, seed=seed)
    model.fit(X, y if classes else y[:, None], **recipe.fit_options())
    return model.predict(test) if classes else model.predict(test)[:, 0]


def theirs(
    X: np.ndarray, test: np.ndarray, y: np.ndarray, _: np.ndarray, classes: bool, seed: int
) -> np.ndarray:
    """scikit-learn's defaults."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    network = (MLPClassifier if classes else MLPRegressor)(random_state=seed)
    return make_pipeline(StandardScaler(), network).fit(X, y).predict(test)


if __name__ == "__main__":
    main()
