"""What surrounds an optimizer's rule: its numbers, weight decay, clipping, averages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import Backend
from portable_mlp.nn.layers import Dense, LayerNorm
from portable_mlp.optim import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
    StrongWolfe,
)

Golden = dict[str, np.ndarray]
ELEMENTWISE = {name: made for name, made in OPTIMIZERS.items() if not isinstance(made, LBFGS)}
CLASSES = {type(made).__name__: type(made) for made in OPTIMIZERS.values()}
SHARED = {
    "weight_decay": 0.0,
    "clip_value": None,
    "clip_norm": None,
    "accumulation_steps": 1,
    "ema_decay": None,
}
DEFAULTS: dict[type[Optimizer], dict[str, Any]] = {
    SGD: {"learning_rate": 1e-2, "momentum": 0.0, "nesterov": False},
    RMSprop: {"learning_rate": 1e-3, "rho": 0.9, "epsilon": 1e-8},
    Adagrad: {"learning_rate": 1e-2, "epsilon": 1e-10},
    Adam: {
        "learning_rate": 1e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "epsilon_hat": False,
    },
    AdamW: {
        "learning_rate": 1e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "epsilon_hat": False,
        "weight_decay": 0.01,
    },
    NAdam: {
        "learning_rate": 2e-3,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "epsilon_hat": False,
        "momentum_decay": 4e-3,
    },
    Lion: {"learning_rate": 1e-4, "beta1": 0.9, "beta2": 0.99},
    LBFGS: {
        "learning_rate": 1.0,
        "history_size": 10,
        "tolerance": 1e-7,
        "line_search": StrongWolfe(c1=1e-4, c2=0.9, evaluations=25),
    },
}
BAD: list[tuple[Callable[..., Any], str, Any, str]] = [
    (SGD, "momentum", 1.0, "a number in [0, 1)"),
    (SGD, "momentum", -0.1, "a number in [0, 1)"),
    (SGD, "nesterov", True, "momentum above 0 with it"),
    (RMSprop, "rho", 1.0, "a number in [0, 1)"),
    (RMSprop, "rho", -0.1, "a number in [0, 1)"),
    (RMSprop, "epsilon", 0.0, "a number above 0"),
    (Adagrad, "epsilon", 0.0, "a number above 0"),
    (NAdam, "momentum_decay", -1e-3, "a number of at least 0"),
    (LBFGS, "history_size", 0, "a whole number of at least 1"),
    (LBFGS, "history_size", 2.5, "a whole number of at least 1"),
    (LBFGS, "history_size", True, "a whole number of at least 1"),
    (LBFGS, "tolerance", -1e-9, "a number of at least 0"),
    (LBFGS, "weight_decay", 0.1, "0.0: it would spoil the line search (use l2)"),
    (LBFGS, "clip_value", 1.0, "None: it would spoil the line search (use l2)"),
    (LBFGS, "clip_norm", 1.0, "None: it would spoil the line search (use l2)"),
    (LBFGS, "accumulation_steps", 2, "1: it would spoil the line search (use l2)"),
    (LBFGS, "ema_decay", 0.9, "None: it would spoil the line search (use l2)"),
    (StrongWolfe, "evaluations", 0, "a whole number of at least 1"),
    (StrongWolfe, "evaluations", 3.0, "a whole number of at least 1"),
    (StrongWolfe, "evaluations", True, "a whole number of at least 1"),
    *[(cls, "epsilon", 0.0, "a number above 0") for cls in (Adam, AdamW, NAdam)],
    *[
        (cls, name, value, "a number in [0, 1)")
        for cls in (Adam, AdamW, NAdam, Lion)
        for name in ("beta1", "beta2")
        for value in (1.0, -0.1)
    ],
    *[(cls, "learning_rate", value, "a number above 0") for cls in DEFAULTS for value in (0, -1.0)],
    *[
        (cls, name, value, expected)
        for cls in DEFAULTS
        for name, value, expected in (
            ("weight_decay", -0.1, "a number of at least 0"),
            ("clip_value", 0.0, "a number above 0, or None"),
            ("clip_value", -1.0, "a number above 0, or None"),
            ("clip_norm", 0.0, "a number above 0, or None"),
            ("accumulation_steps", 0, "a whole number of at least 1"),
            ("accumulation_steps", 1.5, "a whole number of at least 1"),
            ("accumulation_steps", True, "a whole number of at least 1"),
            ("ema_decay", 0.0, "a number inside (0, 1), such as 0.999, or None"),
            ("ema_decay", 1.0, "a number inside (0, 1), such as 0.999, or None"),
        )
    ],
]


@pytest.mark.parametrize(
    ("make", "name", "value", "expected"), BAD, ids=lambda x: getattr(x, "__name__", str(x))
)
def test_bad_number_is_refused(
    make: Callable[..., Any], name: str, value: Any, expected: str
) -> None:
    with pytest.raises(ValueError) as error:
        make(**{name: value})
    assert str(error.value) == f"{make.__name__}: {name} is {value!r}, expected {expected}."


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        *[(cls, "weight_decay", 0.0) for cls in DEFAULTS],
        *[(cls, "accumulation_steps", 1) for cls in DEFAULTS],
        *[(cls, name, 0.0) for cls in (Adam, AdamW, NAdam, Lion) for name in ("beta1", "beta2")],
        (SGD, "momentum", 0.0),
        (RMSprop, "rho", 0.0),
        (NAdam, "momentum_decay", 0.0),
        (LBFGS, "history_size", 1),
        (LBFGS, "tolerance", 0.0),
        (StrongWolfe, "evaluations", 1),
    ],
    ids=lambda x: getattr(x, "__name__", str(x)),
)
def test_number_at_the_edge_is_taken(make: Callable[..., Any], name: str, value: float) -> None:
    assert getattr(make(**{name: value}), name) == value


@pytest.mark.parametrize(("c1", "c2"), [(0.0, 0.9), (0.9, 0.1), (0.5, 0.5), (1e-4, 1.0)])
def test_line_search_refuses_constants_out_of_order(c1: float, c2: float) -> None:
    message = rf"StrongWolfe: c1 is {c1} and c2 is {c2}, expected 0 < c1 < c2 < 1\."
    with pytest.raises(ValueError, match=message):
        StrongWolfe(c1, c2)
    assert StrongWolfe(evaluations=np.int64(3)) == StrongWolfe(evaluations=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", DEFAULTS)
def test_nan_is_refused_for_every_number(cls: type[Optimizer]) -> None:
    """Also for the numbers of an optimizer that is yet to be written."""
    for field in fields(cls):
        if isinstance(getattr(cls(), field.name), bool | StrongWolfe):
            continue
        with pytest.raises(ValueError, match=f"{cls.__name__}: {field.name} is nan"):
            cls(**{field.name: float("nan")})


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_numpy_scalars_do_not_widen_float32(name: str) -> None:
    """``np.float64(0.1)`` times a float32 array is float64; as an option it becomes a plain 0.1."""
    optimizer = OPTIMIZERS[name]
    numbers = {f.name: getattr(optimizer, f.name) for f in fields(optimizer)}
    numbers |= {"weight_decay": 0.1, "clip_value": 1.0, "clip_norm": 1.0, "ema_decay": 0.9}
    wide = {n: np.float64(v) if type(v) is float else v for n, v in numbers.items()}
    made = type(optimizer)(wide.pop("learning_rate"), **wide)
    assert all(type(getattr(made, f.name)) is type(numbers[f.name]) for f in fields(made))
    vector = np.ones(3, dtype=np.float32)
    scalars = made.scalars(1, made.learning_rate)
    new, state = made.update(vector, made.init(vector, np), vector, scalars, np)
    assert all(array.dtype == np.float32 for array in (new, *state))


def test_defaults() -> None:
    """A changed default changes everybody's training: it is to be changed here too."""
    assert set(DEFAULTS) == set(CLASSES.values())
    for cls, own in DEFAULTS.items():
        assert {f.name: getattr(cls(), f.name) for f in fields(cls)} == SHARED | own
        assert cls(0.125).learning_rate == 0.125
        with pytest.raises(TypeError, match="positional"):
            cls(0.125, 0.5)  # type: ignore[misc]  # the other numbers have names
        assert cls.full_batch == (cls is LBFGS)
    assert OPTIMIZERS["momentum"] == SGD(momentum=0.9)
    assert OPTIMIZERS["nesterov"] == SGD(momentum=0.9, nesterov=True)
    for name in set(OPTIMIZERS) - {"momentum", "nesterov"}:
        assert OPTIMIZERS[name] == type(OPTIMIZERS[name])()
        assert type(OPTIMIZERS[name]).__name__.lower() == name


