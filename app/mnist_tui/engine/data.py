"""Datasets as tensors, split into training, validation and test images."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.datasets import FOLDER, PUBLISHED, own_path
from mnist_tui.core.events import Event, Notice, Preparing
from mnist_tui.core.stored import ValidationSet
from mnist_tui.data.arrays import read_npz
from mnist_tui.data.folder import read_folder
from mnist_tui.data.places import Missing, fetch_data, places, read_files
from mnist_tui.data.raw import Examples, RawSet
from mnist_tui.data.sources import SOURCES, Source
from mnist_tui.errors import DataError

DIGITS_LABEL: Final = "8x8 digits (not MNIST)"
SHARE: Final = 1 / 6
"""Share of the user's own images that is set aside for validation, and as much again for the test."""
MIN_SIDE: Final = 4
"""The network halves an image twice."""
MOST_KEPT_BYTES: Final = 64 << 20
"""Size of the largest set of validation images that is kept with the runs."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images as uint8 (N, channels, side, side), a quarter of the size of floats, and labels as int64 (N,)."""

    info: DatasetInfo
    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    @property
    def side(self) -> int:
        """Width and height of an image."""
        return int(self.train_images.shape[-1])

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour ones."""
        return int(self.train_images.shape[1])


def prepare_dataset(
    choice: str, split_seed: int, side: int | None = None, source: Source | None = None
) -> Generator[Event, None, Dataset]:
    """Find or download the data; yield events and return the dataset.

    Args:
        choice: The setting `dataset`.
        split_seed: Chooses the images of the parts that the data do not have.
        side: Width and height to resize to; `None` to keep the images as they are.
        source: Where to find a published dataset; `None` to use the one that is known.

    Raises:
        DataError: The data are not available, or cannot be used.
    """
    if choice == "digits":
        return split(read_digits(), split_seed, side)
    if (path := own_path(choice)) is not None:
        yield Preparing(message=f"reading {path.name}")
        raw = (yield from read_folder(path, side)) if choice.startswith(FOLDER) else read_npz(path)
        return split(raw, split_seed, side)
    source = source or SOURCES["mnist" if choice == "auto" else choice]
    yield Preparing(message=f"reading {source.facts.label}")
    try:
        raw = yield from _find_or_fetch(source)
    except DataError as error:
        if choice != "auto":
            raise
        note = f"MNIST is not available ({error.what}). Get it with `mnist-tui data fetch`, then start again"
        yield Notice(level="warning", message=f"Training on {DIGITS_LABEL}: {note}.")
        digits = split(read_digits(), split_seed, side)
        return replace(digits, info=replace(digits.info, note=note))
    return split(raw, split_seed, side)


def _find_or_fetch(source: Source) -> Generator[Event, None, RawSet]:
    for place in places(source):
        try:
            return read_files(place.folder, source)
        except Missing:
            continue
        except DataError as error:
            message = f"{source.facts.label} in {place.folder} is damaged: {error.what}. Looking elsewhere."
            yield Notice(level="warning", message=message)
    folder = yield from fetch_data(source)
    try:
        return read_files(folder, source)
    except Missing:
        raise DataError(f"the files downloaded to {folder} have disappeared", source.next_step) from None


# Parts ------------------------------------------------------------------------------------------------


def split(raw: RawSet, split_seed: int, side: int | None = None) -> Dataset:
    """Return the dataset with all three parts; parts that it does not have are taken from its training images.

    Args:
        raw: The images and labels.
        split_seed: Chooses the images of a part.
        side: Width and height to resize to; `None` to keep the images as they are.

    Raises:
        DataError: There are too few images, or they are too small.
    """
    train, validation, test = raw.train, raw.validation, raw.test
    if raw.by_class:
        shares = (0.0 if validation else SHARE, 0.0 if test else SHARE)
        kept, first, second = _shared_out(torch.from_numpy(train.labels).long(), shares, split_seed, raw.classes)
    else:
        order = torch.randperm(len(train), generator=torch.Generator().manual_seed(split_seed))
        n_validation = int(len(train) * SHARE)
        kept, first, second = order[n_validation:], order[:n_validation], order[:0]
    parts = [_part(train, kept, side)]
    for given, taken in ((validation, first), (test, second)):
        parts.append(_part(given, None, side) if given is not None else _part(train, taken, side))
    (train_images, train_labels), (validation_images, validation_labels), (test_images, test_labels) = parts
    _, channels, height, _ = train_images.shape
    if height < MIN_SIDE:
        raise DataError(f"images of {height}x{height} pixels are too small", "Choose a larger size with --side")
    return Dataset(
        info=DatasetInfo(
            name=raw.name,
            label=raw.label,
            n_train=len(train_labels),
            n_validation=len(validation_labels),
            n_test=len(test_labels),
            sha256=_digest_of(raw, side),
            source=raw.source,
            classes=raw.classes,
            side=height,
            channels=channels,
            framing=raw.framing,
        ),
        train_images=train_images,
        train_labels=train_labels,
        validation_images=validation_images,
        validation_labels=validation_labels,
        test_images=test_images,
        test_labels=test_labels,
    )


def _digest_of(raw: RawSet, side: int | None) -> str:
    """Return the digest of a dataset, another one if its images are resized here."""
    if side is None or raw.train.images.shape[-1] == side:
        return raw.sha256
    return hashlib.sha256(f"{raw.sha256} {side}".encode()).hexdigest()


def _part(examples: Examples, chosen: Tensor | None, side: int | None) -> tuple[Tensor, Tensor]:
    """Return the chosen images, resized, and their labels; all of them if `chosen` is `None`."""
    # Copies, row by row: arrays that were read from a file cannot be written to, and the compiled step needs them flat.
    which = slice(None) if chosen is None else chosen.numpy()
    images, labels = (
        torch.from_numpy(np.array(values[which], order="C")) for values in (examples.images, examples.labels)
    )
    labels = labels.long()
    if side is not None and images.shape[-1] != side:
        resized = [
            F.interpolate(some.float(), size=(side, side), mode="bilinear", align_corners=False, antialias=True)
            .round_()
            .clamp_(0, 255)
            .to(torch.uint8)
            for some in images.split(_AT_ONCE)
        ]
        images = torch.cat(resized)
    return images, labels


_AT_ONCE: Final = 1_000
"""Images that are resized together, as floats."""


def _shared_out(
    labels: Tensor, shares: Sequence[float], seed: int, classes: Sequence[str]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the indices of a split into training, validation and test images that has all classes in each part.

    Raises:
        DataError: A class has too few images.
    """
    generator = torch.Generator().manual_seed(seed)
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for label, name in enumerate(classes):
        of_class = torch.nonzero(labels == label).flatten()
        of_class = of_class[torch.randperm(len(of_class), generator=generator)]
        first, second = (max(round(share * len(of_class)), 1) if share else 0 for share in shares)
        if 0 < len(of_class) <= first + second:
            needed = 1 + sum(share > 0 for share in shares)
            raise DataError(
                f"the class {name} has {len(of_class)} of the {needed} images that it needs at least",
                "Add images, or put images for the test and for validation into folders of their own",
            )
        parts[1].append(of_class[:first])
        parts[2].append(of_class[first : first + second])
        parts[0].append(of_class[first + second :])
    train, validation, test = (torch.cat(part) for part in parts)
    return train, validation, test


