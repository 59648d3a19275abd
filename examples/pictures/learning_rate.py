"""
The learning-rate finder, and trainings at other rates
======================================================

`find_learning_rate` trains a copy of the model while the rate rises, and suggests a quarter of the
rate at which the smoothed loss was smallest. Is that a good rate? Three trainings give the answer
for this network.
"""

import matplotlib.pyplot as plt

from portable_mlp import MLP, find_learning_rate, load_digits

digits = load_digits()
X, y = digits.train_images, digits.train_labels

found = find_learning_rate(MLP([64, 64, 10], seed=0), X, y)
print(found)

# %%
# A hundredth of the suggestion is far too slow, and twenty times as much does not settle.

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
found.plot(ax=left)
for factor, words in ((0.01, "a hundredth"), (1, "as suggested"), (20, "twenty times")):
    rate = factor * found.suggestion
    history = MLP([64, 64, 10], seed=0).fit(X, y, epochs=15, learning_rate=rate)
    right.plot(
        range(1, 16), history["loss"], marker="o", markersize=3, label=f"{words}: {rate:.2g}"
    )
right.set(xlabel="epoch", ylabel="training loss", yscale="log")
right.set_title("Trainings at three rates", loc="left", fontsize=11, weight="bold")
right.legend(frameon=False)
plt.show()
