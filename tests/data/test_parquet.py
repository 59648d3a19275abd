"""Parquet files: the numbers are those that pyarrow reads, a row group after the other."""

from __future__ import annotations

import datetime
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp.data import DataFileError, Source, parquet, scan_parquet, target

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pq = pytest.importorskip("pyarrow.parquet")

ROWS = 1000
RANDOM = np.random.default_rng(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.parquet"


def write(path: Path, columns: dict[str, Any], rows: int = 300, **options: Any) -> Any:
    table = pa.table(columns)
    pq.write_table(table, path, row_group_size=rows, **options)
    return table


def whole(source: Source) -> tuple[Any, Any]:
    pieces = list(source.read(range(len(source.blocks))))
    return np.concatenate([p.X for p in pieces]), np.concatenate([p.y for p in pieces])


def numbers(dtype: str) -> Any:
    return pa.array(RANDOM.integers(0, 100, ROWS).astype(dtype))


DTYPES = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "?"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "use_dictionary": False}])
def test_columns_of_each_type(path: Path, dtype: str, many: int, options: Any) -> None:
    columns = {f"c{k}": numbers(dtype) for k in range(many)}
    table = write(path, {**columns, "y": numbers("f4")}, **options)
    source = scan_parquet(path, "y", "regression")
    x, y = whole(source)
    expected = (
        table.drop(["y"]).to_pandas().to_numpy() if many > 1 else table["c0"].to_numpy()[:, None]
    )
    assert np.array_equal(x, expected)
    assert x.dtype == ("u1" if dtype == "?" else dtype)
    assert np.array_equal(y, table["y"].to_numpy()[:, None])
    assert (source.blocks, source.sample_shape) == ((300, 300, 300, 100), (many,))


@pytest.mark.parametrize("bits", [128, 256])
def test_decimals_are_numbers_to_predict(path: Path, bits: int) -> None:
    kind = getattr(pa, f"decimal{bits}")(9, 2)
    prices = [Decimal("12.34"), Decimal("-0.50"), Decimal("7.00")]
    write(path, {"a": [1, 2, 3], "y": pa.array(prices, kind)})
    source = scan_parquet(path, "y")
    assert (source.columns.classes, whole(source)[1].tolist()) == ((), [[12.34], [-0.5], [7.0]])
    write(path, {"a": [1, 2, 3], "y": pa.array([Decimal("2.00"), 1, 2], kind)})
    source = scan_parquet(path, "y")
    assert (source.columns.classes, whole(source)[1].tolist()) == (("1", "2"), [1, 0, 1])


def test_columns_of_several_types_and_in_another_order(path: Path) -> None:
    columns = {t: numbers(t) for t in ("u1", "f4", "?", "i2")}
    table = write(path, {**columns, "y": numbers("?")})
    source = scan_parquet(path, "y", features=["i2", "?", "f4"])
    x, y = whole(source)
    assert np.array_equal(x, np.stack([table[n].to_numpy() for n in ("i2", "?", "f4")], axis=1))
    assert x.dtype == np.float32
    assert source.columns.features == ("i2", "?", "f4")
    assert source.columns.classes == ("False", "True")
    assert np.array_equal(y, table["y"].to_numpy())


