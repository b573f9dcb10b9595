"""Downloads files so that each is either complete and verified, or absent.

requests and not pooch: progress is yielded as events, and pooch only offers callbacks during a download.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import requests
import urllib3
from filelock import FileLock, Timeout
from requests.exceptions import SSLError

from mnist_tui.core.events import Preparing
from mnist_tui.errors import DataError

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 20.0
BRISK_BYTES_PER_S: Final = 100_000
"""The average rate below which a mirror is abandoned while a faster one may exist."""
LEAST_BYTES_PER_S: Final = 2_000
"""The average rate below which a mirror is abandoned in any case."""
SLOW_AFTER_S: Final = 10.0
"""Seconds after which a slow mirror is abandoned."""
BACK_OFF_S: Final = 0.5
CHUNK_BYTES: Final = 1 << 16
LOCK: Final = ".download.lock"
MAX_FILE_BYTES: Final = 64 << 20
"""Maximum size of a file, packed or unpacked, unless it is known to be larger."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file to download.

    Attributes:
        name: Its name, both under the mirror's URL and in the folder.
        md5: The expected digest.
        max_bytes: Its maximum size.
    """

    name: str
    md5: str
    max_bytes: int = MAX_FILE_BYTES

    def is_good_in(self, folder: Path) -> bool:
        """Return whether the folder contains the file with the expected digest."""
        if unfit(folder / self.name, self.max_bytes):
            return False
        with suppress(OSError), (folder / self.name).open("rb") as stream:
            return hashlib.file_digest(stream, _md5).hexdigest() == self.md5
        return False


def unfit(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """Return why a file cannot be read, or an empty string: reading a pipe would hang, and a device never ends."""
    try:
        status = path.stat()
    except OSError as error:
        return error.strerror or str(error)
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if not status.st_size:
        return "it is empty"
    return f"it is larger than {max_bytes >> 20} MiB" if status.st_size > max_bytes else ""


class _Unusable(Exception):  # noqa: N818 - says why a mirror failed; the next one is tried
    pass


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def fetch_files(
    files: Sequence[RemoteFile], mirrors: Sequence[str], folder: Path, label: str
) -> Generator[Preparing, None, None]:
    """Download the missing files; a second process waits and uses what the first one downloaded.

    Args:
        files: The files.
        mirrors: URLs that they are below.
        folder: Where to put them.
        label: What they are, for messages.

    Raises:
        DataError: No mirror served a valid file, or the folder is not writable.
    """
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A download may be cancelled in a different thread than the one that started it.
        lock = FileLock(folder / LOCK, thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0.2)
                break
            except Timeout:
                yield Preparing(message="waiting for another download of the same files")
        try:
            best_first = list(mirrors)
            # A faster mirror is sought if there are several, and until all of them have been too slow.
            rate = BRISK_BYTES_PER_S if len(mirrors) > 1 else LEAST_BYTES_PER_S
            for number, file in enumerate(files):
                if not file.is_good_in(folder):
                    count = number, len(files)
                    served, rate = yield from _fetch_file(file, best_first, rate, folder, label, count)
                    best_first.sort(key=lambda mirror: mirror != served)
        finally:
            lock.release()
    except OSError as error:
        raise DataError(
            _explain_disk(folder, error), "Set MNIST_TUI_DATA to another folder, or free some space"
        ) from error
    except DataError:
        _unmake(made)
        raise


def _unmake(made: Sequence[Path]) -> None:
    """Remove the folders created for a failed download: a mistyped path must not leave any behind."""
    with suppress(OSError):
        for place in made:
            if list(place.iterdir()) == [place / LOCK]:
                (place / LOCK).unlink()
            place.rmdir()


def _explain_disk(folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk of {folder} is full"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {folder} is not writable"
    return f"the files could not be written to {folder}: {error.strerror or error}"


def _fetch_file(
    file: RemoteFile,
    mirrors: Sequence[str],
    rate: int,
    folder: Path,
    label: str,
    count: tuple[int, int],
) -> Generator[Preparing, None, tuple[str, int]]:
    """Download one file, trying all mirrors twice; return the one that served it, and the rate demanded of it."""
    reasons: dict[str, str] = {}
    for least_bytes_per_s in (rate, LEAST_BYTES_PER_S):
        if reasons:
            time.sleep(BACK_OFF_S)
        for mirror in mirrors:
            try:
                yield from _fetch_from(mirror, file, folder, count, least_bytes_per_s)
            except _Unusable as unusable:
                reasons[mirror] = str(unusable)
            else:
                return mirror, least_bytes_per_s
    told = "; ".join(f"{without_password(mirror)} {reason}" for mirror, reason in reasons.items())
    raise DataError(
        f"{label} could not be downloaded: {told or 'no mirror is set'}",
        f"Check the network and try again, or put the files into {folder}, or name a folder that has them with "
        "MNIST_TUI_DATA",
    )


def _fetch_from(
    mirror: str, file: RemoteFile, folder: Path, count: tuple[int, int], least_bytes_per_s: int
) -> Generator[Preparing, None, None]:
    """Download one file from one mirror into a temporary file, verify it, and move it into place atomically."""
    # The same name in all processes, since the lock lets in one at a time; a killed one's leftovers are overwritten.
    part = folder / f".{file.name}.part"
    number, total = count
    yield Preparing(message=f"downloading {file.name}", fraction=number / total)
    chunks = _chunks(f"{mirror.rstrip('/')}/{file.name}", file.max_bytes, least_bytes_per_s)
    try:
        digest, start = yield from _written(chunks, part, file.name, number, total)
        if digest != file.md5:
            page = start.lstrip()[:1] == b"<"
            raise _Unusable("sent a web page instead of the file" if page else "sent a file with the wrong content")
        part.replace(folder / file.name)
    finally:
        part.unlink(missing_ok=True)


def _written(
    received: Generator[tuple[bytes, float], None, None], part: Path, name: str, number: int, total: int
) -> Generator[Preparing, None, tuple[str, bytes]]:
    """Write a response to a file; return its MD5 and its first bytes."""
    digest, start = _md5(), b""
    with part.open("wb") as stream, closing(received) as chunks:
        for chunk, share in chunks:
            stream.write(chunk)
            digest.update(chunk)
            start = start or chunk[:64]
            yield Preparing(message=f"downloading {name}", fraction=(number + share) / total)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest(), start


def _chunks(address: str, max_bytes: int, least_bytes_per_s: int) -> Generator[tuple[bytes, float], None, None]:
    """Yield the chunks of a download as they arrive, with the fraction received so far (0 if the length is unknown).

    Raises:
        _Unusable: This mirror failed, for whatever reason; the caller tries the next one.
    """
    received, answered, began = 0, False, time.monotonic()
    timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
    try:
        with requests.get(address, stream=True, timeout=timeout, headers={"Accept-Encoding": "identity"}) as response:
            response.raise_for_status()
            answered = True
            expected = response.raw.length_remaining or 0
            # Not iter_content: it waits until a chunk is full, so a mirror that trickles would never be abandoned.
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                received += len(chunk)
                if received != expected:
                    _check_pace(received, time.monotonic() - began, max_bytes, least_bytes_per_s)
                yield chunk, min(1.0, received / expected) if expected else 0.0
    except _Unusable:
        raise
    except Exception as error:
        # The libraries raise many kinds of errors: for malformed URLs, headers and chunks, or missing certificates.
        raise _Unusable(_why(error, answered=answered)) from error


def _check_pace(received: int, elapsed_s: float, max_bytes: int, least_bytes_per_s: int) -> None:
    if received > max_bytes:
        raise _Unusable("sent too much data")
    if elapsed_s > SLOW_AFTER_S and received < least_bytes_per_s * elapsed_s:
        raise _Unusable("is too slow")


def _why(error: Exception, *, answered: bool) -> str:
    match error:
        case requests.HTTPError():
            return f"returned HTTP status {error.response.status_code}"
        case requests.Timeout() | urllib3.exceptions.TimeoutError():
            return "stopped responding" if answered else "did not answer in time"
        case requests.exceptions.ProxyError():
            return "cannot be reached, because the proxy failed (see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY)"
        case requests.exceptions.InvalidSchema() if "SOCKS" in str(error):
            return "cannot be reached through a SOCKS proxy without the package pysocks (see ALL_PROXY)"
        case SSLError():
            return "has an untrusted certificate"
        case requests.ConnectionError() if not answered:
            return "cannot be reached"
        case OSError() if "certificate bundle" in str(error):
            return "cannot be trusted: the certificates of this machine are missing (REQUESTS_CA_BUNDLE, SSL_CERT_FILE)"
        case (
            requests.exceptions.InvalidURL() | requests.exceptions.MissingSchema() | requests.exceptions.InvalidSchema()
        ):
            return "is not a valid URL"
    return "closed the connection" if answered else "sent an invalid response"


def without_password(address: str) -> str:
    """Return a URL that is safe to show and store: without user name, password or token."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return address.rpartition("@")[2].partition("?")[0]
    if not host:
        return address.rpartition("@")[2].partition("?")[0]
    shown = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{shown}{port}", parts.path, "", ""))
