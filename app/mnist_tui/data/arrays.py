"""Reads a file of NumPy arrays: images and labels, in one part or in several."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.datasets import MAX_CLASSES
from mnist_tui.data.folder import MAX_BYTES
from mnist_tui.data.raw import Examples, RawSet, own_set
from mnist_tui.errors import DataError

_TRAIN: Final = (("x_train", "y_train"), ("train_images", "train_labels"), ("images", "labels"), ("x", "y"))
_VALIDATION: Final = (("x_val", "y_val"), ("val_images", "val_labels"))
_TEST: Final = (("x_test", "y_test"), ("test_images", "test_labels"))
"""Names of images and labels: those of Keras, of MedMNIST, and plain ones."""
_NEXT_STEP: Final = "Save it with numpy.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...)"


def read_npz(path: Path) -> RawSet:
    """Read a file of arrays.

    Images are (N, side, side), (N, side, side, channels) or (N, channels, side, side), as bytes or as numbers from 0
    to 1. Labels are whole numbers or texts, one per image. An array `classes` may name the classes.

    Raises:
        DataError: Something cannot be used; the message names the array.
    """
    import numpy as np

    if not path.is_file():
        raise DataError(f"{path} does not exist" if not path.exists() else f"{path} is not a regular file")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > 2 * MAX_BYTES:
                raise DataError(f"{path} holds more than {2 * MAX_BYTES >> 30} GiB", "Make its images smaller")
        # Arrays of objects would be unpickled, which can execute code.
        with np.load(path, allow_pickle=False) as loaded:
            arrays = {name: loaded[name] for name in loaded.files if name in _KNOWN}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} cannot be read as a file of arrays: {reason}", _NEXT_STEP) from error
    pairs = {
        part: next((pair for pair in names if pair[0] in arrays), None)
        for part, names in (("train", _TRAIN), ("validation", _VALIDATION), ("test", _TEST))
    }
    if pairs["train"] is None:
        raise DataError(f"{path} has no array called x_train, train_images, images or x", _NEXT_STEP)
    labels = {part: _labels(arrays, pair, path) for part, pair in pairs.items() if pair is not None}
    if len({part.dtype.kind == "U" for part in labels.values()}) > 1:
        raise DataError(f"the labels of {path} are numbers in one part and texts in another", _NEXT_STEP)
    values = np.unique(np.concatenate(list(labels.values())))
    for part, found in labels.items():
        if part != "train" and (new := np.setdiff1d(found, labels["train"])).size:
            raise DataError(f"the {part} labels of {path} have a class without training images: {new[0]}", _NEXT_STEP)
    names = _class_names(arrays, values, labels["train"], path)
    examples = {}
    for part, pair in pairs.items():
        if pair is not None:
            images = _images(arrays[pair[0]], f"{pair[0]} of {path}")
            if len(images) != len(labels[part]):
                raise DataError(f"{path} has {len(images):,} {pair[0]} and {len(labels[part]):,} {pair[1]}", _NEXT_STEP)
            numbers = labels[part] if values.dtype.kind != "U" else np.searchsorted(values, labels[part])
            examples[part] = Examples(images, numbers.astype(np.uint8))
    shapes = {part.images.shape[1:] for part in examples.values()}
    if len(shapes) > 1:
        raise DataError(f"the parts of {path} have images of different shapes", _NEXT_STEP)
    return own_set(path.stem, path, names, examples)


_KNOWN: Final = frozenset(
    {"classes", *(name for pairs in (_TRAIN, _VALIDATION, _TEST) for pair in pairs for name in pair)}
)


def _labels(arrays: dict[str, Any], pair: tuple[str, str], path: Path) -> Any:
    if pair[1] not in arrays:
        raise DataError(f"{path} has {pair[0]} without {pair[1]}", _NEXT_STEP)
    labels = arrays[pair[1]]
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iuU" or not len(labels):
        raise DataError(f"{pair[1]} of {path} must be one whole number or text per image, and at least one", _NEXT_STEP)
    return labels


def _class_names(arrays: dict[str, Any], values: Any, trained: Any, path: Path) -> tuple[str, ...]:
    """Return the class names: those in the file, the texts that are the labels, or the labels' numbers."""
    if values.dtype.kind == "U":
        names = tuple(map(str, values))
    else:
        if values[0] < 0 or values[-1] >= MAX_CLASSES:
            raise DataError(f"{path} has labels other than 0 to {MAX_CLASSES - 1}", "Number the classes from 0")
        names = tuple(map(str, range(int(values[-1]) + 1)))
        if (named := arrays.get("classes")) is not None and named.ndim == 1 and len(named) >= len(names):
            names = tuple(map(str, named))
    if len(set(names)) < len(names):
        raise DataError(f"two classes of {path} have the same name", "Give every class a different name")
    if not 2 <= len(names) <= MAX_CLASSES or len(set(trained.tolist())) < 2:
        raise DataError(f"{path} must have from 2 to {MAX_CLASSES} classes with training images")
    return names


def _images(images: Any, name: str) -> Any:
    """Return images as uint8 (N, channels, side, side)."""
    import numpy as np

    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[3] in (1, 3) and images.shape[1] not in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.shape[2] != images.shape[3] or not images.size:
        raise DataError(f"{name} must be square images, grey or RGB, not of shape {images.shape}", _NEXT_STEP)
    if images.size > MAX_BYTES:
        raise DataError(f"{name} needs more than {MAX_BYTES >> 30} GiB of memory", "Make its images smaller")
    if images.dtype == np.uint8 and images.max() > 1:
        return np.ascontiguousarray(images)
    if images.dtype.kind not in "iufb":
        raise DataError(f"{name} must be numbers, not {images.dtype}", _NEXT_STEP)
    low, high = float(images.min()), float(images.max())
    if not 0 <= low <= high <= 255:
        raise DataError(f"{name} must be from 0 to 1 or from 0 to 255, not from {low:g} to {high:g}", _NEXT_STEP)
    scale = 255 if high <= 1 else 1
    return np.rint(images.astype(np.float32) * scale).astype(np.uint8)
