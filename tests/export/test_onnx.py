"""Exported ONNX files: onnxruntime predicts the same, for any number of rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend
from portable_mlp.data.columns import Columns
from portable_mlp.export import ExportError, onnx_file
from portable_mlp.export.onnx_layers import NODES
from portable_mlp.export.python_layers import CODE
from portable_mlp.model.exporting import exported
from portable_mlp.scaling import Scaling
from tests.export.stacks import (
    LAYERS,
    LOSSES,
    check_equal,
    expected,
    model_of,
    random_model,
    rows_for,
)

pytestmark = pytest.mark.usefixtures("onnxruntime")


def run(data: bytes, X: np.ndarray) -> dict[str, Any]:
    from onnxruntime import InferenceSession

    session = InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


def check_file(model: MLP, what: str = "", rows: tuple[int, ...] = (9, 1)) -> None:
    data = onnx_file.serialized(exported(model))
    tolerance = 1e-6 if model.backend.dtype_name == "float32" else 1e-10
    for count in rows:
        X = rows_for(model, count)
        wanted, found = expected(model, X), run(data, X)
        if model.loss.classifies:
            check_equal(found["label"], wanted["predict"], 0, f"{what} label")
            name = "probabilities" if "predict_proba" in wanted else "values"
            numbers = wanted.get("predict_proba", wanted["forward"])
            check_equal(found[name], numbers, tolerance, f"{what} {name}")
            assert set(found) == {"label", name}
        else:
            check_equal(found["values"], wanted["predict"], tolerance, f"{what} values")
            assert set(found) == {"values"}


def test_each_layer_that_a_model_file_can_hold_has_nodes_and_code() -> None:
    from portable_mlp.files.plain import KINDS

    layers = set(KINDS[nn.Layer].values()) - {nn.Network, nn.Residual}
    assert set(NODES) == set(CODE) == layers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_layer(kind: str, dtype: str) -> None:
    check_file(model_of(LAYERS[kind](), "squared_error", 3, 1, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LOSSES)
def test_each_loss(kind: str, dtype: str) -> None:
    loss, units = LOSSES[kind]
    check_file(model_of([nn.Dense(6), nn.Tanh()], loss, units, 2, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clamped_targets_stay_in_their_range(dtype: str) -> None:
    limits = Scaling(
        "clamped", [5.0, -1.0, 0.0], [0.5, 2.0, 1.0], [-0.4, -0.1, -9.0], [0.2, 0.3, 0.4]
    )
    for loss in ("squared_error", nn.Quantile((0.5,))):
        model = model_of([nn.Dense(6)], loss, 3, 2, dtype=dtype, target_scaling=limits)
        check_file(model)
        values = np.asarray(model.predict(rows_for(model, 50)))
        low, high = ((end / limits.factor + limits.shift) for end in (limits.low, limits.high))
        assert (
            ((values <= low + 1e-5) | (values >= high - 1e-5)).any(axis=0).all()
        )  # it does something


@pytest.mark.parametrize("seed", range(60))
def test_random_stacks(seed: int) -> None:
    check_file(random_model(seed))


def test_images_and_any_number_of_rows() -> None:
    layers = [nn.Flatten(), nn.Dense(32), nn.ReLU(), nn.Dense(10)]
    check_file(MLP(layers=layers, inputs=(28, 28), seed=3), rows=(0, 1, 2, 1000))


def test_names_of_classes_whatever_they_hold() -> None:
    names = ('"""', "a\nb", "\x00", "{}", "ü\u202e")
    model = MLP([3, 5], seed=1)
    model.columns = Columns(names[:3], "target", names)
    data = onnx_file.serialized(exported(model))
    X = rows_for(model, 200)
    assert (run(data, X)["label"] == expected(model, X)["predict"]).all()
    from onnx import ModelProto

    found = ModelProto.FromString(data)
    props = {prop.key: json.loads(prop.value) for prop in found.metadata_props}
    assert props == {"features": list(names[:3]), "classes": list(names), "target": "target"}


@pytest.mark.parametrize(("names", "kind"), [(("-1", "2", "10"), int), (("007", "2", "10"), str)])
@pytest.mark.parametrize("units", [3, 1])
def test_classes_that_are_whole_numbers_are_numbers(units: int, names: Any, kind: Any) -> None:
    names = names[: max(units, 2)]
    loss = "softmax_cross_entropy" if units > 1 else "binary_cross_entropy"
    model = MLP([3, units], loss=loss, seed=1)
    model.columns = Columns(classes=names)
    X = rows_for(model, 200)
    found = run(onnx_file.serialized(exported(model)), X)["label"]
    assert found.dtype == (np.int64 if kind is int else object)
    assert found.tolist() == [kind(names[k]) for k in np.ravel(model.predict(X))]


def test_text_that_is_no_unicode_is_refused_in_a_sentence() -> None:
    model = MLP([3, 2])
    model.columns = Columns(classes=("a", "\ud800"))
    with pytest.raises(ExportError, match=r"class '\\ud800' .* no Unicode"):
        onnx_file.serialized(exported(model))


def test_all_is_in_the_file_and_by_standard_operators() -> None:
    from onnx import ModelProto, TensorProto

    for seed in range(20):
        found = ModelProto.FromString(onnx_file.serialized(exported(random_model(seed))))
        assert [(o.domain, o.version) for o in found.opset_import] == [("", 18)]
        assert found.ir_version == 8
        assert not found.functions
        for array in found.graph.initializer:
            assert array.data_location == TensorProto.DEFAULT
        assert found.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "rows"


