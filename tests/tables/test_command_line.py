"""`portable-mlp` on tables with text, gaps and dates."""

from __future__ import annotations

import csv
import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from portable_mlp import MLP, TableEncoder
from portable_mlp.cli import app
from portable_mlp.tables import read_table
from portable_mlp.training.split import held_out

_spec = importlib.util.spec_from_file_location("people", Path(__file__).with_name("people.py"))
assert _spec is not None
assert _spec.loader is not None
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)

TRAIN = ("--target", "income", "--drop", "since", "--epochs", "12")
pytestmark = pytest.mark.filterwarnings("ignore:.*'id' not used")


def run(*arguments: object, stdin: str | None = None) -> Result:
    runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})
    done = runner.invoke(app, [str(a) for a in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def passed(*arguments: object, stdin: str | None = None) -> Result:
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The census, other people, and a model."""
    folder = tmp_path_factory.mktemp("people")
    maker.write(folder / "people.csv", maker.people())
    maker.write(folder / "others.csv", maker.people(200, seed=1), without=("id", "since"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = passed("train", folder / "people.csv", *TRAIN, "--out", folder / "m.st", "--json")
    (folder / "train.json").write_text(done.stdout.splitlines()[-1])
    return folder


def test_text_and_gaps_are_learned_from(folder: Path) -> None:
    figures = json.loads((folder / "train.json").read_text())
    assert figures["held_out"]["accuracy"] > 0.75
    assert figures["columns"]["id"] == "not used"
    assert figures["columns"]["age"].endswith("and where gaps are")
    assert figures["columns"]["town"].startswith("25 categories, embedded: town 0")
    evaluated = json.loads(
        passed("evaluate", folder / "m.st", folder / "others.csv", "--json").stdout
    )
    assert evaluated["accuracy"] > 0.8
    assert evaluated["rows"] == 200


def test_statistics_are_those_of_the_rows_trained_on(folder: Path) -> None:
    names = ["id", "age", "hours", "sex", "job", "town", "member"]
    table = read_table(folder / "people.csv", "income", features=names)
    assert table.y is not None
    out = held_out(800, table.y, 0.15, 0)
    model = MLP.load(folder / "m.st")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert model.encoder == TableEncoder.of(table.X.take(~out))
        assert model.encoder != TableEncoder.of(table.X)
    predicted = model.predict(table.X.take(out))
    figures = json.loads((folder / "train.json").read_text())
    assert np.mean(predicted == table.y[out]) == figures["held_out"]["accuracy"]


def test_predict_and_evaluate_encode_alike(folder: Path, tmp_path: Path) -> None:
    passed(
        "predict", folder / "m.st", folder / "others.csv", "--proba", "--out", tmp_path / "p.csv"
    )
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    table = read_table(folder / "others.csv", "income")
    expected = MLP.load(folder / "m.st").predict_proba(table.X)[:, 1]
    np.testing.assert_allclose([float(r["proba_>50K"]) for r in rows], expected, rtol=1e-5)
    truth = [table.classes[k] for k in table.y.tolist()]  # type: ignore[union-attr]
    accuracy = np.mean([r["income"] == t for r, t in zip(rows, truth, strict=True)])
    done = passed("evaluate", folder / "m.st", folder / "others.csv", "--json")
    assert json.loads(done.stdout)["accuracy"] == accuracy


def test_columns_in_any_order_and_what_was_never_seen(folder: Path) -> None:
    text = (
        "town,job,sex,age,hours,member,id\nAtlantis,,other,?,,,\ntown 3,cook,male,30,40,True,P1\n"
    )
    done = passed("predict", folder / "m.st", "-", stdin=text)
    assert len(done.stdout.splitlines()) == 3
    done = run("predict", folder / "m.st", "-", stdin=text.replace("town,", "city,", 1))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "standard input: lacks 'town', expected the columns" in done.stderr
    done = run("predict", folder / "m.st", "-", stdin=text.replace("30,", "old,"))
    assert "column 'age'" in done.stderr
    assert done.exit_code == 1


def test_info_says_what_becomes_of_each_column(folder: Path) -> None:
    text = passed("info", folder / "m.st").stdout
    for words in (
        "embedding_1",
        "column id",
        "not used",
        "25 categories, embedded: town 0, town 1",
    ):
        assert words in text
    document = json.loads(passed("info", folder / "m.st", "--json").stdout)
    assert document["encoder"]["names"][0] == "id"


def refused(*arguments: object) -> str:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (1, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_dates_are_refused_with_advice(folder: Path) -> None:
    message = refused("train", folder / "people.csv", "--target", "income")
    assert message.startswith(f"portable-mlp: {folder / 'people.csv'}: column 'since' holds dates")
    assert "such as the year, the month, the weekday" in message


def test_codes_can_be_categories(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 12, 300)
    lines = [f"{c},{random.normal():.3f},{c % 2}" for c in codes]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["code,x,y", *lines]) + "\n")
    options: Any = ("train", path, "--target", "y", "--epochs", 60, "--json")
    figures = json.loads(passed(*options, "--categorical", "code").stdout.splitlines()[-1])
    assert figures["held_out"]["accuracy"] == 1
    assert figures["columns"]["code"].startswith("12 categories, embedded")
    assert json.loads(passed(*options).stdout.splitlines()[-1])["columns"] is None
    message = refused("train", path, "--target", "y", "--categorical", "kode")
    assert "there is no column for --categorical 'kode'" in message
    assert "Did you mean 'code'?" in message


def test_a_slip_among_numbers_is_no_category(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n" + "1,u\n2,v\n" * 20 + "l,u\n")
    message = refused("train", path, "--target", "y")
    assert f"{path}: line 42, column 'a': got 'l', expected a number as in 40 other rows" in message


def test_a_number_is_predicted_from_text(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    kinds, x = random.integers(0, 3, 300), random.normal(size=300)
    lines = [f"{'abc'[k]},{v:.3f},{1000 * k + 300 * v:.1f}" for k, v in zip(kinds, x, strict=True)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["kind,x,price", *lines]) + "\n")
    done = passed("train", path, "--target", "price", "--epochs", 100, "--json")
    assert json.loads(done.stdout.splitlines()[-1])["held_out"]["r2"] > 0.95


def test_scale_is_for_tables_of_numbers(folder: Path) -> None:
    done = run("train", folder / "people.csv", *TRAIN, "--scale", "minmax")
    assert done.exit_code == 2
    assert "--scale: got 'minmax' for a table that is encoded" in " ".join(
        done.stderr.replace("│", " ").split()
    )


def test_the_preset_for_tables(folder: Path, tmp_path: Path) -> None:
    preset = ("--preset", "realmlp-s", "--epochs", 6, "--hidden", 32, "--out", tmp_path / "m.st")
    passed("train", folder / "people.csv", *TRAIN[:4], *preset)
    text = passed("info", tmp_path / "m.st").stdout
    for words in (
        "scale_1",
        "ntk_dense_2",
        "selu_1",
        "beta2=0.95",
        "CosLog4",
        "label_smoothing=0.1",
    ):
        assert words in text
    rows = json.loads(passed("evaluate", tmp_path / "m.st", folder / "others.csv", "--json").stdout)
    assert rows["accuracy"] > 0.7


def test_the_preset_takes_tables_of_numbers_too(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(120, 2)).round(3)
    lines = [f"{a},{b},{a + b:.3f}" for a, b in x.tolist()]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["a,b,sum", *lines]) + "\n")
    done = passed(
        *("train", path, "--target", "sum", "--preset", "realmlp-s", "--epochs", 40, "--json"),
        *("--hidden", 32, "--validation", 0.25),
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["held_out"]["rows"] == 30
    assert figures["held_out"]["r2"] > 0.9
    assert figures["columns"]["a"].startswith("number, median")
    done = run("train", "digits", "--preset", "realmlp-s")
    assert done.exit_code == 2
    assert "--preset: is for a file of your own" in done.stderr


def test_tables_that_say_nothing_and_columns_that_changed(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,y\n,0\n,1\n")
    message = refused("train", path, "--target", "y", "--validation", 0)
    assert message.startswith(f"portable-mlp: {path}: no column says anything")
    text = (folder / "others.csv").read_text().splitlines()
    cells = text[1].split(",")
    path.write_text(",".join(text[0].split(",")) + "\n" + ",".join(["old", *cells[1:]]) + "\n")
    for command in ("evaluate", "predict"):
        message = refused(command, folder / "m.st", path)
        assert message.startswith(
            f"portable-mlp: {path}: column 'age' holds 'old', expected numbers"
        )


def test_standard_input_is_called_so_in_warnings_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,c,y\n1,red,x\n2,blue,z\n3,red,x\n2,red,z\n")
    model = tmp_path / "m.st"
    passed("train", tmp_path / "t.csv", "--target", "y", "--validation", 0, "--out", model)
    with pytest.warns(UserWarning, match="^standard input: column 'a' has 1 gap"):
        passed("predict", model, "-", stdin="a,c\n,red\n")