def test_description_names_what_differs_from_the_defaults() -> None:
    for cls, own in DEFAULTS.items():
        assert cls().describe() == f"{cls.__name__}(learning_rate={own['learning_rate']})"
    searching = LBFGS(line_search=StrongWolfe(c2=0.5))
    assert searching.describe() == f"LBFGS(learning_rate=1.0, line_search={StrongWolfe(c2=0.5)!r})"
    assert AdamW(0.1, weight_decay=0.2, clip_norm=1.0).describe() == (
        "AdamW(learning_rate=0.1, weight_decay=0.2, clip_norm=1.0)"
    )


def test_bare_contract_says_what_is_missing() -> None:
    with pytest.raises(TypeError, match="Optimizer does not define rule"):
        Optimizer(1e-3).update(np.ones(1), (), np.ones(1), (0.1,), np)


def steps(optimizer: Optimizer, gradients: Any, vector: Any, xp: Any, **options: Any) -> Any:
    """The weights and the state after the gradients."""
    state = optimizer.init(vector, xp)
    for i, gradient in enumerate(gradients):
        scalars = optimizer.scalars(i + 1, 0.1)
        vector, state = optimizer.update(gradient, state, vector, scalars, xp, **options)
    return vector, state


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_weight_decay_is_decoupled_and_masked(backend64: Backend, name: str) -> None:
    """w - lr λ w - (the step without decay), with no trace of it in the state; mask 0: no decay."""
    xp, to_numpy = backend64.xp, backend64.to_numpy
    plain = replace(OPTIMIZERS[name], weight_decay=0.0)
    decaying = replace(plain, weight_decay=0.3)
    w = backend64.asarray(np.asarray([1.0, -2.0, 3.0, -4.0]))
    g = [backend64.asarray(np.asarray([0.5, 0.25, -1.0, 2.0]))]
    expected, state = steps(plain, g, w, xp)
    walked, decayed_state = steps(decaying, g, w, xp)
    shrunk = to_numpy(expected) - 0.1 * 0.3 * to_numpy(w)
    np.testing.assert_allclose(to_numpy(walked), shrunk, rtol=1e-14)
    for a, b in zip(state, decayed_state, strict=True):
        np.testing.assert_array_equal(to_numpy(a), to_numpy(b))
    mask = backend64.asarray(np.asarray([1.0, 0.0, 0.0, 1.0]))
    masked = to_numpy(steps(decaying, g, w, xp, decay_mask=mask)[0])
    np.testing.assert_array_equal(masked[[1, 2]], to_numpy(expected)[[1, 2]])
    np.testing.assert_array_equal(masked[[0, 3]], to_numpy(walked)[[0, 3]])


