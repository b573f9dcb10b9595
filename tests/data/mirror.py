"""A mirror on this machine that answers as good and bad mirrors do."""

import hashlib
import random
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mnist_tui.data.fetch import CHUNK_BYTES, RemoteFile, fetch_files
from mnist_tui.errors import DataError
from tests.patience import PATIENCE_S

CONTENTS = {
    "images.gz": random.Random(0).randbytes(3 * CHUNK_BYTES + 5),
    "labels.gz": random.Random(1).randbytes(1000),
}
FILES = tuple(RemoteFile(name, hashlib.md5(content).hexdigest()) for name, content in CONTENTS.items())
PAGE = b"\n<!DOCTYPE html><html><body>Please sign in to the network</body></html>"


class Mirror(ThreadingHTTPServer):
    """A mirror whose answers can be chosen by path; `asked` holds the paths in the order they were asked for."""

    daemon_threads = False  # so that closing waits for every answer in progress

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []
        self.answers = {f"/{name}": partial(send, content=content) for name, content in CONTENTS.items()}
        self.arrived, self.released = threading.Event(), threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def answer_all(self, answer):
        self.answers = dict.fromkeys(self.answers, answer)


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        self.server.asked.append(self.path)
        try:
            self.server.answers[self.path](self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the one who asked is gone

    def log_message(self, *args):
        pass


def send(request, content, headers=()):
    request.send_response(200)
    for name, value in {"Content-Length": str(len(content)), **dict(headers)}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(content)


def send_without_length(request, content):
    request.send_response(200)
    request.end_headers()
    request.wfile.write(content)


def send_half(request, content):
    send(request, content[: len(content) // 2], {"Content-Length": str(len(content))})


def send_when_released(request, content):
    """Send all but the last bytes, say so, and wait."""
    send(request, content[:-5], {"Content-Length": str(len(content))})
    request.server.arrived.set()
    request.server.released.wait(PATIENCE_S)
    request.wfile.write(content[-5:])


def send_slowly(request, content):
    send(request, b"", {"Content-Length": str(len(content))})
    for start in range(0, len(content), len(content) // 5):
        request.server.released.wait(0.3)
        request.wfile.write(content[start : start + len(content) // 5])


def send_without_end(request):
    send(request, b"", {"Content-Length": str(10**12)})
    while not request.server.released.is_set():
        request.wfile.write(bytes(CHUNK_BYTES))


def drip(request):
    send(request, b"", {"Content-Length": "100000"})
    while not request.server.released.wait(0.02):
        request.wfile.write(b"x")


def send_elsewhere(request, address):
    request.send_response(302)
    request.send_header("Location", address)
    request.end_headers()


def send_chunk(request, head):
    request.protocol_version = "HTTP/1.1"
    request.send_response(200)
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    request.wfile.write(head + b"\r\nxxxxx\r\n")


def send_raw(request, content):
    request.wfile.write(content)


def refuse(request, code):
    request.send_error(code)


def say_nothing(request):
    request.server.released.wait(PATIENCE_S)


def send_headers_only(request):
    send(request, b"", {"Content-Length": "1000"})
    request.server.released.wait(PATIENCE_S)


def download(folder, *mirrors):
    """Download from mirrors, given as such or by their addresses; return what was told."""
    return list(fetch_files(FILES, [getattr(mirror, "address", mirror) for mirror in mirrors], folder, "MNIST"))


def contents(folder):
    """Return the content of all files by name, but for the lock."""
    if not folder.exists():
        return {}
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".download.lock"}


def failed(folder, *mirrors):
    """Download where it cannot be done; return the error."""
    with pytest.raises(DataError) as caught:
        download(folder, *mirrors)
    assert caught.value.exit_code == 3
    assert "MNIST_TUI_DATA" in caught.value.next_step
    return caught.value
