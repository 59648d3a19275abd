"""Exported Python files: the same numbers, with numpy alone, whatever names hold."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend
from portable_mlp.data.columns import Columns
from portable_mlp.export import ExportError
from portable_mlp.export.python_file import source
from portable_mlp.model.exporting import exported
from portable_mlp.scaling import Scaling
from tests.export.stacks import (
    FEATURES,
    LAYERS,
    LOSSES,
    check_equal,
    expected,
    model_of,
    random_model,
    rows_for,
    with_random_numbers,
)

HOSTILE = (
    '"""\nimport os\nos.abort()\n"""',
    "'); raise SystemExit #",
    "\\",
    "a\nb\r\tc",
    "{0} %s",
    "\u202e\x1b[31m",
    "\ud800",
    "grün",
)


def loaded(text: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), names)  # noqa: S102
    return names


def check_file(model: MLP, what: str = "") -> None:
    names = loaded(source(exported(model)))
    tolerance = 1e-6 if model.backend.dtype_name == "float32" else 1e-13
    for rows in (9, 1, 0):
        X = rows_for(model, rows)
        wanted = expected(model, X)
        assert set(wanted) == {"predict", "forward", "predict_proba"} & set(names)
        for name, values in wanted.items():
            check_equal(names[name](X), values, tolerance, f"{what} {name}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_layer(kind: str, dtype: str) -> None:
    check_file(model_of(LAYERS[kind](), "squared_error", 3, 1, dtype=dtype))


@pytest.mark.parametrize("kind", LOSSES)
def test_each_loss(kind: str) -> None:
    loss, units = LOSSES[kind]
    check_file(model_of([nn.Dense(6), nn.Tanh()], loss, units, 2))


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


ALONE = """
import sys
sys.path.insert(0, "libraries")
import importlib.util, pathlib
import numpy as np
before = set(sys.modules)
for path in sorted(pathlib.Path("models").glob("*.py")):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    X = np.load(path.with_suffix(".npy"))
    np.savez(path.with_suffix(".npz"), *[
        getattr(model, n)(X).astype(t) for n, t in (("forward", float), ("predict", str))
    ])
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names) - {"numpy"}))
"""


def test_it_runs_where_numpy_is_all_there_is(tmp_path: Path) -> None:
    libraries, models = tmp_path / "libraries", tmp_path / "models"
    libraries.mkdir()
    models.mkdir()
    home = Path(inspect.getfile(np)).parent
    for folder in (home, home.with_name("numpy.libs")):
        if folder.exists():
            (libraries / folder.name).symlink_to(folder)
    made = {f"model_{seed}": random_model(seed) for seed in range(100, 120)}
    for name, model in made.items():
        model.export(models / f"{name}.py")
        np.save(models / f"{name}.npy", rows_for(model, 7))
    # without site-packages: nothing but numpy could be imported
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", ALONE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    for name, model in made.items():
        wanted = expected(model, rows_for(model, 7))
        with np.load(models / f"{name}.npz") as found:
            check_equal(found["arr_0"], wanted["forward"].astype(float), 1e-6, name)
            if wanted["predict"].dtype.kind != "f":
                assert (found["arr_1"] == wanted["predict"].astype(str)).all()


def shape_of(text: str) -> str:
    """The syntax tree without its constants."""
    tree = ast.parse(text, feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.value = 0
    return ast.dump(tree)


def test_names_are_data_whatever_they_hold() -> None:
    texts = []
    for names in (HOSTILE, tuple("abcdefgh")):
        layers = [nn.Dense(4, name=names[0]), nn.Residual([nn.Dense(4)], name=names[1])]
        model = MLP(layers=[*layers, nn.Dense(8, name="x = 1")], inputs=8)
        model.columns = Columns(names, names[0], names)
        texts.append(source(exported(model), stem=names[0]))
    assert shape_of(texts[0]) == shape_of(texts[1])
    assert texts[0].isascii()
    assert set(texts[0]) - {"\n"} <= set(map(chr, range(32, 127)))
    module = loaded(texts[0])
    assert module["FEATURES"] == list(HOSTILE)
    assert module["CLASSES"].tolist() == list(HOSTILE)


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("1", "2", "3"), int),
        (("-9223372036854775808", "0", "9223372036854775807"), int),
        (("0", "1", "9223372036854775808"), str),
        (("1", "2", "007"), str),
        (("1", "2", "-0"), str),
        (("1.0", "2.0", "3.0"), str),
        (("1", "2", "many"), str),
        (("1", "2", "\u0663"), str),
        (("1", "2", "3\n"), str),
    ],
)
def test_classes_that_are_whole_numbers_are_numbers(names: Any, kind: Any) -> None:
    model = MLP([3, 3], seed=1)
    model.columns = Columns(classes=names)
    X = rows_for(model, 200)
    found = loaded(source(exported(model)))["predict"](X)
    assert found.dtype == (np.int64 if kind is int else object)
    assert found.tolist() == [kind(names[k]) for k in model.predict(X)]
    one = MLP([3, 1], loss="binary_cross_entropy", seed=1)
    one.columns = Columns(classes=(names[0], names[2]))
    found = loaded(source(exported(one)))["predict"](X)
    assert found.tolist() == [kind(names[2 * k]) for k in np.ravel(one.predict(X))]


def test_the_record_of_a_training_is_text_whatever_it_holds() -> None:
    model = MLP([2, 2])
    model.fit([[0, 1], [1, 0]], [0, 1], epochs=1)
    given = exported(model)
    assert given.training is not None
    texts = [
        source(
            replace(
                given,
                written_by=f"{name} 1",
                training=replace(given.training, optimizer=name, figures={name: 1.0}),
            )
        )
        for name in ("adam", *HOSTILE)
    ]
    assert {shape_of(text) for text in texts} == {shape_of(texts[0])}
    assert all(text.isascii() for text in texts)


def test_a_name_with_code_of_its_own_does_not_reach_the_file() -> None:
    class Sly(str):
        def __repr__(self) -> str:
            return "__import__('os').abort()"

    model = MLP([1, 2])
    model.columns = Columns((Sly("a"),), Sly("b"), (Sly("c"), Sly("d")))
    assert "abort" not in source(exported(model))


def test_it_is_python_3_9_and_imports_numpy_alone() -> None:
    for seed in range(30):
        tree = ast.parse(source(exported(random_model(seed))), feature_version=(3, 9))
        found = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert found == {"base64", "numpy"}
        assert not any(isinstance(n, ast.ImportFrom) for n in ast.walk(tree))


def test_its_head_says_how_to_call_it_and_what_it_computes() -> None:
    model = MLP([4, 8, 3], activation="gelu", scaling="standard")
    X, y = rows_for(model, 30), np.arange(30) % 3
    model.fit(X, y, epochs=2)
    head = ast.get_docstring(ast.parse(source(exported(model), "flowers")))
    assert head is not None
    for words in (
        *("import flowers", "flowers.predict(X)", "flowers.predict_proba(X)", "(rows, 4)"),
        *("y = x W + b", "y = (x - shift) factor", "Phi", "exp(y_k) / sum_j exp(y_j)"),
        *("67 numbers", "Trained for 2 epochs by Adam", "accuracy 0."),
    ):
        assert words in head, words


@pytest.mark.parametrize("stem", ["my-model", "class", "2nd", "é", 'a"""'])
def test_a_name_that_can_not_be_imported_is_not_shown(stem: str) -> None:
    assert "import model\n" in source(exported(MLP([1, 2])), stem)


