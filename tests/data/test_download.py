"""Downloads end with the whole right file, or with one clear error and no file at all."""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from portable_mlp.data import part_file
from portable_mlp.data.download import fetch_file

NAME = "a.bin"
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no file locks of this kind, so nothing is resumed"
)


def _closed_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/"


def test_good_mirror(wanted: Any) -> None:
    """One request brings the file, and the progress ends at 100 %."""
    seen: list[tuple[int, int]] = []
    path = wanted.fetch("good", progress=lambda done, total: seen.append((done, total)))
    assert path == wanted.path
    assert wanted.is_complete()
    assert wanted.server.requests == [("good", None)]
    assert seen == sorted(seen)
    assert seen[-1] == (len(wanted.content), len(wanted.content))


def test_a_file_that_is_there_is_not_fetched_again(wanted: Any) -> None:
    """A right file makes a second call cost no request."""
    wanted.fetch("good")
    before = wanted.folder.stat().st_mtime_ns
    assert wanted.fetch("missing") == wanted.path
    assert len(wanted.server.requests) == 1
    assert wanted.folder.stat().st_mtime_ns == before, "a read-only folder would do"


def test_a_wrong_file_under_the_final_name_is_replaced(wanted: Any) -> None:
    """Afterwards the name holds the wanted file, whatever it held before."""
    wanted.folder.mkdir()
    wanted.path.write_bytes(bytes(len(wanted.content)))
    wanted.fetch("good")
    assert wanted.is_complete()


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("missing", "answered 404 Not Found"),
        ("corrupt", "don't have the right SHA-256"),
        ("endless", "sends more than the expected 262,144 bytes"),
        ("page", "offers 43 bytes, expected 262144"),
        ("tofile", "answered 302 .*file:///etc/hostname.* not allowed"),
        ("toftp", "redirects to ftp://127.0.0.1/a.bin, which is not http or https"),
        ("tocircle", "answered 302 "),
        ("nonsense", "BadStatusLine"),
    ],
)
def test_bad_mirror_is_named_and_the_next_one_is_tried(
    wanted: Any, folder: str, reason: str
) -> None:
    """Alone, a bad mirror leaves no file and is named; before a good one it does no harm."""
    wanted.fails(folder, match=f"/{folder}/{NAME}: .*{reason}")
    wanted.fetch(folder, "good")
    assert wanted.is_complete()


def test_closed_port(wanted: Any) -> None:
    """A refused connection is a bad mirror like others."""
    closed = _closed_port()
    wanted.fails(closed, match=f"{closed}{NAME}: Connection refused")
    wanted.fetch(closed, "good")
    assert wanted.is_complete()


def test_no_network(wanted: Any) -> None:
    """Without a network every mirror is listed with its reason."""
    message = wanted.fails(
        "https://one.example.org/", "https://two.example.org", match=r"host name not found"
    )
    assert f"https://one.example.org/{NAME}: host name not found (no network?)" in message
    assert f"https://two.example.org/{NAME}: host name not found (no network?)" in message


def test_mirror_that_falls_silent(wanted: Any) -> None:
    """Silence ends with the timeout and keeps what came before."""
    wanted.fails("silent", match=r"broke off: silent for 0.2 s", kept=1000, timeout=0.2)


def test_redirect_within_the_web(wanted: Any) -> None:
    """Mirrors may have moved."""
    wanted.fetch("moved")
    assert wanted.is_complete()


def test_a_cut_download_is_continued(wanted: Any) -> None:
    """The second call asks for the missing half only."""
    half = len(wanted.content) // 2
    message = wanted.fails("cut", match="ended the connection after 131,072 of 262,144", kept=half)
    assert "131,072 of its 262,144 bytes are kept; try again to get the rest" in message
    seen: list[int] = []
    wanted.fetch("cut", progress=lambda done, total: seen.append(done))
    assert wanted.is_complete()
    assert wanted.server.requests == [("cut", None), ("cut", f"bytes={half}-")]
    assert min(seen) > half


def test_another_mirror_continues(wanted: Any) -> None:
    """Within one call, the next mirrors are asked for the missing half only."""
    wanted.fetch("cut", "missing", "good")
    assert wanted.is_complete()
    rest = f"bytes={len(wanted.content) // 2}-"
    assert wanted.server.requests == [("cut", None), ("missing", rest), ("good", rest)]


