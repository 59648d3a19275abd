"""scikit-learn's multi-layer perceptrons with the same names, on any backend, and what was missing there.

>>> from sklearn.datasets import load_iris
>>> from portable_mlp.sklearn import MLPClassifier
>>> X, y = load_iris(return_X_y=True)
>>> model = MLPClassifier(max_iter=500, random_state=0).fit(X, y)
>>> model.score(X, y) > 0.95
True
"""

import re as _re

try:
    import sklearn as _scikit_learn
except ImportError as error:
    raise ImportError(
        f"portable_mlp.sklearn needs scikit-learn, which can't be imported here ({error}): "
        "pip install 'portable_mlp[sklearn]'."
    ) from None
if [int(part) for part in _re.findall("[0-9]+", _scikit_learn.__version__)[:2]] < [1, 6]:
    raise ImportError(
        f"portable_mlp.sklearn: scikit-learn is {_scikit_learn.__version__}, expected 1.6 or newer: "
        "pip install -U scikit-learn."
    )

from portable_mlp.sklearn.estimators import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
