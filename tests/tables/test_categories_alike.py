"""A category is the same whichever way a file or a library writes it."""

from __future__ import annotations

import importlib.util
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder
from portable_mlp.data import scan_parquet
from portable_mlp.data.target import category_of
from portable_mlp.tables import read_table
from portable_mlp.tables.encoder import CategoryColumn

LONG = 2**53
CODES = [7, 3, None, 12, 7]
IDS = [LONG + 1, LONG + 2, None, 7, LONG + 1]
TRUTHS = [True, False, None, False, True]


def frames_of(values: list[Any], folder: Path) -> dict[str, Any]:
    """The same column from everything that holds one."""
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    pq = pytest.importorskip("pyarrow.parquet")
    pytest.importorskip("narwhals")
    pandas = "boolean" if values is TRUTHS else "Int64"
    y = list(range(5))
    pq.write_table(pa.table({"c": values, "y": [k + 0.5 for k in y]}), folder / "t.parquet")
    lines = ["c,y", *(f"{'' if v is None else v},{k}.5" for k, v in enumerate(values))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    files = {
        end: read_table(folder / f"t.{end}", "y", categorical=["c"]).X for end in ("csv", "parquet")
    }
    return files | {
        "pandas": pd.DataFrame({"c": pd.array(values, dtype=pandas)}),
        "pandas, objects": pd.DataFrame({"c": pd.Series(values, dtype=object)}),
        "polars": pl.DataFrame({"c": values}),
        "pyarrow": pa.table({"c": values}),
        "dictionary": {"c": values},
        "text": {"c": [None if v is None else str(v) for v in values]},
    }


@pytest.mark.parametrize("values", [CODES, IDS, TRUTHS], ids=["codes", "beyond 2^53", "truths"])
def test_levels_and_numbers_are_the_same_from_everywhere(tmp_path: Path, values: list[Any]) -> None:
    expected = tuple(sorted({str(v) for v in values if v is not None}))
    numbers = [0 if v is None else 1 + expected.index(str(v)) for v in values]
    column = CategoryColumn("c", expected, True)
    encoder = TableEncoder(("c",), (), (column,))
    for name, frame in frames_of(values, tmp_path).items():
        found = TableEncoder.of(frame, categorical=["c"])
        assert found.categories[0].levels == expected, name
        assert encoder.encode(frame)[:, 0].tolist() == numbers, name


def test_floats_that_gaps_made_of_whole_numbers() -> None:
    for values in (
        np.asarray([7, 3, np.nan, 12, 7]),
        ["7.0", "3.", None, "12.00", "7"],
        [Decimal("7"), 3.0, None, 12, 7],
    ):
        encoder = TableEncoder.of({"c": values}, categorical=["c"])
        assert encoder.categories[0].levels == ("12", "3", "7")
        assert encoder.encode({"c": values}).tolist() == encoder.encode({"c": CODES}).tolist()


def test_texts_that_are_two_stay_two() -> None:
    texts = ["007", "7", "3.10", "3.1", "1e3", "1000", "yes", "Yes", "+1", "1", "-0.0", "0"]
    known = {category_of(text) for text in texts}
    assert known == set(texts) - {"-0.0"}


def test_truth_in_any_letters() -> None:
    encoder = TableEncoder.of({"c": TRUTHS})
    for texts in (["true", "FALSE"], ["True", "false"], [True, False], ["TRUE ", "False"]):
        assert encoder.encode({"c": texts}).tolist() == [[1.0], [-1.0]]


def test_levels_of_older_files_are_found_as_they_are_and_as_they_would_be_now() -> None:
    column = CategoryColumn("c", ("1", "1.0", "true"), False)
    texts = np.array(["1", "1.0", "1.00", "true", "True", None, "2"], object)
    assert column.numbers(texts).tolist() == [1, 2, 1, 3, 3, 0, 0]


def test_without_names_long_codes_keep_their_digits() -> None:
    model_rows = np.array([[LONG + 1], [LONG + 2]])
    encoder = TableEncoder.of(model_rows, categorical=["0"])
    assert encoder.categories[0].levels == (str(LONG + 1), str(LONG + 2))
    assert encoder.encode(model_rows).tolist() == [[-1.0], [1.0]]


@pytest.fixture
def model() -> MLP:
    table = {"c": [1, 2, None, 2], "t": TRUTHS[:4], "k": ["007", "7", "07", "7"]}
    model = MLP([TableEncoder.of(table, categorical=["c"]), 4, 2], seed=1, dtype="float64")
    model.fit(table, np.asarray([0, 1, 0, 1]), epochs=1)
    return model


WRITTEN = {
    "c": ["1", "1.0", "2", "2.0", "02", "?"],
    "t": ["True", "true", "FALSE", "False", "TRUE", "no"],
    "k": ["007", "7", "7.0", "07", "0", "7"],
}


def test_an_exported_file_knows_the_same_categories(model: MLP, tmp_path: Path) -> None:
    model.export(tmp_path / "m.py")
    spec = importlib.util.spec_from_file_location("m", tmp_path / "m.py")
    assert spec is not None
    assert spec.loader is not None
    exported = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(exported)
    expected = model.predict_proba(WRITTEN)
    np.testing.assert_allclose(exported.predict_proba(WRITTEN), expected, rtol=1e-12)
    np.testing.assert_array_equal(expected[0, 0] == expected[1, 0], False)  # another k
    for forms in ({"c": [1.0]}, {"c": [1]}, {"c": ["1.00"]}, {"t": [True]}, {"t": ["TRUE"]}):
        plain = {"c": ["1"], "t": ["True"], "k": ["7"]}
        assert (
            exported.predict_proba(plain | forms).tolist() == exported.predict_proba(plain).tolist()
        )


def test_an_onnx_file_knows_them_too_and_says_which(model: MLP, tmp_path: Path) -> None:
    onnx, runtime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    model.export(tmp_path / "m.onnx")
    graph = onnx.load(str(tmp_path / "m.onnx")).graph
    said = {given.name: given.doc_string for given in graph.input}
    assert "1.0 is 1; True, true and TRUE are one" in said["X.c"]
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    given = {
        f"X.{name}": np.array(["" if cell == "?" else cell for cell in cells], object)
        for name, cells in WRITTEN.items()
    }
    answers = dict(
        zip((out.name for out in session.get_outputs()), session.run(None, given), strict=True)
    )
    expected = model.predict_proba(WRITTEN)
    assert any(
        np.shape(found) == expected.shape and np.allclose(found, expected, rtol=1e-6)
        for found in answers.values()
    )


@pytest.mark.parametrize("gap", [False, True], ids=["full", "with a gap"])
def test_single_precision_has_the_digits_of_its_own_type(tmp_path: Path, gap: bool) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    values = [0.1, 2.5, 3.0, 2.0**60, None if gap else 0.1]
    short = np.asarray([np.nan if v is None else v for v in values], np.float32)
    single = pa.array(values, pa.float32())
    pq.write_table(pa.table({"c": single, "y": [0.5] * 5}), tmp_path / "t.parquet")
    frames = [
        read_table(tmp_path / "t.parquet", "y", categorical=["c"]).X,
        {"c": short},
        {"c": list(short)},
        {"c": values},
    ]
    for frame in frames:
        (column,) = TableEncoder.of(frame, categorical=["c"]).categories
        assert column.levels == ("0.1", "1152921504606846976", "2.5", "3")
        assert column.numbers(np.array(["0.1", "3"], object)).tolist() == [1, 4]


def test_classes_in_single_precision_likewise(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    single = pa.array([0.1, 0.7, 0.1], pa.float32())
    pq.write_table(pa.table({"c": [1, 2, 3], "y": single}), tmp_path / "t.parquet")
    path = tmp_path / "t.parquet"
    table, source = (read(path, "y", "classification") for read in (read_table, scan_parquet))
    assert table.classes == source.columns.classes == ("0.1", "0.7")
    assert table.y.tolist() == next(source.read([0])).y.tolist() == [0, 1, 0]
