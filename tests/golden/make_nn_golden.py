"""Make ``nn.safetensors``: golden values and gradients of activations, layers and losses.

Run by hand, with PyTorch on the CPU; the tests read the file and never import PyTorch::

    python tests/golden/make_nn_golden.py tests/golden/nn.safetensors

The file in the repository was made with torch 2.13.0 and safetensors 0.8.0. Everything is float64;
gradients come from torch.autograd. Where PyTorch has the function, it is PyTorch's own; the others
are written here from their papers. Inputs are rounded to float32, so that a float32 backend starts
from the very same numbers. Names are ``<kind>/<case>/<array>``; the part of a case after ``-`` says
which option or which points.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

Tensor = torch.Tensor
ROWS = 6
_random = np.random.default_rng(20240229)
_golden: dict[str, Tensor] = {}


def tensor(values: Any) -> Tensor:
    """A float64 tensor whose numbers are float32 numbers."""
    return torch.tensor(np.asarray(values, dtype=np.float32).astype(np.float64))


def normal(*shape: int, scale: float = 1.0) -> Tensor:
    """N(0, scale²)."""
    return tensor(_random.normal(0.0, scale, shape))


def positive(*shape: int) -> Tensor:
    """U(0.5, 2)."""
    return tensor(_random.uniform(0.5, 2.0, shape))


def keep(case: str, **arrays: Tensor) -> None:
    """Adds arrays of one case; ``__`` in a name stands for ``/``."""
    for name, array in arrays.items():
        _golden[f"{case}/{name.replace('__', '/')}"] = array.detach().clone().contiguous()


# -- activations ---------------------------------------------------------------------------------

POINTS = tensor(
    [0, 0.001, -0.001, 0.3, -0.3, 0.75, -0.8, 1, -1, 1.6, -1.7, 2.5, -2.4, 3.6, -3.9, 5.5]
).reshape(4, 4)
TAILS = tensor([6, -6, 8, 1, -1, -8, 20, -20, 40, -40, 90, -90, 300, -300, 1000, -1000]).reshape(
    4, 4
)

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: 1.0 * z,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "leaky_relu-0.3": partial(functional.leaky_relu, negative_slope=0.3),
    "elu": functional.elu,
    "elu-0.7": partial(functional.elu, alpha=0.7),
    "selu": functional.selu,
    "gelu": functional.gelu,
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "softplus": partial(functional.softplus, threshold=100.0),
    "sigmoid": torch.sigmoid,
    "sigmoid-2.5": lambda z: torch.sigmoid(2.5 * z),
    "tanh": torch.tanh,
    "softmax": partial(functional.softmax, dim=-1),
    "prelu": functional.prelu,
}


def make_activations() -> None:
    """y and dL/dz at the middle points and at the tails; for PReLU the slopes' gradient too."""
    for name, function in ACTIVATIONS.items():
        for place, points in (("points", POINTS), ("tails", TAILS)):
            z, dy = points.clone().requires_grad_(), normal(4, 4)
            case = f"activations/{name}@{place}"
            slopes = [normal(4, scale=0.3).requires_grad_()] if name == "prelu" else []
            y = function(z, *slopes)
            y.backward(dy)
            keep(case, x=z, dy=dy, y=y, dx=z.grad)
            for slope in slopes:
                keep(case, params__slope=slope, grads__slope=slope.grad)


# -- layers --------------------------------------------------------------------------------------


def make_layer(
    case: str, function: Callable[..., Tensor], x: Tensor, **params: Tensor
) -> tuple[Tensor, ...]:
    """y = function(x, *params) and all gradients."""
    leaves = [array.clone().requires_grad_() for array in (x, *params.values())]
    y = function(*leaves)
    dy = normal(*y.shape)
    y.backward(dy)
    keep(f"layers/{case}", x=x, dy=dy, y=y, dx=leaves[0].grad)
    for name, leaf in zip(params, leaves[1:], strict=True):
        keep(f"layers/{case}", **{f"params__{name}": leaf, f"grads__{name}": leaf.grad})


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """PyTorch keeps the transposed weight."""
    return functional.linear(x, weight.T, bias)


