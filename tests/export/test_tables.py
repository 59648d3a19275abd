"""Exported models that take tables: the file makes the same numbers of the same text and gaps."""

from __future__ import annotations

import ast
import csv
import subprocess
import sys
import warnings
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder
from portable_mlp.data.columns import Columns
from portable_mlp.data.target import class_name
from portable_mlp.export import ExportError, onnx_file, onnx_table
from portable_mlp.export.python_file import source
from portable_mlp.model.exporting import exported
from portable_mlp.recipes import RECIPES
from portable_mlp.tables import read_table
from portable_mlp.tables.encoder import CategoryColumn, NumberColumn
from tests.export.stacks import with_random_numbers
from tests.export.test_python_file import HOSTILE, loaded, shape_of
from tests.tables.people import people, write

PEOPLE = {"age": [31, 45, None, 28], "city": ["Bonn", "Rome", "Oslo", "Rome"]}
Table = dict[str, list[Any]]


def random_table(seed: int, worst: tuple[str, ...] = HOSTILE, rows: int = 60) -> Table:
    """Columns of every kind under the worst names, with gaps of every kind."""
    random = np.random.default_rng(seed)
    names = [*worst, "age", "label", "X", ""]
    random.shuffle(names)

    def gappy(values: list[Any], gaps: tuple[Any, ...], share: float = 0.2) -> list[Any]:
        return [gaps[random.integers(len(gaps))] if random.random() < share else v for v in values]

    def texts(count: int) -> list[str]:
        words = [*worst, *(f"wörd {k}" for k in range(30))][:count]
        return [str(words[k]) for k in random.integers(0, len(words), rows)]

    empty = (None, float("nan"), "", " NA ", "?", "None")
    columns: list[list[Any]] = [
        gappy(random.normal(3e4, 20, rows).tolist(), (None, float("nan"))),
        random.normal(-1, 1e-3, rows).tolist(),
        random.integers(-5, 1000, rows).tolist(),
        gappy(texts(2), empty),
        [f"  {word}\t" for word in texts(2)],
        gappy(texts(6), empty),
        texts(38),
        (random.random(rows) < 0.5).tolist(),
        gappy((random.random(rows) < 0.5).tolist(), (None,)),
        [0.5 if value > 0 else 7.0 for value in random.normal(size=rows)],  # made categorical
        random.normal(size=rows).tolist(),
    ]
    chosen = random.permutation(len(columns))[: random.integers(2, len(columns) + 1)]
    return dict(zip(names, (columns[k] for k in chosen), strict=False))


def as_categories(table: Table) -> list[str]:
    return [name for name, column in table.items() if set(map(str, column)) == {"0.5", "7.0"}]


def changed(table: Table, seed: int) -> Table:
    """Other rows: what training never saw, gaps where there were none, numbers far away."""
    random = np.random.default_rng(seed)
    made = {}
    for name, column in table.items():
        cells = [column[k] for k in random.integers(0, len(column), len(column))]
        kinds = {type(cell) for cell in cells if cell is not None and cell == cell}
        new: Any = {str: "never seen", bool: True, int: 10**9, float: -1e300}[min(kinds, key=str)]
        for place, cell in ((0, new), (1, None), (2, float("nan"))):
            cells[place] = cell
        made[name] = cells
    return made


def model_of_table(table: Table, seed: int, **more: Any) -> MLP:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that say nothing
        encoder = TableEncoder.of(
            table, categorical=as_categories(table), clip=bool(seed % 3), one_hot=4 + seed % 6
        )
    model = MLP([encoder, 6, 3], seed=seed, dtype=("float32", "float64")[seed % 2], **more)
    return with_random_numbers(model, seed)


