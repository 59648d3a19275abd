"""Trainings on tables with text and gaps, and the preset for them: killed, resumed, refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, BestEpoch, Checkpoint, TableEncoder
from portable_mlp.backends import Backend
from portable_mlp.recipes import RECIPES, Recipe
from portable_mlp.tables import TableRows
from portable_mlp.tables.frame import Frame
from portable_mlp.tables.source import EncodedTable

from .programs import PLAIN, RNG, KillAt, Killed, Program, same

ROWS = 90
TABLE: dict[str, Any] = {
    "age": np.where(RNG.random(ROWS) < 0.2, np.nan, RNG.integers(20, 70, ROWS)),
    "job": RNG.choice(np.asarray(["clerk", "cook", "nurse", None], object), ROWS),
    "town": RNG.choice([f"town {k}" for k in range(12)], ROWS).tolist(),
    "name": [f"P{k}" for k in range(ROWS)],
}
KINDS = (np.nan_to_num(TABLE["age"], nan=40) > 45) + (TABLE["job"] == "cook").astype(int)
NUMBERS = (np.nan_to_num(TABLE["age"], nan=40) / 10 + KINDS)[:, None]
RECIPE = replace(RECIPES["realmlp-s"], hidden=(8, 8), epochs=8, batch_size=20)

pytestmark = pytest.mark.filterwarnings("ignore:X. 'name' not used")


@dataclass
class OfTables(Program):
    """The same with an encoder in front, worked out from the table anew at each start."""

    model: dict[str, Any] = field(default_factory=lambda: {"scaling": None})
    data: tuple[Any, ...] = (TABLE, KINDS)
    of: Mapping[str, Any] = field(default_factory=lambda: TABLE)

    def made(self) -> MLP:
        options = {"metrics": (), "l2": 1e-3, "seed": 3} | self.model
        inputs = TableEncoder.of(self.of)
        return MLP(layers=list(self.layers), inputs=inputs, backend=self.backend, **options)


@dataclass
class OfPreset(Program):
    """The preset for tables."""

    classes: int = 3
    data: tuple[Any, ...] = (TABLE, KINDS)
    start: Path | None = None
    """A model file to begin with."""
    small: bool = False
    """Whether it is quickly compiled."""

    @property
    def recipe(self) -> Recipe:
        hidden = (4,) if self.small else RECIPE.hidden
        return replace(RECIPE, hidden=hidden).suited(self.classes)

    def made(self) -> MLP:
        if self.start is not None:
            return MLP.load(self.start, backend=self.backend)
        encoder = TableEncoder.of(TABLE)
        return self.recipe.build(encoder, self.classes, backend=self.backend, seed=2)

    def run(self, *callbacks: Any, **changes: Any) -> Any:
        options = self.recipe.fit_options()
        more = [*callbacks, *options.pop("callbacks")]
        return super().run(*more, **options | changes)


def test_killed_within_an_epoch(backend: Backend, tmp_path: Path) -> None:
    program = OfTables(backend, fit={"validation_fraction": 0.2})
    program.killed(tmp_path, 9, "3 steps")
    same(program.run(Checkpoint(tmp_path, "3 steps")), program.run(), data=(TABLE, KINDS))


def test_rows_that_are_streamed(tmp_path: Path) -> None:
    encoder = TableEncoder.of(TABLE)
    rows = TableRows(Frame.of(TABLE), KINDS, "kind", ("0", "1", "2"))
    source = EncodedTable(Path("people.csv"), rows, encoder)
    fit = {"validation_data": (TABLE, KINDS), "epochs": 3}
    program = OfTables(fit=fit, data=(source,))
    program.killed(tmp_path, 7, "2 steps")
    resumed = program.run(Checkpoint(tmp_path, "2 steps"))
    same(resumed, program.run(), further=False, data=(TABLE, KINDS))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"age": TABLE["age"] * 2}, "column 'age' was number, median "),
        ({"job": np.where(TABLE["job"] == "cook", "pilot", TABLE["job"])}, "column 'job' "),
        ({"job": np.where(TABLE["job"] == "cook", None, TABLE["job"])}, "column 'job' "),
        ({"town": [town.replace(" 3", " 99") for town in TABLE["town"]]}, "column 'town' "),
        ({"name": ["a", "b"] * (ROWS // 2)}, "column 'name' was not used and is 2 categories"),
    ],
)
@pytest.mark.filterwarnings("ignore:X. column .name.. 90 of 90 cells")
def test_the_encoder_of_another_table_is_refused(
    changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    program = OfTables()
    program.run(Checkpoint(tmp_path), epochs=2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    other = OfTables(of=TABLE | changes)
    model, options = other.made(), {"epochs": 2, "batch_size": 20, "verbose": 0}
    first = model.parameters()
    with pytest.raises(ValueError, match="has a training with other options or data: ") as got:
        model.fit(TABLE, KINDS, **options, callbacks=[Checkpoint(tmp_path)])
    assert told in str(got.value)
    assert str(got.value).count("column '") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert model.training_record is None
    np.testing.assert_equal(model.parameters(), first)
    resumed = program.run(Checkpoint(tmp_path), epochs=2)
    same(resumed, program.run(epochs=2), data=(TABLE, KINDS))


def test_levels_of_other_names_are_others_though_their_numbers_are_the_same(tmp_path: Path) -> None:
    """The rows that the network sees are equal, bit for bit."""

    def renamed(table: dict[str, Any]) -> dict[str, Any]:
        return table | {"town": [f"the {town}" for town in table["town"]]}

    OfTables().run(Checkpoint(tmp_path), epochs=2)
    other = OfTables(of=renamed(TABLE), data=(renamed(TABLE), KINDS))
    with pytest.raises(ValueError, match=r"other options or data: column 'town' changed; expected"):
        other.run(Checkpoint(tmp_path), epochs=2)


def test_numbers_that_are_not_clipped_are_others() -> None:
    whole = TableEncoder.of({"x": [1, 2, 3]})
    assert whole.marks() != TableEncoder.of({"x": [1, 2, 3]}, clip=False).marks()
    assert whole.marks() == TableEncoder.of({"x": [3, 2, 1]}).marks()
    assert whole.marks()["x"].startswith("number, median 2 (")


@pytest.mark.parametrize("classes", [3, 0])
@pytest.mark.parametrize("at", [6, 13, 29])
def test_the_preset(classes: int, at: int, tmp_path: Path) -> None:
    data = (TABLE, KINDS if classes else NUMBERS)
    program = OfPreset(PLAIN, classes=classes, data=data)
    program.killed(tmp_path, at, "3 steps")
    resumed = program.run(Checkpoint(tmp_path, "3 steps"))
    same(resumed, program.run(), data=data)


@pytest.mark.needs_argmax
def test_the_preset_everywhere(backend: Backend, tmp_path: Path) -> None:
    program, fewer = OfPreset(backend, small=True), {"epochs": 3}
    program.killed(tmp_path, 6, 1, **fewer)
    resumed = program.run(Checkpoint(tmp_path), **fewer)
    same(resumed, program.run(**fewer), further=False, data=(TABLE, KINDS))


def test_the_preset_out_of_a_file(tmp_path: Path) -> None:
    model, _ = OfPreset(PLAIN).run(epochs=3)
    model.save(tmp_path / "start.safetensors")
    program = OfPreset(PLAIN, start=tmp_path / "start.safetensors")
    assert program.made().encoder == model.encoder
    with pytest.raises(Killed):
        program.run(Checkpoint(tmp_path / "c", "3 steps"), KillAt(14))
    resumed, whole = program.run(Checkpoint(tmp_path / "c", "3 steps")), program.run()
    same(resumed, whole, data=(TABLE, KINDS))
    resumed[0].save(tmp_path / "a.safetensors")
    whole[0].save(tmp_path / "b.safetensors")
    one, other = (MLP.load(tmp_path / f"{name}.safetensors") for name in "ab")
    np.testing.assert_array_equal(one.forward(TABLE), other.forward(TABLE))
    for loaded in (one, other):
        loaded.fit(TABLE, KINDS, **RECIPE.fit_options() | {"epochs": 1}, verbose=0)
    np.testing.assert_array_equal(one.forward(TABLE), other.forward(TABLE))


def test_a_tie_before_the_kill_and_one_after_it(tmp_path: Path) -> None:
    """All epochs are equally good: the last one is kept, also if the best so far is of before."""
    data = (TABLE, np.where(np.arange(ROWS) == 0, 1, 0))
    program = OfPreset(PLAIN, classes=2, data=data, fit={"epochs": 6})
    slow: dict[str, Any] = {"learning_rate": 1e-9}
    program.killed(tmp_path, 13, 1, **slow)
    resumed, whole = program.run(Checkpoint(tmp_path), **slow), program.run(**slow)
    assert len(set(whole[1]["val_accuracy"])) == 1
    assert whole[1].best_epoch == RECIPE.epochs
    same(resumed, whole, data=data)
    with pytest.raises(ValueError, match="monitor is 'val_loss', expected 'val_accuracy'"):
        Program.run(program, Checkpoint(tmp_path), BestEpoch("val_loss"), **options(program, slow))


def options(program: OfPreset, more: dict[str, Any]) -> dict[str, Any]:
    """Those of the preset without its callbacks."""
    found = program.recipe.fit_options() | more
    del found["callbacks"]
    return found


def test_targets_that_are_clamped_are_other_targets(tmp_path: Path) -> None:
    data = (TABLE, NUMBERS)
    OfPreset(PLAIN, classes=0, data=data).run(Checkpoint(tmp_path))

    class Unclamped(OfPreset):
        def made(self) -> MLP:
            layers = self.recipe.layers(0)
            inputs, loss = TableEncoder.of(TABLE), "squared_error"
            scaled = {"target_scaling": "standard", "seed": 2}
            return MLP(layers=layers, inputs=inputs, loss=loss, backend=self.backend, **scaled)

    with pytest.raises(ValueError, match="other options or data: scaling changed; expected"):
        Unclamped(PLAIN, classes=0, data=data).run(Checkpoint(tmp_path))
