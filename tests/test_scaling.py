"""Scaling against numpy's own mean and deviation, and kept with a model."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import Backend
from portable_mlp.files import inspect
from portable_mlp.metrics import Metric
from portable_mlp.nn import Dense
from portable_mlp.scaling import Scaling

RNG = np.random.default_rng(5)
X = RNG.normal(size=(9000, 4)) * [1, 1e6, 1e-5, 0] + [1e3, 1e9, 0, 0.1]


def test_standard_is_mean_and_deviation_of_all_blocks() -> None:
    scaling = Scaling.of("standard", [X[:10], X[10:8000], X[8000:]])
    assert scaling.shift[:3] == pytest.approx(X.mean(axis=0)[:3], rel=1e-13, abs=1e-18)
    assert (scaling.shift[3], scaling.factor[3]) == (X[0, 3], 1.0)
    assert scaling.factor[:3] == pytest.approx(1 / X.std(axis=0)[:3], rel=1e-12)
    scaled = scaling.apply(X)
    assert np.abs(scaled.mean(axis=0)).max() < 1e-9
    assert scaled.std(axis=0)[:3] == pytest.approx(1, rel=1e-9)
    assert not scaled[:, 3].any()  # a constant feature


def test_double_precision_is_scaled_before_it_is_rounded() -> None:
    far = X[:, 1] * 1e-6 + 1e9  # in float32 neighbours are 64 apart
    scaled = Scaling.of("standard", [far[:, None]]).apply(far[:, None], np.float32)
    assert scaled.dtype == np.float32
    assert scaled[:, 0] == pytest.approx((far - far.mean()) / far.std(), rel=1e-6, abs=1e-6)
    assert len(np.unique(scaled)) > 8000


def test_minmax_is_zero_to_one() -> None:
    scaled = Scaling.of("minmax", [X[:5000], X[5000:]]).apply(X)
    assert scaled.min(axis=0).tolist() == [0, 0, 0, 0]
    assert scaled.max(axis=0) == pytest.approx([1, 1, 1, 0], rel=1e-12)


def test_bytes_of_an_image() -> None:
    pixels = np.asarray([[0, 51, 255]], np.uint8)
    scaled = Scaling.of("/255", [pixels]).apply(pixels, np.float32)
    assert scaled.dtype == np.float32
    assert scaled[0] == pytest.approx([0.0, 0.2, 1.0], rel=1e-7)


def test_the_input_is_left_alone() -> None:
    given = X.copy()
    Scaling.of("standard", [given]).apply(given)
    assert np.array_equal(given, X)


@pytest.mark.parametrize(
    ("kind", "blocks", "words"),
    [
        ("standart", [X], "Did you mean 'standard'?"),
        ("standard", [], "got no rows"),
        ("minmax", [np.asarray([[-1e308], [1e308]])], "feature 0 has numbers too large"),
    ],
)
def test_what_can_not_be(kind: str, blocks: list[np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")), np.errstate(over="ignore"):
        Scaling.of(kind, blocks)


def _regression(backend: Backend, **options: object) -> MLP:
    return MLP(
        [4, 8, 1],
        loss="squared_error",
        metrics=["mean_absolute_error"],
        scaling="standard",
        target_scaling="standard",
        backend=backend,
        **options,
    )


def test_a_model_scales_what_it_sees_and_answers_in_the_targets_units(backend: Backend) -> None:
    y = X[:, :1] * 1000
    model = _regression(backend)
    history = model.fit(X[:500], y[:500], epochs=15, batch_size=32, learning_rate=0.01)
    predicted = model.predict(X[:500])
    error = float(np.abs(predicted - y[:500]).mean())
    assert error < 400  # the deviation is 1000
    # metrics are in the units of y, the loss is of the scaled targets
    assert model.evaluate(X[:500], y[:500])["mean_absolute_error"] == pytest.approx(error, rel=1e-3)
    assert history["mean_absolute_error"][-1] < 500
    assert history["loss"][-1] < 0.3
    again = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert np.array_equal(again.predict(X[:9]), model.predict(X[:9]))
    assert model.to("numpy").predict(X[:9]) == pytest.approx(model.predict(X[:9]), rel=1e-5)


def test_an_array_of_the_device_is_scaled_there(backend: Backend) -> None:
    small = X[:50] - [1e3, 1e9, 0, 0]
    model = _regression(backend)
    model.fit(small, small[:, :1], epochs=1)
    on_device = model.predict(backend.asarray(small))
    assert backend.to_numpy(on_device) == pytest.approx(model.predict(small), rel=1e-4, abs=1e-4)


def test_held_out_rows_are_not_scaled_by() -> None:
    y = np.arange(200) % 2
    model = MLP([4, 2], scaling="standard")
    model.fit(X[:200], y, epochs=1, validation_fraction=0.25)
    all_rows = MLP([4, 2], scaling="standard")
    all_rows.fit(X[:200], y, epochs=1)
    assert model.scaling is not None
    assert all_rows.scaling is not None
    assert all_rows.scaling.shift == pytest.approx(X[:200].mean(axis=0))
    assert model.scaling.shift != pytest.approx(all_rows.scaling.shift, rel=1e-12)
    # a second fit keeps the scaling of the first
    kept = model.scaling
    model.fit(X[200:300], y[:100], epochs=1)
    assert model.scaling is kept


def test_refused_data_leave_no_scaling_behind() -> None:
    model = MLP([4, 2], scaling="standard")
    with pytest.raises(ValueError, match="one target for each sample"):
        model.fit(X[:10], np.zeros(9, int))
    assert model.scaling is None
    with pytest.raises(ValueError, match="call fit first"):
        model.predict(X[:10])
    bad = X[:10].copy()
    bad[7, 2] = np.nan
    with pytest.raises(ValueError, match=r"X contains NaN at \[7, 2\]"):
        model.fit(bad, np.zeros(10, int))


def test_a_scaling_of_ones_own() -> None:
    own = Scaling("standard", np.zeros(4), np.full(4, 2.0))
    plain, scaled = MLP([4, 2]), MLP([4, 2], scaling=own)
    small = X[:9, :] - X[:9].mean(axis=0)
    assert np.array_equal(scaled.forward(small), plain.forward(2 * small))
    with pytest.raises(ValueError, match="its shift has shape"):
        MLP([3, 2], scaling=own)
    with pytest.raises(ValueError, match="expected None: it is for losses"):
        MLP([3, 2], target_scaling="standard")
    with pytest.raises(TypeError, match="expected one of standard"):
        MLP([3, 2], scaling=3)  # type: ignore[arg-type]


def test_a_scaling_of_ones_own_is_looked_at() -> None:
    lists = Scaling("standard", [0.0] * 4, [2.0] * 4)  # type: ignore[arg-type]
    own = Scaling("standard", np.zeros(4), np.full(4, 2.0))
    small = X[:9] * [1, 0, 0, 0]
    assert np.array_equal(
        MLP([4, 2], scaling=lists).forward(small), MLP([4, 2], scaling=own).forward(small)
    )
    with pytest.raises(ValueError, match="Scaling: kind: got 'mine', expected one of /255"):
        MLP([4, 2], scaling=Scaling("mine", np.zeros(4), np.ones(4)))
    for wrong in ("text", [[1.0], [1.0, 2.0]], None):
        with pytest.raises((ValueError, TypeError), match="caling: its shift .*expected"):
            MLP([4, 2], scaling=Scaling("standard", wrong, np.ones(4)))  # type: ignore[arg-type]


def test_figures_of_targets_far_from_zero_are_those_of_their_differences(backend: Backend) -> None:
    """In single precision neighbours at 1e9 are 64 apart; the targets' deviation is 2."""
    x = np.random.default_rng(0).normal(size=(300, 1))
    y = 2 * x + 1e9
    names = ["mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2"]
    whole = Metric("whole", lambda outputs, targets, loss, ctx: targets[:, 0])
    model = MLP(
        layers=[Dense(1)],
        inputs=1,
        loss="squared_error",
        metrics=[*names, whole],
        target_scaling="standard",
        backend=backend,
    )
    history = model.fit(x, y, epochs=1, learning_rate=1e-30, validation_data=(x, y))
    error = (model.forward(x).astype(float) * y.std() + y.mean()) - y
    squares = float((error**2).mean())
    expected = [squares, squares**0.5, float(np.abs(error).mean()), 1 - squares / y.var()]
    found = model.evaluate(x, y)
    for name, value in zip(names, expected, strict=True):
        assert history[name][-1] == pytest.approx(value, rel=1e-4)
        assert history[f"val_{name}"][-1] == pytest.approx(value, rel=1e-4)
        assert found[name] == pytest.approx(value, rel=1e-4)
    assert found["whole"] == pytest.approx(1e9, rel=1e-6)  # one's own sees the numbers themselves


