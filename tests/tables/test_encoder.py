"""What becomes of each kind of column, and what a model makes of it."""

from __future__ import annotations

import copy
import datetime
import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, TableEncoder, nn
from portable_mlp.backends import Backend
from portable_mlp.data import scan_arrays
from portable_mlp.files import inspect
from portable_mlp.tables import Frame

NAN = float("nan")
RANDOM = np.random.default_rng(0)
TOWNS = np.asarray([f"town {k}" for k in range(12)])
ROWS = 240
TABLE: dict[str, Any] = {
    "age": np.where(RANDOM.random(ROWS) < 0.1, NAN, RANDOM.integers(18, 80, ROWS)),
    "hours": RANDOM.normal(40, 8, ROWS),
    "sex": RANDOM.choice(["f", "m"], ROWS).tolist(),
    "job": RANDOM.choice(np.asarray(["cook", "clerk", "nurse", None], object), ROWS),
    "town": RANDOM.choice(TOWNS, ROWS).tolist(),
    "member": RANDOM.random(ROWS) < 0.5,
}
Y = (np.nan_to_num(TABLE["age"], nan=50) + 20 * (TABLE["job"] == "cook") > 55).astype(np.int64)


def encoded(values: list[Any], **options: Any) -> list[list[float]]:
    return TableEncoder.of({"x": values}, **options).encode({"x": values}).tolist()


# -- numbers ---------------------------------------------------------------------------------------


def test_numbers_are_scaled_as_scikit_learn_does() -> None:
    """Its RobustScaler: median and quartiles, linear between two values."""
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = np.random.default_rng(1).lognormal(size=(57, 3)) * [1, 1e5, 1e-5]
    wanted = preprocessing.RobustScaler().fit_transform(x)
    np.testing.assert_allclose(TableEncoder.of(x, clip=False).encode(x), wanted, rtol=1e-12)
    clipped = TableEncoder.of(x).encode(x)
    np.testing.assert_allclose(clipped, wanted / np.sqrt(1 + wanted**2 / 9), rtol=1e-12)
    assert np.abs(clipped).max() < 3


def test_one_half_of_the_range_where_the_quartiles_are_equal() -> None:
    assert encoded([5, 5, 5, 5, 5, 5, 5, 9], clip=False) == [[0]] * 7 + [[2]]


def test_gaps_are_filled_and_pointed_out() -> None:
    assert encoded([1, None, 2, 3], clip=False) == [[-1, 0], [0, 1], [0, 0], [1, 0]]
    assert encoded([7, NAN]) == [[0, 0], [0, 1]]  # the gap is what differs


def test_a_gap_where_there_was_none_is_warned_of() -> None:
    encoder = TableEncoder.of({"x": [1, 2, 3]})
    with pytest.warns(UserWarning, match="column 'x' has 1 gap.* taken as its median"):
        assert encoder.encode({"x": [None]}).tolist() == [[0]]


def test_far_outliers_stay_finite() -> None:
    encoder = TableEncoder.of({"x": [1e-300, 2e-300, 3e-300]}, clip=False)
    assert np.isfinite(encoder.encode({"x": [1e300]}).astype(np.float32)).all()


# -- categories ------------------------------------------------------------------------------------


def test_two_categories_are_one_column() -> None:
    encoder = TableEncoder.of({"x": ["m", "f", None, "m"]})
    assert encoder.outputs == ("x=m",)
    assert encoder.encode({"x": ["f", "m", None, "other"]}).tolist() == [[-1], [1], [0], [0]]


def test_up_to_nine_are_one_hot() -> None:
    encoder = TableEncoder.of({"x": list("ihgfedcba")})
    assert encoder.outputs == tuple(f"x={c}" for c in "abcdefghi")
    assert encoder.encode({"x": ["a", "i", None, "z"]}).tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
        [0] * 9,
        [0] * 9,
    ]
    assert encoder.layers() == []


def test_more_are_numbered_for_an_embedding() -> None:
    """1 for the first; what was seen once is as unknown as what was never seen."""
    values = [*"abcdefghij" * 2, "once"]
    encoder = TableEncoder.of({"x": values, "z": np.arange(21)})
    assert encoder.outputs == ("z", "x")  # numbered columns are the last
    codes = encoder.encode({"x": ["a", "j", "once", "never", None], "z": [0] * 5})[:, 1]
    assert codes.tolist() == [1, 10, 0, 0, 0]
    (layer,) = encoder.layers()
    assert isinstance(layer, nn.Embedding)
    assert (layer.levels, layer.widths) == ((11,), (8,))


