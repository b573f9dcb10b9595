"""Finds, verifies and splits the data, as tensors: MNIST if available, else scikit-learn's digits."""

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
from mnist_tui.core.events import Event, Notice, Preparing, ValidationSet
from mnist_tui.engine.fetch import NEXT_STEP, fetch_files
from mnist_tui.engine.places import (
    CATALOGUE,
    SIDE,
    Catalogue,
    Files,
    Missing,
    download_place,
    mirrors,
    places,
    read_files,
)
from mnist_tui.errors import DataError

DIGITS: Final = tuple("0123456789")
"""Class names of both datasets."""
DIGITS_LABEL: Final = "8x8 digits (not MNIST)"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Images as uint8 (N, 1, 28, 28), a quarter of the size of floats, and labels as int64 (N,), all in memory."""

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


def prepare_dataset(choice: str, split_seed: int, catalogue: Catalogue = CATALOGUE) -> Generator[Event, None, Dataset]:
    """Find or download the data; yield events and return the dataset.

    Args:
        choice: `mnist`, `digits`, or `auto`: MNIST if available, else the digits.
        split_seed: Chooses the validation images.
        catalogue: The expected files of MNIST.

    Raises:
        DataError: MNIST was requested and is not available.
    """
    if choice == "digits":
        return load_digits(split_seed)
    yield Preparing(message="reading MNIST")
    try:
        files = yield from _find_or_fetch(catalogue)
    except DataError as error:
        if choice == "mnist":
            raise
        note = f"MNIST is not available ({error.what}). Get it with `mnist-tui data fetch`, then start again"
        yield Notice(level="warning", message=f"Training on {DIGITS_LABEL}: {note}.")
        digits = load_digits(split_seed)
        return replace(digits, info=replace(digits.info, note=note))
    return _split_mnist(files, split_seed, catalogue)


def _find_or_fetch(catalogue: Catalogue) -> Generator[Event, None, Files]:
    for place in places():
        try:
            return read_files(place.folder, catalogue)
        except Missing:
            continue
        except DataError as error:
            yield Notice(
                level="warning", message=f"MNIST in {place.folder} is damaged: {error.what}. Looking elsewhere."
            )
    folder = yield from fetch_data(catalogue)
    try:
        return read_files(folder, catalogue)
    except Missing:
        raise DataError(f"the files downloaded to {folder} have disappeared", NEXT_STEP) from None


def fetch_data(catalogue: Catalogue = CATALOGUE) -> Generator[Preparing, None, Path]:
    """Download what is missing or damaged; return the folder."""
    folder = download_place().folder
    yield from fetch_files(catalogue.files, mirrors(catalogue), folder)
    return folder


def _tensor(items: memoryview, *shape: int) -> Tensor:
    """Copy bytes into a new uint8 tensor."""
    return torch.frombuffer(bytearray(items), dtype=torch.uint8).reshape(-1, *shape)


def _split_mnist(files: Files, split_seed: int, catalogue: Catalogue) -> Dataset:
    train_images, train_labels, test_images, test_labels = files.parts
    images, labels = _tensor(train_images, SIDE, SIDE), _tensor(train_labels)
    order = torch.randperm(catalogue.n_train, generator=torch.Generator().manual_seed(split_seed))
    train, validation = order[catalogue.n_validation :], order[: catalogue.n_validation]
    return Dataset(
        info=DatasetInfo(
            name="mnist",
            label="MNIST",
            n_train=len(train),
            n_validation=len(validation),
            n_test=catalogue.n_test,
            sha256=files.sha256,
            source=str(files.folder),
            classes=DIGITS,
            side=SIDE,
        ),
        train_images=images[train].unsqueeze(1),
        train_labels=labels[train].long(),
        validation_images=images[validation].unsqueeze(1),
        validation_labels=labels[validation].long(),
        test_images=_tensor(test_images, SIDE, SIDE).unsqueeze(1),
        test_labels=_tensor(test_labels).long(),
    )


def validation_set(dataset: Dataset, split_seed: int) -> ValidationSet:
    """Return the validation images in the form in which the store keeps them."""
    return ValidationSet(
        sha256=dataset.info.sha256,
        split_seed=split_seed,
        side=dataset.side,
        classes=dataset.info.classes,
        labels=dataset.validation_labels.to(torch.uint8).numpy().tobytes(),
        images=dataset.validation_images.numpy().tobytes(),
    )


def as_input(images: Tensor) -> Tensor:
    """Convert uint8 images to the network's input: float32 in [0, 1]."""
    return images.float().div_(255)


def _digits() -> Tensor:
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


def load_digits(split_seed: int) -> Dataset:
    """Return scikit-learn's 1,797 handwritten 8x8 digits, framed like MNIST's: scaled to 20x20, centred in 28x28.

    Training, validation and test have about 1,197, 300 and 300 images, stratified by class.
    """
    table = _digits()
    pixels = table[:, :-1].reshape(-1, 1, 8, 8).float().div_(16)
    framed = F.pad(F.interpolate(pixels, size=(20, 20), mode="bilinear", align_corners=False), (4, 4, 4, 4))
    images = framed.mul_(255).round_().to(torch.uint8)
    labels = table[:, -1].long()
    digest = hashlib.sha256(images.numpy().data)
    digest.update(labels.numpy().data)
    train, validation, test = _shared_out(labels, (1 / 6, 1 / 6), split_seed)
    return Dataset(
        info=DatasetInfo(
            name="digits",
            label=DIGITS_LABEL,
            n_train=len(train),
            n_validation=len(validation),
            n_test=len(test),
            sha256=digest.hexdigest(),
            source="scikit-learn",
            classes=DIGITS,
            side=SIDE,
        ),
        train_images=images[train],
        train_labels=labels[train],
        validation_images=images[validation],
        validation_labels=labels[validation],
        test_images=images[test],
        test_labels=labels[test],
    )


def _shared_out(labels: Tensor, shares: Sequence[float], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the indices of a stratified split into training, validation and test images."""
    generator = torch.Generator().manual_seed(seed)
    parts: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for label in range(10):
        of_class = torch.nonzero(labels == label).flatten()
        of_class = of_class[torch.randperm(len(of_class), generator=generator)]
        first, second = (round(share * len(of_class)) for share in shares)
        parts[1].append(of_class[:first])
        parts[2].append(of_class[first : first + second])
        parts[0].append(of_class[first + second :])
    train, validation, test = (torch.cat(part) for part in parts)
    return train, validation, test
