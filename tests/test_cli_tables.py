"""The command line on people's own tables: train, evaluate, predict, info."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from portable_mlp import MLP, backends
from portable_mlp.cli import app, train_table
from portable_mlp.data import Columns, csv_file, read_csv
from portable_mlp.files import inspect
from portable_mlp.recipes import table_recipe
from portable_mlp.training.split import held_out

ENVIRONMENT = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
QUICK = ["--epochs", "5", "--hidden", "8"]


def run(*arguments: object, stdin: str | None = None) -> Result:
    done = CliRunner(env=ENVIRONMENT).invoke(app, [str(a) for a in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def passed(*arguments: object, stdin: str | None = None) -> Result:
    done = run(*arguments, stdin=stdin)
    assert done.exit_code == 0, done.stderr
    return done


def found(*arguments: object) -> dict[str, Any]:
    """What --json prints, which is the last line."""
    result: dict[str, Any] = json.loads(passed(*arguments, "--json").stdout.splitlines()[-1])
    return result


def plain(path: Path) -> MLP:
    """A model that takes arrays as they are, without asking for the names of its columns."""
    model = MLP.load(path)
    model.columns = Columns()
    return model


def flat(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def write(path: Path, header: str, x: np.ndarray, target: np.ndarray) -> Path:
    lines = [",".join([*map(str, row), str(t)]) for row, t in zip(x.tolist(), target, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of 3 kinds of animals and of their prices, and a model of each."""
    folder = tmp_path_factory.mktemp("own tables")
    random = np.random.default_rng(0)
    kinds = random.integers(0, 3, 400)
    x = (2 * random.normal(size=(3, 4))[kinds] + random.normal(size=(400, 4))).round(3)
    x = x * [1, 1000, 0.01, 1]  # as tables are
    header = "height,weight,age,speed,"
    for part, rows in (("", slice(300)), ("_new", slice(300, None))):
        names = np.asarray(["cat", "dog", "owl"])[kinds]
        write(folder / f"animals{part}.csv", header + "kind", x[rows], names[rows])
        price = (3e5 + 1e5 * x[:, 0] + 5e4 * np.sin(x[:, 3])).round(2)
        write(folder / f"prices{part}.csv", header + "price", x[rows], price[rows])
    for name, target in (("animals", "kind"), ("prices", "price")):
        passed("train", folder / f"{name}.csv", "--target", target, "--out", folder / f"{name}.st")
    return folder


# -- train -----------------------------------------------------------------------------------------