def test_the_commonest_thousand_are_known() -> None:
    values = [f"v{k}" for k in range(1200) for _ in range(3 if k >= 200 else 2)]
    (column,) = TableEncoder.of({"x": values}).categories
    assert len(column.levels) == 1000
    assert "v0" not in column.levels


def test_numbers_can_be_categories() -> None:
    encoder = TableEncoder.of({"zip": [10115.0, NAN, 10117]}, categorical=["zip"])
    assert encoder.outputs == ("zip=10117",)
    assert encoder.encode({"zip": [10117]}).tolist() == [[1]]
    assert encoder.encode({"zip": ["10115"]}).tolist() == [[-1]]


def test_text_of_numbers_where_there_were_numbers() -> None:
    encoder = TableEncoder.of({"x": [1.0, 2, 3]}, clip=False)
    assert encoder.encode({"x": ["3", "1"]}).tolist() == [[1], [-1]]
    with pytest.raises(
        ValueError, match="column 'x' holds 'many', expected numbers as in training"
    ):
        encoder.encode({"x": ["many"]})


def test_spaces_and_signs_for_nothing() -> None:
    encoder = TableEncoder.of({"x": [" a", "b ", "?", "NA", ""]})
    assert encoder.encode({"x": ["a", "b", " ? "]}).tolist() == [[-1], [1], [0]]


@pytest.mark.parametrize("categorical", [[], ["a"]])
def test_what_a_mask_hides_is_a_gap(categorical: list[str]) -> None:
    values = np.ma.masked_greater([1.0, 2.0, 3.0, 1e9], 1e6)
    plain = {"a": [1.0, 2.0, 3.0, None], "b": [1, 2, 3, 4]}
    masked = {"a": values, "b": np.ma.masked_array([1, 2, 3, 4])}
    encoder = TableEncoder.of(plain, categorical=categorical)
    assert TableEncoder.of(masked, categorical=categorical) == encoder
    np.testing.assert_equal(encoder.encode(masked), encoder.encode(plain))
    assert values.data[3] == 1e9
    rows = np.ma.masked_array([[1, 2**60], [2, 5], [3, 5]], [[0, 1], [0, 0], [1, 0]])
    listed = [[1, None], [2, 5], [None, 5]]
    assert TableEncoder.of(rows) == TableEncoder.of(listed)
    np.testing.assert_equal(
        TableEncoder.of(listed).encode(rows), TableEncoder.of(listed).encode(listed)
    )


LONG = [2**53 + 1, 2**53 + 3, -(2**60) - 1, 7]


@pytest.mark.parametrize(
    "values", [np.asarray(LONG), LONG, [*LONG, None]], ids=["array", "list", "list with a gap"]
)
def test_digits_that_are_lost_are_pointed_out(values: Any) -> None:
    lost = (
        "X: column 'id' .* loses digits, such as 9007199254740993, which becomes 9007199254740992"
    )
    with pytest.warns(UserWarning, match=f"{lost}: .* --categorical .*categorical_features="):
        TableEncoder.of({"id": values})
    encoder = TableEncoder.of({"id": values}, categorical=["id"])
    assert set(encoder.categories[0].levels) == set(map(str, LONG))
    TableEncoder.of({"id": [2**60, 2**61, None]})  # float64 has these


def test_a_whole_number_that_no_float_holds() -> None:
    message = "X: column 'a' holds a whole number too large for float64, expected finite numbers"
    with pytest.raises(ValueError, match=message):
        TableEncoder.of({"a": [10**400, 1]})
    with pytest.raises(ValueError, match=message):
        TableEncoder.of({"a": [2, 1]}).encode({"a": [10**400, None]})


def test_columns_that_say_nothing_are_left_out() -> None:
    table = {
        "x": [1, 2, 3],
        "id": ["p1", "p2", "p3"],
        "same": [4, 4, 4],
        "empty": [None] * 3,
        "word": ["a"] * 3,
    }
    with pytest.warns(UserWarning, match="'id', 'same', 'empty', 'word' not used"):
        encoder = TableEncoder.of(table, one_hot=2)
    assert encoder.outputs == ("x",)
    assert encoder.encode(table).shape == encoder.encode({"x": [1, 2, 3]}).shape == (3, 1)
    with pytest.raises(ValueError, match="X: no column says anything: each is empty, the same"):
        TableEncoder.of({"same": [4, 4]})


# -- what is refused -------------------------------------------------------------------------------

DAY = datetime.date(2024, 2, 29)


