"""MNIST as made files of 28x28 noise, in folders and on a mirror of this machine; the digits as they are."""

import gzip
import hashlib
import os
import random
import struct
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import torch

from mnist_tui.core.events import Notice, Preparing
from mnist_tui.data.fetch import RemoteFile
from mnist_tui.data.places import data_status, mirrors, places
from mnist_tui.data.sources import MNIST as KNOWN
from mnist_tui.engine.data import as_input, load_digits, prepare_dataset
from mnist_tui.errors import DataError

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


def test_the_named_folder_comes_first_then_the_present_one_then_the_cache(roots):
    for root in reversed(roots):
        folder = put(root, packed(GOOD))
        assert prepare()[1].info.source == str(folder)
    assert [place.folder for place in places()] == [root / "MNIST" / "raw" for root in roots]


def test_without_a_named_folder_the_present_one_comes_first(roots, monkeypatch):
    monkeypatch.delenv("MNIST_TUI_DATA")
    _, present, cache = roots
    assert [place.folder for place in places()] == [root / "MNIST" / "raw" for root in (present, cache)]


def test_unpacked_files_do_as_well(roots):
    put(roots[0], GOOD)
    _, unpacked = prepare()
    put(roots[0], packed(GOOD))
    assert prepare()[1].info.sha256 == unpacked.info.sha256


def test_a_damaged_packed_file_beside_a_good_unpacked_one_does_no_harm(roots):
    put(roots[0], GOOD | {f"{TRAIN_IMAGES}.gz": b"half a file"})
    told, _ = prepare()
    assert notices(told) == []


def without(name):
    return {key: content for key, content in packed(GOOD).items() if key != f"{name}.gz"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (without(TEST_LABELS), "the test labels are missing"),
        (
            packed(GOOD) | {f"{TRAIN_IMAGES}.gz": b"<html>"},
            "train-images-idx3-ubyte.gz cannot be used: its MD5 does not match",
        ),
        (GOOD | {TRAIN_IMAGES: b""}, "train-images-idx3-ubyte cannot be used: it is empty"),
        (packed(GOOD) | {f"{TRAIN_IMAGES}.gz": b""}, "train-images-idx3-ubyte.gz cannot be used: it is empty"),
        (GOOD | {TRAIN_IMAGES: GOOD[TRAIN_LABELS]}, "the train images are not an IDX file"),
        (GOOD | {TEST_IMAGES: GOOD[TEST_IMAGES][:-1]}, "the test images are truncated"),
        (GOOD | {TEST_IMAGES: GOOD[TEST_IMAGES][:10]}, "the test images"),
        (GOOD | {TEST_IMAGES: GOOD[TEST_IMAGES] + b"x"}, "the test images are truncated or too long"),
        (GOOD | {TRAIN_LABELS: idx_labels(N_TRAIN - 1)}, "the train labels do not hold 60 items"),
        (GOOD | {TEST_LABELS: idx_labels(N_TEST, highest=10)}, "the test labels hold labels other than 0 to 9"),
    ],
)
def test_a_damaged_first_place_is_told_and_the_next_one_used(roots, files, reason):
    first, second = put(roots[0], files), put(roots[1], packed(GOOD))
    told, dataset = prepare()
    (notice,) = notices(told)
    assert notice.level == "warning"
    assert str(first) in notice.message
    assert reason in notice.message
    assert dataset.info.source == str(second)
    states = {status.place.folder: (status.state, status.detail) for status in data_status(made_source())}
    state, detail = states[first]
    assert (state, states[second]) == ("damaged", ("good", ""))
    assert reason in detail
    assert states[roots[2] / "MNIST" / "raw"] == ("missing", "")


def make_fifo(path):
    os.mkfifo(path)


def make_endless(path):
    path.symlink_to("/dev/zero")


def make_huge(path):
    with path.open("wb") as file:
        file.truncate(10**12)


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize("packed_too", [False, True], ids=["unpacked", "packed"])
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_fifo, "it is not a regular file"),
        (make_endless, "it is not a regular file"),
        (make_huge, "it is larger than 64 MiB"),
        (make_folder, "it is not a regular file"),
    ],
)
def test_what_would_hang_or_never_end_is_not_read(roots, make, reason, packed_too):
    name = f"{TRAIN_IMAGES}.gz" if packed_too else TRAIN_IMAGES
    first = put(roots[0], without(TRAIN_IMAGES) if packed_too else {k: v for k, v in GOOD.items() if k != TRAIN_IMAGES})
    make(first / name)
    put(roots[1], packed(GOOD))
    (notice,) = notices(prepare()[0])
    assert f"{name} cannot be used: {reason}" in notice.message