@pytest.mark.parametrize(
    ("columns", "sizes"),
    [
        ({"a": "i8"}, [24, 24, 24, 24, 4]),  # as they are decoded
        ({"a": "i8", "b": "i8"}, [4] * 25),  # joined by pyarrow, while they are in the cache
        ({"a": "i8", "b": "f8"}, [12] * 8 + [4]),  # joined column by column
        ({"a": "i8", "b": "?"}, [12] * 8 + [4]),
    ],
)
def test_blocks_in_any_order_in_several_pieces(
    columns: dict[str, str], sizes: list[int], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_PIECE", 64)
    monkeypatch.setattr(parquet, "_PIECES", 3)
    numbers = {name: np.arange(ROWS).astype(kind) for name, kind in columns.items()}
    table = write(path, {**numbers, "y": pa.array([k % 7 for k in range(ROWS)])})
    pieces = list(scan_parquet(path, "y").read([3, 1]))
    assert [len(p.X) for p in pieces][: len(sizes)] == sizes
    rows = [*range(900, 1000), *range(300, 600)]
    x = np.concatenate([p.X for p in pieces])
    assert np.array_equal(x, np.stack([numbers[name][rows] for name in columns], axis=1))
    assert np.concatenate([p.y for p in pieces]).tolist() == [k % 7 for k in rows]
    assert table.num_rows == ROWS


def test_lists_of_one_length_are_many_features(path: Path) -> None:
    pixels = RANDOM.integers(0, 256, (ROWS, 12), np.uint8)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(pixels.reshape(-1)), 12)
    write(path, {"pixels": lists, "label": numbers("u1"), "weight": numbers("f4")})
    source = scan_parquet(path, "label", "regression", features=["pixels"])
    x, _ = whole(source)
    assert (x.dtype, source.sample_shape) == (np.uint8, (12,))
    assert np.array_equal(x, pixels)
    assert source.columns.features[-1] == "pixels[11]"
    both, _ = whole(scan_parquet(path, "label", "regression"))
    assert np.array_equal(both[:, :12], pixels)
    assert both.shape == (ROWS, 13)


def test_one_name_that_begins_another(path: Path) -> None:
    table = write(path, {"sepal": numbers("f4"), "sepal.length": numbers("f4"), "y": numbers("f4")})
    x, _ = whole(scan_parquet(path, "y", "regression", features=["sepal"]))
    assert np.array_equal(x[:, 0], table["sepal"].to_numpy())


LABELS = ["dog", "cat", "x, y", "caf\u00e9", "10", "9"]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]
)
def test_text_classes(path: Path, kind: Any) -> None:
    labels = [LABELS[k] for k in RANDOM.integers(0, 6, ROWS)]
    write(path, {"a": numbers("f4"), "y": pa.array(labels).cast(kind)})
    source = scan_parquet(path, "y")
    assert source.columns.classes == tuple(sorted(LABELS))
    _, y = whole(source)
    assert [source.columns.classes[k] for k in y] == labels
    assert y.dtype == np.int64


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([10, 9, 12345678], "auto", ("9", "10", "12345678")),
        ([2.0, 1.0, 2.0], "auto", ("1", "2")),
        ([0.5, 1.5, 0.5], "classification", ("0.5", "1.5")),
        ([0.5, 1.5, 0.5], "auto", ()),
        ([0, 1, 2], "regression", ()),
        (list(range(50)), "auto", tuple(map(str, range(50)))),
        (list(range(51)), "auto", ()),
        (
            np.array([2**63, 2**64 - 1], "u8"),
            "auto",
            ("9223372036854775808", "18446744073709551615"),
        ),
        ([True, False], "auto", ("False", "True")),
        ([True, False], "regression", ()),
        ([float("nan"), 0.5], "regression", ()),
    ],
)
def test_number_targets(path: Path, values: Any, task: str, classes: tuple[str, ...]) -> None:
    write(path, {"a": pa.array([0.0] * len(values)), "y": pa.array(values)}, 2)
    source = scan_parquet(path, "y", task)
    assert source.columns.classes == classes
    _, y = whole(source)
    if classes:
        names = [str(v) if isinstance(v, bool) or v != int(v) else str(int(v)) for v in values]
        assert [classes[k] for k in y] == names
    else:
        assert np.array_equal(y, np.array(values)[:, None], equal_nan=True)


def struct() -> Any:
    return pa.array([{"a": 1}] * 4)


