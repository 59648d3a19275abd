"""
A gradient that fades, layer by layer
=====================================

Eight hidden layers of sigmoids, as networks were built once, and eight of SiLU. Before any
training, is there a gradient for the first layer to learn from?
"""

import matplotlib.pyplot as plt

from portable_mlp import MLP, load_digits, plots

digits = load_digits()
X, y = digits.train_images, digits.train_labels

# %%
# The derivative of a sigmoid is 1/4 at most, and each layer multiplies by it: on the left the
# gradient of the first layer is 300,000 times smaller than that of the last.

figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharex=True, layout="constrained")
models = [MLP([64, *[64] * 8, 10], activation=name, seed=0) for name in ("sigmoid", "silu")]
for ax, model, name in zip(axes, models, ("sigmoid", "SiLU"), strict=True):
    plots.gradients(model, X, y, ax=ax)
    ax.set_title(f"{name}: sizes of the gradient", loc="left")
plt.show()

# %%
# Twenty epochs later one of them has learnt the digits, and the other has hardly begun.

figure, axes = plt.subplots(1, 2, figsize=(11, 6), layout="constrained")
for ax, model, name in zip(axes, models, ("sigmoid", "SiLU"), strict=True):
    model.fit(X, y, epochs=20, batch_size=64)
    plots.activations(model, X, ax=ax)
    accuracy = model.evaluate(digits.test_images, digits.test_labels)["accuracy"]
    ax.set_title(f"{name}: test accuracy {accuracy:.2f}", loc="left")
plt.show()