def test_rest_from_a_mirror_with_damaged_bytes(wanted: Any) -> None:
    """Damaged bytes of one mirror don't spoil the good mirror after it."""
    wanted.fails("cut", "corrupt", match="right SHA-256")
    wanted.fetch("cut", "corrupt", "good")
    assert wanted.is_complete()
    assert wanted.server.requests[-1] == ("good", None)


@pytest.mark.parametrize(("folder", "requests"), [("norange", 1), ("shifted", 2)])
def test_mirror_that_can_not_continue_sends_all(wanted: Any, folder: str, requests: int) -> None:
    """A mirror without ranges, or with a wrong range, starts anew."""
    wanted.fails("cut", match="ended", kept=len(wanted.content) // 2)
    wanted.fetch(folder)
    assert wanted.is_complete()
    assert len(wanted.server.requests) == 1 + requests


@pytest.mark.parametrize("size", [1, 1000, 2**18 - 1, 2**18, 2**18 + 1, 2**19])
def test_bad_part_is_begun_anew(wanted: Any, size: int) -> None:
    """A part with wrong bytes, too many or too few, costs one more request at most."""
    wanted.folder.mkdir()
    wanted.part.write_bytes(bytes(size))
    wanted.fetch("good")
    assert wanted.is_complete()
    assert wanted.server.requests[-1] == ("good", None)
    if size >= len(wanted.content):
        assert len(wanted.server.requests) == 1


def test_complete_part_needs_no_request(wanted: Any) -> None:
    """A part that only lacked its final name gets it."""
    wanted.folder.mkdir()
    wanted.part.write_bytes(wanted.content)
    wanted.fetch("missing")
    assert wanted.is_complete()
    assert wanted.server.requests == []


def test_never_more_than_the_expected_bytes_are_written(
    wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless bytes don't fill the disk."""
    sizes = []
    append = part_file.PartFile.append

    def watched(self: part_file.PartFile, piece: bytes) -> None:
        append(self, piece)
        sizes.append(self.size)

    monkeypatch.setattr(part_file.PartFile, "append", watched)
    wanted.fails("endless", "norange", match="sends more", size=1000)
    assert max(sizes, default=0) <= 1000


def test_two_at_once_share_one_download(wanted: Any) -> None:
    """The second waits for the first and finds its file."""
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(wanted.fetch, "slow", timeout=0.4) for _ in range(2)]
        assert [future.result() for future in futures] == [wanted.path] * 2
    assert wanted.is_complete()
    assert len(wanted.server.requests) == 1


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "/a", "a\\b"])
def test_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    """A name can't lead out of the folder."""
    with pytest.raises(ValueError, match="expected a file name without folder"):
        fetch_file(name, ["https://example.org/"], "0" * 64, tmp_path, size=1)


def test_only_web_addresses(tmp_path: Path) -> None:
    """Local files and other protocols are no mirrors."""
    for mirror in ("file:///etc/", "ftp://example.org/", "/etc", "data:,x"):
        with pytest.raises(ValueError, match="is not a web address, expected http:// or https://"):
            fetch_file(NAME, [mirror], "0" * 64, tmp_path, size=1)
    no_mirrors: list[str] = []
    for mirrors in ("https://example.org/", no_mirrors):
        with pytest.raises(ValueError, match="expected a list of at least one address"):
            fetch_file(NAME, mirrors, "0" * 64, tmp_path, size=1)


def test_redirect_from_https_to_http_is_refused() -> None:
    """Without a certificate there is no https server to ask, so the handler is asked itself."""
    import http.client
    import io
    import urllib.request

    from portable_mlp.data.download import _MirrorError, _WebRedirects

    request = urllib.request.Request("https://example.org/a")
    headers = http.client.HTTPMessage()
    with pytest.raises(_MirrorError, match=r"redirects to http://example.org/b, .* not https"):
        _WebRedirects().redirect_request(
            request, io.BytesIO(), 302, "Found", headers, "http://example.org/b"
        )
    followed = _WebRedirects().redirect_request(
        request, io.BytesIO(), 302, "Found", headers, "https://example.org/b"
    )
    assert followed is not None
    assert followed.full_url == "https://example.org/b"
