"""Image files are brought into the form of the dataset, and what was done is said."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.data.framing import framed, images_in
from mnist_tui.errors import DataError

MNIST = DatasetInfo(
    name="mnist", label="MNIST", n_train=1, n_validation=1, n_test=1, sha256="", source="", side=28, framing="mass"
)
PHOTOS = replace(MNIST, name="cats", label="cats", side=16, channels=3, framing="")


def seven(paper=255, ink=0, size=(200, 160), at=(20, 30), mode="L"):
    image = Image.new(mode, size, paper)
    x, y = at
    ImageDraw.Draw(image).line([(x, y), (x + 60, y), (x + 25, y + 90)], fill=ink, width=9)
    return image


def saved(image, tmp_path, name="image.png"):
    path = tmp_path / name
    image.save(path)
    return path


def pixels(found, side=28):
    return np.frombuffer(found.pixels, np.uint8).reshape(side, side)


def test_ink_is_bright_on_black_in_a_box_of_20_pixels_with_its_mass_in_the_middle(tmp_path):
    found = framed(saved(seven(), tmp_path), MNIST)
    image = pixels(found).astype(float)
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
    assert image.max() > 200
    total = image.sum()
    assert abs((image.sum(1) * (np.arange(28) + 0.5)).sum() / total - 14) <= 0.6
    assert abs((image.sum(0) * (np.arange(28) + 0.5)).sum() / total - 14) <= 0.6
    assert found.steps == (
        "inverted, since the ink is dark",
        "cropped to the ink, 65x96",
        "scaled to fit 20 of 28 pixels",
        "centred by its mass",
    )


def test_where_how_large_and_in_which_colours_it_is_drawn_makes_little_difference(tmp_path):
    usual = pixels(framed(saved(seven(), tmp_path), MNIST)).astype(float)
    others = [
        seven(at=(110, 55)),
        seven(paper=0, ink=255),
        seven(paper=(250, 240, 200), ink=(20, 20, 120), mode="RGB"),
        seven(paper=(0, 0, 0, 0), ink=(0, 0, 0, 255), mode="RGBA"),
        seven().resize((800, 640)),
    ]
    for number, other in enumerate(others):
        found = pixels(framed(saved(other, tmp_path, f"{number}.png"), MNIST)).astype(float)
        assert np.abs(found - usual).mean() < 5, number


def test_what_looks_like_the_dataset_is_left_as_it_is(tmp_path):
    image = np.zeros((28, 28), np.uint8)
    image[5:20, 9:15] = 200
    found = framed(saved(Image.fromarray(image), tmp_path), MNIST)
    assert np.array_equal(pixels(found), image)
    assert found.steps == ("left as it is",)


def test_uneven_paper_is_black(tmp_path):
    rough = np.asarray(seven(paper=230, ink=30)).astype(float) + np.random.default_rng(0).normal(0, 5, (160, 200))
    image = pixels(framed(saved(Image.fromarray(np.clip(rough, 0, 255).astype(np.uint8)), tmp_path), MNIST))
    assert (image == 0).mean() > 0.6


def test_photographs_are_cut_to_a_square_and_keep_their_colours(tmp_path):
    wide = Image.new("RGB", (64, 32), "red")
    wide.paste("blue", (0, 0, 16, 32))
    found = framed(saved(wide, tmp_path), PHOTOS)
    image = np.frombuffer(found.pixels, np.uint8).reshape(16, 16, 3)
    assert (image[:, 1:] == (255, 0, 0)).all(), "what is left and right of the square is cut off"
    assert found.steps == ("cut to a square", "resized to 16x16")
    grey = framed(saved(Image.new("L", (16, 16), 90), tmp_path, "grey.png"), PHOTOS)
    assert grey.pixels == bytes([90]) * 16 * 16 * 3
    assert grey.steps == ("grey as colour",)


@pytest.mark.parametrize("shade", [0, 128, 255])
def test_an_empty_sheet_is_said_to_be_empty(tmp_path, shade):
    with pytest.raises(DataError, match="is empty: nothing"):
        framed(saved(Image.new("L", (50, 40), shade), tmp_path), MNIST)


def test_folders_stand_for_the_images_in_them(tmp_path):
    for name in ("b.png", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert images_in(tmp_path) == [tmp_path / "a.png", tmp_path / "b.png"]
    assert images_in(tmp_path / "other.png") == [tmp_path / "other.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="contains no images"):
        images_in(tmp_path / "empty")
