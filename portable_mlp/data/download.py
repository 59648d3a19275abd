"""Fetching one file whose size and SHA-256 are known, from the first mirror that has it."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from portable_mlp.data.dataset import Progress
from portable_mlp.data.errors import DownloadError
from portable_mlp.data.part_file import PartFile, open_part, storing

_PIECE = 2**16


class _MirrorError(Exception):
    """Why one mirror could not deliver, in a few words."""


def fetch_file(
    name: str,
    mirrors: Sequence[str],
    sha256: str,
    folder: str | os.PathLike[str],
    *,
    size: int,
    timeout: float = 20.0,
    progress: Progress | None = None,
) -> Path:
    """Have ``folder/name`` hold exactly the file with this size and SHA-256.

    A right file that is already there is left alone. Otherwise the mirrors are tried in order.
    What an earlier attempt, or an earlier mirror, got is kept in ``NAME.part`` and only the rest
    is asked for. The final name appears in one step, after the whole file was checked; a wrong
    file under that name is replaced. Several processes may do this at once. Never are more than
    ``size`` bytes written. Proxies are taken from the environment, as urllib does.

    Args:
        name: File name without folder, also the last part of its address on every mirror.
        mirrors: Addresses that ``name`` is appended to, http or https, at least one.
        sha256: 64 hexadecimal digits.
        folder: Where to put the file; made if need be.
        size: Length of the file in bytes.
        timeout: Seconds to wait for a connection and for each next piece, above 0.
        progress: Called with (bytes done, bytes in all) after each piece.

    Returns:
        The path ``folder/name``.

    Raises:
        DownloadError: No mirror delivered the file, or it could not be stored.
        ValueError: ``name`` isn't a plain file name, or a mirror isn't http or https.

    Example:
        >>> import tempfile
        >>> digest = hashlib.sha256(b"abc").hexdigest()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_bytes(b"abc")  # there already: nothing is fetched
        ...     fetch_file("a.txt", ["https://example.org/"], digest, folder, size=3).name
        'a.txt'
    """
    _check_arguments(name, mirrors)
    target = Path(folder) / name
    if _holds(target, size, sha256):
        return target
    with storing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    part = open_part(target, patience=timeout)
    try:
        if not _holds(target, size, sha256):  # another process may have finished it meanwhile
            _fill_from_mirrors(part, mirrors, sha256, size, timeout, progress)
            part.publish()
    finally:
        part.close()
    return target


def _check_arguments(name: str, mirrors: Sequence[str]) -> None:
    """Refuse names that leave the folder and addresses that aren't of the web."""
    if name in ("", "..") or name != Path(name).name or "\\" in name:
        raise ValueError(
            f"fetch_file: name is {name!r}, expected a file name without folder; likely cause: a "
            "path, whose folder belongs into the argument folder."
        )
    if isinstance(mirrors, str) or not mirrors:
        raise ValueError(
            f"fetch_file: mirrors is {mirrors!r}, expected a list of at least one address; likely "
            "cause: one address that was not put into a list."
        )
    for mirror in mirrors:
        if urllib.parse.urlsplit(mirror).scheme not in ("http", "https"):
            raise ValueError(
                f"fetch_file: mirror {mirror!r} is not a web address, expected http:// or "
                "https://; likely cause: a local folder, which needs no download."
            )


def _holds(path: Path, size: int, sha256: str) -> bool:
    """Tell whether ``path`` already is the wanted file."""
    try:
        with path.open("rb") as file:
            return (
                os.fstat(file.fileno()).st_size == size
                and hashlib.file_digest(file, "sha256").hexdigest() == sha256
            )
    except OSError:
        return False


def _fill_from_mirrors(
    part: PartFile,
    mirrors: Sequence[str],
    sha256: str,
    size: int,
    timeout: float,
    progress: Progress | None,
) -> None:
    """Complete ``part`` from the first mirror that can, or say why none could."""
    reasons = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{part.target.name}"
        try:
            _fill(part, url, sha256, size, timeout, progress)
        except _MirrorError as error:
            reasons.append(f"{url}: {_printable(str(error))}")
        else:
            return
    kept = (
        f" ({part.size:,} of its {size:,} bytes are kept; try again to get the rest)"
        if part.size and part.resumable
        else ""
    )
    raise DownloadError(
        f"{part.target.name}: no mirror delivered it{kept} - "
        f"{'; '.join(reasons)} - check the network connection, or put the file into "
        f"{os.fspath(part.target.parent)!r} by hand."
    )


