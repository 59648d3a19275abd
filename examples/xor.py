"""
XOR
===

The smallest network that needs a hidden layer, with its gradients by name.
"""

import numpy as np

from portable_mlp import MLP

# %%
# Four rows are all there is, so each step sees all of them: ``batch_size=None``.

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])  # one column for the one output

model = MLP([2, 4, 1], activation="tanh", loss="binary_cross_entropy", seed=0)

loss, gradients = model.loss_and_gradients(X, y)
print(f"loss before training {loss:.4f}")
for name, gradient in gradients.items():
    print(f"  dL/d {name:15} shape {gradient.shape}, largest {np.abs(gradient).max():.4f}")

model.fit(X, y, epochs=500, batch_size=None, optimizer="adam", learning_rate=0.05)
print(f"loss after training  {model.evaluate(X, y)['loss']:.4f}")
for row, probability, answer in zip(X, model.predict_proba(X), model.predict(X), strict=True):
    print(f"  {row.tolist()}  ->  {probability[0]:.3f}  ->  {answer[0]}")