def test_files_that_are_well_formed_but_of_other_images_are_not_mnist(roots):
    put(roots[0], GOOD)
    digest = prepare()[1].info.sha256
    put(roots[1], GOOD | {TRAIN_IMAGES: idx_images(N_TRAIN, seed=7)})
    source = made_source(sha256=digest)
    states = [(status.state, status.detail) for status in data_status(source)]
    assert states == [("good", ""), ("damaged", "the content does not match MNIST"), ("missing", "")]


def test_a_folder_that_cannot_be_read_is_damaged_and_no_crash(roots):
    folder = put(roots[0], packed(GOOD))
    (folder / f"{TRAIN_IMAGES}.gz").unlink()
    (folder / TRAIN_IMAGES).mkdir()
    first, *_ = data_status(made_source())
    assert first.state == "damaged"
    assert TRAIN_IMAGES in first.detail


# Downloads ------------------------------------------------------------------------------------------


def test_mnist_is_downloaded_into_the_named_folder_and_read(roots, mirror):
    address, folder = mirror
    fill(folder, packed(GOOD))
    told, dataset = prepare(source=made_source(mirrors=(address,)))
    assert all(isinstance(event, Preparing) for event in told)
    assert any("downloading" in event.message for event in told)
    assert dataset.info.source == str(roots[0] / "MNIST" / "raw")
    assert dataset.info.name == "mnist"
    again, _ = prepare()
    assert [event.message for event in again] == ["reading MNIST"]


def test_without_a_named_folder_it_is_downloaded_to_the_cache(roots, mirror, monkeypatch):
    monkeypatch.delenv("MNIST_TUI_DATA")
    address, folder = mirror
    fill(folder, packed(GOOD))
    _, dataset = prepare(source=made_source(mirrors=(address,)))
    assert dataset.info.source == str(roots[2] / "MNIST" / "raw")
    assert not roots[1].exists(), "nothing is written into the current directory"


def test_a_damaged_download_folder_is_told_and_mended(roots, mirror):
    address, folder = mirror
    fill(folder, packed(GOOD))
    put(roots[0], packed(GOOD) | {f"{TEST_LABELS}.gz": b"half"})
    told, dataset = prepare(source=made_source(mirrors=(address,)))
    assert len(notices(told)) == 1
    assert {event.message for event in told if "downloading" in event.message} == {f"downloading {TEST_LABELS}.gz"}
    assert dataset.info.source == str(roots[0] / "MNIST" / "raw")


def test_named_mirrors_take_the_place_of_the_known_ones(mirror, monkeypatch):
    address, folder = mirror
    fill(folder, packed(GOOD))
    monkeypatch.setenv("MNIST_TUI_MIRRORS", f" http://127.0.0.1:9/ , {address},")
    assert prepare()[1].info.name == "mnist"


@pytest.mark.parametrize(
    "parts",
    [
        GOOD | {TRAIN_LABELS: idx_labels(N_TRAIN + 1)},
        GOOD | {TEST_LABELS: idx_labels(N_TEST, highest=255)},
        GOOD | {TEST_IMAGES: b"no IDX file"},
    ],
)
def test_a_download_with_unusable_content_is_an_error(mirror, parts):
    address, folder = mirror
    fill(folder, packed(parts))
    with pytest.raises(DataError) as caught:
        prepare(source=made_source(parts, mirrors=(address,)))
    assert caught.value.exit_code == 3


def test_mnist_that_is_not_to_be_had_is_an_error_with_the_next_step(roots):
    with pytest.raises(DataError) as caught:
        prepare("mnist")
    assert caught.value.exit_code == 3
    assert "cannot be reached" in caught.value.what
    assert "MNIST_TUI_DATA" in caught.value.next_step


def test_auto_trains_on_the_digits_and_says_so(roots):
    told, dataset = prepare("auto")
    (notice,) = notices(told)
    assert notice.level == "warning"
    assert notice.exit_code == 0
    assert "Training on 8x8 digits (not MNIST)" in notice.message
    assert "mnist-tui data fetch" in notice.message
    assert dataset.info.name == "digits"
    assert "mnist-tui data fetch" in dataset.info.note


def test_auto_takes_mnist_where_it_can_be_had(roots):
    put(roots[0], packed(GOOD))
    told, dataset = prepare("auto")
    assert notices(told) == []
    assert (dataset.info.name, dataset.info.note) == ("mnist", "")