REFUSED = {
    "text": (
        pa.array(["a"] * 4),
        "holds 'string', expected numbers; turn text into columns of 0 and 1",
    ),
    "category": (
        pa.array(["a"] * 4).dictionary_encode(),
        "holds 'dictionary<values=string, indices=int...', expected numbers; turn text into",
    ),
    "date": (
        pa.array([datetime.date(2020, 1, 1)] * 4),
        "holds 'date32[day]', expected numbers; turn dates",
    ),
    "struct": (
        struct(),
        "holds 'struct<a: int64>', expected numbers; turn it into columns of numbers",
    ),
    "list": (
        pa.array([[1]] * 4),
        "expected numbers; write lists of one length as FixedSizeList, or leave",
    ),
    "null": (pa.nulls(4), "holds 'null', expected numbers"),
    "decimal": (
        pa.array([1] * 4).cast(pa.decimal128(25, 2)),
        "holds 'decimal128(25, 2)', expected numbers",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_columns_that_are_no_numbers(path: Path, name: str) -> None:
    column, message = REFUSED[name]
    write(path, {"a": pa.array(range(4)), "b": column, "y": pa.array([0, 1, 0, 1])})
    with pytest.raises(DataFileError) as caught:
        scan_parquet(path, "y")
    assert str(caught.value).startswith(f"{path}: column 'b' ")
    assert message in str(caught.value)
    assert str(caught.value).endswith("or leave the column out with features=[...].")
    assert scan_parquet(path, "y", features=["a"]).columns.features == ("a",)


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize("column", ["a", "b", "text", "y"])
def test_nulls(path: Path, statistics: bool, column: str) -> None:
    cells = [*range(9), None]
    columns: dict[str, Any] = {
        "a": pa.array([k % 2 for k in range(10)]),
        "b": pa.array(np.arange(10.0)),
        "y": pa.array(np.arange(10) % 2),
        "text": pa.array(["u", "v"] * 5),
    }
    holes = ["u", "v"] * 4 + ["u", None] if column == "text" else cells
    columns[column] = pa.array(holes)
    write(path, columns, 4, write_statistics=statistics)
    text = column == "text"
    with pytest.raises(DataFileError) as caught:
        whole(scan_parquet(path, "text" if text else "y", features=["a", "b"]))
    name = f"target {column!r}" if column in ("y", "text") else f"column {column!r}"
    if statistics:
        expected = (
            f"row group 2, column {column!r}: 1 cells are null, expected numbers; fill them in"
        )
    else:
        expected = f"row group 2, row 1, {name}: the cell is null, expected a number; fill it in"
    assert str(caught.value).startswith(f"{path}: {expected}")


def test_rows_are_counted_through_all_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_PIECE", 16)
    write(
        path,
        {"a": pa.array([*range(99), None]), "y": pa.array([0, 1] * 50)},
        write_statistics=False,
    )
    with pytest.raises(DataFileError, match="row group 0, row 99, column 'a': the cell is null"):
        whole(scan_parquet(path, "y"))


@pytest.mark.parametrize("inner", [True, False])
def test_nulls_in_lists(path: Path, inner: bool) -> None:
    lists: list[Any] = [[1, 2], [3, 4], [5, 6], [7, None] if inner else None]
    column = pa.array(lists, pa.list_(pa.int32(), 2))
    write(path, {"a": column, "y": pa.array([0, 1, 0, 1])}, 3)
    # older versions of pyarrow do not read a list that is null
    message = (
        "row group 1, row 0, column 'a': the cell is null|pyarrow can't read it: Expected all lists"
    )
    with pytest.raises(DataFileError, match=message):
        whole(scan_parquet(path, "y"))


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (
            pa.array(["a"] * 3),
            "auto",
            "target 'y' is 'a' in every line, expected at least two classes",
        ),
        (
            pa.array([1.0] * 3),
            "auto",
            "target 'y' is '1' in every line, expected at least two classes",
        ),
        (
            pa.array(["a", "b", "c"]),
            "regression",
            "target 'y' holds 'string', expected numbers for a",
        ),
        (
            pa.array([1.0, np.nan, 2.0]),
            "auto",
            "row group 0, row 1, target 'y': got nan, expected a finite",
        ),
        (
            pa.array([[1], [2], [3]]),
            "auto",
            "target 'y' holds 'list<element: int64>', expected text or",
        ),
    ],
)
def test_targets_that_can_not_be(path: Path, y: Any, task: str, message: str) -> None:
    write(path, {"a": pa.array(range(3)), "y": y})
    with pytest.raises(DataFileError) as caught:
        scan_parquet(path, "y", task)
    assert message in str(caught.value)


