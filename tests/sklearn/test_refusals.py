"""What the estimators refuse in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.datasets import load_iris

from portable_mlp import Checkpoint
from portable_mlp.sklearn import MLPClassifier

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["a", "b", "c"])[Y]


def test_a_label_to_validate_on_that_was_never_trained_on() -> None:
    other = np.where(NAMES == "b", "z", NAMES)
    with pytest.raises(ValueError, match="y_val: y has the label 'z', expected those of the"):
        MLPClassifier((4,), max_iter=2).fit(X, NAMES, X_val=X, y_val=other)
    several = np.stack([NAMES, NAMES], axis=1)
    with pytest.raises(ValueError, match="y_val: y has the label 'z', expected those of the"):
        MLPClassifier((4,), max_iter=2).fit(
            X, several, X_val=X, y_val=np.stack([NAMES, other], axis=1)
        )


def test_a_checkpoint_knows_nothing_of_an_estimator(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="callbacks has a Checkpoint, expected one with MLP.fit"):
        MLPClassifier((4,), max_iter=2, callbacks=[Checkpoint(tmp_path / "k")]).fit(X, NAMES)
    assert not (tmp_path / "k").exists()