def test_model_decays_weights_and_nothing_else(backend64: Backend) -> None:
    """The targets are what the model gives, so that the gradient is 0 and only decay is left."""
    layers = [Dense(5), LayerNorm(), Dense(2)]
    model = MLP(layers=layers, inputs=3, loss="half_squared_error", backend=backend64)
    start = {n: np.arange(1.0, v.size + 1).reshape(v.shape) for n, v in model.parameters().items()}
    model.set_parameters(start)
    x = np.linspace(-1.0, 1.0, 12).reshape(4, 3)
    y = np.asarray(model.predict(x))
    model.fit(x, y, epochs=1, batch_size=None, optimizer=SGD(0.1, weight_decay=0.5))
    factors = {n: np.unique(v / start[n]) for n, v in model.parameters().items()}
    for name, factor in factors.items():
        expected = 0.95 if name in ("dense_1.weight", "dense_2.weight") else 1.0
        np.testing.assert_allclose(factor, expected, rtol=1e-14, err_msg=name)
    assert len(factors) == 6


@pytest.mark.parametrize("name", ["value", "norm", "both"])
def test_clipping_matches_golden(backend64: Backend, name: str, golden: Golden) -> None:
    """PyTorch divides by norm + 1e-6, we by the norm: a relative difference of 1e-6 / norm."""
    options: dict[str, Any] = {
        "value": {"clip_value": 2.0},
        "norm": {"clip_norm": 5.0},
        "both": {"clip_value": 20.0, "clip_norm": 5.0},  # by value first
    }[name]
    g = backend64.asarray(golden["clip.gradient"])
    clipped = backend64.to_numpy(SGD(**options).clip(g, backend64.xp))
    norm = np.linalg.norm(np.clip(golden["clip.gradient"], -20.0, 20.0))
    tolerance = 1e-15 if name == "value" else 1.01e-6 / norm
    np.testing.assert_allclose(clipped, golden[f"clip.{name}"], rtol=tolerance, atol=0)
    # the step clips, too: plain SGD at rate 0.1 shows the gradient that it used
    w = backend64.xp.zeros_like(g)
    moved = backend64.to_numpy(steps(SGD(**options), [g], w, backend64.xp)[0])
    np.testing.assert_allclose(moved, -0.1 * clipped, rtol=1e-15)