def quietly(function: Any, X: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of gaps where there were none
        return function(X)


@pytest.mark.parametrize("seed", range(40))
def test_python_gives_the_bits_of_the_model(seed: int) -> None:
    table = random_table(seed)
    model = model_of_table(table, seed)
    file = loaded(source(exported(model)))
    for X in (table, changed(table, seed), {n: c[:1] for n, c in table.items()}):
        wanted = np.asarray(quietly(model.predict_proba, X))
        assert (file["predict_proba"](X) == wanted).all()
        names = list(X)
        rows = list(zip(*X.values(), strict=True))
        assert (file["predict_proba"]([list(row) for row in rows]) == wanted).all()
        assert (
            file["predict_proba"]([dict(zip(names, r, strict=True)) for r in rows]) == wanted
        ).all()
        turned = {name: np.array(X[name], object) for name in reversed(names)}
        assert (file["predict_proba"](turned) == wanted).all()
    nothing = {name: [] for name in table}
    assert file["predict_proba"](nothing).shape == (0, 3)


def test_each_thing_that_a_cell_can_be() -> None:
    table = {"n": [1.0, 2.0, None, 5.0], "c": ["0.5", "3", "True", "x"]}
    model = model_of_table(table, 1)
    file = loaded(source(exported(model)))
    for cells in (
        *([3, 0.5], [3.0, np.float32(0.5)], [Decimal(3), None], ["3", " 3 "], [np.int8(3), 1]),
        *([True, False], [np.True_, None], [None, None], ["n/a", "NULL"], [10**20, 3]),
        *(np.array([3, 1]), np.array([3.0, np.nan], np.float32), np.array(["x", " x"])),
        *(np.array([True, False]), (3, 1), ["1_0", "٣"], [-0.0, 0.0], [float("inf"), 3.0]),
    ):
        for name in table:
            X = {"n": [1.0, 2.0], "c": ["x", "y"], name: cells}
            try:
                wanted = quietly(model.predict_proba, X)
            except ValueError:
                with pytest.raises(ValueError, match=f"column '{name}' holds"):
                    file["predict_proba"](X)
            else:
                assert (file["predict_proba"](X) == wanted).all(), (name, cells)


def test_what_the_model_refuses_the_file_refuses() -> None:
    model = model_of_table(PEOPLE, 1)
    predict = loaded(source(exported(model)))["predict"]
    for X, error, words in (
        ({"age": [1]}, ValueError, "^X lacks the column 'city', expected those of FEATURES.$"),
        (
            {"age": [1], "city": ["a"], "town": ["b"]},
            ValueError,
            "^X has the unknown column 'town', exp",
        ),
        ({"age": [1], "City": ["a"]}, ValueError, "lacks the column 'city' and has the .* 'City'"),
        ({"age": [1, 2], "city": ["a"]}, ValueError, "unequal length"),
        ({"age": 1, "city": "Bonn"}, TypeError, r"X\['age'\] is of type int, expected a list"),
        ({"age": [1], "city": "B"}, TypeError, "expected a list"),
        ({"age": ["old"], "city": ["a"]}, ValueError, "'age' holds no numbers"),
        ({"age": [True], "city": ["a"]}, ValueError, "'age' holds no numbers"),
        ({"age": [float("inf")], "city": ["a"]}, ValueError, "infinity"),
        ({"age": [1], "city": [b"a"]}, ValueError, "bytes"),
        ({"age": [1, "a"], "city": ["a", "b"]}, ValueError, "int and str"),
        ({"age": [1, True], "city": ["a", "b"]}, ValueError, "bool and int"),
        ({"age": [np.timedelta64(1)], "city": ["a"]}, ValueError, "timedelta64"),
        ({"age": np.array(["2020"], "M8[ns]"), "city": ["a"]}, ValueError, "numbers or text"),
        ({"age": np.ones((1, 1)), "city": ["a"]}, ValueError, "one for each row"),
        ([[1, "a", 2]], ValueError, "3 columns, expected 2"),
        ([[1, "a"], [1]], ValueError, "ragged"),
        ([1, "a"], ValueError, "expected a table"),
        ("text", ValueError, "expected a table"),
    ):
        with pytest.raises(error):
            model.predict(X)
        with pytest.raises(error, match=words):
            predict(X)
    with pytest.raises(ValueError, match="'city' is in some records alone"):
        predict([{"age": 1, "city": "Bonn"}, {"age": 1}])


def test_columns_that_say_nothing_may_be_away() -> None:
    table = {**PEOPLE, "name": ["a", "b", "c", "d"]}
    with pytest.warns(UserWarning, match="not used"):
        encoder = TableEncoder.of({"empty": [None] * 4, **PEOPLE})
    model = with_random_numbers(MLP([encoder, 2]), 3)
    file = loaded(source(exported(model)))
    for X in (PEOPLE, {"empty": [1, 2, 3, 4], **PEOPLE}):
        assert (file["predict_proba"](X) == model.predict_proba(X)).all()
    with pytest.raises(ValueError, match="'name'"):
        file["predict"](table)


def test_tables_without_names() -> None:
    rows = [[1, "a"], [2, "b"], [4, None], [9, "c"]]
    model = with_random_numbers(MLP([TableEncoder.of(rows), 3]), 4)
    file = loaded(source(exported(model)))
    for X in (rows, {"x": [1, 2], "y": ["a", "z"]}):
        assert (file["predict_proba"](X) == model.predict_proba(X)).all()
    with pytest.raises(ValueError, match="1 columns, expected 2"):
        file["predict"]({"0": [1]})


def frames() -> list[Any]:
    found = []
    for library in ("pandas", "polars", "pyarrow"):
        try:
            module = __import__(library)
        except ImportError:
            continue
        found.append(getattr(module, "table" if library == "pyarrow" else "DataFrame"))
    return found


def test_data_frames() -> None:
    pytest.importorskip("narwhals", reason="narwhals is not installed")
    table = {
        "n": [1.5, None, 3.0, 2.0],
        "b": [True, False, True, False],
        "c": ["x", None, "y", "z"],
    }
    model = model_of_table(table, 1)
    file = loaded(source(exported(model)))
    for frame in frames():
        X = frame(table)
        assert (file["predict_proba"](X) == model.predict_proba(X)).all()
        assert (model.predict_proba(table) == model.predict_proba(X)).all()


def test_nothing_in_a_table_becomes_code() -> None:
    texts = []
    for names in (HOSTILE, tuple("abcdefgh")):
        encoder = TableEncoder(
            names,
            (NumberColumn(names[0], 1.0, 2.0, True), NumberColumn(names[1], 0.0, 1e-7, False)),
            (
                CategoryColumn(names[2], names[:2], False),
                CategoryColumn(names[3], names, False),
                CategoryColumn(names[4], names, True),
            ),
        )
        model = MLP([encoder, 8])
        model.columns = Columns(encoder.outputs, names[0], names)
        texts.append(source(exported(model)))
    assert shape_of(texts[0]) == shape_of(texts[1])
    assert set(texts[0]) - {"\n"} <= set(map(chr, range(32, 127)))
    module = loaded(texts[0])
    assert module["FEATURES"] == list(HOSTILE)
    assert module["CATEGORIES"][1][2] == list(HOSTILE)


def test_a_name_with_code_of_its_own_does_not_reach_the_file() -> None:
    class Sly(str):
        def __repr__(self) -> str:
            return "__import__('os').abort()"

    class Number(float):
        __repr__ = Sly.__repr__

    encoder = TableEncoder(
        (Sly("a"), Sly("b")),
        (NumberColumn(Sly("a"), Number(1.0), Number(2.0), False),),
        (CategoryColumn(Sly("b"), (Sly("c"), Sly("d")), False),),
    )
    assert "abort" not in source(exported(MLP([encoder, 2])))


def test_it_is_python_3_9_and_imports_numpy_alone() -> None:
    for seed in range(10):
        text = source(exported(model_of_table(random_table(seed), seed)))
        tree = ast.parse(text, feature_version=(3, 9))
        found = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert found == {"base64", "numpy"}
        assert not any(isinstance(n, ast.ImportFrom) for n in ast.walk(tree))


def test_an_encoder_of_ones_own_is_refused(tmp_path: Path) -> None:
    class Own(TableEncoder):
        pass

    given = TableEncoder.of(PEOPLE)
    model = MLP([Own(given.names, given.numbers, given.categories), 2])
    for name in ("m.py", "m.onnx"):
        with pytest.raises(ExportError, match="Own is your own"):
            model.export(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize("classes", [0, 3])
def test_the_preset_for_tables(classes: int) -> None:
    from onnxruntime import InferenceSession

    table = {"n": list(range(60)), "c": [f"town {k % 12}" for k in range(60)]}
    recipe = RECIPES["realmlp-s"].suited(classes)
    model = recipe.build(TableEncoder.of(table), classes=classes)
    y = np.arange(60) % 3
    model.fit(table, y if classes else y[:, None] / 10, epochs=3, batch_size=20)
    assert model.encoder is not None
    far = {"n": [-1e6, 1e6, None], "c": ["town 1", "never seen", None]}
    for X in (table, far):
        wanted = quietly(model.predict_proba if classes else model.predict, X)
        file = loaded(source(exported(model)))
        assert (file["predict_proba" if classes else "predict"](X) == wanted).all()
        session = InferenceSession(onnx_file.serialized(exported(model)))
        found = session.run(None, given(model.encoder, X))[-1]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_from_a_csv_file_to_a_python_file(tmp_path: Path) -> None:
    path = write(tmp_path / "people.csv", people(120), without=("since",))
    command = [sys.executable, "-W", "ignore", "-m", "portable_mlp"]
    for words in (
        ["train", "people.csv", "--target", "income", "--epochs", "2", "--out", "m.safetensors"],
        ["export", "m.safetensors", "--out", "people.py"],
    ):
        done = subprocess.run(
            [*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    file = loaded((tmp_path / "people.py").read_text())
    model = MLP.load(tmp_path / "m.safetensors")
    assert model.encoder is not None
    with path.open(encoding="utf-8") as lines:
        records = [{k: v for k, v in row.items() if k != "income"} for row in csv.DictReader(lines)]
    table = read_table(path, "income", categorical=model.encoder.categorical)
    wanted = np.asarray(quietly(model.predict_proba, table.X))
    assert (file["predict_proba"](records) == wanted).all()
    assert set(file["predict"](records)) <= {"<=50K", ">50K"}


# -- ONNX -------------------------------------------------------------------------------------------

UNICODE = tuple(text for text in HOSTILE if text != "\ud800")


def given(encoder: TableEncoder, table: Table) -> dict[str, np.ndarray]:
    """A table as the inputs of a file of ONNX."""
    feed = {}
    for name in encoder.used:
        cells = [None if cell is None or cell != cell else cell for cell in table[name]]
        if name in encoder.categorical:
            texts = [
                "" if c is None else class_name(c) if isinstance(c, float) else str(c).strip()
                for c in cells
            ]
            feed["X." + name] = np.array(texts, object)
        else:
            feed["X." + name] = np.array([np.nan if c is None else c for c in cells], np.float64)
    return feed


def check_onnx(model: MLP, *tables: Table) -> None:
    from onnxruntime import InferenceSession

    assert model.encoder is not None
    data = onnx_file.serialized(exported(model))
    session = InferenceSession(data, providers=["CPUExecutionProvider"])
    for X in tables:
        found = session.run(["probabilities"], given(model.encoder, X))[0]
        wanted = quietly(model.predict_proba, X)
        size = 1e-6 if model.backend.dtype_name == "float32" else 1e-10
        np.testing.assert_allclose(found, wanted, rtol=0, atol=size)


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize("seed", range(30))
def test_onnx_predicts_what_the_model_predicts(seed: int) -> None:
    table = random_table(seed, UNICODE)
    model = model_of_table(table, seed)
    check_onnx(model, table, changed(table, seed), {n: c[:1] for n, c in table.items()})


@pytest.mark.usefixtures("onnxruntime")
def test_onnx_of_one_kind_of_column_and_of_time_stamps() -> None:
    random = np.random.default_rng(0)
    stamps = (1.7e9 + random.normal(0, 30, 40)).tolist()
    towns = [f"town {k % 12}" for k in range(40)]
    for columns in ({"n": stamps}, {"c": towns}, {"c": towns[:20] * 2, "n": stamps}):
        for seed in (1, 2):  # both precisions
            check_onnx(model_of_table(columns, seed), columns)  # type: ignore[arg-type]


@pytest.mark.usefixtures("onnxruntime")
def test_onnx_of_levels_that_no_cell_can_be() -> None:
    encoder = TableEncoder(
        ("c", "d", "e"),
        (),
        (
            CategoryColumn("d", ("a", " a", "", "na"), False),
            CategoryColumn("e", ("b ", "b"), False),
            CategoryColumn("c", ("", "a", "?", "a "), True),
        ),
    )
    cells = ["", "a", "na", "b", "?"]
    model = with_random_numbers(MLP([encoder, 3]), 2)
    check_onnx(model, dict.fromkeys("cde", cells))


@pytest.mark.usefixtures("onnxruntime")
def test_what_a_file_of_onnx_says_of_its_inputs() -> None:
    from onnx import ModelProto

    table = {"age": [1.0, 2.0, 5.0], "none": [None] * 3, "label": ["a", "b", "a"]}
    model = model_of_table(table, 0)
    found = ModelProto.FromString(onnx_file.serialized(exported(model)))
    assert [i.name for i in found.graph.input] == ["X.age", "X.label"]
    assert [i.doc_string.split()[0] for i in found.graph.input] == ["numbers;", "text"]
    assert [(o.domain, o.version) for o in found.opset_import] == [("", 18), ("ai.onnx.ml", 3)]
    assert {p.key: p.value for p in found.metadata_props}["features"] == '["age", "label"]'


@pytest.mark.usefixtures("onnxruntime")
def test_onnx_without_names() -> None:
    rows = [[1, "a"], [2, "b"], [4, None], [9, "c"]]
    model = with_random_numbers(MLP([TableEncoder.of(rows), 3]), 4)
    onnx_file.serialized(exported(model))  # which compares


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize("text", ["\ud800", "a\0b"])
def test_text_that_onnx_can_not_have_is_refused_in_a_sentence(text: str) -> None:
    for columns, what in (
        ({"n": [1.0, 2.0], text: [1.0, 2.0]}, "name of a column"),
        ({"c": ["x", text]}, "category"),
    ):
        model = MLP([TableEncoder.of(columns), 2])
        with pytest.raises(ExportError, match=rf"the {what} .* ends in \.py"):
            onnx_file.serialized(exported(model))


@pytest.mark.usefixtures("onnxruntime")
@pytest.mark.parametrize(
    "wrong",
    [
        {"numbers": (NumberColumn("n", 2.0, 0.9, True),)},
        {"clip": False},
        {"categories": (CategoryColumn("c", ("y", "x", "z"), False),)},
    ],
)
def test_a_file_that_encodes_otherwise_is_not_written(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    encoder = TableEncoder(
        ("n", "c"),
        (NumberColumn("n", 1.0, 0.9, True),),
        (CategoryColumn("c", ("x", "y", "z"), False),),
    )
    model = with_random_numbers(MLP([encoder, 3]), 2)
    nodes, other = onnx_table.table_nodes, replace(encoder, **wrong)
    monkeypatch.setattr(onnx_table, "table_nodes", lambda graph, _: nodes(graph, other))
    with pytest.raises(ExportError, match="no file was written"):
        model.export(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())
