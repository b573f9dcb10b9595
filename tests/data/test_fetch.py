"""Downloads from a mirror of this machine that answers as good and bad mirrors do."""

import errno
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from mnist_tui.data.fetch import fetch_files, without_password
from tests.data.mirror import (
    CONTENTS,
    FILES,
    PAGE,
    contents,
    download,
    failed,
    say_nothing,
    send,
    send_when_released,
    send_without_length,
)
from tests.patience import PATIENCE_S


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
