"""
Which digit is taken for which
==============================

Accuracy is one number; the confusion matrix has a row for each true class and a column for each
answer.
"""

import matplotlib.pyplot as plt
import numpy as np

from portable_mlp import MLP, load_digits, plots

digits = load_digits()
X, y = digits.test_images, digits.test_labels
model = MLP([64, 32, 10], seed=0)
model.fit(digits.train_images, digits.train_labels, epochs=15, batch_size=64)

figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
plots.confusion_matrix(model, X, y, ax=ax)
plt.show()

# %%
# And the images behind the wrong answers, those first of which the model was surest.

probabilities = model.predict_proba(X)
wrong = np.flatnonzero(probabilities.argmax(axis=1) != y)
surest = wrong[np.argsort(-probabilities[wrong].max(axis=1))][:8]
figure, axes = plt.subplots(1, len(surest), figsize=(10, 2), layout="constrained")
for ax, number in zip(axes, surest, strict=True):
    ax.imshow(X[number].reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{y[number]}, not {probabilities[number].argmax()}", fontsize=10)
    ax.set_axis_off()
plt.show()