def test_what_it_says_to_bad_input() -> None:
    model = MLP([2, 3], scaling="minmax")
    model.fit([[0.0, 1.0], [2.0, 3.0]], [0, 1], epochs=1)
    predict = loaded(source(exported(model)))["predict"]
    for bad, words in (
        ([[1.0]], r"X has shape \(1, 1\), expected \(rows, 2\)"),
        ([1.0, 2.0], r"X has shape \(2,\)"),
        ([[np.nan, 1.0]], "not finite"),
        (np.array([[1e300, 1.0]]), "too large"),
    ):
        with np.errstate(over="ignore"), pytest.raises(ValueError, match=words):
            predict(bad)
    with pytest.raises(TypeError, match="expected numbers"):
        predict([["a", "b"]])


def test_columns_in_another_order_are_refused() -> None:
    @dataclass
    class Frame:
        columns: list[str]

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.zeros((1, 2))

    model = MLP([2, 3])
    model.columns = Columns(("a", "b"))
    predict = loaded(source(exported(model)))["predict"]
    assert predict(Frame(["a", "b"])).shape == (1,)
    for names, words in (
        (["b", "a"], "X has columns twice or not in the order of FEATURES"),
        (["a", "b", "b"], "X has columns twice"),
        (["b"], "^X lacks the column 'a', expected those of FEATURES.$"),
        (["a", "B"], "^X lacks the column 'b' and has the unknown column 'B', expected those of"),
    ):
        with pytest.raises(ValueError, match=words):
            predict(Frame(names))


