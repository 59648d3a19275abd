"""Arrays come in from any library, and answers go back in the kind of the input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP
from portable_mlp.backends import BACKENDS, Backend, answer_like, is_host, library_of, take_in


@pytest.mark.parametrize("x", [[[1, 2]], ((1.0,),), np.ones(2), np.float32(3), 5, None, "text"])
def test_host_objects(x: Any) -> None:
    assert is_host(x)


def test_arrays_know_their_library(backend: Backend) -> None:
    x = backend.asarray(np.ones(3))
    assert library_of(x) is BACKENDS[backend.name]
    assert is_host(x) == (backend.name == "numpy")
    assert type(backend).device_name_of(x) == backend.place


def test_host_arrays_go_in_and_out_unchanged(backend: Backend) -> None:
    host = np.arange(6, dtype=np.float64).reshape(2, 3)
    x = take_in("X", host, backend)
    assert x.dtype == backend.dtype
    back = backend.to_numpy(x)
    assert isinstance(back, np.ndarray)
    np.testing.assert_array_equal(back, host)


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a[::-1],
        lambda a: a[:, ::2],
        lambda a: np.asfortranarray(a),
        lambda a: a.astype(">f8"),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(np.longdouble),
        lambda a: a.astype(np.int8),
        lambda a: a > 2,
    ],
    ids=["reversed", "strided", "fortran", "big-endian", "float16", "longdouble", "int8", "bool"],
)
def test_odd_host_arrays(backend: Backend, view: Any) -> None:
    host = view(np.arange(12.0).reshape(3, 4))
    host.flags.writeable = False
    before = host.copy()
    x = backend.to_numpy(take_in("X", host, backend))
    np.testing.assert_array_equal(x, host.astype(np.float32))
    np.testing.assert_array_equal(host, before)


@pytest.mark.needs_argmax
def test_answers_come_in_the_kind_of_the_input(backend: Backend) -> None:
    model = MLP([3, 4, 2], backend=backend)
    host = np.ones((5, 3), dtype=np.float32)
    own = backend.asarray(host)
    for method in (model.forward, model.predict_proba, model.predict):
        from_host, from_list, from_own = method(host), method(host.tolist()), method(own)
        assert isinstance(from_host, np.ndarray)
        assert isinstance(from_list, np.ndarray)
        assert library_of(from_own) is BACKENDS[backend.name]
        assert type(backend).device_name_of(from_own) == backend.place
        np.testing.assert_array_equal(backend.to_numpy(from_own), from_host)
    _, gradients = model.loss_and_gradients(own, np.zeros(5, dtype=int))
    assert all(library_of(g) is BACKENDS[backend.name] for g in gradients.values())


@pytest.mark.parametrize("other", ["torch", "jax"])
def test_arrays_of_another_library_on_the_same_cpu(other: str) -> None:
    foreign = BACKENDS[other](None, "float32")
    if foreign.missing():
        pytest.skip(f"{other}: {foreign.missing()}")
    if foreign.place != "cpu":
        foreign = BACKENDS[other]("cpu", "float32")
    model = MLP([3, 4, 2])
    host = np.linspace(0, 1, 15, dtype=np.float32).reshape(5, 3)
    with foreign.scope():
        x = foreign.asarray(host)
        y = foreign.asarray(np.asarray([0, 1, 0, 1, 1]), foreign.index_dtype)
    answer = model.predict_proba(x)
    assert library_of(answer) is BACKENDS[other]
    np.testing.assert_array_equal(foreign.to_numpy(answer), model.predict_proba(host))
    history = model.fit(x, y, epochs=2)
    assert history.epochs == 2


def test_another_device_is_refused_with_both_names() -> None:
    strict = BACKENDS["array-api-strict"]
    if strict.missing():
        pytest.skip(f"array-api-strict: {strict.missing()}")
    x = strict("device1").asarray(np.ones((2, 3)))
    with pytest.raises(
        ValueError, match="X is a array-api-strict array on 'device1', the model is"
    ):
        MLP([3, 2]).predict(x)
    with pytest.raises(
        ValueError, match="on 'device1', the model is on array-api-strict 'device2'"
    ):
        MLP([3, 2], backend="array-api-strict", device="device2").predict(x)


def test_a_tensor_that_requires_a_gradient_is_refused() -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones((2, 3), requires_grad=True)
    for backend in ("numpy", "torch"):
        with pytest.raises(ValueError, match=r"pass X.detach\(\)"):
            MLP([3, 2], backend=backend).predict(x)


def test_data_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    model = MLP([2, 2])
    answer = model.predict_proba(frame)
    assert isinstance(answer, np.ndarray)
    np.testing.assert_array_equal(answer, model.predict_proba(frame.to_numpy()))


def test_predictions_may_be_written_to_without_harm(backend: Backend) -> None:
    model = MLP([3, 2], backend=backend)
    x = np.ones((2, 3))
    first = model.predict_proba(x)
    kept = first.copy()
    weights = model.parameters()
    if first.flags.writeable:
        first[...] = 0
    weights["dense_1.weight"][...] = 0
    np.testing.assert_array_equal(model.predict_proba(x), kept)
    assert answer_like(backend.asarray(kept), x, backend) is not None