def test_double_precision_of_another_library_is_scaled_before_it_is_rounded() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    far = np.random.default_rng(0).normal(size=(300, 1)) + 1e9  # in float32 neighbours are 64 apart
    array = torch.asarray(far)
    for backend in ("torch", "numpy"):
        models = [
            MLP(
                [1, 1],
                loss="squared_error",
                scaling="standard",
                target_scaling="standard",
                backend=backend,
            )
            for _ in range(2)
        ]
        histories = [m.fit(x, x, epochs=1) for m, x in zip(models, (far, array), strict=True)]
        assert histories[1]["loss"] == histories[0]["loss"]
        for name in ("scaling", "target_scaling"):
            found, expected = (getattr(model, name) for model in reversed(models))
            assert np.array_equal(found.shift, expected.shift)
            assert np.array_equal(found.factor, expected.factor)
        assert np.array_equal(np.asarray(models[1].forward(array)), models[0].forward(far))


# -- predictions within the range of the targets ---------------------------------------------------


def test_clamped_predictions(backend: Backend, tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 40)[:, None]
    y = 500 + 100 * x
    model = MLP(
        [1, 1],
        loss="squared_error",
        target_scaling="clamped",
        metrics=["mean_squared_error"],
        backend=backend,
    )
    model.fit(x, y, epochs=200, learning_rate=0.05)
    far = np.asarray([[-9.0], [0.0], [9.0]])
    np.testing.assert_allclose(np.asarray(model.predict(far))[:, 0], [400, 500, 600], rtol=1e-3)
    # a target beyond the range is one that is missed, not one that is moved
    assert model.evaluate([[9.0]], [[900.0]])["mean_squared_error"] == pytest.approx(
        300**2, rel=1e-4
    )
    model.save(tmp_path / "m.st")
    again = MLP.load(tmp_path / "m.st", backend=backend)
    assert np.array_equal(again.predict(far), model.predict(far))
    assert inspect(tmp_path / "m.st").target_scaling == "clamped"


def test_samples_are_not_clamped() -> None:
    with pytest.raises(ValueError, match="scaling: got 'clamped', expected one of"):
        MLP([1, 2], scaling="clamped")
    scaling = Scaling.of("clamped", [np.asarray([[1.0], [3.0]])])
    assert (scaling.low, scaling.high) == (-1, 1)
    with pytest.raises(ValueError, match="scaling: got 'clamped'"):
        MLP([1, 2], scaling=scaling)
    assert MLP([1, 1], loss="squared_error", target_scaling=scaling).target_scaling is scaling
    without = Scaling("clamped", np.zeros(1), np.ones(1))
    with pytest.raises(
        ValueError, match=r"target_scaling: its low has shape \(\), expected finite"
    ):
        MLP([1, 1], loss="squared_error", target_scaling=without)
