"""The user's own data: folders of images and files of arrays, good ones and all kinds of bad ones."""

import io
import os
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from mnist_tui.core.datasets import as_dataset, check_dataset
from mnist_tui.core.events import Notice, Preparing
from mnist_tui.core.spec import RunSpec
from mnist_tui.data import folder as folders
from mnist_tui.errors import DataError, UsageError
from tests.data.made import parts_of, prepare
from tests.data.test_own_arrays import IMAGES, LABELS, load, npz

COLOURS = {"blue": (0, 0, 255), "green": (0, 200, 0), "red": (255, 0, 0)}


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def make_folder(root, count=12, size=(8, 8), mode="RGB", ending=".png"):
    """Make a folder per colour; every image of a class has its own brightness."""
    for name, colour in COLOURS.items():
        for number in range(count):
            shade = tuple(max(0, value - 5 * number) for value in colour)
            save(root / name / f"{number:02}{ending}", Image.new("RGB", size, shade).convert(mode))
    return root


def read(root, side=None, split_seed=0):
    return prepare(f"folder:{root}", split_seed, side=side)[1]


def complaint(root, side=None):
    with pytest.raises(DataError) as caught:
        read(root, side)
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Names ------------------------------------------------------------------------------------------------


def test_a_path_that_was_typed_becomes_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/users/me")
    assert as_dataset("folder:flowers") == f"folder:{tmp_path}/flowers"
    assert as_dataset("folder:~/flowers") == "folder:/users/me/flowers"
    assert as_dataset("./flowers") == f"folder:{tmp_path}/flowers"
    assert as_dataset("arrays.npz") == f"{tmp_path}/arrays.npz"
    assert as_dataset(" mnist ") == "mnist"


@pytest.mark.parametrize("name", ["minst", "", "folder:", "folder:relative", "arrays.npz", "/a\nb.npz", 3, None])
def test_what_is_no_dataset_is_refused_with_the_names_there_are(name):
    with pytest.raises(UsageError, match=r"fashion-mnist.*folder:PATH"):
        check_dataset(name)
    with pytest.raises(UsageError):
        RunSpec(dataset=name)


# Folders ----------------------------------------------------------------------------------------------


def test_a_folder_is_read_as_torchvision_does_and_every_part_has_every_class(published, tmp_path):
    make_folder(tmp_path)
    (tmp_path / "red" / "notes.txt").write_text("not an image")
    (tmp_path / "red" / ".hidden.png").write_text("not one either")
    (tmp_path / "empty").mkdir()
    (tmp_path / "red" / ".hidden.png").unlink()
    (tmp_path / "empty").rmdir()
    theirs = published.ImageFolder(tmp_path)
    dataset = read(tmp_path)
    info = dataset.info
    assert list(info.classes) == theirs.classes == ["blue", "green", "red"]
    assert (info.side, info.channels, info.framing) == (8, 3, "")
    assert (info.n_train, info.n_validation, info.n_test) == (24, 6, 6)
    assert info.name == tmp_path.name
    expected = {np.asarray(image).tobytes(): label for image, label in theirs}
    for images, labels in parts_of(dataset):
        assert set(labels.tolist()) == {0, 1, 2}
        for image, label in zip(images, labels.tolist(), strict=True):
            assert expected.pop(image.permute(1, 2, 0).contiguous().numpy().tobytes()) == label
    assert not expected, "nothing is left out"


def test_what_is_no_image_is_left_alone(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "red" / "notes.txt").write_text("not an image")
    (tmp_path / "red" / ".hidden.png").write_text("not one either")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".git" / "x").mkdir(parents=True)
    assert read(tmp_path).info.classes == ("blue", "green", "red")


