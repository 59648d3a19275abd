"""The command line as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from portable_mlp import __version__, backends

QUICK = ["--epochs", "2", "--batch-size", "128"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "portable_mlp", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", **environment},
    )


def test_train_with_no_argument_learns_the_digits() -> None:
    done = run("train")
    assert done.returncode == 0, done.stderr
    line = next(x for x in done.stdout.splitlines() if "test accuracy" in x)
    assert float(line.split()[-2]) >= 0.97
    for words in ("precision", "recall", "samples/s", "parameters", "numpy on cpu"):
        assert words in done.stdout
    assert "epoch 60/60" in done.stderr


def test_json_is_the_last_line_of_standard_output() -> None:
    done = run("train", "--json", "--hidden", "32", "--hidden", "16", *QUICK)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["epochs_run"] == 2
    assert found["parameters"] == 64 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    assert (found["backend"], found["device"], found["data"]) == ("numpy", "cpu", "digits")
    assert len(found["history"]["loss"]) == 2
    assert 0 < found["test_accuracy"] < 1
    assert found["train_seconds"] > 0
    assert found["samples_per_second"] > 0
    assert "epoch 2/2" in done.stderr
    assert "epoch" not in done.stdout.partition("{")[0]


@pytest.mark.parametrize("name", ["torch", "jax", "array-api-strict", "cupy"])
def test_another_backend_gives_the_same_loss(name: str) -> None:
    reason = backends.BACKENDS[name].missing()
    if reason:
        pytest.skip(f"{name}: {reason}")
    arguments = ["train", "--json", "--dropout", "0.2", *QUICK]
    losses = [
        json.loads(run(*arguments, "--backend", b).stdout.splitlines()[-1])["history"]["loss"]
        for b in ("numpy", name)
    ]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_presets_and_options() -> None:
    done = run("train", "--json", "--preset", "accurate", "--hidden", "16", *QUICK)
    assert done.returncode == 0, done.stderr
    # 64-16-10 with batch normalisation: 2 x 16 more than the plain one
    assert json.loads(done.stdout)["parameters"] == 64 * 16 + 16 + 2 * 16 + 16 * 10 + 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--bakcend", "numpy"], "No such option"),
        (["--backend", "nunpy"], "Did you mean 'numpy'"),
        (["--activation", "rellu"], "Did you mean 'relu'"),
        (["--optimizer", "adamm"], "Did you mean"),
        (["--schedule", "cosin"], "Did you mean 'cosine'"),
        (["--preset", "best"], "expected one of accurate"),
        (["--normalization", "group"], "expected one of batch, layer"),
        (["--dropout", "1.5"], "expected a share in [0, 1)"),
        (["--lr", "-1"], "above 0"),
        (["--epochs", "0"], "at least 1"),
        (["--epochs", "many"], "integer"),
        (["--hidden", "0"], "at least 1"),
        (["--device", "cuda"], "expected cpu"),
        (["--dtype", "float16"], "expected 'float32' or 'float64'"),
        (["--seed", "-1"], "seed: got -1"),
        (["digit"], "Did you mean 'digits'"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], words: str) -> None:
    done = run("train", *arguments, *([] if arguments[0] == "--epochs" else QUICK))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    flat = " ".join(done.stderr.replace("│", " ").split())
    assert words in flat
    assert "Traceback" not in done.stderr


def test_a_backend_that_can_not_be_used_fails_in_one_line() -> None:
    missing = [s for s in backends.status() if not s.usable]
    if not missing:
        pytest.skip("every backend can be used here")
    for s in missing:
        done = run("train", "--backend", s.name)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert done.stderr.startswith(f"portable-mlp: backend '{s.name}' can't be used here: ")
        assert s.install in done.stderr


def test_backends_tells_the_truth() -> None:
    done = run("backends")
    assert done.returncode == 0
    as_json = json.loads(run("backends", "--json").stdout)
    assert list(as_json) == list(backends.BACKENDS)
    for name, entry in as_json.items():
        row = next(x for x in done.stdout.splitlines() if f" {name} " in x)
        assert ("yes" if entry["usable"] else "no") in row.split()
        if not entry["usable"]:
            assert entry["reason"] in done.stdout
            assert entry["install"] in done.stdout


def test_missing_data_files_fail_with_exit_code_1(tmp_path: Path) -> None:
    done = run("train", "mnist", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "train-images-idx3-ubyte" in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_data_files_fail_with_exit_code_1(tmp_path: Path) -> None:
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{part}-{kind}-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x05ab")
    done = run("train", "mnist", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_divergence_fails_with_exit_code_1() -> None:
    done = run(
        "train", "--optimizer", "sgd", "--lr", "1e30", "--epochs", "2", PYTHONWARNINGS="ignore"
    )
    assert done.returncode == 1
    assert "training diverged in epoch 1" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_shows_what_was_reached() -> None:
    command = [sys.executable, "-m", "portable_mlp", "train", "--epochs", "100000", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    assert process.stderr is not None
    while "epoch 3/" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, _ = process.communicate(timeout=60)
    assert time.monotonic() - started < 30
    assert process.returncode == 1
    found = json.loads(out.splitlines()[-1])
    assert found["interrupted"] is True
    assert found["epochs_run"] >= 3
    assert found["test_accuracy"] > 0


def test_ctrl_c_while_it_is_being_imported_is_no_traceback() -> None:
    program = """
