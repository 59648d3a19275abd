"""The rows of bad_input.toml: what is passed in, what is said, and the page that shows both.

python -m tests.bad_input_table     writes docs/bad_input.md
"""

from __future__ import annotations

import datetime
import decimal
import pickle
import tempfile
import tomllib
import warnings
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import portable_mlp
from portable_mlp import MLP, backends, nn, optim, training
from portable_mlp.data.columns import Columns

TABLE = Path(__file__).with_name("bad_input.toml")
PAGE = Path(__file__).parents[1] / "docs" / "bad_input.md"
LIBRARIES = {
    "pd": "pandas",
    "pl": "polars",
    "pa": "pyarrow",
    "sp": "scipy.sparse",
    "torch": "torch",
    "strict": "array_api_strict",
    "ml_dtypes": "ml_dtypes",
    "narwhals": "narwhals",
}
ERRORS: dict[str, type[Exception]] = {
    "ValueError": ValueError,
    "TypeError": TypeError,
    "KeyError": KeyError,
    "TrainingDiverged": training.TrainingDiverged,
}
USUAL = {"model": "MLP([4, 3])", "call": "model.fit(X, y, epochs=1)"}
WEIGHTED = "model.fit(X, y, epochs=1, sample_weight=sample_weight)"
INPUTS = ("X", "y", "sample_weight")


@dataclass(frozen=True)
class Row:
    """Something that a user does, and the answer; bad_input.toml says what the keys are."""

    section: str
    keys: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.section}: {self.keys['id']}"

    @property
    def model(self) -> str:
        return str(self.keys.get("model", USUAL["model"]))

    @property
    def call(self) -> str:
        return str(
            self.keys.get("call", WEIGHTED if "sample_weight" in self.keys else USUAL["call"])
        )

    @property
    def error(self) -> str:
        """Name of the error's type; empty where there is none."""
        return next((name for name in ERRORS if name in self.keys), "")

    @property
    def code(self) -> str:
        """What a user would write, without what is usual."""
        lines = [f"{name} = {self.keys[name]}" for name in INPUTS if name in self.keys]
        if self.keys.get("model"):
            lines.insert(0, f"model = {self.model}")
        return "; ".join([*lines, *([self.call] if "call" in self.keys else [])]) or USUAL["model"]

    @property
    def answer(self) -> str:
        """What is said, or what happens."""
        answers = [
            f"{name}: {self.keys[name]}" for name in ("UserWarning", *ERRORS) if name in self.keys
        ]
        return " Then ".join(answers) or str(self.keys["works"])


@cache
def rows() -> tuple[Row, ...]:
    """All rows in their order."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return tuple(Row(section, keys) for section, listed in table.items() for keys in listed)


@dataclass
class Outcome:
    """What happened in a row."""

    names: dict[str, Any]
    result: Any = None
    error: Exception | None = None
    warned: tuple[warnings.WarningMessage, ...] = ()
    changed: tuple[str, ...] = ()
    """Inputs whose bytes are others than before."""
    before: dict[str, Any] | None = None
    """The model's parameters before the call."""


