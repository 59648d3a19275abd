"""
scikit-learn's perceptron with one import changed
=================================================

The same estimator, and what it can do then.
"""

import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier as Theirs
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from portable_mlp.sklearn import MLPClassifier  # instead of sklearn.neural_network

warnings.simplefilter("ignore", ConvergenceWarning)  # these trainings are short on purpose

# %%
# The same parameters and the same ``random_state`` give the same network.

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

options = {"hidden_layer_sizes": (32,), "max_iter": 30, "tol": 0, "random_state": 0}
options["n_iter_no_change"] = 30
options["early_stopping"] = True
theirs, ours = (model(**options).fit(X, y) for model in (Theirs, MLPClassifier))
difference = max(np.abs(a - b).max() for a, b in zip(theirs.coefs_, ours.coefs_, strict=True))
print(f"largest difference of a weight: {difference:.1e}")

# %%
# What was asked for there: another activation, dropout, class weights, a look at the validation
# loss.

model = MLPClassifier(
    (64, 64),
    activation="silu",
    dropout=0.2,
    normalization="layer",
    class_weight="balanced",
    schedule="cosine",
    learning_rate_init=0.01,
    max_iter=40,
    n_iter_no_change=40,
    random_state=0,
)
model.fit(X, y, X_val=X_test, y_val=y_test)
print(
    f"validation loss: {model.validation_loss_curve_[0]:.2f} -> {model.validation_loss_curve_[-1]:.2f}"
)
print(f"test accuracy {model.score(X_test, y_test):.3f}")
print("hidden units as features:", model.transform(X_test).shape)

# %%
# It is an estimator like any other.

search = GridSearchCV(
    make_pipeline(
        StandardScaler(), MLPClassifier((32,), learning_rate_init=0.01, max_iter=20, random_state=0)
    ),
    {"mlpclassifier__dropout": [0.0, 0.3]},
    cv=3,
)
print(f"grid search {search.fit(X, y).best_score_:.3f} with {search.best_params_}")
