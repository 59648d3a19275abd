"""Pictures show the numbers that they should, on the axes that they are given."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, EarlyStopping, History, nn, plots
from portable_mlp.backends import Backend
from portable_mlp.data.columns import Columns
from portable_mlp.model.inside import layer_outputs

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
IMAGES = RANDOM.normal(size=(30, 12))


def written(ax: Any) -> bytes:
    """Draws everything: what cannot be drawn fails here."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def trained(**options: Any) -> tuple[MLP, History]:
    model = MLP([2, 16, 3], seed=1, **options)
    history = model.fit(
        *(X, Y),
        epochs=20,
        learning_rate=0.05,
        validation_fraction=0.2,
        callbacks=[EarlyStopping(patience=30)],
    )
    return model, history


def every_plot() -> dict[str, Callable[[Any], Any]]:
    model, history = trained()
    images = MLP(layers=[nn.Flatten(), nn.Dense(5), nn.ReLU(), nn.Dense(2)], inputs=(3, 4))
    return {
        "loss_curves": lambda ax: plots.loss_curves(history, ax=ax),
        "confusion_matrix": lambda ax: plots.confusion_matrix(model, X, Y, ax=ax),
        "first_layer_weights": lambda ax: plots.first_layer_weights(images, ax=ax),
        "activations": lambda ax: plots.activations(model, X, ax=ax),
        "gradients": lambda ax: plots.gradients(model, X, Y, ax=ax),
        "decision_boundary": lambda ax: plots.decision_boundary(model, X, Y, resolution=20, ax=ax),
        "reliability_diagram": lambda ax: plots.reliability_diagram(model, X, Y, ax=ax),
    }


@pytest.mark.parametrize("name", every_plot())
def test_it_draws_on_the_axes_that_it_is_given(name: str) -> None:
    from matplotlib.figure import Figure

    draw = every_plot()[name]
    own = draw(None)
    assert own.get_title(loc="left")
    assert len(written(own)) > 2000
    left, right = Figure().subplots(1, 2)
    assert draw(right) is right
    assert not left.has_data()
    assert written(right)
    with pytest.raises(TypeError, match="ax: got type int, expected matplotlib axes or None"):
        draw(3)


def test_every_name_is_tested() -> None:
    functions = {name for name in plots.__all__ if name[0].islower()}
    assert functions == {*every_plot(), "reliability"}