def test_digits_asked_for_are_no_fallback(roots):
    told, dataset = prepare("digits")
    assert told == []
    assert (dataset.info.name, dataset.info.note) == ("digits", "")


def test_what_is_known_of_mnist_is_what_torchvision_knows(published):
    assert [file.name for file in KNOWN.files] == [f"{name}.gz" for name in GOOD]
    assert {(file.name, file.md5) for file in KNOWN.files} == set(published.MNIST.resources)
    assert mirrors() == tuple(published.MNIST.mirrors)
    assert (KNOWN.facts.n_train, KNOWN.facts.n_validation, KNOWN.facts.n_test) == (60_000, 10_000, 10_000)


# Parts ----------------------------------------------------------------------------------------------


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


def made_mnist(roots, split_seed=0):
    put(roots[0], packed(GOOD))
    return prepare(split_seed=split_seed)[1]


def digits(roots, split_seed=0):
    return load_digits(split_seed)


@pytest.mark.parametrize("load", [made_mnist, digits])
def test_images_are_28x28_bytes_that_the_network_gets_in_0_to_1_and_counted_as_told(roots, load):
    dataset = load(roots)
    info = dataset.info
    for (images, labels), count in zip(parts_of(dataset), (info.n_train, info.n_validation, info.n_test), strict=True):
        assert images.shape == (count, 1, 28, 28)
        assert images.dtype == torch.uint8
        assert int(images.min()) < 3
        assert int(images.max()) > 230
        inputs = as_input(images)
        assert inputs.dtype == torch.float32
        assert torch.equal(inputs, images / 255)
        assert labels.shape == (count,)
        assert labels.dtype == torch.int64
        assert set(labels.tolist()) <= set(range(10))


def test_the_digits_are_those_of_scikit_learn_however_they_are_read(monkeypatch):
    read = load_digits(0)
    monkeypatch.setattr("mnist_tui.engine.data.find_spec", lambda name: None)
    asked = load_digits(0)
    assert read.info == asked.info
    for ours, theirs in zip(parts_of(read), parts_of(asked), strict=True):
        assert all(map(torch.equal, ours, theirs))


@pytest.mark.parametrize("load", [made_mnist, digits])
def test_the_split_is_fixed_by_its_seed_and_by_nothing_else(roots, load):
    torch.manual_seed(1)
    first = load(roots, split_seed=5)
    torch.manual_seed(2)
    for again, before in zip(parts_of(load(roots, split_seed=5)), parts_of(first), strict=True):
        assert all(map(torch.equal, again, before))
    other = load(roots, split_seed=6)
    assert set(as_rows(other.validation_images)) != set(as_rows(first.validation_images))
    assert other.info.sha256 == first.info.sha256, "the data are the same, however they are split"


@pytest.mark.parametrize("load", [made_mnist, digits])
def test_parts_do_not_overlap_and_leave_nothing_out(roots, load):
    rows = [row for images, _ in parts_of(load(roots)) for row in as_rows(images)]
    reference = sorted(row for images, _ in parts_of(load(roots, split_seed=9)) for row in as_rows(images))
    assert sorted(rows) == reference
    assert len(set(rows)) == len(rows)


def test_of_mnist_the_files_decide_what_is_test_and_images_keep_their_labels(roots):
    dataset = made_mnist(roots)
    assert dataset.info.n_train == N_TRAIN - N_VALIDATION
    assert dataset.info.n_validation == N_VALIDATION
    header, size = 16, 28 * 28
    for (images, labels), name in zip(parts_of(dataset), (TRAIN_IMAGES, TRAIN_IMAGES, TEST_IMAGES), strict=True):
        pixels = GOOD[name][header:]
        positions = {pixels[i * size : (i + 1) * size]: i for i in range(len(pixels) // size)}
        in_file = [positions[row] for row in as_rows(images)]
        assert [i % 10 for i in in_file] == labels.tolist()


def test_the_digits_are_1797_and_every_class_is_shared_out_alike():
    dataset = load_digits(0)
    sizes = [len(labels) for _, labels in parts_of(dataset)]
    assert sum(sizes) == 1797
    for _, labels in parts_of(dataset):
        shares = torch.bincount(labels, minlength=10) / len(labels)
        assert shares.min() > 0.09
        assert shares.max() < 0.11


def test_digits_lie_amid_an_empty_frame_as_those_of_mnist_do():
    images = load_digits(0).train_images
    inner = images[:, :, 4:24, 4:24].clone()
    images[:, :, 4:24, 4:24] = 0
    assert not images.any()
    assert (inner.amax(dim=(1, 2, 3)) > 127).all()