def test_numbers_far_from_zero_keep_their_digits() -> None:
    X = 1.7e9 + np.random.default_rng(0).normal(size=(50, 2))
    model = MLP([2, 4, 1], loss="squared_error", scaling="standard")
    model.fit(X, X[:, :1] - 1.7e9, epochs=1)
    predict = loaded(source(exported(model)))["predict"]
    np.testing.assert_allclose(predict(X), model.predict(X), rtol=0, atol=1e-6)


def test_many_rows_have_the_same_bits() -> None:
    model = model_of([nn.Dense(900), nn.Tanh()], "softmax_cross_entropy", 3, 5)
    X = rows_for(model, 5000)
    assert (loaded(source(exported(model)))["forward"](X) == model.forward(X)).all()


def test_every_backend_exports_the_same_text(backend: Backend) -> None:
    layers = [nn.Dense(4), nn.BatchNorm(), nn.SiLU(), nn.Dense(2)]
    texts = [source(exported(MLP(layers=layers, inputs=3, backend=b))) for b in (backend, "numpy")]
    assert texts[0] == texts[1]


def test_a_layer_of_ones_own_is_refused_in_a_sentence() -> None:
    @dataclass(frozen=True)
    class Twice(nn.Dense):
        pass

    for layer in (Twice(2), nn.CustomActivation(lambda z, xp: z, lambda z, xp: 1)):
        model = MLP(layers=[nn.Residual([nn.Dense(2), layer]), nn.Dense(2)], inputs=2)
        with pytest.raises(ExportError, match=r"is your own, expected layers .* \.onnx"):
            source(exported(model))


def test_options_that_are_no_finite_numbers_are_refused() -> None:
    for layer in (nn.LeakyReLU(float("inf")), nn.ELU("abort()")):  # type: ignore[arg-type]
        model = MLP(layers=[nn.Dense(2), layer], inputs=2)
        with pytest.raises(ExportError, match="expected a finite number"):
            source(exported(model))


def test_a_loss_with_a_predict_of_its_own_is_refused() -> None:
    class Odd(nn.SquaredError):
        def predict(self, outputs: Any, ctx: Any) -> Any:
            return outputs * 2

    with pytest.raises(ExportError, match="Odd has a predict of its own"):
        source(exported(MLP([2, 1], loss=Odd())))


def test_writing(tmp_path: Path) -> None:
    model, path = MLP([2, 2]), tmp_path / "model.py"
    model.export(path)
    first = path.read_bytes()
    with pytest.raises(FileExistsError, match="there already"):
        with_random_numbers(model, 1).export(path)
    assert path.read_bytes() == first
    model.export(str(path), overwrite=True)
    assert path.read_bytes() != first
    assert [p.name for p in tmp_path.iterdir()] == ["model.py"]
    for name in ("model.txt", "model", "model.PYC"):
        with pytest.raises(ValueError, match=r"expected a name that ends in \.onnx or \.py"):
            model.export(tmp_path / name)
    with pytest.raises(ValueError, match="call fit first"):
        MLP([2, 2], scaling="standard").export(tmp_path / "other.py")
    assert FEATURES == 5
