"""Downloads from a mirror of this machine that answers as good and bad mirrors do."""

import errno
import hashlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from mnist_tui.data import fetch
from mnist_tui.data.fetch import CHUNK_BYTES, RemoteFile, fetch_files, without_password
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


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(fetch, "BACK_OFF_S", 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def make_mirror():
    """Return a function that starts a mirror; all are stopped in the end."""
    running = []

    def make():
        mirror = Mirror()
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield make
    for mirror, thread in running:
        mirror.released.set()
        mirror.shutdown()
        thread.join()
        mirror.server_close()


@pytest.fixture
def mirror(make_mirror):
    return make_mirror()


@pytest.fixture
def closed_address():
    """Return an address where nobody listens and nobody else can begin to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "MNIST" / "raw"


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


def test_a_download_brings_whole_files_and_tells_a_rising_share(mirror, folder):
    steps = download(folder, mirror)
    assert contents(folder) == CONTENTS
    shares = [step.fraction for step in steps]
    assert all(before <= after for before, after in itertools.pairwise(shares))
    assert (shares[0], shares[-1]) == (0, 1)
    assert len(set(shares)) >= 4, "there is news from inside the large file"
    assert list(dict.fromkeys(step.message for step in steps)) == ["downloading images.gz", "downloading labels.gz"]


def test_a_file_is_named_before_its_mirror_has_answered(mirror, folder):
    mirror.answer_all(say_nothing)
    steps = fetch_files(FILES, [mirror.address], folder, "MNIST")
    assert next(steps).message == "downloading images.gz"
    steps.close()


def test_an_address_may_end_with_a_slash_or_not(mirror, folder):
    download(folder, mirror.address.rstrip("/"))
    assert contents(folder) == CONTENTS


def test_right_files_are_not_asked_for_again_and_a_wrong_one_is_replaced(mirror, folder):
    folder.mkdir(parents=True)
    (folder / "images.gz").write_bytes(CONTENTS["images.gz"])
    (folder / "labels.gz").write_bytes(b"wrong")
    download(folder, mirror)
    assert mirror.asked == ["/labels.gz"]
    assert contents(folder) == CONTENTS
    assert download(folder, mirror) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (partial(send, content=b"something else"), "sent a file with the wrong content"),
        (partial(send, content=b""), "sent a file with the wrong content"),
        (partial(send, content=PAGE), "sent a web page instead of the file"),
        (partial(send_half, content=CONTENTS["images.gz"]), "closed the connection"),
        (partial(refuse, code=404), "returned HTTP status 404"),
        (partial(refuse, code=500), "returned HTTP status 500"),
    ],
)
def test_a_bad_answer_is_told_leaves_no_file_and_the_next_mirror_is_asked(make_mirror, folder, answer, reason):
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(answer)
    assert f"{bad.address} {reason}" in failed(folder, bad).what
    assert contents(folder) == {}
    download(folder, bad, good)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    "answer",
    [
        send_without_end,
        drip,
        partial(send_elsewhere, address="http://[::1"),
        partial(send_elsewhere, address="http://x" + "." * 300 + "/\x01"),
        partial(send_elsewhere, address="gopher://127.0.0.1/x"),
        partial(send_chunk, head=b"-5"),
        partial(send_chunk, head=b"zz"),
        partial(send_raw, content=b"\x00\xff no HTTP at all"),
        partial(send_raw, content=b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\nabc"),
        partial(send_raw, content=b"HTTP/1.1 200 OK\r\n" + b"x" * 100_000),
    ],
)
def test_whatever_a_mirror_sends_the_next_one_is_asked(make_mirror, folder, monkeypatch, answer):
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 1 << 20)
    monkeypatch.setattr(fetch, "SLOW_AFTER_S", 0.2)
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(answer)
    download(folder, bad, good)
    assert contents(folder) == CONTENTS
    assert "/images.gz" in bad.asked


def test_missing_certificates_are_named_and_the_next_mirror_is_asked(mirror, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    assert "certificates" in failed(folder, "https://127.0.0.1:9").what
    download(folder, "https://127.0.0.1:9", mirror)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:secret@127.0.0.1:9/mnist/?token=secret", "https://127.0.0.1:9/mnist/"),
        ("http://secret@[::1]:9/", "http://[::1]:9/"),
        ("http://me:secret@[::1", "[::1"),
        ("me:secret@host", "host"),
        ("https://127.0.0.1/", "https://127.0.0.1/"),
    ],
)
def test_passwords_in_addresses_are_not_told(folder, address, shown):
    assert without_password(address) == shown
    told = failed(folder, address).what
    assert shown in told
    assert "secret" not in told


def test_a_folder_that_was_named_by_mistake_is_not_left_behind(closed_address, folder, tmp_path):
    failed(folder, closed_address)
    assert list(tmp_path.iterdir()) == []


def test_a_mirror_that_cannot_be_reached_is_told_and_the_next_one_is_asked(closed_address, mirror, folder):
    assert f"{closed_address} cannot be reached" in failed(folder, closed_address).what
    download(folder, closed_address, mirror)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (say_nothing, "did not answer in time"),
        (send_headers_only, "stopped responding"),
        (partial(send_when_released, content=CONTENTS["images.gz"]), "stopped responding"),
    ],
)
def test_a_mirror_that_falls_silent_is_given_up(mirror, folder, monkeypatch, answer, reason):
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 0.2)
    mirror.answer_all(answer)
    assert failed(folder, mirror).what.endswith(f"{mirror.address} {reason}")
    assert contents(folder) == {}


def test_after_a_silent_mirror_the_next_one_is_asked(make_mirror, folder, monkeypatch):
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 1.0)
    silent, good = make_mirror(), make_mirror()
    silent.answer_all(say_nothing)
    download(folder, silent, good)
    assert contents(folder) == CONTENTS


def test_a_mirror_that_is_slow_but_sends_is_waited_for(mirror, folder, monkeypatch):
    # All of it takes longer than the limit, which stands for a single silence.
    monkeypatch.setattr(fetch, "READ_TIMEOUT_S", 1.2)
    mirror.answers["/images.gz"] = partial(send_slowly, content=CONTENTS["images.gz"])
    download(folder, mirror)
    assert contents(folder) == CONTENTS
    assert mirror.asked == ["/images.gz", "/labels.gz"]


def pass_time(monkeypatch, seconds):
    """Let so many seconds pass each time that the clock is read."""
    clock = itertools.count()
    monkeypatch.setattr(fetch, "time", SimpleNamespace(monotonic=lambda: next(clock) * seconds(), sleep=time.sleep))


def test_a_slow_mirror_makes_way_for_a_fast_one_which_then_serves_the_rest(make_mirror, folder, monkeypatch):
    slow, fast = make_mirror(), make_mirror()
    pass_time(monkeypatch, lambda: 0 if fast.asked else 20)
    download(folder, slow, fast)
    assert contents(folder) == CONTENTS
    assert (slow.asked, fast.asked) == (["/images.gz"], ["/images.gz", "/labels.gz"])


def test_where_all_mirrors_are_slow_they_are_waited_for(make_mirror, folder, monkeypatch):
    pass_time(monkeypatch, lambda: 20)
    monkeypatch.setattr(fetch, "LEAST_BYTES_PER_S", (100_000, 1))
    first, second = make_mirror(), make_mirror()
    download(folder, first, second)
    assert contents(folder) == CONTENTS
    assert first.asked.count("/images.gz") == 2


def test_the_mirror_that_served_a_file_is_asked_first_for_the_next_one(make_mirror, folder):
    bad, good = make_mirror(), make_mirror()
    bad.answer_all(partial(refuse, code=404))
    download(folder, bad, good)
    assert (bad.asked, good.asked) == (["/images.gz"], ["/images.gz", "/labels.gz"])


def test_a_fault_that_passes_is_tried_again(mirror, folder):
    def first_fail(request):
        mirror.answers["/images.gz"] = partial(send, content=CONTENTS["images.gz"])
        request.send_error(503)

    mirror.answers["/images.gz"] = first_fail
    download(folder, mirror)
    assert contents(folder) == CONTENTS


def test_every_mirror_is_named_with_its_own_reason(make_mirror, closed_address, folder):
    first, second = make_mirror(), make_mirror()
    first.answer_all(partial(refuse, code=404))
    second.answer_all(partial(send, content=PAGE))
    what = failed(folder, first, second, closed_address).what
    for reason in (
        f"{first.address} returned HTTP status 404",
        f"{second.address} sent a web page",
        f"{closed_address} cannot be reached",
    ):
        assert what.count(reason) == 1


@pytest.mark.parametrize("mirrors", [(), ("ftp://127.0.0.1/",), ("127.0.0.1",), ("http://",)])
def test_mirrors_that_are_no_addresses_are_an_error_and_no_crash(folder, mirrors):
    what = failed(folder, *mirrors).what
    assert all(mirror in what for mirror in mirrors)
    assert contents(folder) == {}


def test_a_file_that_the_server_calls_an_encoding_is_kept_as_it_lies_there(mirror, folder):
    send_encoded = partial(send, content=CONTENTS["images.gz"], headers={"Content-Encoding": "gzip"})
    mirror.answers["/images.gz"] = send_encoded
    download(folder, mirror)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize(
    "answer",
    [
        partial(send_without_length, content=CONTENTS["images.gz"]),
        partial(send, content=CONTENTS["images.gz"], headers={"Content-Length": "many"}),
    ],
)
def test_an_answer_without_a_usable_length_is_still_a_download(mirror, folder, answer):
    mirror.answers["/images.gz"] = answer
    steps = download(folder, mirror)
    assert contents(folder) == CONTENTS
    assert all(0 <= step.fraction <= 1 for step in steps)


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EACCES, "is not writable"),
        (errno.EROFS, "is not writable"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_disk_that_fails_is_told_and_no_half_file_stays(mirror, folder, monkeypatch, number, sentence):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        what = failed(folder, mirror).what
    assert sentence in what
    assert str(folder) in what
    assert contents(folder) == {}
    assert mirror.asked == ["/images.gz"], "no other mirror mends a disk"
    download(folder, mirror)
    assert contents(folder) == CONTENTS


@pytest.mark.parametrize("taken", ["MNIST", "MNIST/raw"])
def test_a_file_in_place_of_the_folder_is_told_and_left_alone(mirror, folder, tmp_path, taken):
    path = tmp_path / taken
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert str(folder) in failed(folder, mirror).what
    assert path.read_text() == "mine"
    assert mirror.asked == []


def test_a_failure_keeps_what_was_there_and_what_has_come(mirror, folder):
    folder.mkdir(parents=True)
    (folder / "labels.gz").write_bytes(b"wrong")
    mirror.answers["/labels.gz"] = partial(send, content=PAGE)
    failed(folder, mirror)
    assert contents(folder) == CONTENTS | {"labels.gz": b"wrong"}


def test_a_download_given_up_leaves_no_half_file_and_makes_way_for_the_next(mirror, folder):
    steps = fetch_files(FILES, [mirror.address], folder, "MNIST")
    while next(steps).fraction == 0:
        pass
    assert list(contents(folder)) != []
    # What is given up in the app is closed by whichever thread lets go of it.
    closing = threading.Thread(target=steps.close)
    closing.start()
    closing.join()
    assert contents(folder) == {}
    again = fetch_files(FILES, [mirror.address], folder, "MNIST")
    assert next(again).message == "downloading images.gz"
    list(again)
    assert contents(folder) == CONTENTS


def start_thread(mirror, folder):
    thread = threading.Thread(target=download, args=(folder, mirror))
    thread.start()
    return thread


def start_process(mirror, folder):
    lines = (
        "import sys; from pathlib import Path; from mnist_tui.data.fetch import RemoteFile, fetch_files",
        "address, folder, *files = sys.argv[1:]",
        "files = [RemoteFile(*file.split(':')) for file in files]",
        "for step in fetch_files(files, [address], Path(folder), 'MNIST'): pass",
    )
    files = [f"{file.name}:{file.md5}" for file in FILES]
    return subprocess.Popen([sys.executable, "-c", "\n".join(lines), mirror.address, str(folder), *files])


@pytest.mark.parametrize(
    ("start", "end"), [(start_thread, threading.Thread.join), (start_process, subprocess.Popen.wait)]
)
def test_a_second_download_of_the_same_files_waits_and_uses_those_of_the_first(mirror, folder, start, end):
    mirror.answers["/images.gz"] = partial(send_when_released, content=CONTENTS["images.gz"])
    first = start(mirror, folder)
    assert mirror.arrived.wait(PATIENCE_S)
    second = fetch_files(FILES, [mirror.address], folder, "MNIST")
    assert next(second).message == "waiting for another download of the same files"
    mirror.released.set()
    assert all("waiting" in step.message for step in second)
    assert not end(first, PATIENCE_S)
    assert contents(folder) == CONTENTS
    assert mirror.asked == ["/images.gz", "/labels.gz"]


def test_a_download_that_was_killed_is_cleared_up_by_the_next_one(mirror, folder):
    mirror.answers["/images.gz"] = partial(send_when_released, content=CONTENTS["images.gz"])
    with start_process(mirror, folder) as process:
        assert mirror.arrived.wait(PATIENCE_S)
        deadline = time.monotonic() + PATIENCE_S
        while not contents(folder) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
    left = contents(folder)
    assert left
    assert "images.gz" not in left
    mirror.released.set()
    download(folder, mirror)
    assert contents(folder) == CONTENTS
