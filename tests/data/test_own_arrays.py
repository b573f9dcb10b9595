"""The user's own arrays in a file: under which names they are read, and what is refused."""

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_tui.errors import DataError
from tests.data.made import parts_of, prepare

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
LABELS = np.arange(60) % 4


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def load(path):
    return prepare(str(path))[1]


def refused(path):
    with pytest.raises(DataError) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels")])
def test_arrays_are_read_by_their_usual_names(tmp_path, names):
    values = dict(zip(names, (IMAGES, LABELS, IMAGES[:8], LABELS[:8]), strict=False))
    dataset = load(npz(tmp_path / "shapes.npz", **values))
    info = dataset.info
    assert (info.name, info.side, info.channels, info.classes) == ("shapes", 8, 1, ("0", "1", "2", "3"))
    assert info.n_test == 8
    assert info.n_train + info.n_validation == (60 if len(names) == 4 else 52)
    known = {image.tobytes(): label for image, label in zip(IMAGES, LABELS.tolist(), strict=True)}
    for images, labels in parts_of(dataset):
        for image, label in zip(images, labels.tolist(), strict=True):
            assert known[image.numpy().tobytes()] == label


COLOURED = np.random.default_rng(1).integers(0, 256, (60, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    "images", [COLOURED, COLOURED.transpose(0, 3, 1, 2), COLOURED / 255, (COLOURED / 255).astype(np.float16)]
)
def test_colour_arrays_are_read_in_either_order_and_from_fractions(tmp_path, images):
    dataset = load(npz(tmp_path / "a.npz", images=images, labels=LABELS))
    assert dataset.channels == 3
    found = {image.tobytes() for images, _ in parts_of(dataset) for image in images.permute(0, 2, 3, 1).numpy()}
    near = 1 if images.dtype == np.float16 else 0
    expected = {image.tobytes() for image in COLOURED}
    assert found == expected if not near else len(found) == len(expected)


def test_labels_may_be_texts_or_have_names(tmp_path):
    words = np.array(["tea", "ant", "sea"])[np.arange(60) % 3]
    dataset = load(npz(tmp_path / "a.npz", images=IMAGES, labels=words))
    assert dataset.info.classes == ("ant", "sea", "tea")
    named = load(npz(tmp_path / "b.npz", images=IMAGES, labels=LABELS[:, None], classes=["n", "e", "s", "w"]))
    assert named.info.classes == ("n", "e", "s", "w")


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"pictures": IMAGES}, "has no array called x_train"),
        ({"images": IMAGES}, "has images without labels"),
        ({"images": IMAGES, "labels": LABELS[:-1]}, "has 60 images and 59 labels"),
        ({"images": IMAGES, "labels": LABELS / 2}, "labels of"),
        ({"images": IMAGES, "labels": LABELS * 100}, "labels other than 0 to 255"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels other than 0 to 255"),
        ({"images": IMAGES, "labels": LABELS * 0}, "from 2 to 256 classes"),
        ({"images": IMAGES, "labels": LABELS, "classes": ["a", "b", "a", "c"]}, "have the same name"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS.astype("U1")}, "numbers in one part"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS + 1}, "a class without training images: 4"),
        ({"images": IMAGES[:, :, :6], "labels": LABELS}, "must be square images"),
        ({"images": IMAGES.reshape(60, 64), "labels": LABELS}, "must be square images"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "at least one"),
        ({"images": IMAGES * 1.0 - 300, "labels": LABELS}, "from 0 to 1 or from 0 to 255"),
        ({"images": np.full((60, 8, 8), np.nan), "labels": LABELS}, "from 0 to 1 or from 0 to 255"),
        ({"images": IMAGES.astype("U3"), "labels": LABELS}, "must be numbers"),
        ({"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:, :4, :4], "y_test": LABELS}, "different shapes"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused_with_the_reason(tmp_path, arrays, reason):
    assert reason in refused(npz(tmp_path / "a.npz", **arrays))


class Trap:
    def __reduce__(self):
        return os.mkdir, ("/tmp/mnist-tui-was-here",)


def test_what_would_execute_code_is_not_loaded(tmp_path):
    path = npz(tmp_path / "a.npz", images=np.array([Trap()] * 4), labels=LABELS[:4])
    assert "cannot be read as a file of arrays" in refused(path)
    path.write_bytes(pickle.dumps(Trap()))
    assert "cannot be read as a file of arrays" in refused(path)
    assert not Path("/tmp/mnist-tui-was-here").exists()


def test_damaged_missing_and_swollen_files_are_refused(tmp_path, monkeypatch):
    path = npz(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be read" in refused(path)
    assert "does not exist" in refused(tmp_path / "b.npz")
    (tmp_path / "c.npz").mkdir()
    assert "is not a regular file" in refused(tmp_path / "c.npz")
    with zipfile.ZipFile(tmp_path / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", bytes(3_000_000))
    monkeypatch.setattr("mnist_tui.data.arrays.MAX_BYTES", 1_000_000)
    assert "holds more than" in refused(tmp_path / "d.npz")
