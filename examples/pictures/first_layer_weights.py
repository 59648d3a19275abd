"""
What the first layer looks for
==============================

Each unit of the first layer has a weight for each pixel, so its weights are an image: where they
are positive, ink makes the unit fire, and where they are negative, ink keeps it quiet.
"""

import matplotlib.pyplot as plt

from portable_mlp import MLP, load_digits, plots

digits = load_digits()

# %%
# Pixels in the corners are nearly always white, so the data say nothing of their weights, and
# without a penalty they stay as they were drawn. With one they go to 0, and some units as a whole
# with them.

figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.8), layout="constrained")
for ax, l2 in zip(axes, (0.0, 0.003), strict=True):
    model = MLP([64, 25, 10], l2=l2, seed=0)
    model.fit(digits.train_images, digits.train_labels, epochs=40, learning_rate=0.005)
    plots.first_layer_weights(model, ax=ax)
    accuracy = model.evaluate(digits.test_images, digits.test_labels)["accuracy"]
    ax.set_title(f"l2={l2}: test accuracy {accuracy:.3f}", loc="left")
plt.show()