@pytest.mark.parametrize("limit", [5.0, 5.5, 1e30])
def test_gradient_within_the_norm_is_left_alone(backend: Backend, limit: float) -> None:
    """To the last bit, also exactly at the limit, and 0 stays 0."""
    for values in ([3.0, -4.0], [0.0, 0.0], [0.1, 0.7]):
        host = np.asarray(values, dtype=np.float32)
        clipped = SGD(clip_norm=limit).clip(backend.asarray(host), backend.xp)
        np.testing.assert_array_equal(backend.to_numpy(clipped), host)


def test_gradient_above_the_norm_keeps_its_direction(backend: Backend) -> None:
    clipped = backend.to_numpy(SGD(clip_norm=1.0).clip(backend.asarray([30.0, -40.0]), backend.xp))
    np.testing.assert_allclose(clipped, [0.6, -0.8], rtol=2e-7)


def test_clipping_by_value_at_and_beyond_the_limit(backend: Backend) -> None:
    g = backend.asarray(np.asarray([0.5, -0.5, 0.75, -9.0, 0.25, 0.0]))
    clipped = backend.to_numpy(SGD(clip_value=0.5).clip(g, backend.xp))
    assert clipped.tolist() == [0.5, -0.5, 0.5, -0.5, 0.25, 0.0]


def test_clipping_does_not_hide_nan(backend: Backend) -> None:
    g = backend.asarray(np.asarray([1.0, np.nan]))
    for options in ({"clip_value": 0.5}, {"clip_norm": 0.5}):
        clipped = backend.to_numpy(SGD(**options).clip(g, backend.xp))
        assert np.isnan(clipped[1]), options


def test_known_squared_norm_is_used_unless_values_were_clipped(backend: Backend) -> None:
    g, squared = backend.asarray(np.asarray([3.0, 4.0])), backend.asarray(np.asarray(100.0))
    by_norm = SGD(clip_norm=5.0).clip(g, backend.xp, squared)
    np.testing.assert_allclose(backend.to_numpy(by_norm), [1.5, 2.0], rtol=1e-6)
    both = SGD(clip_norm=5.0, clip_value=100.0).clip(g, backend.xp, squared)
    assert backend.to_numpy(both).tolist() == [3.0, 4.0]


