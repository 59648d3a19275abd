"""
Two spirals: the boundary while a network learns
================================================

Two classes wound around each other, and the same network after 5, 15, 40 and 150 epochs.
"""

import matplotlib.pyplot as plt
import numpy as np

from portable_mlp import MLP, plots

# %%
# The data: 150 points on each arm, with a little noise.

random = np.random.default_rng(0)
angle = np.sqrt(random.uniform(0.02, 1, 300)) * 3 * np.pi
y = np.arange(300) % 2
turn = angle + np.pi * y
X = np.stack([angle * np.cos(turn), angle * np.sin(turn)], axis=1) / 9
X += random.normal(0, 0.02, X.shape)

# %%
# A second ``fit`` goes on where the first ended, the optimizer too. White lines are where the
# most probable class changes; the paler a colour, the less sure the network is.

model = MLP([2, 64, 64, 2], activation="silu", seed=0)
figure, axes = plt.subplots(2, 2, figsize=(8, 7.4), sharex=True, sharey=True, layout="constrained")
trained = 0
for epochs, ax in zip((5, 15, 40, 150), axes.flat, strict=True):
    model.fit(X, y, epochs=epochs - trained, batch_size=30, learning_rate=0.01)
    trained = epochs
    plots.decision_boundary(model, X, y, ax=ax)
    accuracy = model.evaluate(X, y)["accuracy"]
    ax.set_title(f"{epochs} epochs: {accuracy:.0%} are right", loc="left")
    ax.get_legend().remove()
plt.show()
