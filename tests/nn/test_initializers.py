"""Initializers: each rule against the numbers of its paper; which of them dense_stack chooses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from portable_mlp import nn
from portable_mlp.nn.dense_stack import dense_stack
from portable_mlp.randomness import HostStream

IN, OUT = 200, 300
DEVIATIONS: dict[str, tuple[nn.Initializer, float]] = {
    "uniform": (nn.Uniform(), 0.1 / math.sqrt(12)),
    "normal": (nn.Normal(), 0.05),
    "standard_normal": (nn.Normal(1.0), 1.0),
    "glorot_uniform": (nn.GlorotUniform(), math.sqrt(2 / 500)),
    "glorot_normal": (nn.GlorotNormal(), math.sqrt(2 / 500)),
    "he_uniform": (nn.HeUniform(), 0.1),
    "he_normal": (nn.HeNormal(), 0.1),
    "lecun_uniform": (nn.LeCunUniform(), math.sqrt(1 / 200)),
    "lecun_normal": (nn.LeCunNormal(), math.sqrt(1 / 200)),
}


def draw(initializer: nn.Initializer, seed: int = 0) -> np.ndarray:
    return initializer.draw(HostStream(seed), (IN, OUT), IN, OUT)


def test_every_rule_has_a_name_and_is_tested() -> None:
    exported = [getattr(nn, name) for name in nn.__all__]
    rules = {c for c in exported if isinstance(c, type) and issubclass(c, nn.Initializer)}
    named = {type(rule) for rule in nn.INITIALIZERS.values()}
    assert rules - named == {nn.Initializer, nn.Constant}
    assert set(nn.INITIALIZERS) - set(DEVIATIONS) == {"zeros", "orthogonal"}
    assert {name: rule for name, (rule, _) in DEVIATIONS.items()}.items() <= nn.INITIALIZERS.items()


@pytest.mark.parametrize("name", DEVIATIONS)
def test_mean_and_deviation(name: str) -> None:
    """60,000 numbers: the mean is known to 0.4 % of σ, σ itself to 0.3 %."""
    initializer, deviation = DEVIATIONS[name]
    values = draw(initializer)
    assert values.shape == (IN, OUT)
    assert values.dtype == np.float64
    assert abs(values.mean()) < 0.02 * deviation
    assert abs(values.std() / deviation - 1) < 0.012


@pytest.mark.parametrize("name", DEVIATIONS)
def test_form_of_the_distribution(name: str) -> None:
    """Uniform rules fill their interval evenly; normal ones have the tails of a normal."""
    initializer, deviation = DEVIATIONS[name]
    scaled = draw(initializer) / deviation
    if name.endswith("uniform"):
        assert 0.999 * math.sqrt(3) < np.abs(scaled).max() <= math.sqrt(3)
        assert abs(np.mean(scaled**4) - 9 / 5) < 0.03
    else:
        assert 3.5 < np.abs(scaled).max() < 6
        assert abs(np.mean(scaled**4) - 3) < 0.1


def test_options() -> None:
    values = draw(nn.Uniform(2.0, 3.0))
    assert 2 <= values.min() < 2.001
    assert 2.999 < values.max() < 3
    assert abs(draw(nn.Normal(0.3)).std() - 0.3) < 0.004
    assert (draw(nn.Constant(0.25)) == 0.25).all()
    assert (draw(nn.Zeros()) == 0).all()


@pytest.mark.parametrize("shape", [(7, 7), (7, 4), (4, 7)])
@pytest.mark.parametrize("gain", [1.0, 0.5])
def test_orthogonal(shape: tuple[int, int], gain: float) -> None:
    q = nn.Orthogonal(gain).draw(HostStream(1), shape, *shape)
    assert q.shape == shape
    product = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(product, gain**2 * np.eye(min(shape)), atol=1e-14)


def test_orthogonal_has_no_preferred_sign() -> None:
    """QR alone gives a first column whose sign is fixed: not uniform among such matrices."""
    signs = [nn.Orthogonal().draw(HostStream(s), (3, 3), 3, 3)[0, 0] > 0 for s in range(40)]
    assert 8 <= sum(signs) <= 32


def test_orthogonal_refuses_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match=r"Orthogonal: got a parameter of shape \(3,\)"):
        nn.Orthogonal().draw(HostStream(0), (3,), 3, 3)


@pytest.mark.parametrize("name", nn.INITIALIZERS)
def test_same_seed_same_numbers(name: str) -> None:
    rule = nn.INITIALIZERS[name]
    one, same, other = (rule.draw(HostStream(seed), (9, 8), 9, 8) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert np.array_equal(one, other) == (name == "zeros")


def test_each_draw_moves_the_stream() -> None:
    stream = HostStream(0)
    first, second = (nn.Normal().draw(stream, (5,), 1, 1) for _ in range(2))
    assert not np.array_equal(first, second)


def test_rule_without_a_formula_says_so() -> None:
    with pytest.raises(TypeError, match="Initializer does not define draw"):
        nn.Initializer().draw(HostStream(0), (3,), 3, 3)


# -- the choice that dense_stack makes -----------------------------------------------------------


HIDDEN = {
    **dict.fromkeys(("relu", "leaky_relu", "prelu", "elu", "gelu", "gelu_tanh"), "he_uniform"),
    **dict.fromkeys(("silu", "mish", "softplus"), "he_uniform"),
    **dict.fromkeys(("tanh", "sigmoid", "identity", "softmax"), "glorot_uniform"),
    "selu": "lecun_normal",
}


@pytest.mark.parametrize("activation", nn.ACTIVATIONS)
def test_weights_fit_the_activation(activation: str) -> None:
    hidden = HIDDEN[activation]
    layers: list[Any] = [a for a in dense_stack([8, 6, 2], activation) if a.kind == "dense"]
    assert [layer.weight_init for layer in layers] == [hidden, hidden, "glorot_uniform"]
    assert [layer.units for layer in layers] == [8, 6, 2]


def test_order_of_a_stack() -> None:
    whole = dense_stack([8, 2], nn.ELU(0.5), dropout=0.1, normalization="batch")
    assert [layer.kind for layer in whole] == ["dense", "batch_norm", "elu", "dropout", "dense"]
    assert [layer.kind for layer in dense_stack([2])] == ["dense"]
    assert nn.LayerNorm() in dense_stack([8, 2], normalization="layer")
    weight_init, bias_init = nn.Normal(0.1), nn.Constant(0.5)
    first, _, last = dense_stack([8, 2], weight_init=weight_init, bias_init=bias_init)
    assert first == nn.Dense(8, weight_init, bias_init)
    assert last == nn.Dense(2, weight_init, bias_init)


@pytest.mark.parametrize(
    ("widths", "options", "message"),
    [
        ([], {}, "dense_stack: got no widths"),
        ([2], {"activation": "rellu"}, r"activation: got 'rellu'.*Did you mean 'relu'"),
        ([2], {"normalization": "bach"}, r"normalization: got 'bach'.*Did you mean 'batch'"),
    ],
)
def test_stacks_refused(widths: list[int], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense_stack(widths, **options)