def test_every_backend_exports_the_same_bytes(backend: Backend) -> None:
    layers = [nn.Dense(4), nn.BatchNorm(), nn.SiLU(), nn.Dense(2)]
    data = [
        onnx_file.serialized(exported(MLP(layers=layers, inputs=3, backend=b)))
        for b in (backend, "numpy")
    ]
    assert data[0] == data[1]


def test_a_file_that_predicts_something_else_is_not_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    wrong = {nn.Tanh: NODES[nn.Sigmoid], nn.GELU: lambda g, layer, p, s, x: g.add("Relu", x)}
    for kind, write in wrong.items():
        monkeypatch.setitem(NODES, kind, write)
    monkeypatch.setattr(nn.Tanh, "slope", 1.0, raising=False)
    for layer in (nn.Tanh(), nn.GELU()):
        with pytest.raises(ExportError, match="probabilities differ from the model's by"):
            model_of([nn.Dense(6), layer], "softmax_cross_entropy", 4, 2).export(
                tmp_path / "m.onnx"
            )
    assert not list(tmp_path.iterdir())


def test_a_wrong_label_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of([nn.Dense(6)], "softmax_cross_entropy", 3, 2)
    model.columns = Columns(classes=("a", "b", "c"))
    turned = replace(exported(model), columns=Columns(classes=("c", "b", "a")))
    from portable_mlp.export import onnx_check

    with pytest.raises(ExportError, match="label differs"):
        onnx_check.check(exported(model), onnx_file.made(turned).SerializeToString())


def test_what_float32_has_no_digits_for_is_pointed_out() -> None:
    X = 1.7e9 + np.random.default_rng(0).normal(size=(50, 2))
    for dtype in ("float32", "float64"):
        model = MLP([2, 4, 1], loss="squared_error", scaling="standard", dtype=dtype)
        model.fit(X, X[:, :1] - 1.7e9, epochs=1)
        if dtype == "float32":
            with pytest.warns(UserWarning, match=r"feature 0 .* dtype='float64'"):
                onnx_file.serialized(exported(model))
        else:
            check_file(model)


def test_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "MOST_BYTES", 1000)
    with pytest.raises(ExportError, match=r"the model has 5,284 bytes .* at most 1,000"):
        onnx_file.serialized(exported(MLP([64, 20, 1], loss="squared_error")))


def test_without_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for library in ("onnx", "onnxruntime"):
        with monkeypatch.context() as patch:
            patch.setattr(onnx_file, "find_spec", lambda name, gone=library: name != gone or None)
            with pytest.raises(ModuleNotFoundError, match=rf"{library}: pip install .*\[onnx\]"):
                MLP([2, 2]).export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_writing(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    MLP([2, 2]).export(path)
    with pytest.raises(FileExistsError, match="there already"):
        MLP([2, 2], seed=1).export(path)
    first = path.read_bytes()
    MLP([2, 2], seed=1).export(path, overwrite=True)
    assert first != path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


# -- layers of one's own ----------------------------------------------------------------------------


@pytest.fixture
def ndonnx() -> Any:
    return pytest.importorskip("ndonnx", reason="ndonnx is not installed")


@dataclass(frozen=True)
class Gate(nn.Layer):
    """y = x ⊙ σ(s x) where x > -1, else sin x."""

    def parameters(self, shape: Any) -> Any:
        return nn.layers.ScaleParams(nn.ParameterSpec(shape, nn.Constant(1.0)))

    def forward(self, params: Any, x: Any, ctx: Any) -> Any:
        xp = ctx.xp
        gated = x / (1.0 + xp.exp(-params.scale * x))
        return xp.where(x > -1.0, gated, xp.sin(x)), None


class Running(nn.BatchNorm):
    """A BatchNorm that doubles."""

    def apply(self, params: Any, state: Any, x: Any, ctx: Any) -> Any:
        y, cache, state = super().apply(params, state, x, ctx)
        return 2.0 * y, cache, state


@pytest.mark.usefixtures("ndonnx")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layers_of_ones_own_are_traced(dtype: str) -> None:
    own: list[nn.Layer] = [
        Gate(),
        Running(),
        nn.CustomActivation(lambda z, xp: z / (1 + xp.abs(z)), lambda z, xp: z),
    ]
    layers = [*own, nn.Residual([own[0], nn.Dense(5), own[2]]), nn.LayerNorm()]
    model = model_of(layers, "softmax_cross_entropy", 3, 4, dtype=dtype)
    check_file(model, rows=(9, 1, 100))


@pytest.mark.usefixtures("ndonnx")
def test_what_can_not_be_traced_is_said_in_a_sentence() -> None:
    @dataclass(frozen=True)
    class Counting(nn.Layer):
        def forward(self, params: Any, x: Any, ctx: Any) -> Any:
            return x * (1.0 / int(x.shape[0])), None

    @dataclass(frozen=True)
    class Looking(nn.Layer):
        def forward(self, params: Any, x: Any, ctx: Any) -> Any:
            return (x if float(ctx.xp.sum(x)) > 0 else -x), None

    for layer in (Counting(), Looking()):
        model = MLP(layers=[nn.Dense(2), layer], inputs=2)
        with pytest.raises(
            ExportError, match=f"{type(layer).__name__} is your own and can't be tra"
        ):
            onnx_file.serialized(exported(model))


def test_without_ndonnx(monkeypatch: pytest.MonkeyPatch) -> None:
    from portable_mlp.export import tracing

    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    model = MLP(layers=[nn.Dense(2), Gate()], inputs=2)
    with pytest.raises(ModuleNotFoundError, match="Gate is your own, .* pip install ndonnx"):
        onnx_file.serialized(exported(model))