def make_layers() -> None:
    """Every layer that is no activation."""
    make_layer("dense", linear, normal(ROWS, 4), weight=normal(4, 3), bias=normal(3))
    make_layer("dense-no_bias", linear, normal(ROWS, 4), weight=normal(4, 3))
    for suffix, shape, epsilon in (
        ("", (ROWS, 4), 1e-5),
        ("-epsilon", (ROWS, 4), 0.1),
        ("-two_axes", (3, 2, 4), 1e-5),
    ):
        layer_norm = partial(_layer_norm, epsilon=epsilon)
        rms_norm = partial(_rms_norm, epsilon=epsilon)
        scale, shift = positive(4), normal(4)
        make_layer(f"layer_norm{suffix}", layer_norm, normal(*shape), scale=scale, shift=shift)
        make_layer(f"rms_norm{suffix}", rms_norm, normal(*shape), scale=scale)
    make_batch_norm("", (4,), momentum=0.1, epsilon=1e-5)
    make_batch_norm("-options", (4,), momentum=0.3, epsilon=0.1)
    make_batch_norm("-two_axes", (2, 2), momentum=0.1, epsilon=1e-5)
    make_layer("scale", torch.mul, normal(ROWS, 4), scale=normal(4))
    make_layer("flatten", partial(torch.flatten, start_dim=1), normal(ROWS, 2, 3))
    make_layer(
        "residual",
        lambda x, weight, bias: x + torch.tanh(linear(x, weight, bias)),
        normal(ROWS, 4),
        dense_1__weight=normal(4, 4),
        dense_1__bias=normal(4),
    )
    uniform = tensor(_random.random((ROWS, 4), dtype=np.float32))
    mask = (uniform >= 0.3).to(torch.float64) / (1 - 0.3)
    make_layer("dropout@training", lambda x: x * mask, normal(ROWS, 4))
    keep("layers/dropout@training", uniform=uniform)
    make_layer("dropout@prediction", lambda x: 1.0 * x, normal(ROWS, 4))


def make_later_layers() -> None:
    """Layers that came later; made last, so that the numbers of all others stay."""
    levels, widths = (5, 2), (3, 2)
    codes = np.stack([_random.integers(0, count, ROWS) for count in levels], axis=1)
    codes[0] = levels  # a number that is none of the column's: zeros
    x = torch.cat([normal(ROWS, 2), tensor(codes)], dim=1)

    def embedding(x: Tensor, *tables: Tensor) -> Tensor:
        padded = [torch.cat([table, torch.zeros(1, table.shape[1])]) for table in tables]
        found = [functional.embedding(x[:, 2 + k].long(), padded[k]) for k in range(2)]
        return torch.cat([x[:, :2], *found], dim=1)

    tables = {f"column_{k + 1}": normal(levels[k], widths[k]) for k in range(2)}
    make_layer("embedding", embedding, x, **tables)
    make_layer(
        "embedding-alone",
        lambda x, table: functional.embedding(x[:, 0].long(), table) + 0.0 * x,
        tensor(_random.integers(0, 4, (ROWS, 1))),
        column_1=normal(4, 2),
    )
    make_layer(
        "ntk_dense",
        lambda x, weight, bias: x @ weight / 4**0.5 + bias,
        normal(ROWS, 4),
        weight=normal(4, 3),
        bias=normal(3),
    )
    make_layer(
        "ntk_dense-no_bias",
        lambda x, weight: x @ weight / 2.0,
        normal(ROWS, 4),
        weight=normal(4, 3),
    )


def _layer_norm(x: Tensor, scale: Tensor, shift: Tensor, epsilon: float) -> Tensor:
    return functional.layer_norm(x, x.shape[-1:], scale, shift, epsilon)


