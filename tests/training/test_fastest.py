"""backend="auto": what it tries, takes and says."""

from __future__ import annotations

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.training import fastest as module


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds of a step by the backend's name, in place of a clock; a missing one can't run."""
    given = {"numpy": 2e-3}
    monkeypatch.setattr(module, "_seconds_of_a_step", lambda problem: given[problem.backend.name])
    return given


def test_the_fastest_is_taken_and_it_says_so(
    times: dict[str, float],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("array_api_strict")
    monkeypatch.setattr(module, "AUTO_ORDER", ("numpy", "array-api-strict"))
    times["array-api-strict"] = 1e-3
    model = MLP([3, 2], backend="auto")
    assert model.backend.name == "array-api-strict"
    error = capsys.readouterr().err
    assert "a step of 128 rows takes array-api-strict CPU_DEVICE 1 ms, numpy 2 ms" in error
    assert error.endswith("using array-api-strict CPU_DEVICE\n")


def test_time_is_limited(times: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AUTO_ORDER", ("numpy", "array-api-strict"))
    trial = module.fastest(MLP([3, 2])._problem, budget=0.0)
    assert trial.skipped == ("array-api-strict",)
    assert "not tried, time was up: array-api-strict" in str(trial)


def test_real_steps_on_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    for loss, outputs in (("softmax_cross_entropy", 3), ("squared_error", 2)):
        model = MLP(
            [4, 8, outputs], loss=loss, backend="numpy", device="auto", dtype="float64", dropout=0.1
        )
        assert model.backend.name == "numpy"
        assert model.backend.dtype_name == "float64"
        assert model.predict(np.zeros((2, 4))).shape[0] == 2
    assert "using numpy" in capsys.readouterr().err


def test_no_device_of_that_name_is_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected a device that is there"):
        module.fastest(MLP([3, 2])._problem, "numpy", "cuda:7")


def test_a_wrong_name_is_refused() -> None:
    with pytest.raises(ValueError, match="Did you mean 'numpy'"):
        MLP([3, 2], backend="nunpy", device="auto")