def run(row: Row, **options: Any) -> Outcome:
    """Makes what the row passes in, calls, and looks.

    Args:
        row: the row.
        options: for the usual model, such as a backend.
    """
    names = namespace(row, options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries, on what is passed in
        given = {n: _evaluated(row, row.keys[n], names) for n in INPUTS if n in row.keys}
        model = _evaluated(row, row.model, names) if row.model else None
    names |= given | {"model": model}
    shown = {name: _bytes(value) for name, value in given.items()}
    outcome = Outcome(names, before=None if model is None else model.parameters())
    limit = row.keys.get("memory")
    few = patch("portable_mlp.model.memory.memory_limit", lambda: limit) if limit else nullcontext()
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"), few:
        warnings.simplefilter("always")
        try:
            outcome.result = _evaluated(row, row.call, names)
        except Exception as error:
            outcome.error = error
    outcome.warned = tuple(caught)
    outcome.changed = tuple(name for name, value in given.items() if _bytes(value) != shown[name])
    names["result"] = outcome.result
    return outcome


def holds(row: Row, outcome: Outcome) -> bool:
    """Whether what the row proves is true."""
    if "check" in row.keys:
        return bool(_evaluated(row, row.keys["check"], outcome.names))
    usual = namespace(row, {})
    x, y = (_evaluated(row, row.keys.get(f"plain_{name}", name), usual) for name in "Xy")
    return same(outcome.names["model"], outcome.names["plain"](x, y))


def namespace(row: Row, options: dict[str, Any]) -> dict[str, Any]:
    """The names that a row is written in."""
    x = np.random.default_rng(0).normal(size=(6, 4))

    def mlp(*args: Any, **kwargs: Any) -> MLP:
        return MLP(*args, **(options | kwargs))

    def plain(X: Any, y: Any) -> MLP:
        """A model like the row's, trained on arrays that nothing is the matter with."""
        return fitted(_evaluated(row, row.model, names), X, y)

    names: dict[str, Any] = {
        "X": x,
        "y": np.asarray([0, 1, 2, 0, 1, 2]),
        "t": x[:, :1] - 0.5 * x[:, 1:2],
        "np": np,
        "MLP": mlp,
        "EarlyStopping": training.EarlyStopping,
        "Columns": Columns,
        "read_only": read_only,
        "memory_mapped": memory_mapped,
        "fitted": lambda X, y: fitted(mlp([4, 3]), X, y),
        "plain": plain,
        "same": same,
    }
    modules = (datetime, decimal, portable_mlp, backends, nn, optim)
    names |= {module.__name__.rpartition(".")[2]: module for module in modules}
    names |= {name: import_module(LIBRARIES[name]) for name in row.keys.get("needs", ())}
    return names


def missing(row: Row) -> str:
    """The library that a row needs and that is not here; empty if there is none."""
    wanted = (LIBRARIES[name] for name in row.keys.get("needs", ()))
    return next((name for name in wanted if find_spec(name.partition(".")[0]) is None), "")


def read_only(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def memory_mapped(x: np.ndarray) -> np.ndarray:
    """The numbers in a file that is gone as soon as nobody looks at it."""
    with tempfile.TemporaryFile() as file:
        file.write(x.tobytes())
        file.flush()
        return np.memmap(file, x.dtype, "r", shape=x.shape)


def fitted(model: MLP, X: Any, y: Any) -> MLP:
    model.fit(X, y, epochs=1)
    return model


def same(one: MLP, other: MLP) -> bool:
    """Whether two models have the same parameters, up to the order of sums."""
    pairs = zip(one.parameters().values(), other.parameters().values(), strict=True)
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-7) for a, b in pairs)


def _evaluated(row: Row, code: str, names: dict[str, Any]) -> Any:
    return eval(compile(code, row.id, "eval"), dict(names))  # noqa: S307


def _bytes(value: Any) -> Any:
    """What an input holds; that an iterator stands where it stood is not looked at."""
    if hasattr(value, "to_numpy"):  # pandas pickles what it has cached, too
        return repr(value.to_numpy().tolist())
    try:
        return pickle.dumps(value)
    except (TypeError, AttributeError):
        return repr(value)


# -- the page ----------------------------------------------------------------------------------------

TITLES = {
    "samples": "Samples: X",
    "frames": "Data frames",
    "targets": "Targets: y",
    "weights": "Weights of samples and classes",
    "training": "Options of a training",
    "networks": "Networks, their options and parameters",
}
HEAD = """\
# What is said to bad input

Each line below is checked by a test; the page is written from the same table, tests/bad_input.toml, by
`python -m tests.bad_input_table`. `X` holds six samples of four features, `y` their class numbers 0, 1,
2, `t` a number to be predicted for each; the model is `MLP([4, 3])` and the call is
`model.fit(X, y, epochs=1)` where no others are given. What is passed in is never written to, and after a
refused call a model is as it was before.

- The default dtype is float32. float16 and bfloat16 are computed in it, longdouble in float64 where the
  model has that.
- Data frames are read through narwhals: `pip install "portable_mlp[frames]"`. Without it frames of plain
  numbers are still taken, and what is refused is refused without the column's name. A model keeps the
  names of the columns, `model.columns`, and compares them at each later call.
- A warning is given once in a call, at the user's own line. From which scale on it comes was measured:
  portable_mlp/data/doubts.py has the figures.
- The estimators of `portable_mlp.sklearn` take what those of scikit-learn take, numbers written as text
  too; [scikit_learn.md](scikit_learn.md#what-differs) lists what they refuse.
"""


def page() -> str:
    """docs/bad_input.md."""
    lines = [HEAD]
    for section, title in TITLES.items():
        lines += [f"## {title}", "", "| | what is passed in | what happens |", "|---|---|---|"]
        for row in rows():
            if row.section == section:
                cells = (row.keys["id"], f"`{row.code}`", row.answer)
                lines.append(
                    f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
                )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
