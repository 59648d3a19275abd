"""Each wrong input gets one sentence: who, got, expected, likely cause. The model stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, EarlyStopping, nn, optim
from portable_mlp.backends import BACKENDS, Backend

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.asarray([0, 1, 2, 0, 1, 2])


def fit(X: Any = X, y: Any = Y, *, sizes: Any = (4, 3), loss: Any = None, **options: Any) -> None:
    loss = loss or "softmax_cross_entropy"
    MLP(list(sizes), loss=loss).fit(X, y, epochs=options.pop("epochs", 1), **options)


def regression(y: Any, X: Any = X, **options: Any) -> Callable[[], None]:
    return lambda: fit(X, y, sizes=(4, 1), loss="squared_error", **options)


class Sparse:
    nnz = 3
    shape = (6, 4)

    def toarray(self) -> None: ...


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    # targets
    "(n,) against (n, 1)": (
        regression(np.ones(6)),
        r"SquaredError: y has shape \(6,\), expected \(6, 1\) .* Pass y\[:, None\]: \(n,\) against "
        r"\(n, 1\) would broadcast to n x n",
    ),
    "(n, 1) against (n,)": (
        lambda: fit(y=Y[:, None]),
        r"y has shape \(6, 1\), expected class numbers of shape \(6,\) .* Pass y\[:, 0\]",
    ),
    "two columns for one output": (
        regression(np.ones((6, 2))),
        "The last layer has 1 units and y has 2 columns",
    ),
    "label too large": (
        lambda: fit(y=Y + 1),
        r"y holds the label 3, expected class numbers 0..2: labels may start at 1: pass y - 1",
    ),
    "label negative": (lambda: fit(y=Y - 1), r"y holds the label -1, expected class numbers 0..2"),
    "label far too large": (
        lambda: fit(y=Y + 2**40),
        r"y holds the label .*, expected class numbers",
    ),
    "label unsigned": (lambda: fit(y=(Y + 250).astype(np.uint8)), "y holds the label 252"),
    "labels of fractions": (lambda: fit(y=Y + 0.5), "y holds 0.5, expected class numbers 0, 1, 2"),
    "label NaN": (lambda: fit(y=np.where(Y == 1, np.nan, Y)), "y holds NaN or infinity"),
    "labels of text": (lambda: fit(y=list("abcabc")), "y holds <U1 data, expected numbers: encode"),
    "one-hot too wide": (
        lambda: fit(y=np.eye(4)[Y]),
        r"y has shape \(6, 4\), .* A one-hot y needs 3 columns",
    ),
    "one-hot where an index is expected": (
        lambda: fit(y=np.eye(3)[Y], loss="softmax_focal"),
        r"y has shape \(6, 3\), expected class numbers of shape \(6,\) .* pass y.argmax\(1\)",
    ),
    "several labels for softmax": (
        lambda: fit(y=np.ones((6, 3))),
        r"no distribution, .* choose loss='binary_cross_entropy'",
    ),
    "negative distribution": (
        lambda: fit(y=np.tile([1.5, -0.5, 0.0], (6, 1))),
        "rows that are no distribution",
    ),
    "y too short": (lambda: fit(y=Y[:5]), r"y has shape \(5,\), expected 6 rows as X has"),
    "y None": (lambda: fit(y=None), "y is None, expected an array"),
    "y a scalar": (lambda: fit(y=1), r"y has shape \(\), expected 6 rows"),
    "y infinite": (regression(np.full((6, 1), np.inf)), r"y holds infinity .* at \[0, 0\]"),
    "y too large for float32": (
        regression(np.full((6, 1), 1e200)),
        "y holds infinity or a number too large for float32",
    ),
    "accuracy of a regression": (
        lambda: MLP([4, 1], loss="squared_error", metrics=["accuracy"]).fit(X, X[:, :1], epochs=1),
        "accuracy: the loss is SquaredError, expected one of a classifier",
    ),
    "yes/no labels of 1 and 2": (
        lambda: fit(y=Y[:, None] + 1.0, sizes=(4, 1), loss="binary_cross_entropy"),
        "y holds numbers that BinaryCrossEntropy can't have, expected 0 for no and 1 for yes",
    ),
    "labels 0 and 1 for hinge": (
        lambda: fit(y=(Y[:, None] > 0) * 1.0, sizes=(4, 1), loss="hinge"),
        r"Hinge can't have, expected -1 and \+1; of labels 0 and 1 make 2 \* y - 1",
    ),
    "negative counts": (
        lambda: fit(y=-np.ones((6, 1)), sizes=(4, 1), loss="poisson"),
        "Poisson can't have, expected counts or rates of at least 0",
    ),
    "errors of quantiles": (
        lambda: MLP([4, 3], loss=nn.Quantile((0.1, 0.5, 0.9)), metrics=["mean_squared_error"]).fit(
            X, X[:, :1], epochs=1
        ),
        r"mean_squared_error: Quantile predicts an array of shape \(6, 3\) for targets of shape",
    ),
    # X
    "1-D X": (
        lambda: fit(X[0], Y[:4]),
        r"X has shape \(4,\), expected \(rows, 4\): one sample is X\[None, :\]",
    ),
    "3-D X": (
        lambda: fit(X.reshape(6, 2, 2)),
        r"X has shape \(6, 2, 2\), expected \(rows, 4\). Flatten the samples",
    ),
    "empty X": (lambda: fit(X[:0], Y[:0]), r"X has shape \(0, 4\), expected at least one row"),
    "wrong feature count": (
        lambda: fit(X[:, :3]),
        r"X has shape \(6, 3\), .* 3 features were given, the network was built for 4",
    ),
    "wrong feature count at predict": (
        lambda: MLP([4, 3]).predict(X[:, :3]),
        "3 features were given, the network was built for 4",
    ),
    "NaN": (
        lambda: fit(np.where(np.arange(24).reshape(6, 4) == 9, np.nan, X)),
        r"X holds NaN at \[2, 1\], expected finite numbers",
    ),
    "too large for float32": (
        lambda: fit(X * 1e39),
        r"X holds infinity or a number too large for float32 at \[0, 2\]",
    ),
    "ragged rows": (lambda: fit([[1, 2, 3, 4], [1]]), "X can't be made an array, expected rows of"),
    "text in X": (lambda: fit(np.full((6, 4), "a")), "X holds <U1 data, expected numbers"),
    "numbers written as text": (lambda: fit(X.astype(str)), "X holds <U.* data, expected numbers"),
    "complex": (lambda: fit(X + 1j), "X holds complex128 data, .* complex numbers are not"),
    "dates": (
        lambda: fit(np.zeros((6, 4), dtype="datetime64[D]")),
        "X holds datetime64.* turn dates into numbers first",
    ),
    "masked": (lambda: fit(np.ma.masked_less(X, 0)), r"X is a masked array, .* X.filled\(...\)"),
    "sparse": (
        lambda: fit(Sparse()),
        r"X: sparse data was passed, expected dense; use X.toarray\(\)",
    ),
    "None inside": (lambda: fit([[None, 1, 2, 3]] * 6), r"X holds NaN at \[0, 0\]"),
    # weights
    "negative weight": (
        lambda: fit(sample_weight=[1, 1, 1, 1, 1, -1]),
        "sample_weight holds negative or non-finite numbers",
    ),
    "weights of zero": (lambda: fit(sample_weight=np.zeros(6)), "all weights are zero"),
    "weights too short": (
        lambda: fit(sample_weight=np.ones(5)),
        r"sample_weight has shape \(5,\), expected \(6,\)",
    ),
    "weights too large": (
        lambda: fit(sample_weight=np.full(6, 1e39)),
        "too large or too small for",
    ),
    "weights too small": (
        lambda: fit(sample_weight=np.full(6, 1e-60)),
        "too large or too small for",
    ),
    "unknown class": (lambda: fit(class_weight={3: 1.0}), "class_weight: got the class 3"),
    "unknown class weight": (lambda: fit(class_weight="even"), "class_weight: got 'even'"),
    # options
    "no epochs": (lambda: fit(epochs=0), "epochs: got 0, expected a whole number of at least 1"),
    "half an epoch": (lambda: fit(epochs=0.5), "epochs: got 0.5"),
    "no batch": (lambda: fit(batch_size=0), "batch_size: got 0, expected a whole number"),
    "negative rate": (lambda: fit(learning_rate=-1), "learning_rate: got -1, expected a finite"),
    "rate NaN": (lambda: fit(learning_rate=float("nan")), "learning_rate: got nan"),
    "unknown optimizer": (
        lambda: fit(optimizer="adm"),
        "optimizer: got 'adm'.* Did you mean 'adam'",
    ),
    "unknown schedule": (lambda: fit(schedule="cosin"), "schedule: got .* Did you mean 'cosine'"),
    "both validations": (
        lambda: fit(validation_data=(X, Y), validation_fraction=0.5),
        "got validation_data and validation_fraction, expected one of them",
    ),
    "validation without y": (
        lambda: fit(validation_data=(X,)),
        r"validation_data: got 1 part\(s\), expected \(X, y\) or",
    ),
    "whole validation": (lambda: fit(validation_fraction=1.0), "validation_fraction: got 1.0"),
    "tiny validation": (lambda: fit(validation_fraction=0.01), "leaves 0 for validation and 6 for"),
    "wrong validation features": (
        lambda: fit(validation_data=(X[:, :2], Y)),
        "2 features were given, the network was built for 4",
    ),
    "verbose": (lambda: fit(verbose=3), "verbose: got 3, expected 0, 1, 2 or None"),
    "monitor": (
        lambda: fit(callbacks=[EarlyStopping("val_los")]),
        "history: got 'val_los', expected one of loss",
    ),
    "plateau": (
        lambda: fit(epochs=2, schedule=optim.schedules.ReduceOnPlateau("val_los")),
        "monitor is 'val_los', expected one of loss",
    ),
    "one callback": (
        lambda: fit(callbacks=EarlyStopping()),
        r"callbacks: got one EarlyStopping, expected a list; write \[...\]",
    ),
    "a callback class": (lambda: fit(callbacks=[EarlyStopping]), "an instance, with parentheses"),
    "parameters NaN": (
        lambda: MLP([4, 3]).set_parameters({"dense_1.bias": [0, np.nan, 0]}),
        "dense_1.bias holds NaN",
    ),
    "parameters of text": (
        lambda: MLP([4, 3]).set_parameters({"dense_1.bias": ["1", "2", "3"]}),
        "dense_1.bias holds <U1 data",
    ),
    "device number": (lambda: MLP([4, 3], device=0), "device: got 0, expected a name such as"),
    "dtype beside an object": (
        lambda: MLP([4, 3], backend=MLP([4, 3]).backend, dtype="float64"),
        "dtype: got 'float64' beside a backend object with 'float32'",
    ),
    "patience": (lambda: EarlyStopping(patience=0), "patience is 0, expected at least 1"),
    # networks
    "no sizes": (lambda: MLP(), "expected either sizes"),
    "one size": (lambda: MLP([4]), "expected at least two whole numbers"),
    "size zero": (lambda: MLP([4, 0, 2]), "expected at least two whole numbers >= 1"),
    "size half": (lambda: MLP([4, 2.5, 2]), "expected at least two whole numbers >= 1"),
    "no inputs": (lambda: MLP(layers=[nn.Dense(2)]), "layers= needs inputs="),
    "no layers": (lambda: MLP(layers=[], inputs=2), "layers: got none"),
    "nothing to train": (lambda: MLP(layers=[nn.ReLU()], inputs=2), "they have no parameters"),
    "not flat": (lambda: MLP(layers=[nn.Dense(2)], inputs=(2, 2)), r"put a Flatten\(\) before it"),
    "one output for softmax": (lambda: MLP([4, 1]), "softmax over one class is always 1"),
    "unknown loss": (lambda: MLP([4, 3], loss="mse"), "loss: got 'mse', expected one of"),
    "unknown activation": (
        lambda: MLP([4, 3, 2], activation="rellu"),
        "activation: got 'rellu'.* Did you mean 'relu'",
    ),
    "seed": (lambda: MLP([4, 3], seed=-1), "seed: got -1"),
    "l2": (lambda: MLP([4, 3], l2=-1.0), "l2: got -1.0, expected at least 0"),
    "dropout": (lambda: MLP([4, 4, 3], dropout=1.0), "rate is 1.0, .* dropped, not kept"),
    "optimizer options": (lambda: optim.Adam(beta1=1.0), "beta1 is 1.0, expected a number in"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_sentence(case: str) -> None:
    action, message = BAD[case]
    with pytest.raises((ValueError, KeyError, TypeError), match=message) as caught:
        action()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "action",
    [
        lambda: MLP([4, 3]).predict_proba_of(X),  # type: ignore[attr-defined]
        lambda: MLP(layers=[nn.Dense, nn.Dense(3)], inputs=4),  # type: ignore[list-item]
        lambda: MLP([4, 1], loss="squared_error").predict_proba(X),
    ],
)
def test_wrong_kinds_are_type_or_attribute_errors(action: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, AttributeError)):
        action()


@pytest.mark.parametrize("library", ["torch", "jax", "array-api-strict"])
def test_labels_of_any_library_are_looked_at_in_their_own_type(library: str) -> None:
    cls = BACKENDS[library]
    if cls.missing():
        pytest.skip(f"{library}: {cls.missing()}")
    backend = cls("cpu" if library != "array-api-strict" else None, "float32")
    with backend.scope():
        half = backend.asarray(np.asarray([0.5, 1, 2, 0, 1, 2]))
        gap = backend.asarray(np.asarray([np.nan, 1, 2, 0, 1, 2]))
        whole = backend.asarray(Y, backend.index_dtype)
    for model_backend in {"numpy", library} - (
        {"numpy"} if library == "array-api-strict" else set()
    ):
        model = MLP([4, 3], backend=model_backend, metrics=())
        with pytest.raises(ValueError, match="y holds 0.5, expected class numbers"):
            model.fit(X, half, epochs=1)
        with pytest.raises(ValueError, match="y holds NaN or infinity"):
            model.fit(X, gap, epochs=1)
        assert model.fit(X, whole, epochs=1).epochs == 1


def test_complex_arrays_of_another_library_are_refused() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="X holds torch.complex64 data, expected real numbers"):
        fit(torch.ones((6, 4), dtype=torch.complex64))


def test_a_refused_call_leaves_the_model_as_it_was(backend: Backend) -> None:
    model = MLP([4, 3], backend=backend, metrics=())
    before = model.parameters()
    for bad_y in (Y + 1, Y[:3], np.eye(4)[Y]):
        with pytest.raises(ValueError, match="y h"):
            model.fit(X, bad_y, epochs=1)
    for bad_x in (X[:, :2], X[0], np.full((6, 4), np.nan)):
        with pytest.raises(ValueError, match="X h"):
            model.fit(bad_x, Y, epochs=1)
    for name, value in model.parameters().items():
        np.testing.assert_array_equal(value, before[name])
    model.fit(X, Y, epochs=1)


def test_text_columns_of_a_data_frame_are_named() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0] * 6, "city": ["x"] * 6, "b": [1] * 6, "c": [2] * 6})
    with pytest.raises(ValueError, match="in column 'city', expected numbers"):
        fit(frame)
