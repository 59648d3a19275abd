"""
Is it as often right as it says?
================================

Of the answers that a model is 90 % sure of, 90 % should be right. A network that was trained for
long is surer than that; label smoothing, which asks for less than certainty, is one thing that
helps.
"""

import matplotlib.pyplot as plt
import numpy as np

from portable_mlp import MLP, nn, plots

# %%
# Two classes that overlap, so that nobody can always be right.

random = np.random.default_rng(0)
y, y_new = np.arange(300) % 2, np.arange(4000) % 2
X, X_new = (random.normal(size=(len(k), 10)) + 0.5 * k[:, None] for k in (y, y_new))

# %%
# Bars below the diagonal: surer than right. ECE, the expected calibration error, is the mean
# distance from it.

figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), sharey=True, layout="constrained")
for ax, smoothing in zip(axes, (0.0, 0.2), strict=True):
    loss = nn.SoftmaxCrossEntropy(label_smoothing=smoothing)
    model = MLP([10, 64, 2], loss=loss, seed=0)
    model.fit(X, y, epochs=60, batch_size=32)
    plots.reliability_diagram(model, X_new, y_new, ax=ax)
    ax.set_xlabel(f"{ax.get_xlabel()}\nlabel smoothing {smoothing}")
plt.show()
