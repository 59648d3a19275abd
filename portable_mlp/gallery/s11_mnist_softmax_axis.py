"""S11: digits with a softmax over the samples and a mean over 784 of 10,000 samples."""

from __future__ import annotations

import numpy as np

from portable_mlp.gallery.data import mnist_test_set, one_hot
from portable_mlp.gallery.perceptron import Perceptron, accuracy, softmax
from portable_mlp.gallery.system import Array, Model, Params, Program, System, causes
from portable_mlp.model import MLP
from portable_mlp.optim import SGD

EPOCHS = 100


def mnist_rows() -> tuple[Array, Array]:
    """MNIST's test set in rows: X (10000, 784) and one-hot targets (10000, 10).

    Example:
        >>> try:
        ...     shape = mnist_rows()[1].shape
        ... except FileNotFoundError:  # not on this machine
        ...     shape = (10000, 10)
        >>> shape
        (10000, 10)
    """
    x, labels = mnist_test_set()
    return x, one_hot(labels, 10)


def small_weights(seed: int, hidden: int = 60) -> Params:
    """First parameters of the post: weights of size .01, biases 0.

    Args:
        seed: of the weights.
        hidden: units.

    Example:
        >>> small_weights(0)["b1"].shape
        (1, 60)
    """
    random = np.random.default_rng(seed)
    return {
        "W1": 0.01 * random.normal(size=(784, hidden)),
        "b1": np.zeros((1, hidden)),
        "W2": 0.01 * random.normal(size=(hidden, 10)),
        "b2": np.zeros((1, 10)),
    }


def _layers(params: Params, x: Array) -> tuple[Array, Array]:
    z1 = x @ params["W1"] + params["b1"]
    a1 = (np.exp(z1) - np.exp(-z1)) / (np.exp(z1) + np.exp(-z1))
    return a1, softmax(a1 @ params["W2"] + params["b2"], axis=0)  # over the samples


def posted_forward(params: Params, x: Array) -> Array:
    """Outputs whose columns, not rows, sum to 1.

    Args:
        params: W1, b1, W2, b2.
        x: (samples, 784).

    Example:
        >>> posted_forward(small_weights(0), np.zeros((4, 784)))[:, 0].tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    return _layers(params, x)[1]


def posted_loss(params: Params, x: Array, y: Array) -> float:
    """Cross-entropy, its sum divided by the number of features.

    Args:
        params: W1, b1, W2, b2.
        x: (samples, 784).
        y: one-hot, (samples, 10).

    Example:
        >>> posted_loss(small_weights(0), np.zeros((1, 784)), np.eye(10)[:1])  # one sample: all ones
        0.0
    """
    return float(-np.sum(y * np.log(posted_forward(params, x))) / x.shape[1]) + 0.0


def posted_gradients(params: Params, x: Array, y: Array) -> Params:
    """The posted backward pass; bias gradients have a row for each sample.

    Args:
        params: W1, b1, W2, b2.
        x: (samples, 784).
        y: one-hot, (samples, 10).

    Example:
        >>> posted_gradients(small_weights(0), np.zeros((4, 784)), np.eye(10)[:4])["b1"].shape
        (4, 1)
    """
    m = x.shape[1]
    a1, a2 = _layers(params, x)
    d2 = a2 - y
    d1 = d2 @ params["W2"].T * (1 - a1**2)
    return {
        "W1": x.T @ d1 / m,
        "b1": d1.sum(axis=1, keepdims=True) / m,
        "W2": a1.T @ d2 / m,
        "b2": d2.sum(axis=1, keepdims=True) / m,
    }


@np.errstate(all="ignore")
def _score(params: Params) -> dict[str, float]:
    x, y = mnist_rows()
    a2 = posted_forward(params, x)
    # The post counts 10 of the 10,000 samples in each epoch, adds up over the epochs, and divides by
    # 10,000. Here each epoch counts as the last one does.
    counted = EPOCHS * accuracy(a2[:10], y[:10], False) * 10
    return {
        "accuracy": accuracy(a2, y, False),
        "accuracy as posted": counted / len(x),
        "sum of the first sample's outputs": float(a2[0].sum()),
    }


def _posted(seed: int) -> Program:
    x, y = mnist_rows()
    return Program(
        loss=posted_loss,
        gradients=posted_gradients,
        params=small_weights(seed),
        X=x,
        Y=y,
        lr=0.3,
        steps=EPOCHS,
        forward=posted_forward,
        score=_score,
    )


def fixed_in_rows(seed: int) -> Program:
    """Softmax over the outputs, the mean over the samples, bias gradients summed over them.

    Args:
        seed: of the first weights.

    Example:
        >>> try:
        ...     lr = fixed_in_rows(0).lr
        ... except FileNotFoundError:  # not on this machine
        ...     lr = 0.3
        >>> lr
        0.3
    """
    net = Perceptron((784, 60, 10), "tanh", "softmax")
    x, y = mnist_rows()
    return net.program(
        small_weights(seed),
        x,
        y,
        lr=0.3,
        steps=EPOCHS,
        score=lambda params: {"accuracy": net.accuracy(params, x, y)},
    )


def mnist_model(seed: int) -> Model:
    """The same in this library, from Glorot's weights.

    Args:
        seed: of the model.

    Example:
        >>> try:
        ...     count = mnist_model(0)[0].parameter_count
        ... except FileNotFoundError:  # not on this machine
        ...     count = 47710
        >>> count
        47710
    """
    x, labels = mnist_test_set()
    model = MLP([784, 60, 10], activation="tanh", seed=seed)
    fit = {"epochs": EPOCHS, "batch_size": None, "optimizer": SGD(), "learning_rate": 0.3}
    return model, x, labels, fit


SYSTEMS = (
    System(
        id="S11",
        title="MNIST: softmax over the samples, and a mean over the wrong number",
        source="Q&A site on programming, 'Neural network for MNIST digits is not learning at all'",
        network="784-60-10, tanh and softmax, rows",
        symptom="Accuracy 1 to 2 % after 100 epochs.",
        claim="accuracy .01 to .02",
        causes=causes("D18", "R02 D02 D01", "R12 D35"),
        posted=_posted,
        fixed=fixed_in_rows,
        target=("accuracy", 0.89),
        needs_mnist=True,
        model=mnist_model,
        explanation="Two faults, and either alone is enough to stop it: softmax is taken over the "
        "samples, and m = X.shape[1] is 784 where there are 10,000 samples, a rate 12.8 times too long. "
        "The bias gradients are summed over the units, so that each sample gets its own biases. "
        "The accuracy counts 10 samples of 10,000. The first answer repairs all of it by going over to "
        "columns; the second repairs the accuracy and hides the rest behind a small rate.",
    ),
)