def _rms_norm(x: Tensor, scale: Tensor, epsilon: float) -> Tensor:
    return functional.rms_norm(x, x.shape[-1:], scale, epsilon)


def make_batch_norm(suffix: str, sample: tuple[int, ...], momentum: float, epsilon: float) -> None:
    """Two updates of the running statistics in training, then a prediction with them."""
    features = int(np.prod(sample))
    scale, shift = positive(*sample), normal(*sample)
    mean, variance = torch.zeros(features).double(), torch.ones(features).double()
    for place in ("first", "second", "prediction"):
        training = place != "prediction"

        def function(x: Tensor, scale: Tensor, shift: Tensor, training: bool = training) -> Tensor:
            flat = x.reshape(ROWS, features), mean, variance, scale.reshape(-1), shift.reshape(-1)
            return functional.batch_norm(*flat, training, momentum, epsilon).reshape(x.shape)

        case = f"batch_norm{suffix}@{place}"
        before = {"state__mean": mean.clone(), "state__variance": variance.clone()}
        x = 3.0 + 2.0 * normal(ROWS, *sample)
        make_layer(case, function, tensor(x), scale=scale, shift=shift)
        after = {"new_state__mean": mean, "new_state__variance": variance}
        for name, array in (before | after).items():
            keep(f"layers/{case}", **{name: array.reshape(sample)})


# -- losses --------------------------------------------------------------------------------------

PerSample = Callable[[Tensor, Tensor], Tensor]


def mean_of(elementwise: Callable[..., Tensor], **options: Any) -> PerSample:
    """The mean over the outputs of a sample of one of PyTorch's losses."""
    return lambda o, t: elementwise(o, t, reduction="none", **options).mean(dim=1)


def cross_entropy(smoothing: float = 0.0) -> PerSample:
    """PyTorch takes class numbers as int64."""

    def per_sample(o: Tensor, t: Tensor) -> Tensor:
        target = t.long() if t.ndim == 1 else t
        return functional.cross_entropy(o, target, reduction="none", label_smoothing=smoothing)

    return per_sample


def softmax_focal(gamma: float) -> PerSample:
    """(1 - p_t)^γ as exp(γ log(1 - p_t)), with the logarithm of the sum of the other classes."""

    def per_sample(o: Tensor, t: Tensor) -> Tensor:
        right = functional.one_hot(t.long(), o.shape[1]).bool()
        log_pt = torch.log_softmax(o, dim=1)[right]
        others = o[~right].reshape(o.shape[0], -1)
        log_miss = torch.logsumexp(others, dim=1) - torch.logsumexp(o, dim=1)
        return -torch.exp(gamma * log_miss) * log_pt

    return per_sample


def binary_focal(gamma: float, alpha: float | None = None) -> PerSample:
    """As `softmax_focal`, with the logistic function."""

    def per_sample(o: Tensor, t: Tensor) -> Tensor:
        margin = torch.where(t == 1, o, -o)
        values = -torch.exp(gamma * functional.logsigmoid(-margin)) * functional.logsigmoid(margin)
        if alpha is not None:
            values = values * torch.where(t == 1, alpha, 1 - alpha)
        return values.mean(dim=1)

    return per_sample


def hinge(power: int) -> PerSample:
    """max(0, 1 - t z)^p."""
    return lambda o, t: (functional.relu(1 - t * o) ** power).mean(dim=1)


def log_cosh(o: Tensor, t: Tensor) -> Tensor:
    """log((exp(e) + exp(-e)) / 2)."""
    return (torch.logaddexp(o - t, t - o) - np.log(2)).mean(dim=1)


def quantile(quantiles: list[float]) -> PerSample:
    """The outputs as (batch, targets, quantiles)."""

    def per_sample(o: Tensor, t: Tensor) -> Tensor:
        q = torch.tensor(quantiles, dtype=torch.float64)
        e = t[:, :, None] - o.reshape(*t.shape, len(quantiles))
        return torch.where(e > 0, q * e, (q - 1) * e).flatten(1).mean(dim=1)

    return per_sample


