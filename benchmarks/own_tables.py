"""The recipes for tables beside other estimators: `python -m benchmarks.own_tables`.

Five folds and three seeds of each table; every estimator is trained on the same rows and sees the test
fold only to predict it. ``portable_mlp`` is `portable_mlp.recipes.table_recipe`, which is what
``portable-mlp train TABLE.csv`` does; ``realmlp-s`` is its preset of that name. scikit-learn's network
has its defaults and stands behind a StandardScaler. RealMLP-TD-S of pytabkit is the same network in
PyTorch, and runs where pytabkit is installed.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from portable_mlp import TableEncoder
from portable_mlp.recipes import RECIPES, table_recipe

Table = tuple[np.ndarray, np.ndarray, bool]
Contestant = Callable[[np.ndarray, np.ndarray, np.ndarray, bool, int], np.ndarray]
FOLDS = 5
SHIPPED = ("iris", "wine", "breast_cancer", "diabetes", "digits")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of tables")
    parser.add_argument("--without", nargs="*", default=[], help="names of contestants")
    parser.add_argument("--scores", type=Path, help="keep the figures of each fold there (.json)")
    parser.add_argument("--report", type=Path, help="show such a file again, measure nothing")
    options = parser.parse_args()
    if options.report is not None:
        kept = json.loads(options.report.read_text())
        print(report(kept["scores"], kept["seconds"]))
        return
    warnings.simplefilter("ignore")  # scikit-learn's network says where it has not converged
    runners = {name: run for name, run in contestants().items() if name not in options.without}
    scores: dict[str, dict[str, list[float]]] = {}
    seconds = dict.fromkeys(runners, 0.0)
    for name, table in tables().items():
        if options.only and name not in options.only:
            continue
        scores[name] = {runner: [] for runner in runners}
        for seed in range(options.seeds):
            for train, test in folds(table, seed):
                for runner, run in runners.items():
                    found, took = scored(run, table, train, test, seed)
                    scores[name][runner].append(found)
                    seconds[runner] += took
        print(row(name, table, scores[name]), flush=True)
        if options.scores is not None:
            options.scores.write_text(json.dumps({"scores": scores, "seconds": seconds}))
    print("\n" + report(scores, seconds))


def tables() -> dict[str, Table]:
    """Samples, targets, and whether these are classes."""
    from sklearn import datasets

    bundled = {
        name: (*getattr(datasets, f"load_{name}")(return_X_y=True), name != "diabetes")
        for name in SHIPPED
    }
    few = {"n_informative": 8, "n_classes": 3, "flip_y": 0.05}
    return bundled | {
        "friedman1": (*datasets.make_friedman1(1000, noise=1.0, random_state=0), False),
        "friedman2": (*datasets.make_friedman2(1000, noise=50.0, random_state=0), False),
        "regression": (*datasets.make_regression(500, 20, noise=20.0, random_state=0), False),
        "clusters": (*datasets.make_classification(2000, 20, random_state=1, **few), True),
        "moons": (*datasets.make_moons(500, noise=0.25, random_state=0), True),
    }


def folds(table: Table, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and to test on, of each fold."""
    from sklearn.model_selection import KFold, StratifiedKFold

    X, y, classes = table
    divide = (StratifiedKFold if classes else KFold)(FOLDS, shuffle=True, random_state=seed)
    return list(divide.split(X, y))


def scored(
    run: Contestant, table: Table, train: np.ndarray, test: np.ndarray, seed: int
) -> tuple[float, float]:
    """Accuracy or R² on the test rows, and seconds of the training."""
    X, y, classes = table
    started = time.perf_counter()
    predicted = run(X[train], y[train], X[test], classes, seed)
    seconds, truth = time.perf_counter() - started, y[test]
    if classes:
        return float(np.mean(predicted == truth)), seconds
    apart = float(np.sum((predicted - truth) ** 2))
    return 1 - apart / float(np.sum((truth - truth.mean()) ** 2)), seconds


def contestants() -> dict[str, Contestant]:
    """Those that can be had here, by name."""
    found: dict[str, Contestant] = {
        "portable_mlp": ours,
        "realmlp-s": preset,
        "scikit-learn MLP": network,
        "HistGradientBoosting": trees,
    }
    try:
        import pytabkit  # noqa: F401
    except ImportError:
        print("RealMLP-TD-S of pytabkit is left out: pip install pytabkit\n")
        return found
    return found | {"RealMLP-TD-S (pytabkit)": pytabkit_realmlp}


