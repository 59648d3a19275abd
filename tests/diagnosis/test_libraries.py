"""The same verdicts whatever library the program is written in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from portable_mlp import check_gradients
from portable_mlp.backends import Backend
from portable_mlp.diagnosis import ProgramError


def program(xp: Any, fault: str) -> tuple[Any, Any]:
    """Loss and gradients of a two-layer network, written with array API functions."""

    def forward(p: Any, x: Any) -> tuple[Any, Any, Any]:
        z = x @ p["W1"] + p["b1"]
        a = xp.tanh(z)
        return z, a, a @ p["W2"] + p["b2"]

    def loss(p: Any, x: Any, y: Any) -> Any:
        return xp.sum((forward(p, x)[2] - y) ** 2) / (2 * x.shape[0])

    def gradients(p: Any, x: Any, y: Any) -> Any:
        z, a, out = forward(p, x)
        d = (y - out if fault == "sign" else out - y) / x.shape[0]
        back = d @ p["W2"].T * (1 - (z if fault == "formula" else a) ** 2)
        return {
            "dW1": x.T @ back,
            "db1": xp.sum(back, axis=0),
            "dW2": a.T @ d,
            "db2": xp.sum(d, axis=0),
        }

    return loss, gradients


@pytest.mark.parametrize(("fault", "id"), [("", None), ("sign", "R01"), ("formula", "R07")])
def test_every_library(backend: Backend, fault: str, id: str | None) -> None:
    random = np.random.default_rng(0)
    shapes = {"W1": (4, 6), "b1": (6,), "W2": (6, 3), "b2": (3,)}
    with backend.scope():
        params = {k: backend.asarray(random.normal(size=s) / 2) for k, s in shapes.items()}
        x, y = (backend.asarray(random.normal(size=(30, n))) for n in (4, 3))
        kept = [np.array(backend.to_numpy(v)) for v in (*params.values(), x, y)]
    if backend.place == "no_x64":
        with pytest.raises(ProgramError, match="need float64, which array-api-strict on 'no_x64'"):
            check_gradients(*program(backend.xp, fault), params, x, y)
        return
    report = check_gradients(*program(backend.xp, fault), params, x, y)
    assert [f.id for f in report.findings] == ([] if id is None else [id]), str(report)
    for before, after in zip(kept, (*params.values(), x, y), strict=True):
        np.testing.assert_array_equal(before, backend.to_numpy(after))


@pytest.mark.parametrize("structure", ["list", "tuple", "nested", "array"])
def test_every_structure(structure: str) -> None:
    random = np.random.default_rng(0)
    w, b = random.normal(size=(3, 2)), random.normal(size=2)
    x, y = random.normal(size=(9, 3)), random.normal(size=(9, 2))
    given: Any = {
        "list": [w, b],
        "tuple": (w, b),
        "nested": {"layer": [{"W": w, "b": b}]},
        "array": np.concatenate([w.reshape(-1), b]),
    }[structure]

    def parts(p: Any) -> tuple[Any, Any]:
        if structure == "array":
            return p[:6].reshape(3, 2), p[6:]
        return (p["layer"][0]["W"], p["layer"][0]["b"]) if structure == "nested" else tuple(p)

    def loss(p: Any, x: Any, y: Any) -> Any:
        w, b = parts(p)
        return 0.5 * np.mean(np.sum((x @ w + b - y) ** 2, axis=1))

    def gradients(p: Any, x: Any, y: Any) -> Any:
        w, b = parts(p)
        d = (x @ w + b - y) / len(x)
        g = x.T @ d, d.sum(axis=0)
        if structure == "array":
            return np.concatenate([g[0].reshape(-1), g[1]])
        return {"layer": [{"W": g[0], "b": g[1]}]} if structure == "nested" else list(g)

    report = check_gradients(loss, gradients, given, x, y)
    assert report.ok, str(report)
    expected = {"nested": "params['layer'][0]['W']", "array": "params"}.get(structure, "params[0]")
    assert report.parameters[0].name == expected