import sys

class Interrupted:
    def find_spec(self, name, *where):
        if name == "numpy":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupted())
from portable_mlp.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == __version__
    for command in ((), ("train",), ("backends",)):
        done = run(*command, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout
    defaults = " ".join(run("train", "--help").stdout.replace("│", " ").split())
    for words in ("(silu)", "(10; digits 60)", "(the optimizer's)"):
        assert words in defaults


def test_download_shows_progress_and_says_what_to_do_offline(tmp_path: Path) -> None:
    # a proxy at a closed port: nothing leaves this machine, and every mirror fails at once
    closed = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = run("train", "mnist", PORTABLE_MLP_DATA=str(tmp_path), **closed)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "train-images-idx3-ubyte" in done.stderr
    assert str(tmp_path) in done.stderr


# -- doctor ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tables: 3 kinds of animals by 4 figures, as they are and spoiled."""
    folder = tmp_path_factory.mktemp("tables")
    random = np.random.default_rng(0)
    centres, kinds = 2 * random.normal(size=(3, 4)), random.integers(0, 3, 300)
    x = centres[kinds] + random.normal(size=(300, 4))
    names = np.asarray(["cat", "dog", "owl"])

    def write(name: str, x: np.ndarray, target: np.ndarray) -> None:
        lines = [",".join([*map(str, row), str(t)]) for row, t in zip(x, target, strict=True)]
        (folder / name).write_text("\n".join(["height,weight,age,speed,kind", *lines]) + "\n")

    write("healthy.csv", x, names[kinds])
    write("unscaled.csv", x * [1000, 1, 0.01, 5000], names[kinds])
    write("shuffled.csv", x, names[random.permutation(kinds)])
    write("prices.csv", x, 1e5 * x[:, 0] + 3e5)
    return folder


def doctor(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run("doctor", str(file), "--target", "kind", *arguments)


def test_doctor_finds_nothing_in_a_healthy_table(tables: Path) -> None:
    done = doctor(tables / "healthy.csv")
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert "300 samples, 4 features, kind is 3 classes. Trained: loss " in first
    assert "(always the commonest class: 3" in first
    assert "Nothing found that keeps this network from learning." in rest
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("file", "arguments", "words"),
    [
        (
            "unscaled.csv",
            ["--activation", "tanh", "--optimizer", "sgd"],
            "not scaled (X) [D05]: blo",
        ),
        ("shuffled.csv", [], "1. the labels do not belong to the rows (X, Y) [D24]"),
        ("prices.csv", [], "[D34]: blocking"),
        ("healthy.csv", ["--lr", "1e-7"], "1. the steps are too short or too few [D03]: blocking"),
        ("prices.csv", ["--epochs", "2"], "kind is a number. Trained: loss "),
        ("prices.csv", ["--epochs", "2"], " (always the mean: "),
    ],
)
def test_doctor_names_the_cause(tables: Path, file: str, arguments: list[str], words: str) -> None:
    done = doctor(tables / file, *arguments)
    assert done.returncode == 0, done.stderr
    assert words in done.stdout


def test_doctor_says_that_a_training_diverged_and_why(tables: Path) -> None:
    done = doctor(tables / "healthy.csv", "--optimizer", "sgd", "--lr", "1000")
    assert done.returncode == 0
    assert done.stderr.startswith("portable-mlp: training diverged in epoch 1")
    assert len(done.stderr.splitlines()) == 1
    assert "[D01]: blocking" in done.stdout
    assert "steps 8192 times shorter" in done.stdout


def test_doctor_without_trials(tables: Path) -> None:
    done = doctor(tables / "healthy.csv", "--lr", "1e-7", "--no-verify")
    assert "[D03]\n" in done.stdout
    assert "Tried on copies" not in done.stdout


def test_doctor_takes_a_network_as_it_is_told(tables: Path) -> None:
    done = doctor(tables / "healthy.csv", "--hidden", "9", "--hidden", "7", "--json")
    layers = json.loads(done.stdout)["probes"][0]["layers"]
    assert [layer["units"] for layer in layers] == [9, 7, 3]


def test_doctor_takes_text_and_gaps_as_train_does(tables: Path, tmp_path: Path) -> None:
    header, *lines = (tables / "healthy.csv").read_text().splitlines()
    colours = ["red", "", "blue", "green"]
    rows = [f"{colours[number % 4]},{line}" for number, line in enumerate(lines)]
    (tmp_path / "t.csv").write_text("\n".join([f"colour,{header}", *rows]) + "\n")
    done = doctor(tmp_path / "t.csv")
    assert done.returncode == 0, done.stderr
    assert "300 samples, 5 features, kind is 3 classes. Trained: loss " in done.stdout
    assert done.stderr.endswith("its columns are encoded and scaled, as train does it.\n")
    (tmp_path / "t.csv").write_text("a,kind\nx,1\nx,2\n")
    done = doctor(tmp_path / "t.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"portable-mlp: {tmp_path / 't.csv'}: no column says anything")


def test_doctor_in_json_is_one_object(tables: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = doctor(tables / "shuffled.csv", "--json", "--report", str(page))
    assert len(done.stdout.splitlines()) == 1
    found = json.loads(done.stdout)
    assert found["findings"][0]["id"] == "D24"
    assert set(found["findings"][0]) >= {"id", "blocking", "title", "evidence", "fix"}
    assert found["ok"] is False
    assert done.stderr == f"Page: {page}\n"
    assert page.is_file()


def test_doctor_writes_a_page(tables: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = doctor(tables / "shuffled.csv", "--report", str(page))
    assert done.stderr == f"Page: {page}\n"
    assert "the labels do not belong to the rows" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no such file."),
        ("a,kind\n", "holds a header and no samples."),
        ("a,kind\n1,2\nx,3\n3,2\n4,3\n5,3\n", "line 3, column 'a': got 'x', expected a number"),
        ("a,kind\n1,2\n1,inf\n", "line 3, target 'kind': got inf, expected a finite number"),
        ("a,kind\n1,cat\n1,cat\n", "target 'kind' is 'cat' in every line"),
        ("a,Kinds\n1,2\n", "there is no column 'kind', expected one of 'a', 'Kinds'. Did you mean"),
    ],
)
def test_doctor_refuses_a_table_in_one_line(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "t.csv").write_text(text)
    done = doctor(tmp_path / "t.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"portable-mlp: {tmp_path / 't.csv'}: ")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--target"], "requires an argument"),
        (["--target", "kind", "--task", "clasification"], "Did you mean 'classification'?"),
        (["--target", "kind", "--activation", "rellu"], "Did you mean 'relu'?"),
        (["--target", "kind", "--optimizer", "adamm"], "Did you mean 'adam'?"),
        (["--target", "kind", "--epochs", "0"], "at least 1"),
        (["--target", "kind", "--lr", "-1"], "above 0"),
        (["--target", "kind", "--hidden", "0"], "at least 1"),
        (["--target", "kind", "--report", "."], "--report: got '.', expected a file"),
        (["--target", "kind", "--report", "no/such/a.html"], "expected a file in a folder that"),
        ([], "Missing option '--target'"),
    ],
)
def test_doctor_wrong_usage_is_exit_code_2(tables: Path, arguments: list[str], words: str) -> None:
    done = run("doctor", str(tables / "healthy.csv"), *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