def ours(X: np.ndarray, y: np.ndarray, test: np.ndarray, classes: bool, seed: int) -> np.ndarray:
    """The recipe as the command line has it."""
    recipe = table_recipe(len(X))
    model = recipe.build(X.shape[1], len(np.unique(y)) if classes else 0, seed=seed)
    model.fit(X, y if classes else y[:, None], **recipe.fit_options(), verbose=0)
    predicted = model.predict(test)
    return predicted if classes else predicted[:, 0]


def preset(X: np.ndarray, y: np.ndarray, test: np.ndarray, classes: bool, seed: int) -> np.ndarray:
    """``--preset realmlp-s``."""
    count = len(np.unique(y)) if classes else 0
    recipe = RECIPES["realmlp-s"].suited(count)
    model = recipe.build(TableEncoder.of(X), count, seed=seed)
    model.fit(X, y if classes else y[:, None], **recipe.fit_options(), verbose=0)
    predicted = model.predict(test)
    return predicted if classes else predicted[:, 0]


def network(X: np.ndarray, y: np.ndarray, test: np.ndarray, classes: bool, seed: int) -> np.ndarray:
    """scikit-learn's defaults."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = (MLPClassifier if classes else MLPRegressor)(random_state=seed)
    return make_pipeline(StandardScaler(), made).fit(X, y).predict(test)


def trees(X: np.ndarray, y: np.ndarray, test: np.ndarray, classes: bool, seed: int) -> np.ndarray:
    """scikit-learn's defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    return kind(random_state=seed).fit(X, y).predict(test)


def pytabkit_realmlp(
    X: np.ndarray, y: np.ndarray, test: np.ndarray, classes: bool, seed: int
) -> np.ndarray:
    """Its defaults, on one core of the processor."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    kind = RealMLP_TD_S_Classifier if classes else RealMLP_TD_S_Regressor
    made = kind(device="cpu", random_state=seed, n_threads=1, verbosity=0)
    return made.fit(X.astype(np.float32), y).predict(test.astype(np.float32))


def row(name: str, table: Table, scores: dict[str, list[float]]) -> str:
    """A line of the first table: mean ± standard error over the folds."""
    X, _, classes = table
    cells = []
    best = max(np.mean(values) for values in scores.values())
    for values in scores.values():
        mean, error = np.mean(values), np.std(values, ddof=1) / len(values) ** 0.5
        text = f"{mean:.4f} ± {error:.4f}"
        cells.append(f"**{text}**" if mean == best else text)
    figure = "accuracy" if classes else "R²"
    return f"| {name} | {len(X):,} | {figure} | {' | '.join(cells)} |"


def report(scores: dict[str, dict[str, list[float]]], seconds: dict[str, float]) -> str:
    """The tables as they stand in docs/tables.md."""
    names, known = list(seconds), tables()
    lines = [
        f"| table | rows | figure | {' | '.join(names)} |",
        f"|---|---:|---|{'---:|' * len(names)}",
        *(row(name, known[name], found) for name, found in scores.items()),
    ]
    ranks = np.array([ranked([np.mean(found[n]) for n in names]) for found in scores.values()])
    lines.append(f"| mean rank | | | {' | '.join(f'{r:.2f}' for r in ranks.mean(axis=0))} |")
    shipped = [k for k, name in enumerate(scores) if name in SHIPPED]
    if shipped:
        cells = " | ".join(f"{r:.2f}" for r in ranks[shipped].mean(axis=0))
        lines.append(f"| mean rank, first five | | | {cells} |")
    count = sum(len(found[names[0]]) for found in scores.values())
    cells = " | ".join(f"{total / count:.2f}" for total in seconds.values())
    lines.append(f"| seconds a training | | | {cells} |")
    if {"realmlp-s", "scikit-learn MLP"} <= set(names):
        lines += [
            "",
            "| table | realmlp-s - scikit-learn MLP | |",
            "|---|---:|---|",
            *(compared(name, found) for name, found in scores.items()),
        ]
    return "\n".join(lines)


def ranked(means: list[float]) -> np.ndarray:
    """1 for the best; equal ones share their ranks."""
    values = np.array(means)
    return np.array([1 + np.sum(values > v) + (np.sum(values == v) - 1) / 2 for v in values])


def compared(name: str, scores: dict[str, list[float]]) -> str:
    """The preset beside scikit-learn's network, fold by fold."""
    apart = np.subtract(scores["realmlp-s"], scores["scikit-learn MLP"])
    mean, error = apart.mean(), apart.std(ddof=1) / len(apart) ** 0.5
    verdict = (
        "better" if mean > 2 * error else "worse" if mean < -2 * error else "equal within noise"
    )
    return f"| {name} | {mean:+.4f} ± {error:.4f} | {verdict} |"


if __name__ == "__main__":
    main()
