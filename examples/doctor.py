"""
A network that does not learn, and why
======================================

Run it and read.

::

    python examples/doctor.py [--report report.html]
"""

import argparse

import numpy as np

from portable_mlp import MLP, Doctor

# %%
# The inputs are of the size 100,000 and 300: that is what is wrong here.


def measurements(rows=600, seed=0):
    """Whether a tank is full: from a pressure in pascals and a temperature in kelvins."""
    random = np.random.default_rng(seed)
    pressure = random.normal(101_325, 2_000, rows)
    temperature = random.normal(293, 8, rows)
    full = (pressure - 101_325) / 2_000 * (temperature - 293) / 8 > 0
    return np.stack([pressure, temperature], axis=1), full.astype(int)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", help="write an HTML page there")
    options = parser.parse_args()
    x, y = measurements()
    doctor = Doctor()  # prints what it found when the training has ended
    model = MLP([2, 32, 2], activation="tanh")
    model.fit(x, y, epochs=200, learning_rate=0.01, callbacks=[doctor])
    print(f"as it is: accuracy {model.evaluate(x, y)['accuracy']:.3f}")
    if options.report:
        doctor.report(options.report)

    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    model = MLP([2, 32, 2], activation="tanh")
    model.fit(scaled, y, epochs=200, learning_rate=0.01, callbacks=[Doctor()])
    print(f"with the fix: accuracy {model.evaluate(scaled, y)['accuracy']:.3f}")


if __name__ == "__main__":
    main()
