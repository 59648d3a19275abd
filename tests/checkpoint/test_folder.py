"""The folder is never without a good checkpoint, whatever happens to the files or to the disk."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Callback, Checkpoint
from portable_mlp.checkpoint import file, folder
from portable_mlp.files import ModelFileError, atomic, container
from portable_mlp.files.errors import Refusal
from portable_mlp.training import Run

from .programs import Program, same

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


def names(path: Path) -> list[str]:
    return sorted(p.name for p in path.iterdir() if p.name != "lock")


def called(*steps: int) -> list[str]:
    return [f"checkpoint-{step:012d}.safetensors" for step in steps]


@pytest.mark.parametrize(("keep", "left"), [(1, [20]), (2, [15, 20]), (9, [0, 5, 10, 15, 20])])
def test_the_newest_stay(keep: int, left: list[int], tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1.safetensors").write_text("mine")
    (tmp_path / "notes").write_text("mine")
    Program().run(Checkpoint(tmp_path, keep=keep))
    assert names(tmp_path) == sorted([*called(*left), "checkpoint-1.safetensors", "notes"])


def test_the_folder_is_made(tmp_path: Path) -> None:
    Program().run(Checkpoint(tmp_path / "a" / "b"), epochs=1)
    assert names(tmp_path / "a" / "b") == called(0, 5)


DAMAGES: dict[str, Any] = {
    "one bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "cut off": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "a pickle": lambda data: b"\x80\x04K\x01.",
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_it_goes_back_to_the_newest_that_is_whole(damage: str, tmp_path: Path) -> None:
    program = Program()
    program.killed(tmp_path, 17, "2 steps")
    assert names(tmp_path) == called(12, 14, 16)
    for name in called(14, 16):
        path = tmp_path / name
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
    checkpoint = Checkpoint(tmp_path, "2 steps")
    with pytest.warns(
        UserWarning, match=f"goes on from '{called(12)[0]}': .*16.safetensors'.*14.saf"
    ):
        resumed = program.run(checkpoint)
    assert checkpoint.resumed_from == tmp_path / called(12)[0]
    same(resumed, program.run())


def test_what_is_damaged_takes_no_place_of_what_is_whole(tmp_path: Path) -> None:
    """Killed again at once: the good one that was just written must still be there."""
    program = Program()
    program.killed(tmp_path, 17, "2 steps")
    for name in called(14, 16):
        (tmp_path / name).write_bytes(b"")
    with pytest.warns(UserWarning, match="the training goes on from"):
        program.killed(tmp_path, 14, "1 steps")
    assert names(tmp_path) == called(12, 13)
    program.run(Checkpoint(tmp_path, "1 steps"))


def test_none_that_is_whole(tmp_path: Path) -> None:
    program = Program()
    program.run(Checkpoint(tmp_path))
    for path in tmp_path.glob("checkpoint*"):
        path.write_bytes(path.read_bytes()[:-1])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        ModelFileError, match=r"none of the 3 files in .* can be read. The newest: '.*20"
    ):
        program.run(Checkpoint(tmp_path))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_another_kind_of_file_of_that_name(tmp_path: Path) -> None:
    program = Program()
    program.run()[0].save(tmp_path / called(7)[0])
    with pytest.raises(
        ModelFileError, match=r"of another format, expected 'portable_mlp checkpoint'"
    ):
        program.run(Checkpoint(tmp_path))
    (tmp_path / called(7)[0]).unlink()
    (tmp_path / called(8)[0]).mkdir()
    with pytest.raises(ModelFileError, match="it is a folder, expected a file"):
        program.run(Checkpoint(tmp_path))


@POSIX
def test_what_killed_trainings_left_half_written_is_removed(tmp_path: Path) -> None:
    half = tmp_path / f"{called(3)[0]}.0123abcd.tmp"
    other = tmp_path / "mine.safetensors.0123abcd.tmp"
    for path in (half, other):
        path.write_bytes(b"x")
    Program().run(Checkpoint(tmp_path), epochs=1)
    assert names(tmp_path) == sorted([*called(0, 5), other.name])


@POSIX
def test_one_training_at_a_time(tmp_path: Path) -> None:
    class Second(Callback):
        def on_epoch_end(self, run: Run) -> None:
            with pytest.raises(
                BlockingIOError, match="another training that is still running writes"
            ):
                Program().run(Checkpoint(tmp_path))

    Program().run(Checkpoint(tmp_path), Second())
    Program().run(Checkpoint(tmp_path))


# -- the disk ------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["fsync", "replace", "open"])
def test_a_disk_that_fails_costs_no_checkpoint(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, full = Program(), OSError(28, "No space left on device")

    class Fails(Callback):
        def stops(self, run: Run) -> Sequence[int]:
            return (9,)

        def on_stop(self, run: Run, done: int) -> None:
            def fail(*args: object, **options: object) -> None:
                raise full

            monkeypatch.setattr(*{"replace": (Path, "replace")}.get(where, (os, where)), fail)

    with pytest.raises(OSError, match=r"can't be written: No space left on device, expected"):
        program.run(Checkpoint(tmp_path, "2 steps"), Fails())
    monkeypatch.undo()
    assert names(tmp_path) == called(4, 6, 8)
    same(program.run(Checkpoint(tmp_path, "2 steps")), program.run())


def test_what_can_not_be_read_again_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, write = Program(), atomic.write

    def damaged(path: Path, pieces: Any, *, overwrite: bool) -> None:
        data = bytearray(b"".join(pieces))
        if path.name == called(8)[0]:
            data[-1] ^= 1
        write(path, [bytes(data)], overwrite=overwrite)

    monkeypatch.setattr(folder.atomic, "write", damaged)
    with pytest.raises(ModelFileError, match="do not add up to the checksum"):
        program.run(Checkpoint(tmp_path, "2 steps", keep=1))
    assert names(tmp_path) == called(6, 8)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=f"the training goes on from '{called(6)[0]}'"):
        same(program.run(Checkpoint(tmp_path, "2 steps", keep=1)), program.run())


SMALL = """
import sys
from portable_mlp import MLP, Checkpoint
import numpy as np
X = np.random.default_rng(0).normal(size=(40, 2))
y = (X[:, 0] > 0).astype(int)
def train(units, folder, **options):
    model = MLP([2, units, 2], seed=1)
    model.fit(X, y, epochs=2, batch_size=20, verbose=0, callbacks=[Checkpoint(folder, **options)])
