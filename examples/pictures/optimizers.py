"""
Optimizers side by side
=======================

The same network from the same first weights, with the same mini-batches, and five rules for the
step.
"""

import matplotlib.pyplot as plt

from portable_mlp import MLP, load_digits
from portable_mlp.optim import SGD, Adam, Lion, RMSprop

digits = load_digits()
X, y = digits.train_images, digits.train_labels

rules = {
    "SGD": SGD(0.1),
    "SGD, momentum": SGD(0.1, momentum=0.9),
    "RMSprop": RMSprop(0.001),
    "Adam": Adam(0.003),
    "Lion": Lion(0.0003),
}

# %%
# The rates are usual ones, not tuned: the order of the curves is that of these rates on this
# data, no verdict.

figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
for name, rule in rules.items():
    history = MLP([64, 64, 10], seed=0).fit(X, y, epochs=20, batch_size=64, optimizer=rule)
    ax.plot(range(1, 21), history["loss"], marker="o", markersize=3, label=name)
ax.set(xlabel="epoch", ylabel="training loss", yscale="log", xticks=range(0, 21, 5))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