@pytest.mark.parametrize(
    "values",
    [
        [DAY, None],
        [datetime.datetime(2024, 2, 29)],
        np.asarray(["2024-02-29"], "datetime64[D]"),
        ["2024-02-29", "", "2024-03-01"],
        ["29.02.2024", "1.3.2024"],
        ["02/29/24 11:30 PM"],
        ["2024-02-29T11:30:00Z"],
        ["Feb 29, 2024"],
        ["29 February 2024"],
        ["2024-01", "2024-12"],
        ["1/2024", "12/2024"],
        ["February 2024", "May 2024", "Sept. 2024"],
        ["5th Jan 2024", "1st of May 2024", "January 3rd, 2024"],
        ["Sunday, January 5, 2024", "Tue, 05 Mar 2024 10:00:00 GMT"],
        ["2024-W05", "2024W06", "2024-W05-1"],
        ["2024Q1", "2024-Q2", "Q3 2024"],
    ],
    ids=str,
)
def test_dates_are_refused_with_advice(values: Any) -> None:
    with pytest.raises(ValueError, match=r"column 'x' holds dates such as .*the year, the month"):
        TableEncoder.of({"x": values})


@pytest.mark.parametrize(
    "values",
    [
        ["May", "June", "April"],  # given names
        ["2024-01", "2024-13"],  # codes
        ["1234-01", "1234-02"],
        ["10-20", "20-30"],
        ["2024-01", "spare part"],
        ["Marathon 2019", "Marathon 2020"],
        ["Mon 1", "Sat 2"],
        ["2024-W99", "2024-Q5"],
    ],
    ids=str,
)
def test_names_and_codes_are_no_dates(values: list[str]) -> None:
    assert len(TableEncoder.of({"x": values}).categories[0].levels) == len(values)


def test_numbers_that_could_be_dates_are_pointed_out() -> None:
    words = "'x' is taken as numbers, and all of them could be dates such as 20240229: make columns"
    with pytest.warns(UserWarning, match=words):
        TableEncoder.of({"x": [NAN, 20240229, 19000101, 21001231]})
    for other in (20230229, 20241301, 20240100, 18991231, 21010101, 20240229.5):
        assert TableEncoder.of({"x": [other, 20240229]}).width == 1  # a warning would be an error


