"""
Predict a number, and an interval
=================================

Inputs and targets in their own units, figures of the fit, and bounds that 90 % lie between.
"""

import numpy as np

from portable_mlp import MLP, EarlyStopping
from portable_mlp.nn import Quantile

# %%
# Inputs of very different sizes, a target in the tens of thousands, noise of 3 %.


def trips(rows, random):
    """Mass in kg, speed in km/h and temperature in °C of a car; energy of 100 km in Wh, with noise."""
    mass, speed = random.uniform(900, 2500, rows), random.uniform(40, 130, rows)
    temperature = random.uniform(-15, 35, rows)
    energy = 4 * mass + 0.6 * speed**2 + 8 * np.maximum(15 - temperature, 0) ** 2 + 2000
    noise = random.normal(0, 0.03, rows)  # 3 % of the energy
    return np.stack([mass, speed, temperature], axis=1), (energy * (1 + noise))[:, None]


random = np.random.default_rng(0)
X, y = trips(3000, random)
X_test, y_test = trips(1000, random)

# %%
# A model of the value, and a second one of two quantiles of it.

model = MLP(
    [3, 32, 32, 1],
    loss="squared_error",
    scaling="standard",
    target_scaling="standard",
    metrics=["r2", "root_mean_squared_error", "mean_absolute_error"],
)
training = {"validation_fraction": 0.2, "epochs": 200, "learning_rate": 0.005, "verbose": 0}
history = model.fit(X, y, callbacks=[EarlyStopping(patience=20)], **training)

# a lower and an upper bound: in units of about 1, for target_scaling is for losses of the value
# itself
unit = y.std()
bounds = MLP([3, 32, 32, 2], loss=Quantile((0.05, 0.95)), scaling="standard")
bounds.fit(X, y / unit, callbacks=[EarlyStopping(patience=20)], **training)

print(f"{history.epochs} epochs, the best was {history.best_epoch}; on {len(X_test)} new trips:")
for name, value in model.evaluate(X_test, y_test).items():
    print(f"  {name:24} {value:12,.4f}")

interval = bounds.predict(X_test) * unit
inside = (interval[:, :1] <= y_test) & (y_test <= interval[:, 1:])
print(f"inside of the 90 % interval: {inside.mean():.1%}\n")
print("  kg  km/h   °C       Wh  predicted          interval")
for row, energy, guess, (low, high) in zip(
    X_test[:5], y_test[:5, 0], model.predict(X_test[:5])[:, 0], interval[:5], strict=True
):
    print("{:4.0f}  {:4.0f}  {:3.0f}".format(*row), end="")
    print(f"  {energy:7,.0f}  {guess:9,.0f}  {low:7,.0f} .. {high:7,.0f}")
