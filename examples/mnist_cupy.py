"""
MNIST on one backend
====================

``mnist_numpy.py`` and ``mnist_cupy.py`` differ in one word.

With the argument "digits" it takes the small digits that come with the package; without, MNIST is
downloaded once into the cache.
"""

import sys

from portable_mlp import MLP
from portable_mlp.data import load_dataset

# %%
# A tenth of the training images is held out; the test images are looked at once, at the end.

data = load_dataset(sys.argv[1] if len(sys.argv) > 1 else "mnist")

model = MLP([data.features, 128, data.classes], activation="relu", backend="cupy", seed=0)
history = model.fit(
    data.train_images, data.train_labels, epochs=10, batch_size=128, validation_fraction=0.1
)

print(model.summary())
print(f"validation accuracy {history['val_accuracy'][-1]:.4f}")
print(f"test accuracy       {model.evaluate(data.test_images, data.test_labels)['accuracy']:.4f}")