def test_dates_may_be_names() -> None:
    days = ["2024-02-29", "2024-03-01"]
    with pytest.raises(ValueError, match="dates .*; if the column is no date, name it in --categ"):
        TableEncoder.of({"x": days})
    assert TableEncoder.of({"x": days}, categorical=["x"]).outputs == ("x=2024-03-01",)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"x": [1, "a"]}, r"column 'x' holds int and str, expected numbers alone or text alone"),
        ({"x": [1, True]}, r"holds bool and int"),
        ({"x": [1.0, float("inf")]}, r"column 'x' holds inf in row 1, expected finite numbers"),
        ({"x": [datetime.timedelta(1)]}, r"holds time spans"),
        ({"x": [[1], [2, 3]]}, r"column 'x' holds list"),
        ({"x": [1, 2], "z": [1]}, r"columns of unequal length"),
        ({"x": []}, r"X has no rows"),
        ([[1, 2], [3]], r"ragged"),
        (
            [{"x": 1}, {"x": 2}],
            r"rows with names for their cells.*: pandas\.DataFrame\(rows\) makes one",
        ),
        (np.zeros(3, [("x", "f8"), ("z", "f8")]), r"rows with names for their cells"),
        (np.zeros(3), r"X has shape \(3,\), expected a table"),
        (np.zeros((3, 2), complex), r"dtype complex128"),
        ({"x": np.zeros((3, 2))}, r"X\['x'\] has shape \(3, 2\), expected one axis"),
        ({"x": [0, 1e-310]}, r"too large or too small"),
    ],
)
def test_what_is_no_table(table: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TableEncoder.of(table)


def test_what_is_no_column() -> None:
    with pytest.raises(TypeError, match=r"X\['x'\] is of type str, expected a list or array"):
        TableEncoder.of({"x": "abc"})
    with pytest.raises(ValueError, match=r"categorical: got 'y', expected names of columns: 'x'"):
        TableEncoder.of({"x": [1, 2]}, categorical=["y"])
    with pytest.raises(TypeError, match=r"categorical: got 'x', expected a list"):
        TableEncoder.of({"x": [1, 2]}, categorical="x")


def test_other_columns_than_in_training() -> None:
    encoder = TableEncoder.of({"a": [1, 2], "b": [3, 4]})
    turned = encoder.encode({"b": [3, 4], "a": [1, 2]})
    assert (turned == encoder.encode({"a": [1, 2], "b": [3, 4]})).all()
    with pytest.raises(ValueError, match="seen at fit time, yet now missing: 'b'"):
        encoder.encode({"a": [1]})
    with pytest.raises(ValueError, match="unseen at fit time: 'c'"):
        encoder.encode({"a": [1], "b": [2], "c": [3]})
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        assert (encoder.encode([[1, 3], [2, 4]]) == turned).all()
    with pytest.raises(ValueError, match="X has 1 columns, expected 2 as in training"):
        encoder.encode([[1]])


# -- data frames -----------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_data_frames(library: str) -> None:
    pytest.importorskip("narwhals")
    frames = pytest.importorskip(library)
    columns = {name: list(values) for name, values in TABLE.items()}
    columns["age"] = [None if a != a else a for a in columns["age"]]
    frame = (frames.table if library == "pyarrow" else frames.DataFrame)(columns)
    expected = TableEncoder.of(TABLE)
    assert TableEncoder.of(frame) == expected
    assert (expected.encode(frame) == expected.encode(TABLE)).all()
    days = {"x": [DAY, None]}
    with pytest.raises(ValueError, match="column 'x' holds dates such as '2024-02-29"):
        TableEncoder.of((frames.table if library == "pyarrow" else frames.DataFrame)(days))


def test_categories_of_pandas_are_categories() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("narwhals")
    frame = pd.DataFrame({"x": pd.Categorical([3, 1, None]), "n": pd.array([1, None, 3], "Int64")})
    encoder = TableEncoder.of(frame, clip=False)
    assert encoder.outputs == ("n", "n is missing", "x=3")
    assert encoder.encode(frame).tolist() == [[-1, 0, 1], [0, 1, -1], [1, 0, 0]]


# -- with a model ----------------------------------------------------------------------------------


@pytest.mark.needs_argmax
def test_a_model_takes_tables(backend: Backend) -> None:
    model = MLP([TableEncoder.of(TABLE), 16, 2], backend=backend, seed=1)
    assert list(model.network.named_layers)[:2] == ["embedding_1", "dense_1"]
    model.fit(TABLE, Y, epochs=12, batch_size=32, learning_rate=0.02)
    assert model.evaluate(TABLE, Y)["accuracy"] > 0.9
    assert model.columns.features[:2] == ("age", "age is missing")
    rows = Frame.of(TABLE)
    half = model.predict_proba(rows.take(np.arange(5)))
    np.testing.assert_allclose(half, model.predict_proba(TABLE)[:5], atol=1e-6)


def test_all_backends_see_the_same_numbers(backend64: Backend) -> None:
    encoder, outputs = TableEncoder.of(TABLE), []
    for chosen in ("numpy", backend64):
        options = {"dtype": "float64"} if chosen == "numpy" else {}
        model = MLP([encoder, 16, 2], backend=chosen, seed=1, activation="silu", **options)  # type: ignore[arg-type]
        model.fit(TABLE, Y, epochs=2, batch_size=32)
        outputs.append(model.forward(TABLE))
    np.testing.assert_allclose(outputs[1], outputs[0], rtol=1e-9, atol=1e-12)


def test_layers_of_the_users_own_come_behind_it() -> None:
    encoder = TableEncoder.of(TABLE)
    model = MLP(layers=[nn.Scale(), nn.Dense(2)], inputs=encoder)
    assert list(model.network.named_layers) == ["embedding_1", "scale_1", "dense_1"]
    assert model.sample_shape == (encoder.width,)
    assert model.forward(TABLE).shape == (ROWS, 2)


def test_nothing_scales_twice() -> None:
    with pytest.raises(ValueError, match="scaling='standard' beside a TableEncoder, which scales"):
        MLP([TableEncoder.of(TABLE), 2], scaling="standard")


def test_it_goes_where_the_model_goes(tmp_path: Path) -> None:
    model = MLP([TableEncoder.of(TABLE), 8, 2])
    model.fit(TABLE, Y, epochs=1)
    expected, path = model.predict_proba(TABLE), tmp_path / "m.st"
    model.save(path)
    for other in (
        MLP.load(path),
        model.to("numpy"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),  # noqa: S301
    ):
        assert other.encoder == model.encoder
        assert (other.predict_proba(TABLE) == expected).all()
    model.save(tmp_path / "again.st")
    MLP.load(path).save(path, overwrite=True)
    assert path.read_bytes() == (tmp_path / "again.st").read_bytes()
    model.reset()
    assert model.predict(TABLE).shape == (ROWS,)
    info = inspect(path)
    assert info.encoder == model.encoder
    assert "  town: 12 categories, embedded: town 0, town 1, town 10, town 11 ..." in str(info)
    assert info.to_dict()["encoder"]["numbers"][0]["name"] == "age"


def test_tables_to_validate_on() -> None:
    encoder = TableEncoder.of(TABLE)
    model, other = (MLP([given, 8, 2], seed=0) for given in (encoder, encoder.width))
    other = MLP(layers=[*encoder.layers(), *other.network.layers], inputs=encoder.width, seed=0)
    x = encoder.encode(TABLE)
    figures = model.fit(TABLE, Y, validation_data=(TABLE, Y), epochs=3, verbose=0)
    expected = other.fit(x, Y, validation_data=(x, Y), epochs=3, verbose=0)
    np.testing.assert_array_equal(figures["val_loss"], expected["val_loss"])


def test_a_failed_fit_leaves_the_model_as_it_was() -> None:
    model = MLP([TableEncoder.of(TABLE), 2])
    before = model.parameters()
    with pytest.raises(ValueError, match="yet now missing"):
        model.fit({"age": [1]}, [0])
    with pytest.raises(ValueError, match="validation_data: .*yet now missing"):
        model.fit(TABLE, Y, validation_data=({"age": [1]}, [0]))
    assert model.training_record is None
    assert all((before[name] == value).all() for name, value in model.parameters().items())


def test_a_reader_that_knows_no_encoders_refuses(tmp_path: Path) -> None:
    """Its layers alone would take the columns for the network's inputs."""
    path = tmp_path / "m.st"
    MLP([TableEncoder.of({"x": [1, 2]}), 2]).save(path)
    assert rb"\"requires\":[\"encoder\"]" in path.read_bytes()
    MLP([1, 2]).save(tmp_path / "n.st")
    assert rb"\"requires\":[]" in (tmp_path / "n.st").read_bytes()


def test_rows_that_nobody_encodes_are_refused() -> None:
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    y = (numbers[:, 0] > 0).astype(int)
    model = MLP([TableEncoder.of(numbers), 4, 2])
    before = model.parameters()
    source = scan_arrays(numbers, y)
    for call in (model.fit, model.evaluate, model.predict, model.predict_proba):
        with pytest.raises(ValueError, match="read meanwhile, for a model with a TableEncoder"):
            call(source)
    with pytest.raises(ValueError, match="validation_data: .* with a TableEncoder, expected"):
        model.fit(numbers, y, validation_data=source)
    assert all(np.array_equal(before[name], now) for name, now in model.parameters().items())


def test_a_column_of_which_nearly_nothing_was_seen_is_pointed_out() -> None:
    codes = ["01", "02", "03"] * 10
    encoder = TableEncoder.of({"code": codes, "x": list(range(30))})
    other = {"code": ["1", "2", "3"] * 4, "x": list(range(12))}
    with pytest.warns(
        UserWarning,
        match=r"'code': 12 of 12 cells, such as '1', hold no category of the training, which had "
        r"'01', '02', '03': are they written otherwise here\?",
    ):
        encoder.encode(other)
    encoder.encode({"code": ["1", None, "03"] * 4, "x": list(range(12))})  # half of them is seen
    encoder.encode({"code": ["9"] * 9, "x": list(range(9))})  # too few to say


NAMES = [
    *(f"Mr. {k}" for k in range(890)),
    "Mr. 0",
]  # a name of 891 occurs twice, as in the list of the Titanic


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "used"),
    [
        (NAMES, False),
        ([f"x{k}" for k in [*range(51), *range(49)]], True),  # 2 of 100 stand alone
        ([f"x{k}" for k in [*range(51), *[0] * 49]], True),  # 50 stand alone
        ([f"x{k}" for k in [*range(52), *[0] * 48]], False),  # 51
        ([f"x{k % 30_000}" for k in range(60_000)], True),  # only 1,000 are known: 3 in 100 cells
    ],
)
def test_text_that_most_rows_have_alone_is_left_out(values: list[str], used: bool) -> None:
    """And rows of the training never get the warning of rows that were written otherwise."""
    table = {"word": values, "x": np.arange(len(values))}
    with nullcontext() if used else pytest.warns(UserWarning, match="'word' not used: .* alone"):
        encoder = TableEncoder.of(table)
    assert ("word" in encoder.used, dict(encoder.describe())["word"] != "not used") == (used, used)
    encoder.encode(table)


def test_a_column_with_the_most_categories_is_pointed_out_where_none_is_known() -> None:
    encoder = TableEncoder.of({"word": [f"{k % 1_500} a" for k in range(3_000)]})
    with pytest.warns(UserWarning, match="20 of 20 cells"):
        encoder.encode({"word": [f"{k} b" for k in range(20)]})