"""


def python(code: str, *arguments: object, before: Sequence[str] = ()) -> Any:
    command = [*before, sys.executable, "-c", SMALL + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@POSIX
def test_a_full_disk(tmp_path: Path) -> None:
    """RLIMIT_FSIZE ends a write as a full disk does, and needs no rights."""
    done = python(
        "import resource, signal\n"
        "train(3, sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "train(999, sys.argv[2])",
        tmp_path / "small",
        tmp_path / "large",
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"OSError: {str(tmp_path / 'large' / called(0)[0])!r} can't be written: File too large, expected "
        "a folder that may be written to, with room on its disk."
    )
    assert names(tmp_path / "large") == []
    for path in (tmp_path / "small").glob("checkpoint*"):
        file.read(path)


@POSIX
def test_a_folder_that_may_not_be_written_to_is_said_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(PermissionError, match="can't be used: Permission denied"):
            Program().run(Checkpoint(tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(OSError, match="expected a folder that may be written to"):
        Program().run(Checkpoint(tmp_path / "a"))
    assert (tmp_path / "a").read_text() == "mine"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_order_of_system_calls(tmp_path: Path) -> None:
    """On the disk before it has its name; named before an older one is removed."""
    calls, there = tmp_path / "calls", tmp_path / "checkpoints"
    wanted = "trace=openat,fsync,rename,renameat,renameat2,unlink,unlinkat"
    done = python(
        "train(3, sys.argv[1], keep=1)",
        there,
        before=["strace", "-f", "-o", str(calls), "-e", wanted],
    )
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip(f"strace may not be used here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    pattern = re.compile(r"(openat|fsync|rename|unlink)\w*\((.*)")
    found = [m for line in calls.read_text().splitlines() if (m := pattern.search(line))]
    begin = next(i for i, m in enumerate(found) if re.search(rf"{called(2)[0]}\.\w+\.tmp", m[2]))
    assert [m[1] for m in found[begin : begin + 5]] == [
        *("openat", "fsync", "rename", "openat", "fsync")
    ]
    created, first, renamed, opened, second, *after = (m[0] for m in found[begin:])
    assert "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0666" in created
    assert f"fsync({created.rpartition('= ')[2]})" in first
    assert f'{called(2)[0]}") = 0' in renamed
    assert f'"{there}"' in opened
    assert f"fsync({opened.rpartition('= ')[2]})" in second
    read = next(i for i, call in enumerate(after) if f'{called(2)[0]}", O_RDONLY' in call)
    removed = next(i for i, call in enumerate(after) if call.startswith("unlink"))
    assert called(0)[0] in after[removed]
    assert read < removed


# -- a file --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest checkpoint that is more than its first."""
    path = tmp_path_factory.mktemp("small")
    Program(layers=Program().layers[-1:], fit={"epochs": 1, "optimizer": "sgd"}).run(
        Checkpoint(path)
    )
    return path / called(5)[0]