def validation_set(dataset: Dataset, split_seed: int) -> ValidationSet | None:
    """Return the validation images in the form in which the store keeps them; `None` if they are too large for that."""
    images = dataset.validation_images
    if images.nbytes > MOST_KEPT_BYTES:
        return None
    return ValidationSet(
        sha256=dataset.info.sha256,
        split_seed=split_seed,
        side=dataset.side,
        channels=dataset.channels,
        classes=dataset.info.classes,
        labels=dataset.validation_labels.to(torch.uint8).numpy().tobytes(),
        images=images.permute(0, 2, 3, 1).contiguous().numpy().tobytes(),
    )


def as_input(images: Tensor) -> Tensor:
    """Convert uint8 images to the network's input: float32 in [0, 1]."""
    return images.float().div_(255)


# scikit-learn's digits --------------------------------------------------------------------------------


def _digits_table() -> Tensor:
    """Return scikit-learn's digits: for each one a row of 64 pixels, 0 to 16, and its label.

    The file is read directly, since importing scikit-learn takes as long as importing PyTorch.
    """
    package = find_spec("sklearn")
    try:
        if package is None or package.origin is None:
            raise FileNotFoundError
        table = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    except (OSError, ValueError):
        from sklearn.datasets import load_digits

        bunch = load_digits()
        table = np.column_stack((bunch.data, bunch.target))
    return torch.from_numpy(table)


def read_digits() -> RawSet:
    """Return scikit-learn's 1,797 handwritten 8x8 digits, framed like MNIST's: scaled to 20x20, centred in 28x28."""
    table = _digits_table()
    pixels = table[:, :-1].reshape(-1, 1, 8, 8).float().div_(16)
    framed = F.pad(F.interpolate(pixels, size=(20, 20), mode="bilinear", align_corners=False), (4, 4, 4, 4))
    images = framed.mul_(255).round_().to(torch.uint8).numpy()
    digest = hashlib.sha256(images.data)
    # As earlier versions computed it: their runs can be resumed.
    digest.update(table[:, -1].long().numpy().data)
    return RawSet(
        name="digits",
        label=DIGITS_LABEL,
        source="scikit-learn",
        classes=PUBLISHED["mnist"].classes,
        train=Examples(images, table[:, -1].to(torch.uint8).numpy()),
        framing="mass",
        sha256=digest.hexdigest(),
    )


def load_digits(split_seed: int) -> Dataset:
    """Return scikit-learn's digits: training, validation and test have about 1,197, 300 and 300 images."""
    return split(read_digits(), split_seed)