def test_the_split_of_a_folder_is_fixed_by_its_seed(tmp_path):
    make_folder(tmp_path)
    first, again, other = (read(tmp_path, split_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.validation_images, again.validation_images)
    assert not torch.equal(first.validation_images, other.validation_images)
    assert first.info.sha256 == other.info.sha256


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Testing"), ("train", "val", "test")])
def test_folders_for_the_parts_are_used_as_they_are(tmp_path, names):
    for count, name in zip((12, 3, 6), names, strict=False):
        make_folder(tmp_path / name, count)
    info = read(tmp_path).info
    sizes = (30, 6, 9) if len(names) == 2 else (36, 9, 18)
    assert (info.n_train, info.n_validation, info.n_test) == sizes


def test_grey_images_have_one_channel_also_if_they_are_stored_as_colour(tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            save(
                tmp_path / name / f"{number}.png", Image.new("L", (8, 8), 40 * number).convert("RGB" if number else "L")
            )
    dataset = read(tmp_path)
    assert dataset.channels == 1
    assert set(torch.cat([images for images, _ in parts_of(dataset)]).flatten().tolist()) == {0, 40, 80, 120}


def test_one_colour_image_makes_all_of_them_colour(tmp_path):
    for name in ("a", "b"):
        for number in range(4):
            save(tmp_path / name / f"{number}.png", Image.new("L", (8, 8), 40 * number))
    save(tmp_path / "a" / "5.png", Image.new("RGB", (8, 8), (10, 20, 30)))
    assert read(tmp_path).channels == 3


def test_side_resizes_and_cuts_to_squares_without_stretching(tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            wide = Image.new("L", (64, 16), 0)
            wide.paste(200, (24, 0, 40, 16))  # what a square around the centre shows
            save(tmp_path / name / f"{number}.png", wide if number else Image.new("L", (30, 20), 200))
    assert "--side" in complaint(tmp_path)
    dataset = read(tmp_path, side=12)
    assert dataset.info.shape == "12x12"
    for images, _ in parts_of(dataset):
        assert (images.float() - 200).abs().max() < 10


def test_side_resizes_published_data_too_and_is_other_data(tmp_path):
    plain, small = (prepare("digits", side=side)[1] for side in (None, 14))
    assert small.info.shape == "14x14"
    assert small.info.sha256 != plain.info.sha256
    assert prepare("digits", side=28)[1].info.sha256 == plain.info.sha256
    assert torch.equal(small.train_labels, plain.train_labels)
    averaged = torch.nn.functional.avg_pool2d(plain.train_images.float(), 2)
    assert (small.train_images.float() - averaged).abs().mean() < 12


def test_what_is_transparent_becomes_white_and_cameras_that_were_turned_are_obeyed(tmp_path):
    for name in ("a", "b"):
        for number in range(3):
            save(tmp_path / name / f"{number}.png", Image.new("LA", (8, 8), (0, 0)))
    assert all(int(images.min()) == 255 for images, _ in parts_of(read(tmp_path)))
    photo = Image.new("L", (8, 8), 0)
    photo.paste(255, (0, 0, 8, 4))  # the upper half is bright
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    for name in ("a", "b"):
        for number in range(3):
            photo.save(tmp_path / name / f"{number}.png", exif=exif)
    turned = read(tmp_path).train_images[0, 0]
    assert turned[:4].max() == 0
    assert turned[4:].min() == 255


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def animated():
    stream = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 90, 200)]
    frames[0].save(stream, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return stream.getvalue()


def cmyk():
    stream = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(stream, "JPEG")
    return stream.getvalue()


def bomb():
    """Return a PNG that claims to have 100 million pixels."""
    content = png(Image.new("L", (8, 8)))
    head = content[12:16] + (10_000).to_bytes(4, "big") * 2 + content[24:29]
    return content[:12] + head + zlib.crc32(head).to_bytes(4, "big") + content[33:]


BAD_IMAGES = {
    "empty": (b"", "is not an image"),
    "text": (b"<html>Please sign in</html>", "is not an image"),
    "truncated": (png(Image.effect_noise((64, 64), 50))[:800], "is damaged"),
    "flipped": (png(Image.effect_noise((8, 8), 50)).replace(b"IDAT", b"IDAT\xff\xff\xff\xff"), "is damaged"),
    "16 bits": (png(Image.new("I;16", (8, 8))), "has 16 or 32 bits per pixel"),
    "CMYK": (cmyk(), "has the colours of CMYK"),
    "animated": (animated(), "is animated"),
    "huge": (bomb(), "10,000x10,000 pixels, more than 64 million"),
    "other size": (png(Image.new("RGB", (9, 9), "red")), "has 9x9 pixels"),
    "not square": (png(Image.new("RGB", (8, 9), "red")), "must be square"),
}


@pytest.mark.parametrize(("content", "reason"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_a_bad_image_is_named_with_what_to_do(tmp_path, content, reason):
    bad = make_folder(tmp_path) / "green" / "05.png"
    bad.write_bytes(content)
    said = complaint(tmp_path)
    assert str(bad) in said
    assert reason in said
    assert len(said.split(". ")) > 1, "there is a next step"


def test_a_pipe_among_the_images_does_not_hang(tmp_path):
    os.mkfifo(make_folder(tmp_path) / "green" / "99.png")
    assert "99.png is not an image" in complaint(tmp_path)


def test_folders_that_cannot_be_trained_on_are_refused_with_the_reason(tmp_path):
    assert "does not exist" in complaint(tmp_path / "nowhere")
    file = tmp_path / "file.png"
    file.write_bytes(b"")
    assert "is not a folder" in complaint(file)
    assert "has no folder with images" in complaint(tmp_path)
    save(tmp_path / "only" / "1.png", Image.new("L", (8, 8)))
    assert "only the folder only with images" in complaint(tmp_path)
    save(tmp_path / "other" / "1.png", Image.new("L", (8, 8)))
    assert "the class only has 1 of the 3 images that it needs at least" in complaint(tmp_path)


def test_a_class_of_the_test_that_was_never_trained_is_refused(tmp_path):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "test", 2)
    save(tmp_path / "test" / "violet" / "1.png", Image.new("L", (8, 8)))
    assert "violet is a class without training images" in complaint(tmp_path)


def test_nothing_is_left_out_without_a_word(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "red" / "notes.txt").touch()
    told, dataset = prepare(f"folder:{tmp_path}")
    (notice,) = [event for event in told if isinstance(event, Notice)]
    assert "Skipped 1 file in" in notice.message
    assert "notes.txt" in notice.message
    assert dataset.info.classes == ("blue", "green", "red")
    (tmp_path / "violet").mkdir()
    (tmp_path / "violet" / "1.gif").touch()
    assert f"no file in {tmp_path / 'violet'} is an image in a known format" in complaint(tmp_path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda root: make_folder(root / "testing", 2), "both test and testing of"),
        (lambda root: make_folder(root / "more", 2), "lies beside the folder train"),
        (lambda root: (root / "val").mkdir(), "contains no images"),
    ],
)
def test_folders_that_are_no_part_are_not_left_out_without_a_word(tmp_path, make, reason):
    make_folder(tmp_path / "train")
    make_folder(tmp_path / "test", 2)
    make(tmp_path)
    assert reason in complaint(tmp_path)


def test_the_same_images_in_other_parts_or_under_other_names_are_other_data(tmp_path):
    parts = {"x_train": IMAGES, "y_train": LABELS}
    digests = {
        load(npz(tmp_path / "a.npz", **parts, x_test=IMAGES[:8], y_test=LABELS[:8])).info.sha256,
        load(npz(tmp_path / "b.npz", **parts, x_val=IMAGES[:8], y_val=LABELS[:8])).info.sha256,
        load(npz(tmp_path / "c.npz", **parts, x_test=IMAGES[:8], y_test=LABELS[:8], classes=list("wxyz"))).info.sha256,
    }
    assert len(digests) == 3


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, bool])
def test_zeros_and_ones_are_black_and_white_whatever_their_type(tmp_path, kind):
    dataset = load(npz(tmp_path / "a.npz", images=(IMAGES > 127).astype(kind), labels=LABELS))
    assert set(dataset.train_images.flatten().tolist()) == {0, 255}


def test_images_too_small_for_the_network_are_refused(tmp_path):
    assert "images of 3x3 pixels are too small" in complaint(make_folder(tmp_path, size=(3, 3)))


def test_more_classes_or_pixels_than_fit_are_refused(tmp_path, monkeypatch):
    make_folder(tmp_path)
    monkeypatch.setattr(folders, "MAX_CLASSES", 2)
    assert "has 3 classes, at most 2" in complaint(tmp_path)
    monkeypatch.setattr(folders, "MAX_CLASSES", 256)
    monkeypatch.setattr(folders, "MAX_BYTES", 1_000)
    assert "--side" in complaint(tmp_path)


def test_the_progress_of_reading_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "TELL_EVERY", 10)
    told, _ = prepare(f"folder:{make_folder(tmp_path)}")
    fractions = [event.fraction for event in told if isinstance(event, Preparing) and event.fraction is not None]
    assert fractions == sorted(fractions)
    assert len(fractions) == 4
    assert "reading 36 images" in told[-1].message


# Arrays -----------------------------------------------------------------------------------------------
