"""What the tests of ``portable_mlp.data`` share: a closed-off home, IDX files, a web server."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from portable_mlp.data import DownloadError
from portable_mlp.data.download import fetch_file

_TYPE_CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}
# 256 KiB in which no two pieces are alike, so that a piece at a wrong place is noticed.
CONTENT = np.random.default_rng(1).bytes(2**18)
NAME = "a.bin"
HALF = len(CONTENT) // 2


def idx_bytes(array: NDArray[Any]) -> bytes:
    """Write an array as an IDX file, uncompressed."""
    header = struct.pack(">HBB", 0, _TYPE_CODES[array.dtype.name], array.ndim)
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return header + lengths + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(name="idx_bytes", scope="session")
def idx_bytes_fixture() -> Callable[[NDArray[Any]], bytes]:
    """Give tests the writer of IDX files."""
    return idx_bytes


@pytest.fixture(autouse=True)
def closed_off(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep tests away from the user's files and from every network but this machine's own."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("PORTABLE_MLP_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    connect = socket.create_connection

    def connect_here(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        if address[0] != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "the tests have no network")
        return connect(address, *args, **kwargs)

    monkeypatch.setattr(socket, "create_connection", connect_here)


class MirrorServer(ThreadingHTTPServer):
    """Serves ``CONTENT`` under every name; the folder in the address chooses how badly."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        """Listen on a free port of this machine."""
        self.requests: list[tuple[str, str | None]] = []  # (folder, Range header)
        self.files: dict[str, bytes] = {}  # what the folder "named" holds
        super().__init__(("127.0.0.1", 0), _Handler)

    def url(self, folder: str) -> str:
        """Address of one mirror."""
        return f"http://127.0.0.1:{self.server_address[1]}/{folder}/"


class _Handler(BaseHTTPRequestHandler):
    server: MirrorServer

    def do_GET(self) -> None:
        folder = self.path.split("/")[1]
        self.server.requests.append((folder, self.headers.get("Range")))
        try:
            getattr(self, "serve_" + folder)()
        except OSError:
            self.close_connection = True  # the client has hung up, as some tests want

    def begin(self) -> int:
        """Honour the Range header and send the head of the answer."""
        asked = self.headers.get("Range")
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if begin >= len(CONTENT):
            self.send_error(416)
            return begin
        self.send_response(206 if asked else 200)
        if asked:
            last = len(CONTENT) - 1
            self.send_header("Content-Range", f"bytes {begin}-{last}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        return begin

    def serve_good(self) -> None:
        self.wfile.write(CONTENT[self.begin() :])

    def serve_named(self) -> None:
        content = self.server.files[self.path.split("/")[2]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def serve_slow(self) -> None:
        for at in range(self.begin(), len(CONTENT), 2**14):
            self.wfile.write(CONTENT[at : at + 2**14])
            self.wfile.flush()
            time.sleep(0.04)

    def serve_missing(self) -> None:
        self.send_error(404)

    def serve_corrupt(self) -> None:
        begin = self.begin()
        self.wfile.write(bytes(len(CONTENT) - begin))

    def serve_cut(self) -> None:
        """Break off half-way; from there on, serve the rest."""
        begin = self.begin()
        self.wfile.write(CONTENT[begin:HALF] if begin < HALF else CONTENT[begin:])

    def serve_norange(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def serve_shifted(self) -> None:
        """Claim to continue, but from another place than asked."""
        if "Range" not in self.headers:
            self.serve_norange()
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def serve_endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(CONTENT)

    def serve_page(self) -> None:
        page = b"<html>Please sign in to this network</html>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def serve_silent(self) -> None:
        self.begin()
        self.wfile.write(CONTENT[:1000])
        time.sleep(1.5)

    def serve_nonsense(self) -> None:
        self.wfile.write(b"\x1b[31m this is not HTTP \r\n\r\n")
        self.close_connection = True

    def redirect(self, to: str) -> None:
        self.send_response(302)
        self.send_header("Location", to)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def serve_moved(self) -> None:
        self.redirect("/good/a.bin")

    def serve_tofile(self) -> None:
        self.redirect("file:///etc/hostname")

    def serve_toftp(self) -> None:
        self.redirect("ftp://127.0.0.1/a.bin")

    def serve_tocircle(self) -> None:
        self.redirect("/tocircle/a.bin")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def mirror() -> Iterator[MirrorServer]:
    """Run a web server on this machine for one test."""
    with MirrorServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def real_mnist_test_folder() -> Path:
    """The folder of MNIST's test files that may lie beside the repository."""
    folder = Path(__file__).parents[2].parent / "shared" / "data" / "mnist"
    if not (folder / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"MNIST's test files are not in {folder}")
    return folder


@pytest.fixture
def tiny_part() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Five images in MNIST's form, and labels."""
    images = np.arange(5 * 28 * 28, dtype=np.uint32).reshape(5, 28, 28) % 256
    return images.astype(np.uint8), np.array([7, 2, 1, 0, 9], dtype=np.uint8)


class Wanted:
    """Fetches what the server of a test serves, from the mirrors that the test names."""

    def __init__(self, server: MirrorServer, folder: Path, content: bytes) -> None:
        """Take the server and the folder to fill."""
        self.server, self.folder, self.content = server, folder, content
        self.path = folder / NAME
        self.part = folder / (NAME + ".part")

    def fetch(self, *mirrors: str, **options: Any) -> Path:
        """Fetch from the folders ``mirrors`` of the server, or from whole addresses."""
        urls = [m if m.startswith("http") else self.server.url(m) for m in mirrors]
        digest = hashlib.sha256(self.content).hexdigest()
        options = {"size": len(self.content), "timeout": 5.0} | options
        return fetch_file(NAME, urls, digest, self.folder, **options)

    def fails(self, *mirrors: str, match: str, kept: int = 0, **options: Any) -> str:
        """Assert one clear error, nothing under the final name, and ``kept`` bytes to resume."""
        with pytest.raises(DownloadError, match=match) as error:
            self.fetch(*mirrors, **options)
        message = str(error.value)
        assert message.startswith(f"{NAME}: no mirror delivered it")
        assert "check the network connection, or put the file into" in message
        assert message.isprintable()
        left = {path.name: path.stat().st_size for path in self.folder.iterdir()}
        assert left == ({NAME + ".part": kept} if kept else {})
        return message

    def names(self) -> list[str]:
        """List what is in the folder."""
        return sorted(path.name for path in self.folder.iterdir())

    def is_complete(self) -> bool:
        """Tell whether the right file is there and nothing else."""
        return self.path.read_bytes() == self.content and self.names() == [NAME]


@pytest.fixture
def wanted(mirror: MirrorServer, tmp_path: Path) -> Wanted:
    """Give the test a server and an empty folder."""
    return Wanted(mirror, tmp_path / "cache", CONTENT)
