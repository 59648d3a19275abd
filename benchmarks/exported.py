"""Exported files beside the model that they are of: `python -m benchmarks.exported`.

A network is trained, exported and saved. Each file is loaded in fresh processes, the Python file in one
that has numpy and nothing else, and predicts the test images; predictions are compared with the
model's own.
"""

from __future__ import annotations

import argparse
import inspect
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from portable_mlp import MLP, load_digits, load_fashion_mnist

DATA = {"fashion-mnist": load_fashion_mnist, "digits": load_digits}
_TIMED = """
import sys, time
sys.path[:0] = {path!r}
{libraries}
X = numpy.load("X.npy")
started = time.perf_counter()
{load}
loaded = time.perf_counter() - started
numpy.savez("found.npz", label={label}, p={p})
started = time.perf_counter()
for _ in range(200):
    one(X[:1])
print(loaded, (time.perf_counter() - started) / 200)
"""
_ONNX = "session.run(None, {'X': %s})"
FILES = {
    "model.py": {
        "libraries": "import numpy",
        "load": "import model\none = model.predict_proba",
        "label": "model.predict(X)",
        "p": "model.predict_proba(X)",
    },
    "model.onnx": {
        "libraries": "import numpy, onnxruntime",
        "load": (
            "session = onnxruntime.InferenceSession('model.onnx')\n"
            f"one = lambda X: {_ONNX % 'X'}\nlabel, p = {_ONNX % 'X[:1]'}"
        ),
        "label": f"{_ONNX % 'X'}[0]",
        "p": f"{_ONNX % 'X'}[1]",
    },
    "model.safetensors": {
        "libraries": "import numpy\nfrom portable_mlp import MLP",
        "load": "model = MLP.load('model.safetensors')\none = model.predict_proba",
        "label": "model.predict(X)",
        "p": "model.predict_proba(X)",
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", choices=DATA, default="fashion-mnist")
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 128])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=7, help="fresh processes for each file")
    parser.add_argument("--scaling", help="standard, minmax, ...; none by default")
    parser.add_argument("--dtype", help="float32 by default")
    options = parser.parse_args()
    data = DATA[options.data]()
    X, y = data.train_images, data.train_labels
    model = MLP(
        [X.shape[1], *options.hidden, 10],
        scaling=options.scaling,
        dtype=options.dtype,
        dropout=0.1,
    )
    model.fit(X, y, epochs=options.epochs)
    print(f"{model!r}, test {model.evaluate(data.test_images, data.test_labels)}\n")
    double = model.to("numpy", dtype="float64").predict_proba(data.test_images)
    rounding = np.abs(double - model.predict_proba(data.test_images)).max()
    if model.backend.dtype_name == "float32":
        print(f"the model itself differs from its like in double precision by {rounding:.1e}\n")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "X.npy", data.test_images.astype(model.backend.dtype_name))
        wanted = model.predict_proba(data.test_images), model.predict(data.test_images)
        print(
            "| file | written, ms | MB | library, ms | load, ms | one row, µs | difference | labels |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for name in FILES:
            print(row(model, place / name, wanted, options.rounds), flush=True)


def row(model: MLP, path: Path, wanted: tuple[np.ndarray, np.ndarray], rounds: int) -> str:
    """Measures a file; a line of the table."""
    started = time.perf_counter()
    write = model.save if path.suffix == ".safetensors" else model.export
    write(path)
    written = time.perf_counter() - started
    about = FILES[path.name]
    found = []
    for _ in range(rounds):
        code = _TIMED.format(path=[".", *alone(path)], **about)
        began = process(path, f"import sys; sys.path[:0] = {alone(path)!r}")
        library = process(path, f"import sys; sys.path[:0] = {alone(path)!r}\n{about['libraries']}")
        found.append([library[0] - began[0], *map(float, process(path, code)[1].split())])
        for cache in path.parent.glob("__pycache__/*"):
            cache.unlink()
    library, load, one = (median(values) for values in zip(*found, strict=True))
    with np.load(path.parent / "found.npz") as answers:
        apart = float(np.abs(answers["p"] - wanted[0]).max())
        others = int((answers["label"] != wanted[1]).sum())
    return (
        f"| {path.name} | {1e3 * written:.0f} | {path.stat().st_size / 1e6:.2f} | {1e3 * library:.0f} "
        f"| {1e3 * load:.1f} | {1e6 * one:.0f} | {apart:.1e} | {others} of {len(wanted[1]):,} differ |"
    )


def alone(path: Path) -> list[str]:
    """For a Python file a folder with numpy and nothing else; other files need their libraries."""
    if path.suffix != ".py":
        return []
    libraries = path.parent / "libraries"
    home = Path(inspect.getfile(np)).parent
    for folder in (home, home.with_name("numpy.libs")):
        if folder.exists() and not (libraries / folder.name).exists():
            libraries.mkdir(exist_ok=True)
            (libraries / folder.name).symlink_to(folder)
    return ["libraries"]


def process(path: Path, code: str) -> tuple[float, str]:
    """Seconds and output of a fresh Python; for a Python file without site-packages."""
    options = ["-I", "-S"] if path.suffix == ".py" else []
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - started, done.stdout


if __name__ == "__main__":
    main()