def _printable(text: str) -> str:
    """Keep what a server said from steering the user's terminal or filling it."""
    return "".join(char if char.isprintable() else " " for char in text)[:200]


def _fill(
    part: PartFile, url: str, sha256: str, size: int, timeout: float, progress: Progress | None
) -> None:
    """Complete ``part`` from one mirror and check it."""
    for _ in range(2):
        began_empty = part.size == 0
        _receive(part, url, size, timeout, progress)
        if part.sha256() == sha256:
            return
        part.restart()
        if began_empty:
            break
        # The fault may lie in the bytes that were there before: give the mirror a fair try.
    raise _MirrorError(f"its {size:,} bytes don't have the right SHA-256 (damaged or replaced)")


def _receive(
    part: PartFile, url: str, size: int, timeout: float, progress: Progress | None
) -> None:
    """Append the missing bytes to ``part`` until it has ``size``."""
    if part.size > size:
        part.restart()
    if part.size == size:
        return
    with contextlib.closing(_request(url, part, size, timeout)) as response:
        while piece := _next_piece(response, timeout):
            if part.size + len(piece) > size:
                part.restart()
                raise _MirrorError(f"sends more than the expected {size:,} bytes")
            part.append(piece)
            if progress is not None:
                progress(part.size, size)
    if part.size < size:
        raise _MirrorError(f"ended the connection after {part.size:,} of {size:,} bytes")


def _request(url: str, part: PartFile, size: int, timeout: float) -> http.client.HTTPResponse:
    """Ask for the bytes after those in ``part``; empty it if only the whole file can be had."""
    begin = part.size
    headers = {"User-Agent": "portable_mlp"}
    if begin:
        headers["Range"] = f"bytes={begin}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - checked: http or https
    response = _open(request, timeout)
    length = response.headers.get("Content-Length", str(size))
    if isinstance(response, http.client.HTTPResponse):
        if begin and response.status == 206 and _continues(response, begin, size):
            return response
        if response.status == 200 and length == str(size):
            if begin:  # the server ignored the range
                part.restart()
            return response
    response.close()
    if begin and response.status in (206, 416):  # it can't go on from there: begin anew
        part.restart()
        return _request(url, part, size, timeout)
    if response.status == 200:
        raise _MirrorError(f"offers {length} bytes, expected {size} (another file or a web page)")
    raise _MirrorError(f"answered {response.status} {response.reason}")


def _continues(response: http.client.HTTPResponse, begin: int, size: int) -> bool:
    """Tell whether a partial answer is the rest of the file, from ``begin`` to the end."""
    rest = f"bytes {begin}-{size - 1}/"
    return response.headers.get("Content-Range", "") in (f"{rest}{size}", f"{rest}*")


def _open(
    request: urllib.request.Request, timeout: float
) -> http.client.HTTPResponse | urllib.error.HTTPError:
    """Send the request and return the answer, whatever its status."""
    # Not build_opener: that one also opens local files and FTP.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _WebRedirects(),
    ):
        opener.add_handler(handler)
    try:
        response = opener.open(request, timeout=timeout)
    except urllib.error.HTTPError as answer:
        return answer
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _MirrorError(_in_short(error, timeout)) from error
    if not isinstance(response, http.client.HTTPResponse):
        raise _MirrorError("its address is of a kind that can't be fetched")
    return response


class _WebRedirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to http, nor to anything that isn't the web."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Build the request for the new address, or refuse."""
        allowed = ("https",) if req.type == "https" else ("http", "https")
        if urllib.parse.urlsplit(newurl).scheme not in allowed:
            fp.close()
            raise _MirrorError(f"redirects to {newurl}, which is not {' or '.join(allowed)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _next_piece(response: http.client.HTTPResponse, timeout: float) -> bytes:
    """Return what has arrived, b"" at the end."""
    try:
        return response.read1(_PIECE)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _MirrorError(f"broke off: {_in_short(error, timeout)}") from error


def _in_short(error: Exception, timeout: float) -> str:
    """Say in a few words why a connection failed."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"silent for {timeout:g} s"
    if isinstance(reason, socket.gaierror):
        return "host name not found (no network?)"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return f"{type(reason).__name__} {reason}"