def test_a_table_trains_with_one_line(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "model.safetensors"
    done = passed("train", folder / "animals.csv", "--target", "kind", "--out", out)
    accuracy = float(re.search(r"accuracy +│ +([\d.]+)", done.stdout)[1])  # type: ignore[index]
    assert accuracy > 0.9
    for words in (
        "precision",
        "│ owl ",
        "always the same",
        "trained on",
        "255 rows",
        "numpy on cpu",
    ):
        assert words in done.stdout
    assert f"saved   {out}" in done.stdout
    assert hashlib.sha256(out.read_bytes()).hexdigest() in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= max(80, len(str(out)) + 60)
    assert "epoch 1/300" in done.stderr
    model = MLP.load(out)
    assert model.columns.features == ("height", "weight", "age", "speed")
    assert (model.columns.target, model.columns.classes) == ("kind", ("cat", "dog", "owl"))


def test_a_number_is_predicted_in_its_own_units(folder: Path) -> None:
    figures = found("train", folder / "prices.csv", "--target", "price")
    held = figures["held_out"]
    assert held["r2"] > 0.9
    assert 0 < held["mae"] <= held["rmse"] < 0.3 * held["standard_deviation"]
    assert held["mean"] > 1e5
    assert (figures["task"], figures["classes"], figures["model"]) == ("regression", [], None)


@pytest.mark.parametrize(("name", "target"), [("animals", "kind"), ("prices", "price")])
def test_the_figures_are_those_of_the_rows_held_out(
    folder: Path, tmp_path: Path, name: str, target: str
) -> None:
    out, seed = tmp_path / "m.st", 3
    figures = found(
        *("train", folder / f"{name}.csv", "--target", target, "--out", out, "--seed", seed),
        *("--validation", 0.25, "--patience", 5),
    )
    table, model = read_csv(folder / f"{name}.csv", target), plain(out)
    rows = held_out(300, table.y if table.classes else None, 0.25, seed)
    y, predicted = table.y[rows], model.predict(table.X[rows])
    held = figures["held_out"]
    assert (held["rows"], figures["rows"]) == (75, 300)
    best = figures["best_epoch"] - 1
    if table.classes:
        assert held["accuracy"] == np.mean(y == predicted)
        assert figures["history"]["val_accuracy"][best] == pytest.approx(held["accuracy"])
        cat = held["classes"][0]
        hits, said, there = (
            ((y == 0) & (predicted == 0)).sum(),
            (predicted == 0).sum(),
            (y == 0).sum(),
        )
        assert cat["precision"] == pytest.approx(hits / said)
        assert cat["recall"] == pytest.approx(hits / there)
        assert cat["f1"] == pytest.approx(2 * hits / (said + there))
        assert (cat["class"], cat["rows"]) == ("cat", there)
        assert held["commonest_share"] == np.bincount(y).max() / 75
    else:
        e = predicted - y
        assert held["rmse"] == pytest.approx(np.sqrt((e**2).mean()))
        assert held["mae"] == pytest.approx(abs(e).mean())
        assert held["r2"] == pytest.approx(1 - (e**2).sum() / ((y - y.mean()) ** 2).sum())
        loss = (e**2).mean() * model.target_scaling.factor[0] ** 2  # type: ignore[union-attr]
        penalty = sum((w**2).sum() for n, w in model.parameters().items() if "weight" in n)
        l2 = table_recipe(300).l2
        assert figures["history"]["val_loss"][best] == pytest.approx(loss + l2 / 2 * penalty, 1e-4)
    assert figures["model"] == {"path": str(out), "sha256": inspect(out).sha256}
    assert figures["epochs_run"] == len(figures["history"]["loss"])


def test_without_rows_held_out_it_says_what_it_was_judged_by(folder: Path) -> None:
    arguments = ("train", folder / "animals.csv", "--target", "kind", "--validation", 0, *QUICK)
    assert "kind of the rows that it was trained on" in passed(*arguments).stdout
    figures = found(*arguments)
    assert (figures["held_out"], figures["training"]["rows"]) == (None, 300)
    assert "val_loss" not in figures["history"]


def test_options_change_the_recipe(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.st"
    passed(
        *("train", folder / "animals.csv", "--target", "kind", "--out", out, "--scale", "minmax"),
        *("--hidden", 5, "--hidden", 3, "--dropout", 0, "--activation", "tanh", "--epochs", 2),
        *("--optimizer", "sgd", "--drop", "age", "--dtype", "float64", "--batch-size", 7),
    )
    model, record = MLP.load(out), inspect(out).training
    assert model.scaling is not None
    assert model.scaling.kind == "minmax"
    assert model.columns.features == ("height", "weight", "speed")
    assert list(model.network.named_layers) == ["dense_1", "tanh_1", "dense_2", "tanh_2", "dense_3"]
    assert record is not None
    assert (record.epochs, record.batch_size, record.optimizer[:3]) == (2, 7, "SGD")
    assert model.backend.dtype_name == "float64"


def test_a_large_table_is_streamed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 1000)
    monkeypatch.setattr(train_table, "DEVICE_BUDGET", 2000)
    monkeypatch.setattr(train_table, "loaded", None)  # nobody may load it
    for name, target in (("animals", "kind"), ("prices", "price")):
        out = tmp_path / name
        figures = found("train", folder / f"{name}.csv", "--target", target, "--out", out)
        held = figures["held_out"]
        assert 20 < held["rows"] < 100
        assert held.get("accuracy", held.get("r2")) > 0.85
        assert inspect(out).columns.target == target


@pytest.mark.parametrize("name", ["t.npz", "X.npy", "t.parquet"])
def test_other_kinds_of_files(folder: Path, tmp_path: Path, name: str) -> None:
    table = read_csv(folder / "animals.csv", "kind")
    path, target, out = tmp_path / name, "y", tmp_path / "m.st"
    if name == "t.npz":
        np.savez(path, X=table.X, y=table.y * 10)
    elif name == "X.npy":
        np.save(path, table.X)
        target = str(tmp_path / "y.npy")
        np.save(target, table.y * 10)
    else:
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        lists = pa.FixedSizeListArray.from_arrays(pa.array(table.X[:, 1:].ravel()), 3)
        pq.write_table(pa.table({"a": table.X[:, 0], "b": lists, "y": table.y * 10}), path)
    figures = found("train", path, "--target", target, "--out", out)
    assert figures["classes"] == ["0", "10", "20"]
    assert found("evaluate", out, path, "--target", target)["accuracy"] > 0.9
    predicted = passed("predict", out, path).stdout.splitlines()[1:]
    assert np.mean(np.array(predicted) == (table.y * 10).astype(str)) > 0.9


def test_images_are_flattened(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 100, (200, 4, 4), dtype=np.uint8)
    y = np.arange(200) % 2
    images[y == 1] += 100
    np.savez(tmp_path / "i.npz", X=images, y=y)
    arguments = ("train", tmp_path / "i.npz", "--scale", "/255", "--out", tmp_path / "m.st")
    assert found(*arguments)["held_out"]["accuracy"] == 1
    assert inspect(tmp_path / "m.st").sample_shape == (4, 4)


def test_a_file_is_not_replaced_and_that_is_said_before_the_training(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.st"
    out.write_text("precious")
    arguments = ("train", folder / "animals.csv", "--target", "kind", *QUICK, "--out", out)
    done = run(*arguments)
    assert (done.exit_code, done.stdout, out.read_text()) == (2, "", "precious")
    assert "there already, expected a new name, or --force." in flat(done.stderr)
    assert "epoch" not in done.stderr
    passed(*arguments, "--force")
    MLP.load(out)


def test_a_file_that_is_read_is_never_replaced(folder: Path) -> None:
    for arguments in (
        ("train", folder / "animals.csv", "--target", "kind", "--out", folder / "animals.csv"),
        ("predict", folder / "animals.st", folder / "animals.csv", "--out", folder / "animals.st"),
        ("predict", folder / "animals.st", folder / "animals.csv", "--out", folder / "animals.csv"),
    ):
        before = Path(arguments[-1]).read_bytes()
        done = run(*arguments, "--force")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "which is read from" in flat(done.stderr)
        assert Path(arguments[-1]).read_bytes() == before


def test_data_sets_can_be_saved_too(tmp_path: Path) -> None:
    out = tmp_path / "digits.safetensors"
    figures = found("train", "digits", "--out", out, *QUICK)
    assert figures["model"]["sha256"] == inspect(out).sha256
    assert inspect(out).columns.classes == tuple("0123456789")
    passed("train", "digits", "--dtype", "float64", *QUICK)
    assert f"saved   {out}" in passed("train", "digits", "--out", out, "--force", *QUICK).stdout


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_saves_what_was_reached(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.st"
    command = [sys.executable, "-m", "portable_mlp", "train", str(folder / "animals.csv")]
    options = ["--target", "kind", "--epochs", "1000000", "--patience", "0", "--out", str(out)]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "epoch 3/" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Training interrupted after" in stderr
    assert f"saved   {out}" in stdout
    assert found("evaluate", out, folder / "animals_new.csv")["rows"] == 100


# -- evaluate --------------------------------------------------------------------------------------


def test_evaluate_on_another_file(folder: Path) -> None:
    table, model = read_csv(folder / "animals_new.csv", "kind"), plain(folder / "animals.st")
    figures = found("evaluate", folder / "animals.st", folder / "animals_new.csv")
    assert figures["accuracy"] == model.evaluate(table.X, table.y)["accuracy"]
    assert (figures["rows"], figures["target"]) == (100, "kind")
    done = passed("evaluate", folder / "animals.st", folder / "animals_new.csv")
    for words in ("kind", "precision", "│ owl ", f"{figures['accuracy']:.4f}"):
        assert words in done.stdout
    assert done.stderr == ""
    prices = found("evaluate", folder / "prices.st", folder / "prices_new.csv")
    assert prices["r2"] > 0.9
    assert "RMSE" in passed("evaluate", folder / "prices.st", folder / "prices_new.csv").stdout


def test_figures_of_many_blocks_are_those_of_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("animals", "prices"):
        arguments = ("evaluate", folder / f"{name}.st", folder / f"{name}_new.csv")
        monkeypatch.undo()
        whole = found(*arguments)
        monkeypatch.setattr(csv_file, "BLOCK", 300)
        blocks = found(*arguments)
        assert blocks.keys() == whole.keys()
        for figure, value in whole.items():
            same = value if not isinstance(value, float) else pytest.approx(value)
            assert blocks[figure] == same


def changed(path: Path, to: Path, change: Callable[[list[list[str]]], list[list[str]]]) -> Path:
    """The same table with other rows or columns; the first row is the header."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    to.write_text("".join(",".join(row) + "\n" for row in change(rows)))
    return to


def test_columns_are_found_by_name(folder: Path, tmp_path: Path) -> None:
    path = changed(
        folder / "animals_new.csv",
        tmp_path / "t.csv",
        lambda rows: [[r[4], f"note {k}", *r[3::-1]] for k, r in enumerate(rows)],
    )
    done = passed("evaluate", folder / "animals.st", path, "--json")
    assert (
        done.stderr == f"portable-mlp: {path}: 'note 0' not used: the model was trained without.\n"
    )
    usual = found("evaluate", folder / "animals.st", folder / "animals_new.csv")
    assert json.loads(done.stdout)["classes"] == usual["classes"]
    told = passed("predict", folder / "animals.st", path)
    assert (
        told.stdout == passed("predict", folder / "animals.st", folder / "animals_new.csv").stdout
    )


def test_the_target_may_have_another_name(folder: Path, tmp_path: Path) -> None:
    path = changed(
        folder / "animals_new.csv",
        tmp_path / "t.csv",
        lambda rows: [[*rows[0][:4], "Kind of animal"], *rows[1:]],
    )
    done = run("evaluate", folder / "animals.st", path)
    assert done.exit_code == 1
    assert "there is no column 'kind'" in done.stderr
    given = found("evaluate", folder / "animals.st", path, "--target", "Kind of animal")
    assert given["target"] == "Kind of animal"
    assert given["rows"] == 100


def test_some_of_the_classes_are_enough(folder: Path, tmp_path: Path) -> None:
    owls = changed(
        folder / "animals_new.csv",
        tmp_path / "t.csv",
        lambda rows: [rows[0], *(row for row in rows if row[4] == "owl")],
    )
    figures = found("evaluate", folder / "animals.st", owls)
    assert [row["rows"] for row in figures["classes"]] == [0, 0, figures["rows"]]


@pytest.mark.parametrize("name", ["torch", "jax", "array-api-strict"])
def test_a_model_runs_on_another_backend(folder: Path, name: str) -> None:
    reason = backends.BACKENDS[name].missing()
    if reason:
        pytest.skip(f"{name}: {reason}")
    arguments = (folder / "prices.st", folder / "prices_new.csv")
    usual, other = (found("evaluate", *arguments, "--backend", b) for b in ("numpy", name))
    assert other["backend"] == name
    assert other["rmse"] == pytest.approx(usual["rmse"], rel=1e-4)


# -- predict ---------------------------------------------------------------------------------------


def test_predict_writes_names_and_probabilities(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 500)  # many blocks
    table, model = read_csv(folder / "animals_new.csv", "kind"), plain(folder / "animals.st")
    lines = passed("predict", folder / "animals.st", folder / "animals_new.csv").stdout.splitlines()
    names = np.asarray(["cat", "dog", "owl"])[model.predict(table.X)].tolist()
    assert lines == ["kind", *names]
    out = tmp_path / "p.csv"
    done = passed(
        *("predict", folder / "animals.st", folder / "animals_new.csv", "--proba", "--out", out)
    )
    assert (done.stdout, done.stderr) == ("", f"portable-mlp: {out}: 100 rows\n")
    header, *rows = (line.split(",") for line in out.read_text().splitlines())
    assert header == ["kind", "proba_cat", "proba_dog", "proba_owl"]
    assert [row[0] for row in rows] == names
    probabilities = np.array([row[1:] for row in rows], float)
    np.testing.assert_allclose(probabilities, model.predict_proba(table.X), rtol=1e-5, atol=1e-12)


def test_predict_writes_json_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK", 500)
    for name in ("animals", "prices"):
        asked = ["predict", folder / f"{name}.st", folder / f"{name}_new.csv"]
        asked += ["--proba"] if name == "animals" else []
        header, *rows = csv.reader(passed(*asked).stdout.splitlines())
        found = [json.loads(line) for line in passed(*asked, "--json").stdout.splitlines()]
        if name == "prices":
            assert [str(np.float32(row["prediction"])) for row in found] == [row[0] for row in rows]
            continue
        assert [row["prediction"] for row in found] == [row[0] for row in rows]
        assert [[f"proba_{kind}" for kind in row["probabilities"]] for row in found] == [
            header[1:]
        ] * len(rows)
        shares = np.array([list(row["probabilities"].values()) for row in found])
        assert np.array_equal(shares, np.array([row[1:] for row in rows], float))


def test_predict_writes_numbers_in_their_own_units(folder: Path) -> None:
    table, model = read_csv(folder / "prices_new.csv", "price"), plain(folder / "prices.st")
    lines = passed("predict", folder / "prices.st", folder / "prices_new.csv").stdout.splitlines()
    assert lines[0] == "price"
    numbers = np.array(lines[1:], np.float32)
    np.testing.assert_allclose(numbers, model.predict(table.X)[:, 0], rtol=1e-6)


def test_the_target_need_not_be_there(folder: Path) -> None:
    text = (folder / "animals_new.csv").read_text()
    without = "".join(line.rpartition(",")[0] + "\n" for line in text.splitlines())
    by_stdin = [passed("predict", folder / "animals.st", "-", stdin=t) for t in (text, without)]
    usual = passed("predict", folder / "animals.st", folder / "animals_new.csv")
    assert [done.stdout for done in by_stdin] == [usual.stdout] * 2
    done = run("predict", folder / "animals.st", "-", stdin=text.replace("\n", ",9\n", 1))
    assert done.exit_code == 1
    assert done.stderr.startswith("portable-mlp: standard input: line 2 has 5 cells, expected 6")


@pytest.mark.parametrize("by", ["file", "-"])
def test_text_for_a_model_of_numbers_is_told_without_advice_for_training(
    folder: Path, tmp_path: Path, by: str
) -> None:
    header, *_ = (folder / "prices_new.csv").read_text().splitlines()
    text = f"{header}\n1,2,3,4,5\n1,red,3,4,5\n"
    path = tmp_path / "t.csv"
    path.write_text(text)
    words = (
        "line 3, column 'weight': got 'red', expected a number, as in the rows that the model was"
    )
    if by == "file":
        done = run("evaluate", folder / "prices.st", path)
        assert done.stderr == f"portable-mlp: {path}: {words} trained on.\n"
    done = run("predict", folder / "prices.st", path if by == "file" else "-", stdin=text)
    named = path if by == "file" else "standard input"
    assert (done.exit_code, done.stderr) == (1, f"portable-mlp: {named}: {words} trained on.\n")


def test_a_pipe_that_is_closed_ends_it_quietly(folder: Path, tmp_path: Path) -> None:
    rows = (folder / "animals.csv").read_text().splitlines()
    long = tmp_path / "long.csv"
    long.write_text("\n".join([rows[0], *rows[1:] * 500]) + "\n")
    command = f"{sys.executable} -m portable_mlp predict '{folder / 'animals.st'}' '{long}' --proba"
    done = subprocess.run(
        ["bash", "-c", f"{command} | head -n 2"], capture_output=True, text=True, check=False
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""


def test_models_without_names_answer_with_numbers(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).round(3)
    path = write(tmp_path / "t.csv", "a,b,y", x[:, :2], (x[:, 2] > 0).astype(int))
    for loss, units, header in (
        ("softmax_cross_entropy", 2, "prediction,proba_0,proba_1"),
        ("binary_cross_entropy", 1, "prediction,proba_0,proba_1"),
        ("binary_cross_entropy", 3, "0,1,2,proba_0,proba_1,proba_2"),
        ("hinge", 1, "prediction"),
        ("squared_error", 2, "prediction[0],prediction[1]"),
    ):
        out = tmp_path / "m.st"
        model = MLP([2, units], loss=loss)
        model.save(out, overwrite=True)
        proba = ["--proba"] * ("proba" in header)
        without = changed(path, tmp_path / "x.csv", lambda rows: [row[:2] for row in rows])
        lines = passed("predict", out, without, *proba).stdout.splitlines()
        assert lines[0] == header
        predicted = model.predict(x[:, :2]).reshape(50, -1)
        said = [row.split(",")[: predicted.shape[1]] for row in lines[1:]]
        expected = (predicted > 0) if loss == "hinge" else predicted
        np.testing.assert_allclose(np.array(said, float), expected, rtol=1e-6)
        if proba:
            last = [float(line.rpartition(",")[2]) for line in lines[1:]]
            np.testing.assert_allclose(last, model.predict_proba(x[:, :2])[:, -1], rtol=1e-5)
        done = run("evaluate", out, path, "--target", "y")
        if predicted.shape[1] == 1:
            right = np.mean((predicted[:, 0] > 0) == (x[:, 2] > 0))
            assert f"{right:.4f}" in done.stdout
        else:
            assert (done.exit_code, done.stdout) == (1, "")
            assert "numbers for each row, expected one: there is one target." in done.stderr
        assert run("evaluate", out, path).exit_code == 2  # which column?


# -- info ------------------------------------------------------------------------------------------


def test_info_says_what_is_in_a_file(folder: Path, tmp_path: Path) -> None:
    path = folder / "animals.st"
    done = passed("info", path)
    text, held = flat(done.stdout), inspect(path)
    for words in (
        *("dense_1", "silu_1", "(256,)", "1,280", "2,051 in float32", "SoftmaxCrossEntropy"),
        *("4: height, weight, age, speed", "3: cat, dog, owl", "target kind", "features standard"),
        *("Adam", "numpy", "300 x 4 float64", "steps of 16 rows"),
        *(f"sha256 {held.sha256}", "portable_mlp 0."),
    ):
        assert words in text
    assert max(map(len, done.stdout.splitlines()[1:])) <= 80
    assert found("info", path) == json.loads(json.dumps(held.to_dict()))
    assert found("info", path)["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_info_of_many_columns_shows_the_first(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 40)).round(2)
    header = ",".join([*(f"c{k}" for k in range(40)), "y"])
    path = write(tmp_path / "t.csv", header, x, np.arange(30) % 12)
    passed("train", path, "--target", "y", "--out", tmp_path / "m.st", *QUICK)
    text = flat(passed("info", tmp_path / "m.st").stdout)
    assert "40: c0, c1, c2, c3, c4, c5, c6, c7 and 32 more" in text
    assert "12: 0, 1, 2, 3, 4, 5, 6, 7 and 4 more" in text
    arguments = ("train", path, "--target", "y", "--patience", 1, "--force", "--lr", 0.5)
    passed(*arguments, "--out", tmp_path / "m.st")
    text = flat(passed("info", tmp_path / "m.st").stdout)
    assert "ended val_loss did not improve for 1 epochs" in text
    MLP([3, 2]).save(tmp_path / "n.st")
    text = flat(passed("info", tmp_path / "n.st").stdout)
    assert "training none" in text
    assert "without names, a sample has shape (3,)" in text


# -- what files and users can do wrong -------------------------------------------------------------

GOOD = "a,b,y\n1,2,cat\n2,3,dog\n3,5,cat\n4,4,dog\n5,5,cat\n6,8,dog\n7,9,cat\n8,8,dog\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file."),
        ("", "is empty, expected a header"),
        ("a,b,y\n", "holds a header and no samples."),
        (GOOD + "1,-inf,cat\n", "line 10, column 'b': got -inf, expected a finite number."),
        (GOOD + "1,2,\n", "line 10, target 'y': the cell is empty"),
        (GOOD + "1,red,cat\n", "line 10, column 'b': got 'red', expected a number"),
        (GOOD + "1,2024-02-29,cat\n", "line 10, column 'b': got '2024-02-29', expected a number"),
        (GOOD + "1,cat\n", "line 10 has 2 cells, expected 3"),
        (GOOD + "1,1e300,cat\n", "column 'b' holds 1e+300, expected numbers between"),
        (GOOD.replace("dog", "cat"), "target 'y' is 'cat' in every line, expected at least two"),
        (
            GOOD.replace("a,b,y", "a,a,y"),
            "line 1: 2 columns are named 'a'",
        ),
        (
            GOOD.replace("a,b,y", "a,b,z"),
            "line 1: there is no column 'y', expected one of 'a', 'b',",
        ),
        (GOOD.replace("a,b,y", "1,2,3"), "is a header missing?"),
        (GOOD.replace(",", ";"), "line 1: cells are separated by ';', expected commas; of a"),
        (
            "a,b,y\n1,2,cat\n2,3,dog\n",
            "of 2 rows --validation 0.15 holds out 0, expected more rows",
        ),
        (bytes(range(256)) * 9, "is no text in UTF-8"),
        (b"\0" * 100, "there is no column 'y'"),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    tmp_path: Path, text: str | bytes | None, words: str
) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "m.st"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    done = run("train", path, "--target", "y", "--out", out)
    refused(done, path, words)
    assert not out.exists()


def refused(done: Result, path: Path | str, words: str) -> None:
    """One line that begins with the file, exit code 1, nothing on standard output."""
    assert (done.exit_code, done.stdout) == (1, ""), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith((f"portable-mlp: {path}: ", f"portable-mlp: '{path}'")), (
        done.stderr
    )
    assert words in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file."),
        ("height,weight,age,speed,kind\n", "holds a header and no samples."),
        (
            "height,weight,age,kind\n1,2,3,cat\n",
            "lacks 'speed', expected the columns that the model",
        ),
        ("Height,weight,age,speed,kind\n1,2,3,4,cat\n", "lacks 'height', expected the columns"),
        (
            "Height,weight,age,speed,kind\n1,2,3,4,cat\n",
            "it has 'Height', which the model does not",
        ),
        ("height,weight,age,age,speed,kind\n1,2,3,3,4,cat\n", "2 columns are named 'age'"),
        ("height,weight,age,speed,kind\n1,2,,4,cat\n", "line 2, column 'age': the cell is empty"),
        ("height,weight,age,speed,kind\n1,2,3,4\n", "line 2 has 4 cells, expected 5"),
        ("height,weight,age,speed,kind\n1,2,old,4,cat\n", "line 2, column 'age': got 'old'"),
        ("height,weight,age,speed,kind\n1,2,3e99,4,cat\n", "column 'age' holds 3e+99, expected"),
        (b"\xff\xfe\x00", "is no text in UTF-8"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_rows_that_do_not_fit_a_model(
    folder: Path, tmp_path: Path, command: str, text: str | bytes | None, words: str
) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "p.csv"
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    refused(run(command, folder / "animals.st", path), path, words)
    if command == "predict":
        refused(run(command, folder / "animals.st", path, "--out", out), path, words)
        assert [p.name for p in tmp_path.iterdir()] == ["t.csv"] * (text is not None)


def test_classes_and_targets_that_a_model_does_not_know(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("height,weight,age,speed,kind\n1,2,3,4,cat\n1,2,3,4,yak\n1,2,3,4,emu\n")
    refused(
        run("evaluate", folder / "animals.st", path), path, "the classes 'emu', 'yak', expected"
    )
    words = "target 'kind': got 'cat', expected a number for a regression."
    done = run("evaluate", folder / "prices.st", path, "--target", "kind")
    assert done.exit_code == 1
    assert words in done.stderr
    done = run("evaluate", folder / "prices.st", path)
    assert "there is no column 'price'" in done.stderr


def test_arrays_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    x, path = np.ones((20, 4)), tmp_path / "t.npz"
    for samples, targets, words in (
        (x[:, :3], np.arange(20) % 2, "has 3 features, expected 4 features"),
        (
            x.reshape(20, 2, 2),
            np.arange(20) % 2,
            "has samples of shape (2, 2), expected 4 features",
        ),
        (np.where(np.eye(20, 4), np.nan, x), np.arange(20) % 2, "column 'height' holds nan"),
        (x.astype(object), np.arange(20) % 2, "objects, which are pickles"),
        (x.astype("U9"), np.arange(20) % 2, "data"),
        (x, np.arange(19) % 2, "as X has"),
    ):
        np.savez(path, X=samples, y=targets)
        done = run("predict", folder / "animals.st", path)
        if words != "as X has":
            assert (done.exit_code, done.stdout) == (1, "")
            assert words in done.stderr.splitlines()[-1]
        done = run("train", path)
        assert (done.exit_code, done.stdout) == (1, "") if "expected 4" not in words else True


@pytest.mark.parametrize("command", ["evaluate", "predict", "info"])
def test_what_is_no_model(folder: Path, tmp_path: Path, command: str) -> None:
    import pickle

    data = [folder / "animals_new.csv"] if command != "info" else []
    path, whole = tmp_path / "m.safetensors", (folder / "animals.st").read_bytes()
    for content, words in (
        (None, "No such file"),
        (b"", "it has 0 bytes"),
        (pickle.dumps({"weights": 1}), "it looks like a pickle"),
        (whole[: len(whole) // 2], "it was damaged or changed"),
        (whole[:-1] + bytes([whole[-1] ^ 1]), "it was damaged or changed"),
        (b"a,b\n1,2\n", "it is no model file"),
    ):
        if content is not None:
            path.write_bytes(content)
        done = run(command, path, *data)
        refused(done, path, words) if content is not None else None
        assert (done.exit_code, done.stdout) == (1, "")
        assert words in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["train", "t.csv"],
            "--target: expected the name of the column to predict, one of 'a', 'b',",
        ),
        (["train", "X.npy"], "--target: expected the path of the .npy file with the targets."),
        (["train", "t.csv", "--target", "y", "--task", "clasification"], "Did you mean 'classif"),
        (["train", "t.csv", "--target", "y", "--scale", "minmaxx"], "Did you mean 'minmax'?"),
        (["train", "t.csv", "--target", "y", "--validation", "1"], "expected a share in [0, 1)."),
        (["train", "t.csv", "--target", "y", "--patience", "-1"], "--patience: got -1, expected"),
        (["train", "t.csv", "--target", "y", "--epochs", "0"], "epochs: got 0, expected a whole"),
        (["train", "t.csv", "--target", "y", "--lr", "-1"], "learning_rate: got -1.0, expected a"),
        (["train", "t.csv", "--target", "y", "--batch-size", "0"], "batch_size: got 0, expected"),
        (["train", "t.csv", "--target", "y", "--hidden", "0"], "at least 1"),
        (
            ["train", "t.csv", "--target", "y", "--out", "no/m.st"],
            "a file in a folder that exists.",
        ),
        (["train", "t.csv", "--target", "y", "--out", "."], "expected a file in a folder"),
        (
            ["train", "t.csv", "--target", "y", "--data-dir", "."],
            "--data-dir: is for the data sets",
        ),
        (
            ["train", "digits", "--target", "y"],
            "--target: is for a file of your own, got it beside",
        ),
        (["train", "digitz"], "Did you mean 'digits'? A file of your own ends in .csv, .npy,"),
        (["train", "t.csv", "--target", "y", "--activaton", "relu"], "--activation"),
        (["train", "t.csv", "--target", "y", "--activation", "rellu"], "Did you mean 'relu'?"),
        (["evaluate", "m.st", "t.csv", "--backend", "nunpy"], "Did you mean 'numpy'?"),
        (["predict", "m.st", "t.csv", "--prob"], "--proba"),
        (["predict", "p.st", "t.csv", "--proba"], "is for classifiers, the model has the loss Squ"),
        (["predict", "m.st"], "Missing argument"),
        (["predcit", "m.st", "t.csv"], "Did you mean 'predict'?"),
        (["evalute", "m.st", "t.csv"], "Did you mean 'evaluate'?"),
    ],
)
def test_wrong_usage_names_the_nearest(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(GOOD)
    np.save("X.npy", np.eye(3))
    for name, kind in (("m.st", "animals.st"), ("p.st", "prices.st")):
        Path(name).write_bytes((folder / kind).read_bytes())
    before = sorted(tmp_path.iterdir())
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, ""), done.stderr
    assert words in flat(done.stderr)
    assert sorted(tmp_path.iterdir()) == before


def test_other_endings_and_columns_to_drop(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_text("a")
    refused(run("train", path, "--target", "y"), path, "expected a file that ends in .csv, .npy")
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    words = "there is no column to drop 'c', expected one of 'a', 'b'."
    refused(run("train", path, "--target", "y", "--drop", "c"), path, words)


def test_text_can_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        GOOD.replace("a,b,y", "a,b,y,name").replace("cat\n", "cat,x\n").replace("dog\n", "dog,\n")
    )
    figures = found("train", path, "--target", "y", "--drop", "name", "--drop", "b", *QUICK)
    assert figures["features"] == 1


def test_names_do_not_reach_the_terminal_as_they_are(tmp_path: Path) -> None:
    """Colours, cursor movements, reversed writing, markup: of columns, classes and files."""
    evil = ["\x1b[31mred", "[bold]b[/bold]", "\u202eolleh", "line\nbreak"]
    path, out = tmp_path / "[red]\x1b.csv", tmp_path / "\x1bm.st"
    x = np.arange(80.0).reshape(40, 2) % 17
    names = [f'"{evil[k % 4]}"' for k in range(40)]
    write(path, '"\x1b[2Jcolumn","[/red]","\x07y\u202e"', x, np.array(names, object))
    text = ""
    for arguments in (
        ["train", path, "--target", "\x07y\u202e", "--out", out, *QUICK],
        ["evaluate", out, path],
        ["info", out],
        ["predict", out, path, "--out", tmp_path / "p.csv"],
        ["doctor", path, "--target", "\x07y\u202e", "--epochs", "2", "--no-verify"],
    ):
        done = passed(*arguments)
        text += done.stdout + done.stderr
    for arguments in (
        ["train", path, "--target", "\x1b"],
        ["train", path],
        ["evaluate", out, path, "--target", "\x1b[2Jcolumn"],
        ["predict", path, path],
        ["predict", out, tmp_path / "\x1b.csv"],
        ["train", path, "--target", "\x07y\u202e", "--out", out],
    ):
        done = run(*arguments)
        assert done.exit_code in (1, 2)
        text += done.stdout + done.stderr
    assert not [c for c in set(text) if not c.isprintable() and c != "\n"]
    assert r"\x1b[31mred" in text
    assert "[bold]b[/bold]" in text
    assert "\u202eolleh" in (tmp_path / "p.csv").read_text(
        encoding="utf-8"
    )  # data stay what they are


def test_predictions_on_a_terminal_move_no_cursor(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    path, out = tmp_path / "t.csv", tmp_path / "m.st"
    path.write_text(GOOD.replace("cat", "\x1b[31mcat").replace("dog", "\x1b[31mdog"))
    passed("train", path, "--target", "y", "--out", out, "--validation", 0.25, *QUICK)
    terminal, end = pty.openpty()
    with os.fdopen(terminal, "rb", 0) as read:
        command = [sys.executable, "-m", "portable_mlp", "predict", str(out), str(path)]
        assert subprocess.run(command, stdout=end, check=False).returncode == 0
        os.close(end)
        shown = read.read(10_000).decode()
    assert shown.startswith("y\r\n\\x1b[31m")
    assert "\x1b" not in shown


def test_whole_numbers_as_classes_are_pointed_out(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).round(2)
    path = write(tmp_path / "wine.csv", "a,b,quality", x, np.arange(60) % 6)
    done = passed("train", path, "--target", "quality", *QUICK)
    assert "6 different whole numbers, taken as classes; --task regression" in done.stderr
    for task, words in (("regression", "RMSE"), ("classification", "precision")):
        done = passed("train", path, "--target", "quality", "--task", task, *QUICK)
        assert words in done.stdout
        assert "portable-mlp:" not in done.stderr


def test_a_training_that_diverges_is_not_saved(folder: Path, tmp_path: Path) -> None:
    options = ("--optimizer", "sgd", "--lr", "1e30", "--out", tmp_path / "m.st")
    done = run("train", folder / "prices.csv", "--target", "price", *options)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "training diverged in epoch 1" in done.stderr
    assert "try --lr with a tenth of it" in done.stderr
    assert done.stderr.endswith(" No model is saved.\n")
    assert "keeps" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(tmp_path: Path, shell: str) -> None:
    program = str(Path(sys.executable).with_name("portable-mlp"))
    if not Path(program).exists():
        pytest.skip("the program portable-mlp is not installed beside this Python")

    def asked(**environment: str) -> str:
        done = subprocess.run(
            [program],
            env={**os.environ, **environment, "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout

    assert "portable-mlp" in asked(_PORTABLE_MLP_COMPLETE=f"source_{shell}")
    for typed, expected in (
        ("ev", "evaluate"),
        ("train --tar", "--target"),
        ("train --activation ta", "tanh"),
        ("predict --backend nu", "numpy"),
    ):
        words = f"portable-mlp {typed}"
        told = asked(
            _PORTABLE_MLP_COMPLETE=f"complete_{shell}",
            COMP_WORDS=words,
            COMP_CWORD=str(len(words.split()) - 1),
            _TYPER_COMPLETE_ARGS=words,
            _TYPER_COMPLETE_FISH_ACTION="get-args",
        )
        assert expected in told
