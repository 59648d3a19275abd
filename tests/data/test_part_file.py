"""Unfinished downloads: one writer, continued after any end, published in one step."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from portable_mlp.data import DownloadError, part_file
from portable_mlp.data.download import fetch_file
from portable_mlp.data.part_file import open_part

NAME = "a.bin"
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no file locks of this kind, so nothing is resumed"
)


def test_a_writer_that_hangs_is_not_waited_for(wanted: Any) -> None:
    """A stopped process that holds the lock doesn't block others for ever."""
    wanted.folder.mkdir()
    hanging = open_part(wanted.path, patience=1.0)
    hanging.append(b"some bytes")
    wanted.fetch("good", timeout=0.3)
    assert wanted.path.read_bytes() == wanted.content
    hanging.close()
    assert wanted.names() == [NAME, NAME + ".part"]


def test_the_part_of_a_killed_process_is_continued(wanted: Any) -> None:
    """The lock of a killed process is gone and its bytes are used."""
    code = (
        "import sys; from portable_mlp.data.download import fetch_file\n"
        f"fetch_file({NAME!r}, [{wanted.server.url('slow')!r}], '0' * 64, sys.argv[1], "
        f"size={len(wanted.content)})"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code, wanted.folder], env=environment)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not (wanted.part.exists() and wanted.part.stat().st_size):
        time.sleep(0.01)
    process.kill()
    process.wait()
    kept = wanted.part.stat().st_size
    assert 0 < kept < len(wanted.content)
    wanted.fetch("good")
    assert wanted.is_complete()
    assert wanted.server.requests == [("slow", None), ("good", f"bytes={kept}-")]


def test_an_interrupt_keeps_the_bytes(wanted: Any) -> None:
    """Ctrl-C leaves a part that the next call continues."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wanted.fetch("slow", progress=interrupt)
    assert wanted.part.stat().st_size > 0
    wanted.fetch("good")
    assert wanted.is_complete()
    assert wanted.server.requests[1][1] is not None


def test_symbolic_link_under_the_name_of_the_part_is_not_followed(
    wanted: Any, tmp_path: Path
) -> None:
    """A planted link can't make us overwrite another file."""
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    wanted.folder.mkdir()
    wanted.part.symlink_to(precious)
    wanted.fetch("good")
    assert wanted.path.read_bytes() == wanted.content
    assert precious.read_bytes() == b"mine"


def test_dangling_link_under_the_name_of_the_part_makes_no_file(
    wanted: Any, tmp_path: Path
) -> None:
    """Opening such a link to write would make the file that it points to."""
    wanted.folder.mkdir()
    wanted.part.symlink_to(tmp_path / "elsewhere")
    wanted.fetch("good")
    assert wanted.path.read_bytes() == wanted.content
    assert not (tmp_path / "elsewhere").exists()


def test_a_part_that_its_last_owner_removes_is_opened_again(
    wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our opening and our locking, another process may end and take its part away."""
    lock = part_file._lock
    locked: list[int] = []

    def lock_late(descriptor: int) -> None:
        if not locked:
            wanted.part.unlink()
        locked.append(descriptor)
        lock(descriptor)

    monkeypatch.setattr(part_file, "_lock", lock_late)
    wanted.fetch("good")
    assert wanted.is_complete()
    assert len(locked) == 2


def test_without_locks_nothing_is_left_behind(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network drive without locks a download works, but can't be continued."""

    def no_locks(descriptor: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(part_file, "_lock", no_locks)
    with pytest.raises(DownloadError, match=r"delivered it - http"):
        wanted.fetch("cut")
    assert [path.stat().st_size for path in wanted.folder.iterdir()] == [0]
    wanted.fetch("good")
    assert wanted.path.read_bytes() == wanted.content


def test_old_leftovers_are_removed(wanted: Any) -> None:
    """Files of long dead processes go, those of perhaps living ones stay."""
    wanted.folder.mkdir()
    wanted.part.mkdir()  # so that a file of our own is needed
    words = ("0123abcd", "4567ef01", "mine")
    old, new, other = (wanted.folder / f"{NAME}.{word}.tmp" for word in words)
    for path in (old, new, other):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(other, (0, 0))  # nobody but its owner gave it that name
    wanted.fetch("good")
    assert wanted.path.read_bytes() == wanted.content
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)


def test_full_disk_or_forbidden_folder(
    wanted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Local trouble is told apart from the mirrors' and leaves no file."""
    tmp_path.joinpath("file").write_bytes(b"")
    digest = hashlib.sha256(wanted.content).hexdigest()
    with pytest.raises(DownloadError, match=r"'.*a.bin': can't be stored: .*director"):
        fetch_file(NAME, [wanted.server.url("good")], digest, tmp_path / "file" / "x", size=1)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DownloadError, match="can't be stored: No space left on device"):
        wanted.fetch("good")
    assert not wanted.path.exists()


def test_bytes_reach_the_disk_before_the_name(wanted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order that survives a power failure: file, name, folder."""
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        calls.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def watched_replace(source: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    wanted.fetch("good")
    assert calls == ["fsync file", "replace", "fsync folder"]