def gaussian_nll(o: Tensor, t: Tensor) -> Tensor:
    """PyTorch takes the variance itself."""
    mean, log_variance = o.chunk(2, dim=1)
    variance = torch.exp(log_variance)
    nll = functional.gaussian_nll_loss(mean, t, variance, full=True, eps=1e-30, reduction="none")
    return nll.mean(dim=1)


def make_loss(
    case: str, per_sample: PerSample, outputs: Tensor, targets: Tensor, sums: bool = False
) -> None:
    """Loss and gradient without weights, and with weights of which two are 0."""
    outputs, targets, weights = tensor(outputs), tensor(targets), positive(ROWS)
    weights[1] = weights[4] = 0.0
    keep(f"losses/{case}", outputs=outputs, targets=targets, weights=weights)
    for prefix, w in (("", torch.ones(ROWS, dtype=torch.float64)), ("weighted_", weights)):
        o = outputs.clone().requires_grad_()
        value = (w * per_sample(o, targets)).sum()
        value = value if sums else value / w.sum()
        value.backward()
        keep(f"losses/{case}", **{f"{prefix}value": value, f"{prefix}gradient": o.grad})


def make_classification() -> None:
    """The losses that take logits; ``@extreme`` has logits of ±1000."""
    logits, labels = normal(ROWS, 4, scale=2.0), tensor([0, 3, 1, 1, 2, 0])
    distributions = tensor(_random.dirichlet(np.ones(4), ROWS))
    one_hot = functional.one_hot(labels.long(), 4).double()
    extreme = tensor(_random.choice([-1000.0, 0.0, 1000.0], (ROWS, 4)))
    extreme[0] = tensor([1000.0, -1000.0, -1000.0, -1000.0])  # right without a doubt
    extreme[1] = tensor([1000.0, -1000.0, -1000.0, -1000.0])  # wrong without a doubt
    name = "softmax_cross_entropy"
    make_loss(name, cross_entropy(), logits, labels)
    make_loss(f"{name}@one_hot", cross_entropy(), logits, one_hot)
    make_loss(f"{name}@soft", cross_entropy(), logits, distributions)
    make_loss(f"{name}@any_mass", cross_entropy(), logits, 3.0 * distributions * positive(ROWS, 1))
    make_loss(f"{name}@extreme", cross_entropy(), extreme, labels)
    make_loss(f"{name}-smooth", cross_entropy(0.1), logits, labels)
    make_loss(f"{name}-smooth@soft", cross_entropy(0.1), logits, distributions)
    make_loss(f"{name}-smooth@extreme", cross_entropy(0.1), extreme, labels)
    yes_no = tensor(_random.integers(0, 2, (ROWS, 4)))
    make_loss("binary_cross_entropy", mean_of(_bce), logits[:, :1], yes_no[:, :1])
    make_loss("binary_cross_entropy@several", mean_of(_bce), logits, yes_no)
    make_loss("binary_cross_entropy@soft", mean_of(_bce), logits, distributions)
    make_loss("binary_cross_entropy@extreme", mean_of(_bce), extreme, yes_no)
    for suffix, gamma in (("", 2.0), ("-0", 0.0), ("-0.5", 0.5), ("-1", 1.0)):
        for place, z in (("", logits), ("@extreme", extreme)):
            make_loss(f"softmax_focal{suffix}{place}", softmax_focal(gamma), z, labels)
            make_loss(f"binary_focal{suffix}{place}", binary_focal(gamma), z, yes_no)
    make_loss("binary_focal-alpha", binary_focal(2.0, 0.3), logits, yes_no)
    signs = 2.0 * yes_no - 1.0
    for suffix, power in (("", 1), ("-squared", 2)):
        make_loss(f"hinge{suffix}", hinge(power), logits[:, :1], signs[:, :1])
        make_loss(f"hinge{suffix}@several", hinge(power), logits, signs)
        make_loss(f"hinge{suffix}@extreme", hinge(power), extreme, signs)


