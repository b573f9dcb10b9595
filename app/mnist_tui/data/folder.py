"""Reads a folder of images: one folder per class, with or without folders for training and test above them."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.datasets import MAX_CLASSES
from mnist_tui.core.events import Notice, Preparing
from mnist_tui.core.numerals import count
from mnist_tui.data.raw import Examples, RawSet, own_set
from mnist_tui.errors import DataError

ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"})
"""What torchvision takes for images."""
SPLITS: Final = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""What people call the folders of the parts."""
MAX_PIXELS: Final = 64_000_000
"""Pixels of the largest image that is decoded."""
MAX_BYTES: Final = 4 << 30
"""Size of the largest dataset that is kept in memory."""
TELL_EVERY: Final = 200
"""Images between two reports of progress."""

_GREY: Final = frozenset({"1", "L", "LA"})
_COLOUR: Final = frozenset({"RGB", "RGBA", "P", "PA"})


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    label: int


def read_folder(folder: Path, side: int | None) -> Generator[Preparing | Notice, None, RawSet]:
    """Read all images of a folder, as torchvision's `ImageFolder` would: the classes in the order of their names.

    Args:
        folder: Has a folder per class, or `train` and `test` with a folder per class in each.
        side: Width and height to resize to; `None` if the images have one size already.

    Raises:
        DataError: Something cannot be used; the message names the file.
    """
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{folder} {what}", "Name a folder that has one folder of images per class")
    parts = _parts_of(folder)
    classes = _classes_of(parts["train"])
    files = {part: _files_of(where, classes) for part, where in parts.items()}
    if others := _others_in(parts.values()):
        told = f"Skipped {count(len(others), 'file')} in {folder}: not a known image format, such as {others[0]}."
        yield Notice(level="information", message=told)
    total, done = sum(map(len, files.values())), 0
    images: dict[str, list[Any]] = {part: [] for part in files}
    for part, listed in files.items():
        for file in listed:
            if done % TELL_EVERY == 0:
                yield Preparing(message=f"reading {total:,} images", fraction=done / total)
            image = _read(file.path, side)
            first = next((image for found in images.values() for image in found), image)
            if side is None and image.shape[:2] != first.shape[:2]:
                raise DataError(
                    f"{file.path} has {_size(image)} pixels, and {_first(files)} has {_size(first)}",
                    "Choose a size for all images with --side, such as --side 32",
                )
            if (total * image.nbytes) > MAX_BYTES:
                raise DataError(
                    f"the {total:,} images of {folder} need more than {MAX_BYTES >> 30} GiB of memory",
                    "Choose a smaller size with --side, such as --side 64",
                )
            images[part].append(image)
            done += 1
    is_colour = any(image.ndim == 3 for found in images.values() for image in found)
    examples = {part: _stacked(found, files[part], is_colour=is_colour) for part, found in images.items() if found}
    return own_set(folder.name, folder, classes, examples)


def _size(image: Any) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"


def _first(files: dict[str, list[_File]]) -> Path:
    return next(file.path for listed in files.values() for file in listed)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror or error}") from error


def _parts_of(folder: Path) -> dict[str, Path]:
    """Return the folder of each part, or the folder itself as the training images if it has no such folders."""
    found: dict[str, Path] = {}
    others = []
    for path in _folders(folder):
        part = next((part for part, names in SPLITS.items() if path.name.lower() in names), None)
        if part is None:
            others.append(path)
        elif part in found:
            raise DataError(f"both {found[part].name} and {path.name} of {folder} are for {part}", "Remove one of them")
        else:
            found[part] = path
    if "train" not in found or len(found) == 1:
        return {"train": folder}
    if stray := next((path for path in others if images_below(path)), None):
        raise DataError(f"{stray} lies beside the folder {found['train'].name}", "Move it into the parts, or remove it")
    if empty := next((path for path in found.values() if not images_below(path)), None):
        raise DataError(f"{empty} contains no images", "Add images, or remove the folder")
    return found


def _classes_of(folder: Path) -> tuple[str, ...]:
    folders = _folders(folder)
    if unknown := next((path for path in folders if _files_below(path) and not images_below(path)), None):
        endings = ", ".join(sorted(ending.removeprefix(".") for ending in ENDINGS))
        raise DataError(f"no file in {unknown} is an image in a known format ({endings})", "Convert them, or remove it")
    classes = tuple(path.name for path in folders if images_below(path))
    if len(classes) < 2:
        found = "no folder" if not classes else f"only the folder {classes[0]}"
        raise DataError(
            f"{folder} has {found} with images, and a network needs at least two classes",
            "Make one folder per class, named after the class, and put its images there",
        )
    if len(classes) > MAX_CLASSES:
        raise DataError(f"{folder} has {len(classes):,} classes, at most {MAX_CLASSES} can be trained")
    return classes


