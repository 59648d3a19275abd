"""Numbers as people write them, beside text that only looks so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from portable_mlp.data import DataFileError, read_csv, scan_csv
from portable_mlp.data.target import number_of
from portable_mlp.data.written import written


@pytest.mark.parametrize(
    ("cell", "has", "write"),
    [
        ("1,050", "commas between thousands", "1050, or 1.050 if the comma is a decimal one"),
        ("-1,050", "commas between thousands", "-1050, or -1.050 if the comma is a decimal one"),
        ("1,234,567.8", "commas between thousands", "1234567.8"),
        ("12,34,567", "commas between thousands", "1234567"),
        ("1.234,5", "points between thousands", "1234.5"),
        ("1.234.567", "points between thousands", "1234567"),
        ("1 050", "spaces between thousands", "1050"),
        ("1\u202f234\u202f567,8", "spaces between thousands", "1234567.8"),
        ("1'050", "apostrophes between thousands", "1050"),
        ("1_000_000", "underscores between thousands", "1000000"),
        ("1,5", "a decimal comma", "1.5"),
        (",5e-3", "a decimal comma", ".5e-3"),
        ("12%", "a percent sign", "12"),
        ("+12,5\xa0%", "a percent sign and a decimal comma", "12.5"),
        ("$3.50", "a currency", "3.50"),
        ("-$3", "a currency", "-3"),
        ("$-3", "a currency", "-3"),
        ("3,50 €", "a currency and a decimal comma", "3.50"),
        ("EUR 5", "a currency", "5"),
        ("\u0663", "digits other than 0 to 9", "3"),
        ("\u0661\u066b\u0665", "digits other than 0 to 9", "1.5"),
        ("\uff11\uff12", "digits other than 0 to 9", "12"),
        ("\u22125.5", "a minus other than -", "-5.5"),
        ("1,050.", "commas between thousands", "1050"),
        ("10.000 €", "a currency", "10000, or 10.000 if the point is a decimal one"),
        ("EUR -10.000", "a currency", "-10000, or -10.000 if the point is a decimal one"),
        ("0.500 €", "a currency", "0.500"),
        ("(12)", "parentheses for a minus", "-12"),
        ("$(12.50)", "parentheses for a minus and a currency", "-12.50"),
        ("(3,5 %)", "parentheses for a minus and a percent sign and a decimal comma", "-3.5"),
        ("12-", "a minus at its end", "-12"),
        (
            "1,234-",
            "a minus at its end and commas between thousands",
            "-1234, or -1.234 if the comma is a decimal one",
        ),
    ],
)
def test_numbers_as_people_write_them(cell: str, has: str, write: str) -> None:
    assert written(cell) == f"it has {has}: write {write}"
    assert number_of(cell) is None
    plain = write.partition(",")[0]
    assert number_of(plain) is not None


_CODES = (
    "00501 A12 007 10-20 10-20% 1.2.3 1_5 2020_01 <=50K 0x10 1,2,3 1,0,1 1/2 1st $ $$ % M --5 +-5 "
    "() (a) (-5) -(5) -5- A- - 10-20- (1)(2)"
)
_TELEPHONES = ["0170 1234567", "601 234 567", "+48 601 234 567", "+1 555 123", "555-1234"]
_TIMES = ["2020-01-31", "31.12.2020", "12/31/2020", "12:30", "31 Dec 2020"]


@pytest.mark.parametrize(
    "cell", [*_CODES.split(), *_TELEPHONES, *_TIMES, "192.168.1.1", "114 55", "", "$10-20", "red"]
)
def test_other_text(cell: str) -> None:
    assert written(cell) is None


@pytest.mark.parametrize("cell", ["1", "-1.5", "+.5", "1e5", " 1 ", "1.", "inf", "nan", "\u20071"])
def test_plain_numbers(cell: str) -> None:
    assert written(cell) is None
    value = number_of(cell)
    assert value is not None
    np.testing.assert_equal(value, float(cell))


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        (
            '"1,050"',
            "'1,050', expected a number in plain digits: it has commas between thousands: ",
        ),
        ("1_000", "'1_000', expected a number in plain digits: it has underscores between"),
        ("12%", "'12%', expected a number in plain digits: it has a percent sign: write 12."),
        ("\u0663", "'\u0663', expected a number in plain digits: it has digits other than 0 to 9"),
        ("1_5", "'1_5', expected a number; turn text into columns"),
    ],
)
def test_readers_of_numbers_refuse_them_with_a_hint(tmp_path: Path, cell: str, hint: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a,y\n1,2\n{cell},3\n", encoding="utf-8")
    for read in (read_csv, scan_csv):
        with pytest.raises(DataFileError) as caught:
            read(path, "y")
        assert f"{path}: line 3, column 'a': got {hint}" in str(caught.value)


def test_a_target_of_percents_is_not_made_classes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "1,12%\n2,7.5%\n" * 5)
    for read in (read_csv, scan_csv):
        for task, end in (
            ("auto", "(--task classification) takes the text as classes."),
            ("regression", "write 12."),
        ):
            with pytest.raises(DataFileError) as caught:
                read(path, "y", task)
            assert f"{path}: line 2, target 'y': got '12%', expected a number" in str(caught.value)
            assert str(caught.value).endswith(end)
    assert read_csv(path, "y", "classification").classes == ("12%", "7.5%")


@pytest.mark.parametrize("labels", [["<=50K", ">50K"], ["10-20", "20-30"], ["A1", "12%", "never"]])
def test_targets_of_text_are_classes(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"1,{label}\n" for label in labels))
    assert read_csv(path, "y").classes == tuple(sorted(labels))


def test_a_slip_among_numbers_to_be_predicted_has_its_hint(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "".join(f"1,{k}.5\n" for k in range(9)) + '1,"1,050"\n')
    with pytest.raises(DataFileError, match="line 11, target 'y': got '1,050', .* write 1050"):
        read_csv(path, "y")


def test_parquet_says_the_same_of_a_target(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    from portable_mlp.data import scan

    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": [1, 2, 3], "y": ["12%", "7%", "12%"]}), path)
    with pytest.raises(DataFileError, match="target 'y': got '12%', expected a number in plain"):
        scan(path, "y")
    assert scan(path, "y", "classification").columns.classes == ("12%", "7%")