def test_names_are_no_classes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_LABELS", 60)
    monkeypatch.setattr(target, "MOST_LABELS", 60)
    write(path, {"a": pa.array(range(99)), "y": pa.array(map(str, range(99)))})
    with pytest.raises(
        DataFileError, match="target 'y' has more than 60 different values, expected cla"
    ):
        scan_parquet(path, "y")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"target": "z"}, "there is no column 'z', expected one of 'a', 'b', 'y'."),
        (
            {"features": ["aa"]},
            "there is no column 'aa', expected one of 'a', 'b', 'y'. Did you mean 'a'?",
        ),
        (
            {"features": ["a", "y"]},
            "the features are ['a', 'y'] and the target is 'y', expected at least",
        ),
        (
            {"features": []},
            "the features are [] and the target is 'y', expected at least one column of",
        ),
    ],
)
def test_names_that_can_not_be(path: Path, names: Any, message: str) -> None:
    write(path, {"a": pa.array([1]), "b": pa.array([1]), "y": pa.array([1])})
    with pytest.raises(DataFileError) as caught:
        scan_parquet(path, **{"target": "y"} | names)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_two_columns_of_one_name(path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1, 2])] * 3, names=["a", "a", "y"])
    pq.write_table(table, path)
    with pytest.raises(DataFileError, match="t.parquet: 2 columns are named 'a'."):
        scan_parquet(path, "y")


def test_the_index_of_a_data_frame(path: Path) -> None:
    write(
        path, {"a": pa.array([1, 2]), "y": pa.array([1, 2]), "__index_level_0__": pa.array([0, 1])}
    )
    with pytest.raises(
        DataFileError, match="'__index_level_0__' holds the row numbers of a data frame"
    ):
        scan_parquet(path, "y")
    assert scan_parquet(path, "y", features=["a"]).rows == 2


def test_files_that_are_no_parquet(path: Path) -> None:
    with pytest.raises(DataFileError, match="t.parquet: there is no such file."):
        scan_parquet(path, "y")
    for content in (b"", b"a,y\n1,2\n", b"PAR1" + bytes(99) + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(DataFileError, match="t.parquet: ") as caught:
            scan_parquet(path, "y")
        assert str(caught.value).isprintable()
    write(path, {"a": pa.array([], pa.int8()), "y": pa.array([], pa.int8())})
    with pytest.raises(DataFileError, match="t.parquet: holds no rows."):
        scan_parquet(path, "y")


def test_a_damaged_file_and_one_that_changed(path: Path) -> None:
    write(
        path,
        {"a": pa.array(RANDOM.normal(size=ROWS)), "y": numbers("u1")},
        write_page_checksum=True,
    )
    source = scan_parquet(path, "y", "regression")
    content = bytearray(path.read_bytes())
    content[200:900] = bytes(700)
    path.write_bytes(content)
    with pytest.raises(DataFileError, match="t.parquet: was changed since it was looked at first"):
        whole(source)
    with pytest.raises(DataFileError, match="t.parquet: ") as caught:
        whole(scan_parquet(path, "y", "regression"))
    assert str(caught.value).isprintable()


def test_pandas_is_not_imported(path: Path) -> None:
    write(
        path, {"a": pa.array([1.0, 2.0]), "b": pa.array([True, False]), "y": pa.array(["u", "v"])}
    )
    code = (
        "import sys; from portable_mlp.data import scan\n"
        f"list(scan({str(path)!r}, 'y').read([0])); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"  # it takes 30 MB


def test_without_pyarrow(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, {"a": pa.array([1.0, 2.0]), "y": pa.array([0, 1])})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"need pyarrow: pip install 'portable_mlp\[parquet\]'"
    ):
        scan_parquet(path, "y")
