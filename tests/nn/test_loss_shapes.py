"""Shapes and options that a loss refuses: nothing is ever broadcast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.backends import Backend
from portable_mlp.backends.numpy import NumpyBackend

CTX = nn.Context(NumpyBackend().xp)
Z = np.zeros((5, 3))
LABELS = np.zeros(5, int)


@pytest.mark.parametrize("name", [n for n, loss in nn.LOSSES.items() if loss.targets == "values"])
def test_a_row_against_a_column_is_refused(backend: Backend, name: str) -> None:
    """(n,) against (n, 1) would broadcast to n x n and train to a wrong place."""
    loss, ctx = nn.LOSSES[name], nn.Context(backend.xp, backend.device)
    units = 2 if name == "gaussian_nll" else 1
    y = backend.asarray(np.zeros(5))
    with pytest.raises(ValueError, match=r"y has shape \(5,\), expected \(5, 1\)"):
        loss(backend.asarray(np.zeros((5, units))), y, None, ctx)


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "message"),
    [
        (nn.SquaredError(), (5, 1), (5,), r"Pass y\[:, None\].* broadcast to n x n"),
        (nn.SquaredError(), (5, 3), (5,), "a column for each output, no class numbers"),
        (nn.Hinge(), (5, 3), (5, 1), "The last layer has 3 units and y has 1 columns"),
        (nn.BinaryCrossEntropy(), (5, 3), (5, 2), "The last layer has 3 units and y has 2 columns"),
        (nn.Huber(), (5, 3), (4, 3), r"y has shape \(4, 3\), expected \(5, 3\)"),
        (nn.AbsoluteError(), (5, 3), (1, 3), r"y has shape \(1, 3\), expected \(5, 3\)"),
        (nn.LogCosh(), (5, 3), (), r"y has shape \(\), expected \(5, 3\)"),
        (nn.Poisson(), (1, 3), (5, 3), r"y has shape \(5, 3\), expected \(1, 3\)"),
        (nn.SoftmaxCrossEntropy(), (5, 3), (5, 1), r"Pass y\[:, 0\]: class numbers have one axis"),
        (nn.SoftmaxCrossEntropy(), (5, 3), (5, 4), "A one-hot y needs 3 columns"),
        (nn.SoftmaxCrossEntropy(), (5, 3), (4,), r"y has shape \(4,\), expected class numbers"),
        (nn.SoftmaxCrossEntropy(), (5, 3), (3, 5), r"y has shape \(3, 5\), expected"),
        (nn.SoftmaxFocal(), (5, 3), (5, 3), r"y has shape \(5, 3\), expected class numbers"),
        (nn.SoftmaxFocal(), (5, 3), (5, 1), r"y has shape \(5, 1\), expected class numbers"),
        (nn.Quantile((0.1, 0.9)), (5, 4), (5, 4), r"\(5, 4\), expected \(5, 2\).*2 quantile"),
        (nn.Quantile((0.1, 0.9)), (5, 2), (5,), r"\(5,\), expected \(5, 1\)"),
        (nn.Quantile((0.1, 0.9)), (5, 5), (5, 2), "5 outputs, expected a multiple of 2"),
        (nn.GaussianNLL(), (5, 4), (5, 4), r"\(5, 4\), expected \(5, 2\): half as many columns"),
        (nn.GaussianNLL(), (5, 2), (5,), r"\(5,\), expected \(5, 1\)"),
        (nn.GaussianNLL(), (5, 3), (5, 1), "3 outputs, expected an even number"),
        (nn.SquaredError(), (5, 2, 3), (5, 2, 3), r"outputs have shape \(5, 2, 3\), expected"),
        (nn.SquaredError(), (5,), (5,), r"outputs have shape \(5,\), expected \(batch, out\)"),
    ],
)
def test_shapes_refused(loss: nn.Loss, outputs: Any, targets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{type(loss).__name__}: .*{message}"):
        loss(np.zeros(outputs), np.zeros(targets), None, CTX)


@pytest.mark.parametrize("shape", [(5, 1), (4,), (1,), (), (5, 3)])
@pytest.mark.parametrize("name", ["squared_error", "softmax_cross_entropy", "sum_squared_error"])
def test_weights_must_have_one_axis(name: str, shape: tuple[int, ...]) -> None:
    loss = nn.LOSSES[name]
    targets = Z if loss.targets == "values" else LABELS
    with pytest.raises(ValueError, match=r"weights have shape .*, expected \(5,\)"):
        loss(Z, targets, np.ones(shape), CTX)


@pytest.mark.parametrize(
    ("loss", "units", "message"),
    [
        (nn.SoftmaxCrossEntropy(), 1, "softmax over one class is always 1.*binary_cross_entropy"),
        (nn.SoftmaxFocal(), 1, "softmax over one class is always 1"),
        (nn.Quantile((0.1, 0.5, 0.9)), 4, "4 outputs, expected a multiple of 3"),
        (nn.GaussianNLL(), 3, "3 outputs, expected an even number"),
    ],
)
def test_numbers_of_outputs_refused(loss: nn.Loss, units: int, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^{type(loss).__name__}: .*{message}"):
        loss.check_outputs(units)


@pytest.mark.parametrize("name", nn.LOSSES)
def test_numbers_of_outputs_accepted(name: str) -> None:
    nn.LOSSES[name].check_outputs(6)
    assert nn.LOSSES[name].targets_per_output(6) == (3 if name == "gaussian_nll" else 6)
    assert nn.Quantile((0.1, 0.5, 0.9)).targets_per_output(6) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.SoftmaxCrossEntropy(1.0), "label_smoothing is 1.0, expected a share in"),
        (lambda: nn.SoftmaxCrossEntropy(-0.1), "label_smoothing is -0.1"),
        (lambda: nn.SoftmaxFocal(-1.0), "SoftmaxFocal: gamma is -1.0, expected at least 0"),
        (lambda: nn.BinaryFocal(float("nan")), "BinaryFocal: gamma is nan"),
        (lambda: nn.BinaryFocal(alpha=1.5), "alpha is 1.5, expected a share"),
        (lambda: nn.Huber(0.0), "delta is 0.0, expected a number above 0"),
        (lambda: nn.Huber(float("nan")), "delta is nan"),
        (lambda: nn.Quantile(()), r"quantiles are \(\), expected numbers inside"),
        (lambda: nn.Quantile((0.5, 1.0)), r"quantiles are \(0.5, 1.0\)"),
        (lambda: nn.Quantile((0.0,)), r"quantiles are \(0.0,\)"),
    ],
)
def test_options_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_loss_without_formula_says_so() -> None:
    with pytest.raises(TypeError, match="Loss does not define per_sample"):
        nn.Loss()(Z, Z, None, CTX)