def test_every_single_bit_flip_is_refused(small: Path) -> None:
    file.read(small)
    data, refused = bytearray(small.read_bytes()), 0
    for place in range(len(data)):
        for bit in range(8):
            data[place] ^= 1 << bit
            with pytest.raises(Refusal):
                file.unpacked(container.read(io.BytesIO(data), len(data)))
            data[place] ^= 1 << bit
            refused += 1
    assert refused == 8 * len(data)
    assert file.unpacked(container.read(io.BytesIO(data), len(data))).description.epochs == 1


def test_every_other_length_is_refused(small: Path) -> None:
    data = small.read_bytes()
    for length in (*range(len(data)), len(data) + 1):
        cut = (data + b"\0")[:length]
        with pytest.raises(Refusal):
            file.unpacked(container.read(io.BytesIO(cut), length))


def test_a_checkpoint_is_no_model_and_that_is_said(small: Path) -> None:
    with pytest.raises(
        ModelFileError, match=r"it is the checkpoint of a training, expected .* fit goes"
    ):
        MLP.load(small)


def test_nothing_that_a_file_says_is_run(small: Path) -> None:
    """What a checkpoint can make: numbers, text, lists and dictionaries of them."""
    saved = file.read(small)
    assert all(type(array) is np.ndarray for array in saved.standing.arrays.values())
    assert {type(v) for v in vars(saved.description).values()} <= {
        int,
        str,
        tuple,
        dict,
        type(None),
    }


FORGED: dict[str, dict[str, Any]] = {
    "which do not go together": {"epoch": -1},
    "has figures of shapes": {"epoch": 3},
    "and has figures": {"epochs": 0},
    "expected int": {"epoch": "1"},
    "expected a dictionary for each": {"callbacks": ("BestEpoch",)},
    "a callback's state is no JSON": {"callbacks": ("A",), "states": ("{",)},
    "holds NaN": {"callbacks": ("A",), "states": ('{"a":NaN}',)},
    "lacks an array": {"callbacks": ("A",), "states": ('{"a":{"$array":"b"}}',)},
    "that no state_dict gave": {"callbacks": ("A",), "states": ('{"a":{"$array":[1]}}',)},
    "a callback's state that": {"callbacks": ("A",), "states": ('{"a":{"$float":"1e9"}}',)},
}


def forge(path: Path, to: Path, **changes: Any) -> None:
    """The same checkpoint with something changed, behind a checksum that is right again."""
    saved = file.read(path)
    history = {n: np.asarray(v) for n, v in enumerate(saved.standing.history.figures.values())}
    arrays = {f"training/{n}": a for n, a in saved.standing.arrays.items()}
    arrays |= {f"history/{n}": a for n, a in history.items()} | dict(saved.scalings)
    arrays |= changes.pop("arrays", {})
    description = dataclasses.replace(saved.description, **changes)
    pieces = file.to_pieces(description, {n: a for n, a in arrays.items() if a is not None})
    to.write_bytes(b"".join(pieces))


@pytest.mark.parametrize("told", FORGED)
def test_a_description_that_can_not_be_is_refused(told: str, small: Path, tmp_path: Path) -> None:
    forge(small, tmp_path / "a")
    assert file.read(tmp_path / "a").description == file.read(small).description
    forge(small, tmp_path / "a", **FORGED[told])
    with pytest.raises(ModelFileError, match=re.escape(told)):
        file.read(tmp_path / "a")


@pytest.mark.parametrize(
    ("told", "arrays"),
    [
        ("vector is missing", {"training/vector": None}),
        ("more is too many", {"training/more": np.zeros(2)}),
        ("vector is float32 of shape (2,), expected", {"training/vector": np.zeros(2, "f4")}),
        ("vector is float64 of shape (12,), expected float32", {"training/vector": np.zeros(12)}),
    ],
)
def test_arrays_that_the_training_has_not_are_refused(
    told: str, arrays: dict[str, Any], small: Path, tmp_path: Path
) -> None:
    forge(small, tmp_path / called(5)[0], arrays=arrays)
    program = Program(layers=Program().layers[-1:], fit={"epochs": 1, "optimizer": "sgd"})
    with pytest.raises(ModelFileError, match=re.escape(told)):
        program.run(Checkpoint(tmp_path))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("version", 2, "upgrade portable_mlp"), ("requires", ["a"], "upgrade")],
)
def test_a_newer_format_is_refused(
    key: str, value: Any, told: str, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "VERSION", value if key == "version" else 1)
    if key == "requires":
        dumps = file.strict_json.dumps
        monkeypatch.setattr(
            file.strict_json,
            "dumps",
            lambda v: dumps(v | {key: value} if isinstance(v, dict) and "format" in v else v),
        )
    forge(small, tmp_path / "a")
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=told):
        file.read(tmp_path / "a")
