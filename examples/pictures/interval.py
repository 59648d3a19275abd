"""
How sure is a prediction? Quantiles and variances
=================================================

The noise of these data grows from left to right. Two losses learn that: `Quantile` the bounds
themselves, and `GaussianNLL` a mean and a variance.
"""

import matplotlib.pyplot as plt
import numpy as np

from portable_mlp import MLP, nn

random = np.random.default_rng(0)
x = np.sort(random.uniform(-1, 1, 600))[:, None]
y = np.sin(4 * x) + random.normal(0, 1, x.shape) * (0.08 + 0.25 * (x + 1))

quantiles = MLP([1, 32, 32, 3], activation="silu", loss=nn.Quantile((0.05, 0.5, 0.95)), seed=0)
gaussian = MLP([1, 32, 32, 2], activation="silu", loss="gaussian_nll", seed=0)
for model in (quantiles, gaussian):
    model.fit(x, y, epochs=150, batch_size=64, learning_rate=0.005)

# %%
# Outside of the data, left and right of the points, the bands mean nothing: a network was never
# told what is there.

low, middle, high = quantiles.predict(x).T
mean, log_variance = gaussian.forward(x).T  # both outputs; predict gives the mean
spread = 1.645 * np.exp(log_variance / 2)  # 90 % of a normal distribution

figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), sharey=True, layout="constrained")
bands = (
    ("Quantile((0.05, 0.5, 0.95))", low, middle, high),
    ("gaussian_nll: mean ± 1.645 σ", mean - spread, mean, mean + spread),
)
for ax, (name, lower, centre, upper) in zip(axes, bands, strict=True):
    inside = ((lower <= y[:, 0]) & (y[:, 0] <= upper)).mean()
    ax.scatter(x, y, s=6, color="#596273")
    ax.fill_between(x[:, 0], lower, upper, color="#56b4e9", alpha=0.4, label=f"{inside:.0%} inside")
    ax.plot(x, centre, color="#0072b2", linewidth=2)
    ax.set_title(name, loc="left", fontsize=11, weight="bold")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper left")
plt.show()
