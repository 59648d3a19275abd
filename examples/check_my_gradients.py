"""
A gradient written by hand, and what is wrong with it
=====================================================

A network that does not learn: `check_gradients` compares its gradients with its loss, and names the
two faults.
"""

from __future__ import annotations

import numpy as np

from portable_mlp import check_gradients

# %%
# The network as its author wrote it: a sigmoid layer, a softmax, the cross-entropy, and two mistakes.

Arrays = dict[str, np.ndarray]


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def forward(params: Arrays, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z1 = x @ params["W1"] + params["b1"]
    a1 = sigmoid(z1)
    scores = a1 @ params["W2"] + params["b2"]
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return z1, a1, e / e.sum(axis=1, keepdims=True)


def loss(params: Arrays, x: np.ndarray, t: np.ndarray) -> float:
    return float(-np.sum(t * np.log(forward(params, x)[2])) / len(x))


def gradients(params: Arrays, x: np.ndarray, t: np.ndarray) -> Arrays:
    z1, a1, a2 = forward(params, x)
    d2 = a2 - t  # the division by len(x) is missing
    d1 = d2 @ params["W2"].T * z1 * (1 - z1)  # should be a1 * (1 - a1)
    return {"dW1": x.T @ d1, "db1": d1.sum(axis=0), "dW2": a1.T @ d2, "db2": d2.sum(axis=0)}


random = np.random.default_rng(0)
X = random.normal(size=(100, 2))
Y = np.eye(2)[(X[:, 0] * X[:, 1] > 0).astype(int)]
params = {
    "W1": random.normal(size=(2, 8)),
    "b1": np.zeros(8),
    "W2": random.normal(size=(8, 2)),
    "b2": np.zeros(2),
}
print(check_gradients(loss, gradients, params, X, Y))
