"""A file is there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from portable_mlp import MLP
from portable_mlp.data import part_file
from portable_mlp.files import atomic, inspect

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such thing")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_of_that_name_is_replaced_only_if_that_was_said(tmp_path: Path) -> None:
    path = tmp_path / "model"
    MLP([2, 2], seed=1).save(path)
    with pytest.raises(FileExistsError) as caught:
        MLP([2, 2], seed=2).save(path)
    assert str(caught.value) == (
        f"{str(path)!r} is there already, expected a new name, or overwrite=True."
    )
    assert inspect(path).seed == 1
    for seed in (2, 3):
        MLP([2, 2], seed=seed).save(str(path), overwrite=True)
        assert inspect(path).seed == seed
    assert names(tmp_path) == ["model"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="can't be written: No such file or directory"):
        MLP([2, 2]).save(tmp_path / "no" / "model")
    with pytest.raises(OSError, match="expected a folder that may be written to, with room"):
        MLP([2, 2]).save(tmp_path / ("x" * 300))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_that_name(tmp_path: Path, overwrite: bool) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder, expected the name of a file"):
        MLP([2, 2]).save(tmp_path, overwrite=overwrite)


@POSIX
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(PermissionError, match="can't be written: Permission denied"):
            MLP([2, 2]).save(tmp_path / "model")
    finally:
        tmp_path.chmod(0o700)


@POSIX
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """RLIMIT_FSIZE ends a write as a full disk does, and needs no rights."""
    path = tmp_path / "model"
    MLP([2, 2], seed=1).save(path)
    code = (
        "import resource, sys; from portable_mlp import MLP;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000));"
        "MLP([100, 1000, 2]).save(sys.argv[1], overwrite=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"OSError: {str(path)!r} can't be written: File too large, expected a folder that may be "
        "written to, with room on its disk."
    )
    assert inspect(path).seed == 1
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_what_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, where: str
) -> None:
    path = tmp_path / "model"
    atomic.write(path, [b"old"], overwrite=False)

    def fail(*args: object) -> None:
        raise error

    if where == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(type(error)):
        atomic.write(path, [b"new"], overwrite=True)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["model"]


def test_pieces_that_fail_leave_nothing(tmp_path: Path) -> None:
    def pieces() -> Any:
        yield b"half"
        raise MemoryError

    with pytest.raises(MemoryError):
        atomic.write(tmp_path / "model", pieces(), overwrite=False)
    assert names(tmp_path) == []


@POSIX
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_follows_the_umask(tmp_path: Path, mask: int, mode: int) -> None:
    before = os.umask(mask)
    try:
        MLP([2, 2]).save(tmp_path / "model")
    finally:
        os.umask(before)
    assert (tmp_path / "model").stat().st_mode & 0o777 == mode


@POSIX
@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "file"])
def test_a_planted_name_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Somebody guessed the temporary name: nothing is written through it."""
    victim, path = tmp_path / "victim", tmp_path / "model"
    planted = tmp_path / "model.01234567.tmp"
    monkeypatch.setattr(part_file.secrets, "token_hex", lambda n: "01234567")
    if kind == "file":
        planted.write_bytes(b"mine")
    else:
        planted.symlink_to(victim)
    if kind == "link to a file":
        victim.write_bytes(b"precious")
    before = names(tmp_path)
    with pytest.raises(FileExistsError, match="can't be written: File exists"):
        MLP([2, 2]).save(path)
    assert names(tmp_path) == before
    assert not victim.exists() or victim.read_bytes() == b"precious"
    assert planted.is_symlink() == kind.startswith("link")


@POSIX
def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"precious")
    link.symlink_to(target)
    MLP([2, 2]).save(link, overwrite=True)
    assert target.read_bytes() == b"precious"
    assert not link.is_symlink()
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nothing")
    with pytest.raises(FileExistsError, match="is there already"):
        MLP([2, 2]).save(dangling)


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "model"
    old, new, other = (
        tmp_path / f"{name}.tmp" for name in ("model.0123abcd", "model.4567ef01", "x")
    )
    for each in (old, new, other):
        each.write_bytes(b"x")
        os.utime(each, (0, 0))
    os.utime(new)
    MLP([2, 2]).save(path)
    assert names(tmp_path) == ["model", "model.4567ef01.tmp", "x.tmp"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_order_of_system_calls(tmp_path: Path) -> None:
    """The bytes are on the disk before the name is, and the name before save returns."""
    code = "import sys; from portable_mlp import MLP; MLP([2, 2]).save(sys.argv[1])"
    calls, path = tmp_path / "calls", tmp_path / "model"
    command = [
        "strace",
        "-f",
        "-o",
        str(calls),
        "-e",
        "trace=openat,fsync,rename,renameat,renameat2",
    ]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip(f"strace may not be used here: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    lines = calls.read_text().splitlines()
    begin = next(i for i, line in enumerate(lines) if re.search(r"model\.[0-9a-f]{8}\.tmp", line))
    pattern = r"(openat|fsync|rename\w*)\("
    found = [(m[1], line) for line in lines[begin:] if (m := re.search(pattern, line))]
    assert [name.replace("renameat2", "rename") for name, _ in found[:5]] == [
        *("openat", "fsync", "rename", "openat", "fsync")
    ]
    created, first, renamed, folder, second = (line for _, line in found[:5])
    assert "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0666" in created
    assert f"fsync({created.rpartition('= ')[2]})" in first
    assert f'"{path}") = 0' in renamed
    assert f'"{tmp_path}"' in folder
    assert f"fsync({folder.rpartition('= ')[2]})" in second


SAVE_FOR_EVER = """
import sys
from portable_mlp import MLP
models = [MLP([200, 300, 2], seed=seed) for seed in (1, 2)]
print("ready", flush=True)
while True:
    for model in models:
        model.save(sys.argv[1], overwrite=True)
"""


@POSIX
def test_killed_while_saving(tmp_path: Path) -> None:
    """`python -m benchmarks.save_kills` does it a hundred times."""
    path = tmp_path / "model"
    seen = set()
    for turn in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOR_EVER, str(path)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        while not path.exists():
            time.sleep(0.001)
        time.sleep(0.003 * turn)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.add(inspect(path).seed)
        MLP.load(path)
    assert seen <= {1, 2}
