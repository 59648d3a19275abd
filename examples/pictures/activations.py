"""
Activations and their derivatives
=================================

Every elementwise activation of the package, f in blue, and the f' of its backward pass in orange.
The formulas are in :doc:`the mathematics </mathematics>`.
"""

import matplotlib.pyplot as plt
import numpy as np

from portable_mlp import nn

z = np.linspace(-5, 5, 401)
rules = {}
for name, layer in nn.ACTIVATIONS.items():
    if isinstance(layer, nn.Elementwise) and layer not in rules.values():
        rules[name] = layer

# %%
# A derivative that is 0 over a wide range is where units can die (ReLU) or saturate (sigmoid,
# tanh).

columns = 4
rows = -(-len(rules) // columns)
size = (10.5, 2.2 * rows)
figure, axes = plt.subplots(rows, columns, figsize=size, sharex=True, layout="constrained")
for ax in axes.flat[len(rules) :]:
    ax.set_axis_off()
for ax, (name, layer) in zip(axes.flat, rules.items(), strict=False):
    value = layer.value(z, np)
    ax.plot(z, value, color="#0072b2", linewidth=2)
    ax.plot(z, np.broadcast_to(layer.derivative(z, value, np), z.shape), color="#e69f00")
    ax.axhline(0, color="#d5dae1", linewidth=0.7, zorder=0)
    ax.set_ylim(-1.7, 2.2)
    ax.set_title(name, loc="left", fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
