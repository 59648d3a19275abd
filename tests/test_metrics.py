"""Metrics against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend
from portable_mlp.metrics import METRICS, Metric, choose_metrics
from portable_mlp.nn import Context


def values(
    name: str, loss: nn.Loss, outputs: object, targets: object, backend: Backend
) -> list[float]:
    ctx = Context(backend.xp, backend.device)
    dtype = None if np.asarray(targets).dtype.kind == "f" else backend.index_dtype
    found = METRICS[name](
        backend.asarray(np.asarray(outputs)), backend.asarray(np.asarray(targets), dtype), loss, ctx
    )
    host = backend.to_numpy(found)
    assert host.dtype == np.float32
    return [round(float(v), 6) for v in host]


@pytest.mark.needs_argmax
def test_accuracy_of_classes(backend: Backend) -> None:
    outputs = [[0.0, 1, 2], [5, 1, 2], [0, 0, 0]]
    loss = nn.SoftmaxCrossEntropy()
    assert values("accuracy", loss, outputs, [2, 1, 1], backend) == [1, 0, 0]
    soft = [[0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.5, 0.3, 0.2]]
    assert values("accuracy", loss, outputs, soft, backend) == [1, 0, 1]


def test_accuracy_of_labels_and_margins(backend: Backend) -> None:
    outputs = [[1.0, -1], [-2, 3]]
    assert values("accuracy", nn.BinaryCrossEntropy(), outputs, [[1.0, 1], [0, 1]], backend) == [
        0.5,
        1,
    ]
    assert values("accuracy", nn.Hinge(), outputs, [[1.0, 1], [-1, 1]], backend) == [0.5, 1]


def test_errors_are_of_predictions_not_of_outputs(backend: Backend) -> None:
    outputs, targets = [[0.0, np.log(2)]], [[1.0, 4.0]]
    assert values("mean_squared_error", nn.Poisson(), outputs, targets, backend) == [2.0]
    assert values("mean_absolute_error", nn.Poisson(), outputs, targets, backend) == [1.0]
    assert values("mean_squared_error", nn.SquaredError(), [[1.0, 3.0]], [[2.0, 5.0]], backend) == [
        2.5
    ]


def test_defaults() -> None:
    assert [m.name for m in choose_metrics(None, nn.SoftmaxCrossEntropy())] == ["accuracy"]
    assert choose_metrics(None, nn.SquaredError()) == ()
    assert [m.name for m in choose_metrics("mean_absolute_error", nn.SquaredError())] == [
        "mean_absolute_error"
    ]
    with pytest.raises(ValueError, match="metrics: got 'acuracy'.* Did you mean 'accuracy'"):
        choose_metrics(["acuracy"], nn.SoftmaxCrossEntropy())
    assert isinstance(METRICS["accuracy"], Metric)


def test_metrics_are_weighted_like_the_loss() -> None:
    model = MLP([1, 1], loss="squared_error", metrics=["mean_squared_error"], dtype="float64")
    X, y = np.asarray([[1.0], [2.0], [3.0]]), np.asarray([[0.0], [1.0], [5.0]])
    found = model.evaluate(X, y, sample_weight=[1, 0, 3])
    assert found["mean_squared_error"] == pytest.approx(found["loss"], rel=1e-12)
