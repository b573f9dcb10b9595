"""What is trained, validated and tested: images, labels, and a split that never changes."""

import pytest
import torch

from mnist_tui.engine.data import as_input, load_digits
from tests.data.made import GOOD, as_rows, packed, parts_of, prepare, put, roots

__all__ = ["roots"]

N_TRAIN, N_VALIDATION, N_TEST = 60, 10, 30
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = (
    f"{part}-ubyte" for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
)


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