def test_pyplot_is_not_touched() -> None:
    code = (
        "import sys, numpy as np; from portable_mlp import MLP, plots; "
        "x = np.eye(4)[:, :2]; m = MLP([2, 3, 2]); h = m.fit(x, [0, 1, 0, 1], epochs=2); "
        "plots.loss_curves(h); plots.confusion_matrix(m, x, [0, 1, 0, 1]); plots.activations(m, x); "
        "plots.decision_boundary(m, x, [0, 1, 0, 1]); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# -- curves --------------------------------------------------------------------------------------


def lines(ax: Any) -> dict[str, Any]:
    return {line.get_label(): line for line in ax.get_lines()}


def test_loss_curves_hold_the_figures_and_the_best_epoch() -> None:
    history = History({"loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 1.5, 2.5], "f1": [0.1, 0.2, 0.3]})
    ax = plots.loss_curves(history)
    found = lines(ax)
    np.testing.assert_array_equal(found["training"].get_xydata(), [(1, 3), (2, 2), (3, 1)])
    np.testing.assert_array_equal(found["validation"].get_ydata(), [3, 1.5, 2.5])
    assert found["best: epoch 2, 1.5"].get_xydata().tolist() == [[2, 1.5]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "linear")
    history.best_epoch = 3  # what a callback restored counts
    assert "best: epoch 3, 2.5" in lines(plots.loss_curves(history))
    assert "best: epoch 3, 0.3" in lines(plots.loss_curves(history, figure="f1"))


def test_a_wide_range_is_logarithmic_and_gaps_are_gaps() -> None:
    assert plots.loss_curves({"loss": [100.0, 1.0]}).get_yscale() == "log"
    ax = plots.loss_curves({"loss": [1.0, np.nan], "val_loss": [np.nan, 2.0]})
    assert "best: epoch 2, 2" in lines(ax)
    assert written(ax)


def test_an_unknown_figure_is_named() -> None:
    with pytest.raises(ValueError, match="got figure='acuracy', expected one of loss, val_loss"):
        plots.loss_curves({"loss": [1.0], "val_loss": [1.0]}, figure="acuracy")


# -- classes -------------------------------------------------------------------------------------


def test_confusion_matrix_counts_as_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    model = MLP([2, 16, 3], seed=1)  # which makes mistakes of every kind
    ax = plots.confusion_matrix(model, X, Y)
    expected = metrics.confusion_matrix(Y, model.predict(X))
    shares = ax.get_images()[0].get_array()
    np.testing.assert_allclose(shares, 100 * expected / expected.sum(axis=1, keepdims=True))
    for text in ax.texts:
        column, row = text.get_position()
        assert text.get_text() == str(expected[int(row), int(column)])
    assert (expected > 0).sum() == len(ax.texts)
    assert not np.array_equal(expected, expected.T)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "actual class")


def test_confusion_matrix_has_the_names_of_the_classes() -> None:
    model = MLP([2, 2])
    model.columns = Columns(classes=("cat $", "dog"))
    ax = plots.confusion_matrix(model, X, X[:, 0] < 0)
    assert [t.get_text() for t in ax.get_yticklabels()] == [r"cat \$", "dog"]


@pytest.mark.parametrize(
    ("loss", "y"),
    [("binary_cross_entropy", (X[:, :1] > 0) * 1.0), ("hinge", np.sign(X[:, :1]))],
)
def test_yes_no_outputs_are_two_classes(loss: str, y: np.ndarray) -> None:
    model = MLP([2, 8, 1], loss=loss)
    model.fit(X, y, epochs=60, learning_rate=0.05)
    for targets in (y, y[:, 0]):
        ax = plots.confusion_matrix(model, X, targets)
        assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1"]
        right = float((np.sign(X[:, 0]) == np.where(model.forward(X)[:, 0] > 0, 1, -1)).mean())
        assert ax.get_title(loc="left").startswith(f"{right:.1%} of 60 samples")
        assert right > 0.9
    assert written(plots.decision_boundary(model, X, y, resolution=20))


def test_distributions_over_classes_count_by_their_largest() -> None:
    model, _ = trained()
    first, second = (plots.confusion_matrix(model, X, y).get_images()[0] for y in (Y, np.eye(3)[Y]))
    np.testing.assert_array_equal(first.get_array(), second.get_array())


def refused() -> list[tuple[type[Exception], str, Callable[[], Any]]]:
    numbers, labels = MLP([2, 2], loss="squared_error"), MLP([2, 3], loss="binary_cross_entropy")
    model = MLP([2, 3])
    return [
        (TypeError, "the loss is SquaredError", lambda: plots.confusion_matrix(numbers, X, Y)),
        (ValueError, "answers 3 yes/no", lambda: plots.confusion_matrix(labels, X, np.ones((60, 3)))),
        (ValueError, "X has 60 rows and y 5", lambda: plots.confusion_matrix(model, X, Y[:5])),
        (ValueError, "expected the class number", lambda: plots.confusion_matrix(model, X, Y + 0.5)),
        (ValueError, "y has the class [5-7]", lambda: plots.confusion_matrix(model, X, Y + 5)),
        (ValueError, "X has 60 rows and y 5", lambda: plots.reliability_diagram(model, X, Y[:5])),
        (ValueError, "X has 60 rows and y 5", lambda: plots.decision_boundary(model, X, Y[:5])),
        (TypeError, "predict_proba", lambda: plots.reliability_diagram(
            MLP([2, 1], loss="hinge"), X, np.sign(X[:, 0]))),
        (ValueError, r"shape \(3,\), expected \(2,\)", lambda: plots.decision_boundary(
            MLP([3, 2]), np.ones((4, 3)), [0, 1, 0, 1])),
        (ValueError, "has 2 outputs, expected one number", lambda: plots.decision_boundary(
            numbers, X, X)),
        (ValueError, "whose product is 2", lambda: plots.first_layer_weights(model)),
        (ValueError, r"shape=\(2, 3\).*product is 2", lambda: plots.first_layer_weights(
            model, shape=(2, 3))),
        (ValueError, "shape=2 for samples", lambda: plots.first_layer_weights(model, shape=2)),
        (TypeError, "got MLP, expected the history", lambda: plots.loss_curves(model)),
        (ValueError, "has no epoch yet", lambda: plots.loss_curves(History())),
        (ValueError, "units is 0", lambda: plots.first_layer_weights(model, shape=(1, 2), units=0)),
        (ValueError, "resolution is 1", lambda: plots.decision_boundary(model, X, Y, resolution=1)),
        (ValueError, "bins is 0", lambda: plots.reliability_diagram(model, X, Y, bins=0)),
        (ValueError, "logits are none", lambda: plots.reliability([2.0], [1])),
        (ValueError, "got shapes", lambda: plots.reliability([0.5, 0.5], [1])),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(len(refused())))
def test_what_can_not_be_drawn_is_refused_in_a_sentence(number: int) -> None:
    kind, words, call = refused()[number]
    with pytest.raises(kind, match=words):
        call()


# -- calibration ---------------------------------------------------------------------------------


def test_calibration_error_of_a_model_that_says_the_truth_is_small() -> None:
    p = RANDOM.uniform(size=200_000)
    assert plots.reliability(p, RANDOM.uniform(size=len(p)) < p).calibration_error < 0.005
    assert plots.reliability(
        p, RANDOM.uniform(size=len(p)) < p**2
    ).calibration_error == pytest.approx(1 / 6, abs=0.005)  # the integral of p - p²


def test_bins_are_those_of_scikit_learn() -> None:
    calibration = pytest.importorskip("sklearn.calibration", reason="scikit-learn is not installed")
    p = RANDOM.uniform(size=300)
    right = (RANDOM.uniform(size=300) < p).astype(int)
    found = plots.reliability(p, right, bins=7)
    true, predicted = calibration.calibration_curve(right, p, n_bins=7)
    np.testing.assert_allclose(found.right, true)
    np.testing.assert_allclose(found.confidence, predicted)
    assert found.counts.sum() == 300
    assert plots.reliability([0.0, 0.5, 0.5, 1.0], [0, 1, 0, 1], bins=2).counts.tolist() == [3, 1]


def test_the_diagram_shows_the_probability_of_what_is_predicted() -> None:
    model, _ = trained()
    proba = model.predict_proba(X)
    expected = plots.reliability(proba.max(axis=1), proba.argmax(axis=1) == Y)
    ax = plots.reliability_diagram(model, X, Y)
    drawn = lines(ax)["the model"].get_xydata()
    seen = expected.counts > 0
    np.testing.assert_allclose(drawn, np.stack([expected.confidence, expected.right], axis=1)[seen])
    assert ax.get_title(loc="left") == (
        f"Reliability: calibration error {expected.calibration_error:.3f}"
    )


# -- inside --------------------------------------------------------------------------------------


def test_activations_are_those_of_the_layers(backend: Backend) -> None:
    model = MLP([2, 4, 3], backend=backend)
    x = X[:10]
    weights = model.parameters()
    z = x @ weights["dense_1.weight"] + weights["dense_1.bias"]
    found = layer_outputs(model, x)
    np.testing.assert_allclose(found["dense_1"], z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["relu_1"], np.maximum(z, 0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["dense_2"], model.forward(x), rtol=1e-4, atol=1e-5)
    ax = plots.activations(model, x)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["dense_1", "relu_1", "dense_2"]
    shares = [float((part == 0).mean()) for part in found.values()]
    assert shares[1] > 0.2
    assert texts(ax) == [f"{share:.0%} are 0" for share in shares if share]


def test_gradients_are_those_of_the_batch() -> None:
    model = MLP([2, 8, 3])
    model.set_parameters({"dense_1.bias": np.where(np.arange(8) < 4, -100.0, 0.5)})
    _, gradients = model.loss_and_gradients(X, Y)
    ax = plots.gradients(model, X, Y)
    shares = [float((np.asarray(g) == 0).mean()) for g in gradients.values()]
    assert shares[0] == 0.5
    assert texts(ax) == [f"{share:.0%} are 0" for share in shares if share]
    assert ax.get_xscale() == "log"


def test_gradients_that_are_all_zero_are_refused() -> None:
    model = MLP(layers=[nn.Dense(4), nn.ReLU(), nn.Dense(3, use_bias=False)], inputs=2)
    model.set_parameters({"dense_1.bias": np.full(4, -100.0)})
    with pytest.raises(ValueError, match="gradients: all are exactly 0"):
        plots.gradients(model, X, Y)


def test_weights_are_the_columns_of_the_first_matrix() -> None:
    model = MLP([12, 5, 2])
    ax = plots.first_layer_weights(model, shape=(3, 4))
    mosaic = np.asarray(np.ma.filled(ax.get_images()[0].get_array(), np.nan))
    weight = model.parameters()["dense_1.weight"]
    np.testing.assert_allclose(mosaic[:3, :4], weight[:, 0].reshape(3, 4))
    np.testing.assert_allclose(mosaic[:3, 5:9], weight[:, 1].reshape(3, 4))
    assert np.isnan(mosaic[:3, 4]).all()
    assert np.isfinite(mosaic).sum() == weight.size
    low, high = ax.get_images()[0].get_clim()
    assert -low == high == np.abs(weight).max()
    few = plots.first_layer_weights(model, shape=(3, 4), units=2)
    assert few.get_title(loc="left").startswith("Weights of the first layer: 2 of 5 units")


def test_the_plane_has_the_colour_of_its_class() -> None:
    model = MLP(layers=[nn.Dense(2)], inputs=2)
    model.set_parameters({"dense_1.weight": [[-50.0, 50.0], [0.0, 0.0]]})  # class 1 at the right
    y = (X[:, 0] > 0).astype(int)
    ax = plots.decision_boundary(model, X, y, resolution=50)
    picture = np.asarray(ax.get_images()[0].get_array())
    left, right = picture[25, 2], picture[25, -3]
    assert left[2] > left[0]  # blue
    assert right[0] > right[2]  # orange
    drawn = [
        collection.get_offsets()
        for collection in ax.collections
        if len(collection.get_offsets()) > 1
    ]
    assert sorted(len(points) for points in drawn) == sorted(np.bincount(y).tolist())


def test_numbers_are_a_surface_with_a_bar() -> None:
    model = MLP([2, 4, 1], loss="squared_error")
    ax = plots.decision_boundary(model, X, X[:, :1], resolution=10)
    picture = ax.get_images()[0]
    assert picture.origin == "lower"
    assert picture.get_extent() == [*ax.get_xlim(), *ax.get_ylim()]
    image = np.asarray(picture.get_array())
    corner = np.asarray([ax.get_xlim()[0], ax.get_ylim()[0]])
    assert image[0, 0] == pytest.approx(float(model.predict(corner[None])[0, 0]), rel=1e-5)
    assert written(ax)


def test_names_of_columns_are_on_the_axes() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("narwhals", reason="narwhals is not installed")
    frame = pandas.DataFrame({"width $": X[:, 0], "height": X[:, 1]})
    model = MLP([2, 3])
    model.fit(frame, Y, epochs=1)
    ax = plots.decision_boundary(model, frame, Y, resolution=10)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"width \$", "height")
