"""
What the doctor sees in a network that does not learn
=====================================================

Pressure in pascals, temperature in kelvins: inputs of 100,000 and 300 go straight into a tanh. The
training runs through and half of the answers are wrong. `Doctor` watches such a training, and tries
on copies what might help.

Run it with the name of a file, and the picture is written there.
"""

import sys

import numpy as np

from portable_mlp import MLP, Doctor

random = np.random.default_rng(0)
pressure = random.normal(101_325, 2_000, 600)
temperature = random.normal(293, 8, 600)
full = (pressure - 101_325) / 2_000 * (temperature - 293) / 8 > 0
X, y = np.stack([pressure, temperature], axis=1), full.astype(int)

doctor = Doctor()  # prints what it found when the training has ended
model = MLP([2, 32, 2], activation="tanh", seed=0)
history = model.fit(X, y, epochs=100, learning_rate=0.01, callbacks=[doctor])

# %%
# The same as a picture: the loss beside the best constant prediction, what became of it on the
# copies, and a look into each layer over the training. ``doctor.report("report.html")`` writes it
# as a page.

figure = doctor.plot()
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1])

# %%
# It is right: with ``scaling="standard"`` the same network learns.

model = MLP([2, 32, 2], activation="tanh", scaling="standard", seed=0)
model.fit(X, y, epochs=100, learning_rate=0.01)
print(f"with the fix: accuracy {model.evaluate(X, y)['accuracy']:.3f}")