@pytest.mark.parametrize("cls", [Adam, AdamW])
def test_first_adam_step_is_the_rate_times_the_sign(backend64: Backend, cls: type[Adam]) -> None:
    g = np.asarray([1e-3, -5.0, 1e4, -1e-2])
    w = backend64.asarray(np.zeros(4))
    moved, _ = steps(cls(epsilon=1e-30), [backend64.asarray(g)], w, backend64.xp)
    np.testing.assert_allclose(backend64.to_numpy(moved), -0.1 * np.sign(g), rtol=1e-12)


@pytest.mark.parametrize("cls", [Adam, AdamW, NAdam, RMSprop, Adagrad, Lion])
def test_scale_of_the_gradient_does_not_matter(
    backend64: Backend, cls: type[Optimizer], golden: Golden
) -> None:
    tiny = {"epsilon": 1e-30} if "epsilon" in cls.__dataclass_fields__ else {}
    w = backend64.asarray(golden["start"])
    walked = []
    for factor in (1.0, 1000.0):
        rows = [backend64.asarray(row * factor) for row in golden["gradients"][:8, 4:]]
        walked.append(backend64.to_numpy(steps(cls(**tiny), rows, w[4:], backend64.xp)[0]))
    np.testing.assert_allclose(walked[0], walked[1], rtol=1e-9)


@pytest.mark.parametrize(
    ("decay", "step", "share"),
    [
        (0.5, 1, 9 / 11),  # d_1 = (1 + 1) / (10 + 1)
        (0.5, 7, 9 / 17),
        (0.5, 8, 0.5),  # (1 + 8) / (10 + 8) is the decay itself
        (0.5, 9, 0.5),
        (0.999, 89, 9 / 99),
        (0.999, 10**6, 0.001),
        (None, 3, 1.0),  # without an average the new weights count alone
    ],
)
def test_share_of_the_new_weights_in_their_average(
    decay: float | None, step: int, share: float
) -> None:
    np.testing.assert_allclose(Adam(ema_decay=decay).ema_share(step), share, rtol=1e-12)


def small_model(backend: Backend) -> tuple[MLP, np.ndarray, np.ndarray]:
    """A model of two layers with a penalty, and 12 samples."""
    x = np.linspace(-1.0, 1.0, 36).reshape(12, 3) ** 3
    y = np.sin(3.0 * x[:, :1])
    loss = "half_squared_error"
    model = MLP([3, 4, 1], activation="tanh", loss=loss, l1=0.01, l2=0.1, backend=backend)
    return model, x, y


def test_trained_model_is_the_moving_average(backend64: Backend) -> None:
    """a ← d_t a + (1 - d_t) w with d_t = min(d, (1 + t) / (10 + t)), from the first weights on."""
    model, x, y = small_model(backend64)
    average = model.parameters()
    for t in range(1, 7):
        model.fit(x, y, epochs=1, batch_size=None, optimizer=SGD(0.1, momentum=0.9))
        d = min(0.4, (1 + t) / (10 + t))
        for name, w in model.parameters().items():
            average[name] = d * average[name] + (1 - d) * w
    other, x, y = small_model(backend64)
    optimizer = SGD(0.1, momentum=0.9, ema_decay=0.4)
    other.fit(x, y, epochs=6, batch_size=None, optimizer=optimizer)
    for name, a in other.parameters().items():
        np.testing.assert_allclose(a, average[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_accumulated_gradients_are_those_of_the_larger_batch(backend64: Backend) -> None:
    """Two batches of 4 are one of 8; the rest of an epoch, one batch of 4, is a step by itself."""
    found = []
    for size, each in ((8, 1), (4, 2)):
        model, x, y = small_model(backend64)
        optimizer = SGD(0.1, momentum=0.9, weight_decay=0.1, accumulation_steps=each)
        model.fit(x, y, epochs=3, batch_size=size, optimizer=optimizer)
        found.append(model.parameters())
    for name, value in found[0].items():
        np.testing.assert_allclose(found[1][name], value, rtol=1e-9, atol=1e-12)