_bce = functional.binary_cross_entropy_with_logits


def make_regression() -> None:
    """The losses of regression, for one target and for several."""
    mse, huber = functional.mse_loss, functional.huber_loss
    poisson = partial(functional.poisson_nll_loss, log_input=True, full=False)
    losses: dict[str, tuple[PerSample, bool]] = {
        "squared_error": (mean_of(mse), False),
        "half_squared_error": (lambda o, t: mean_of(mse)(o, t) / 2, False),
        "sum_squared_error": (lambda o, t: mse(o, t, reduction="none").sum(dim=1), True),
        "half_sum_squared_error": (lambda o, t: mse(o, t, reduction="none").sum(dim=1) / 2, True),
        "absolute_error": (mean_of(functional.l1_loss), False),
        "huber": (mean_of(huber, delta=1.0), False),
        "huber-0.4": (mean_of(huber, delta=0.4), False),
        "log_cosh": (log_cosh, False),
        "poisson": (mean_of(poisson), False),
    }
    for name, (per_sample, sums) in losses.items():
        outputs, targets = normal(ROWS, 4, scale=1.5), normal(ROWS, 4)
        targets[2, 1] = outputs[2, 1]  # an error of exactly 0
        if name == "poisson":
            targets = tensor(_random.poisson(2.0, (ROWS, 4)))
        make_loss(name, per_sample, outputs[:, 1:2], targets[:, 1:2], sums)
        make_loss(f"{name}@several", per_sample, outputs, targets, sums)
    make_loss("log_cosh@extreme", log_cosh, 1000.0 * normal(ROWS, 4), normal(ROWS, 4))
    three = [0.1, 0.5, 0.75]
    make_loss("quantile", quantile([0.5]), normal(ROWS, 2), normal(ROWS, 2))
    make_loss("quantile-three", quantile(three), normal(ROWS, 3), normal(ROWS, 1))
    make_loss("quantile-three@several", quantile(three), normal(ROWS, 6), normal(ROWS, 2))
    make_loss("gaussian_nll", gaussian_nll, normal(ROWS, 2), normal(ROWS, 1))
    make_loss("gaussian_nll@several", gaussian_nll, normal(ROWS, 4), normal(ROWS, 2))


def make_sums_over_outputs() -> None:
    """Sums in place of means, half a deviance, and a softmax for each of two groups."""
    yes_no = tensor(_random.integers(0, 2, (ROWS, 4)))
    make_loss(
        "binary_cross_entropy-sum", lambda o, t: 4 * mean_of(_bce)(o, t), normal(ROWS, 4), yes_no
    )
    half = lambda o, t: functional.mse_loss(o, t, reduction="none").sum(dim=1) / 2  # noqa: E731
    make_loss("half_squared_error-sum", half, normal(ROWS, 4), normal(ROWS, 4))

    def deviance(o: Tensor, t: Tensor) -> Tensor:
        return (o.exp() - t * o + torch.xlogy(t, t) - t).mean(dim=1)

    counts = tensor(_random.poisson(1.5, (ROWS, 4)))
    make_loss("poisson-deviance", deviance, normal(ROWS, 4), counts)

    def groups(o: Tensor, t: Tensor) -> Tensor:
        return cross_entropy(0.1)(o[:, :2], t[:, :2]) + cross_entropy(0.1)(o[:, 2:], t[:, 2:])

    two, four = (_random.dirichlet(np.ones(n), ROWS) for n in (2, 4))
    targets = tensor(np.concatenate([two, four], axis=1))
    make_loss("grouped_softmax-2-4", groups, normal(ROWS, 6), targets)


def main(path: Path) -> None:
    """Makes all and writes the file."""
    torch.set_default_dtype(torch.float64)
    make_activations()
    make_layers()
    make_classification()
    make_regression()
    make_sums_over_outputs()
    make_later_layers()
    save_file(_golden, path, metadata={"torch": torch.__version__})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
