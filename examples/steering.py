"""
Before and after a training
===========================

Can it learn, at which rate, how did it go? Pictures with ``--folder``.

::

    python examples/steering.py [--folder pictures]
"""

import argparse
from pathlib import Path

from portable_mlp import MLP, EarlyStopping, find_learning_rate, load_digits, overfit_one_batch

# %%
# All three questions are asked of copies; the model is trained once, at the rate that was found.


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, help="draw pictures there (needs matplotlib)")
    options = parser.parse_args()
    digits = load_digits()
    data = digits.train_images, digits.train_labels
    model = MLP([64, 64, 10], dropout=0.1, seed=0)
    print(model.summary())

    one_batch = overfit_one_batch(model, *data)  # of a copy, as what follows
    print(one_batch)
    found = find_learning_rate(model, *data)
    print(found)

    history = model.fit(
        *data,
        epochs=40,
        learning_rate=found.suggestion,
        validation_fraction=0.2,
        callbacks=[EarlyStopping(patience=5)],
    )
    print(f"best epoch {history.best_epoch} of {history.epochs}")
    figures = model.evaluate(digits.test_images, digits.test_labels)
    print(f"test accuracy {figures['accuracy']:.3f}")
    if options.folder:
        draw(options.folder, model, digits, history, found, one_batch)


def draw(folder, model, digits, history, found, one_batch):
    from portable_mlp import plots

    data = digits.test_images, digits.test_labels
    folder.mkdir(exist_ok=True)
    for name, axes in {
        "one_batch": one_batch.plot(),
        "learning_rate": found.plot(),
        "loss": plots.loss_curves(history),
        "confusion": plots.confusion_matrix(model, *data),
        "weights": plots.first_layer_weights(model),
        "activations": plots.activations(model, data[0]),
        "gradients": plots.gradients(model, *data),
        "reliability": plots.reliability_diagram(model, *data),
    }.items():
        axes.figure.savefig(folder / f"{name}.png")


if __name__ == "__main__":
    main()
