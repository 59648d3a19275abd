"""scikit-learn's own checks of an estimator, all of them, those of the array API included."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.utils.estimator_checks import parametrize_with_checks

from portable_mlp.sklearn import MLPClassifier, MLPRegressor

ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    MLPClassifier(max_iter=100, categorical_features="from_dtype"),
    MLPRegressor(max_iter=100, categorical_features="from_dtype"),
]


def _cannot(estimator: Any) -> dict[str, str]:
    """Checks that an estimator of tables fails, and why."""
    if estimator.categorical_features is None:
        return {}
    return {
        "check_sample_weight_equivalence_on_dense_data": (
            "medians, quartiles and levels are those of the rows, whatever their weights"
        )
    }


@pytest.fixture(autouse=True)
def _all_of_the_standard() -> Iterator[None]:
    """scikit-learn looks for NaN by boolean indexing, which all other tests here go without."""
    try:
        from array_api_strict import ArrayAPIStrictFlags
    except ImportError:  # its checks are skipped then, with the reason
        yield
        return
    with ArrayAPIStrictFlags(boolean_indexing=True, data_dependent_shapes=True):
        yield


@pytest.fixture(autouse=True)
def _scipy_takes_other_arrays(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What scikit-learn's array API dispatch asks for; SciPy itself has read it long before."""
    monkeypatch.setitem(os.environ, "SCIPY_ARRAY_API", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # data of the checks: one class, few epochs, large numbers
        yield


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=_cannot)
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
