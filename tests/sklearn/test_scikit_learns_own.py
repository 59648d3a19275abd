"""scikit-learn's own tests of its multi-layer perceptrons, as they are installed, run against ours."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="its list is that of scikit-learn 1.9")
pytest.importorskip(
    "sklearn.neural_network.tests.test_mlp", reason="scikit-learn or its tests are not installed"
)

from sklearn.neural_network.tests import test_mlp as theirs

from portable_mlp.sklearn import MLPClassifier, MLPRegressor

theirs.MLPClassifier, theirs.MLPRegressor = MLPClassifier, MLPRegressor

_NO_OPTIMIZER = (
    "reads the private _optimizer.learning_rate; here it is in history_['learning_rate']"
)
DIFFERENT = {
    "test_gradient": "calls the private _loss_grad_lbfgs; here check_model looks at gradients",
    "test_learning_rate_warmstart": _NO_OPTIMIZER,
    "test_adaptive_learning_rate": _NO_OPTIMIZER,
}
"""Tests that fail, and why; docs/scikit_learn.md says the same."""

pytestmark = pytest.mark.filterwarnings("ignore")  # trainings that are too short, most of all


@pytest.fixture
def global_random_seed() -> int:
    """scikit-learn's conftest has it."""
    return 42


def _adopted(name: str, test: Any) -> Any:
    if name not in DIFFERENT:
        return test
    return pytest.mark.xfail(reason=DIFFERENT[name], strict=True)(test)


TESTS = {name: test for name, test in vars(theirs).items() if name.startswith("test_")}
globals().update({name: _adopted(name, test) for name, test in TESTS.items()})


def test_they_were_found() -> None:
    assert len(TESTS) > 40
    assert set(DIFFERENT) <= set(TESTS)