def images_below(folder: Path) -> list[Path]:
    """Return all image files in a folder and the folders in it, in order."""
    return [path for path in _files_below(folder) if path.suffix.lower() in ENDINGS]


def _files_below(folder: Path) -> list[Path]:
    """Return all files in a folder and the folders in it but hidden ones, in order."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place) / name for name in names if not name.startswith(".")]
    return sorted(found)


def _others_in(folders: Iterable[Path]) -> list[Path]:
    """Return the files that are not read as images."""
    below = (path for folder in folders for inner in _folders(folder) for path in _files_below(inner))
    return [path for path in below if path.suffix.lower() not in ENDINGS]


def _files_of(folder: Path, classes: Sequence[str]) -> list[_File]:
    """Return the images of one part.

    Raises:
        DataError: It has a class that the training images do not have.
    """
    found = []
    for path in _folders(folder):
        images = images_below(path)
        if images and path.name not in classes:
            raise DataError(
                f"{path} is a class without training images",
                f"The classes are {', '.join(classes[:5])}{' ...' if len(classes) > 5 else ''}; rename or remove it",
            )
        found += [_File(image, classes.index(path.name)) for image in images]
    return found


def _read(path: Path, side: int | None) -> Any:
    """Return an image as uint8 (height, width) if it is grey, else (height, width, 3); square in any case.

    Raises:
        DataError: It cannot be used.
    """
    import numpy as np

    image = open_image(path)
    if side is not None:
        from PIL import ImageOps

        # The whole of the shorter side, and as much of the longer one: nothing is stretched.
        image = ImageOps.fit(image, (side, side))
    if image.width != image.height:
        raise DataError(
            f"{path} has {image.width}x{image.height} pixels, and images must be square",
            "Choose a size with --side, such as --side 32, to cut all images to squares around their centres",
        )
    values = np.asarray(image)
    # Many grey images are stored as RGB.
    is_grey = values.ndim == 3 and (values[..., :1] == values).all()
    return values[..., 0] if is_grey else values


def open_image(path: Path) -> Any:
    """Return an image file as Pillow's image in mode `L` or `RGB`.

    It is turned as its EXIF data say; what is transparent becomes white.

    Raises:
        DataError: It is not an image with 8 bits per channel, damaged, animated, or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder", "Name an image file in it")  # noqa: TRY301 - like any other
        # A pipe would never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnidentifiedImageError  # noqa: TRY301 - like any other file that holds no image
        with warnings.catch_warnings():
            # Its size is checked here, and its other complaints are of no use to the user.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                _check(path, image)
                image.load()
                turned = ImageOps.exif_transpose(image)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image", "Remove it, or save it again as PNG") from None
    except Image.DecompressionBombError:
        raise DataError(f"{path} has too many pixels", "Make it smaller") from None
    except DataError:
        raise
    except Exception as error:
        # Pillow's decoders raise many kinds of errors.
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise DataError(f"{path} is damaged: {reason}", "Remove it, or replace it by a good copy") from error
    grey = turned.mode in _GREY
    if turned.mode in ("LA", "RGBA", "PA") or "transparency" in turned.info:
        above = turned.convert("RGBA")
        turned = Image.alpha_composite(Image.new("RGBA", above.size, "white"), above)
    return turned.convert("L" if grey else "RGB")


def _check(path: Path, image: Any) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise DataError(
            f"{path} has {image.width:,}x{image.height:,} pixels, more than {MAX_PIXELS // 1_000_000} million",
            "Make it smaller",
        )
    if getattr(image, "n_frames", 1) > 1:
        raise DataError(f"{path} is animated or has several pages", "Save one of its pictures as PNG")
    if image.mode not in _GREY | _COLOUR:
        kind = "16 or 32 bits per pixel" if image.mode[0] in "IF" else f"the colours of {image.mode}"
        raise DataError(f"{path} has {kind}", "Save it again with 8 bits per channel, as grey or RGB")


def _stacked(images: list[Any], files: Sequence[_File], *, is_colour: bool) -> Examples:
    import numpy as np

    labels = np.array([file.label for file in files], np.uint8)
    if not is_colour:
        return Examples(np.stack(images)[:, None], labels)
    colour = np.stack([image if image.ndim == 3 else np.repeat(image[..., None], 3, 2) for image in images])
    return Examples(np.ascontiguousarray(colour.transpose(0, 3, 1, 2)), labels)
