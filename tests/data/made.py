"""MNIST's files, made of noise, and the folders that they lie in."""

import gzip
import hashlib
import random
import struct
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mnist_tui.core.events import Notice
from mnist_tui.data.fetch import RemoteFile
from mnist_tui.data.sources import MNIST as KNOWN
from mnist_tui.engine.data import prepare_dataset

N_TRAIN, N_VALIDATION, N_TEST = 60, 10, 30
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (
    f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
)


def idx_images(count, seed=0):
    pixels = random.Random(seed).randbytes(count * 28 * 28)
    return struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + pixels


def idx_labels(count, highest=9):
    return struct.pack(">4BI", 0, 0, 8, 1, count) + bytes(i % (highest + 1) for i in range(count))


GOOD = {
    TRAIN_IMAGES: idx_images(N_TRAIN),
    TRAIN_LABELS: idx_labels(N_TRAIN),
    TEST_IMAGES: idx_images(N_TEST, seed=1),
    TEST_LABELS: idx_labels(N_TEST),
}


def packed(parts):
    return {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in parts.items()}


def made_source(parts=GOOD, **changes):
    """Return the source of an MNIST of which these parts are the right ones."""
    values: dict[str, Any] = {
        "files": tuple(RemoteFile(name, hashlib.md5(content).hexdigest()) for name, content in packed(parts).items()),
        "mirrors": ("http://127.0.0.1:9/",),  # a closed port
        "sha256": "",
        "facts": replace(KNOWN.facts, n_train=N_TRAIN, n_test=N_TEST),
    }
    return replace(KNOWN, **(values | changes))


def put(root, files):
    """Write files where torchvision would have put them; return their folder."""
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def prepare(choice="mnist", split_seed=0, side=None, source=None):
    """Return what was told, and the data."""
    told = []
    steps = prepare_dataset(choice, split_seed, side, source or made_source())
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return told, end.value


def notices(told):
    return [event for event in told if isinstance(event, Notice)]


@pytest.fixture(autouse=True)
def roots(tmp_path, monkeypatch):
    """Keep all three places below an empty folder; return their roots in the order they are looked at."""
    named, present, cache = tmp_path / "named", tmp_path / "present" / "data", tmp_path / "cache"
    present.parent.mkdir()
    monkeypatch.chdir(present.parent)
    monkeypatch.setenv("MNIST_TUI_DATA", str(named))
    monkeypatch.delenv("MNIST_TUI_MIRRORS", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: cache)
    monkeypatch.setattr("mnist_tui.data.fetch.BACK_OFF_S", 0.0)
    return named, present, cache / "data"


@pytest.fixture
def mirror(tmp_path):
    """Return the address of a mirror, and the folder of the files that it sends."""
    folder = tmp_path / "mirror"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


def fill(folder, files):
    for name, content in files.items():
        (folder / name).write_bytes(content)


# Places ---------------------------------------------------------------------------------------------


def parts_of(dataset):
    """Return images and labels of training, validation and test."""
    return (
        (dataset.train_images, dataset.train_labels),
        (dataset.validation_images, dataset.validation_labels),
        (dataset.test_images, dataset.test_labels),
    )


def as_rows(images):
    """Return every image as bytes."""
    return [image.numpy().tobytes() for image in images]
