"""MNIST as made files of 28x28 noise, in folders and on a mirror of this machine; the digits as they are."""

import os

import pytest

from mnist_tui.core.events import Preparing
from mnist_tui.data.places import data_status, mirrors, places
from mnist_tui.data.sources import MNIST as KNOWN
from mnist_tui.errors import DataError
from tests.data.made import (
    GOOD,
    N_TEST,
    N_TRAIN,
    TEST_IMAGES,
    TEST_LABELS,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    fill,
    idx_images,
    idx_labels,
    made_source,
    mirror,
    notices,
    packed,
    prepare,
    put,
    roots,
)

__all__ = ["mirror", "roots"]


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
