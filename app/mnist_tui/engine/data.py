"""Finds, verifies and splits the data, as tensors: MNIST if available, else scikit-learn's digits."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs
import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.events import Event, Notice, Preparing, ValidationSet
from mnist_tui.engine.fetch import NEXT_STEP, RemoteFile, fetch_files, unfit
from mnist_tui.environment import absolute
from mnist_tui.errors import DataError

SIDE: Final = 28
DIGITS: Final = tuple("0123456789")
"""Class names of both datasets."""
DIGITS_LABEL: Final = "8x8 digits (not MNIST)"
PARTS: Final = ("train images", "train labels", "test images", "test labels")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The expected files of MNIST: torchvision's file names and MD5 sums (a test checks that they agree).

    Attributes:
        files: Training images, training labels, test images, test labels, each as gzip.
        n_train, n_test: Images in each file.
        n_validation: Number of training images set aside for validation.
        sha256: Digest of all pixels and labels; empty if unknown.
        mirrors: URLs to download from, in order; empty to use torchvision's.
    """

    files: tuple[RemoteFile, RemoteFile, RemoteFile, RemoteFile]
    n_train: int
    n_test: int
    n_validation: int
    sha256: str
    mirrors: tuple[str, ...] = ()


CATALOGUE: Final = Catalogue(
    files=(
        RemoteFile("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        RemoteFile("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        RemoteFile("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        RemoteFile("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ),
    n_train=60_000,
    n_test=10_000,
    n_validation=10_000,
    sha256="06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16",
)


_USUAL: Final = Path("MNIST") / "raw"
"""Where torchvision keeps the files, below the folder that people name."""


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


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that may hold MNIST.

    Attributes:
        folder: The folder with the files themselves; if there are none, the one to download them to.
        origin: What led to it, such as `MNIST_TUI_DATA`.
    """

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """The state of MNIST in a place.

    Attributes:
        state: `good`, `missing`, or `damaged`.
        detail: What is wrong with it; empty unless damaged.
    """

    place: Place
    state: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Raw:
    """The four parts as stored in the files: uint8, images (N, 28, 28), labels (N,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    sha256: str
    folder: Path


class _Missing(Exception):  # noqa: N818 - an answer, not an error
    """The folder contains none of MNIST's files."""


def places() -> tuple[Place, ...]:
    """Return the places to search for MNIST, in order."""
    named = os.environ.get("MNIST_TUI_DATA")
    roots = [(Path(named), "MNIST_TUI_DATA")] if named else []
    roots += [
        (Path("data"), "the current directory"),
        (platformdirs.user_cache_path("mnist-tui") / "data", "the cache"),
    ]
    return tuple(Place(_folder_in(absolute(root)), origin) for root, origin in roots)


def _folder_in(root: Path) -> Path:
    """Return the folder with MNIST's files in or near a named folder; if there are none, torchvision's place for them.

    People name the folder above `MNIST/raw`, as torchvision does, or `MNIST`, or `raw`, or the one with the files.
    """
    raw = root if root.parts[-2:] == ("MNIST", "raw") else root / "raw" if root.name == "MNIST" else root / _USUAL
    near = (raw, root, root / "raw", root / "MNIST", root / "data" / _USUAL, root.parent / _USUAL)
    return next((folder for folder in near if _has_files(folder)), raw)


def _has_files(folder: Path) -> bool:
    return any(os.path.lexists(folder / name) for file in CATALOGUE.files for name in _spellings(file))


def _spellings(file: RemoteFile) -> tuple[str, ...]:
    """Return the names of a file: as published, and as some archives have it, with a dot; packed first."""
    plain = file.name.removesuffix(".gz")
    dotted = plain.replace("-idx", ".idx")
    return f"{plain}.gz", f"{dotted}.gz", plain, dotted


def download_place() -> Place:
    """Return the place to download to: the folder in MNIST_TUI_DATA, else the cache."""
    return next(place for place in places() if place.origin in ("MNIST_TUI_DATA", "the cache"))


def mirrors(catalogue: Catalogue = CATALOGUE) -> tuple[str, ...]:
    """Return the URLs to download from; MNIST_TUI_MIRRORS, comma-separated, overrides them."""
    named = os.environ.get("MNIST_TUI_MIRRORS")
    if named:
        return tuple(part.strip() for part in named.split(",") if part.strip())
    if catalogue.mirrors:
        return catalogue.mirrors
    # Imported only here: torchvision takes as long to load as PyTorch.
    from torchvision.datasets import MNIST

    return tuple(MNIST.mirrors)


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
        raw = yield from _find_or_fetch(catalogue)
    except DataError as error:
        if choice == "mnist":
            raise
        note = f"MNIST is not available ({error.what}). Get it with `mnist-tui data fetch`, then start again"
        yield Notice(level="warning", message=f"Training on {DIGITS_LABEL}: {note}.")
        digits = load_digits(split_seed)
        return replace(digits, info=replace(digits.info, note=note))
    return _split_mnist(raw, split_seed, catalogue)


def _find_or_fetch(catalogue: Catalogue) -> Generator[Event, None, _Raw]:
    for place in places():
        try:
            return _read(place.folder, catalogue)
        except _Missing:
            continue
        except DataError as error:
            yield Notice(
                level="warning", message=f"MNIST in {place.folder} is damaged: {error.what}. Looking elsewhere."
            )
    folder = yield from fetch_data(catalogue)
    try:
        return _read(folder, catalogue)
    except _Missing:
        raise DataError(f"the files downloaded to {folder} have disappeared", NEXT_STEP) from None


def fetch_data(catalogue: Catalogue = CATALOGUE) -> Generator[Preparing, None, Path]:
    """Download what is missing or damaged; return the folder."""
    folder = download_place().folder
    yield from fetch_files(catalogue.files, mirrors(catalogue), folder)
    return folder


def data_status(catalogue: Catalogue = CATALOGUE) -> list[PlaceStatus]:
    """Return the state of every place; reads and verifies all files."""
    found = []
    for place in places():
        try:
            _read(place.folder, catalogue)
        except _Missing:
            found.append(PlaceStatus(place, "missing"))
        except DataError as error:
            found.append(PlaceStatus(place, "damaged", error.what))
        else:
            found.append(PlaceStatus(place, "good"))
    return found


def _read(folder: Path, catalogue: Catalogue) -> _Raw:
    """Read and check the four files of a folder."""
    parts = [_read_part(folder, file) for file in catalogue.files]
    if all(part is None for part in parts):
        raise _Missing
    for part, name in zip(parts, PARTS, strict=True):
        if part is None:
            raise DataError(f"the {name} are missing", NEXT_STEP)
    digest = hashlib.sha256()
    tensors = []
    for name, count in zip(PARTS, _counts(catalogue), strict=True):
        # One at a time, and freed as soon as it is parsed: the files are most of the memory of a small run.
        tensor = parse_idx(parts.pop(0) or b"", name, count)
        digest.update(tensor.numpy().data)
        tensors.append(tensor)
    if catalogue.sha256 and digest.hexdigest() != catalogue.sha256:
        raise DataError("the content does not match MNIST", NEXT_STEP)
    train_images, train_labels, test_images, test_labels = tensors
    return _Raw(train_images, train_labels, test_images, test_labels, digest.hexdigest(), folder)


def _counts(catalogue: Catalogue) -> tuple[int, int, int, int]:
    return catalogue.n_train, catalogue.n_train, catalogue.n_test, catalogue.n_test


def _read_part(folder: Path, file: RemoteFile) -> bytes | None:
    """Return a part's bytes, from the published gzip file if it is valid, else from any other; `None` if absent.

    A file that was packed again has another MD5; the digest of the whole content tells whether it is MNIST.
    """
    try:
        if file.is_good_in(folder):
            return gzip.decompress((folder / file.name).read_bytes())
        *packed, plain, dotted = (folder / name for name in _spellings(file))
        present = [path for path in (plain, dotted, *packed) if os.path.lexists(path)]
        if not present:
            return None
        path = present[0]
        if problem := unfit(path):
            raise DataError(f"{path.name} cannot be used: {problem}", NEXT_STEP)
        if path.suffix != ".gz":
            return path.read_bytes()
        try:
            return gzip.decompress(path.read_bytes())
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise DataError(f"{path.name} cannot be used: its MD5 does not match", NEXT_STEP) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file.name} cannot be read: {error}", NEXT_STEP) from error


def parse_idx(content: bytes, name: str, count: int) -> Tensor:
    """Parse an IDX file as uint8: images (count, 28, 28) or labels (count,).

    Source: the IDX file format that MNIST is published in: big-endian magic number, sizes, then bytes.

    Raises:
        DataError: It is not an IDX file, or has a different number of items.
    """
    shape = (count, SIDE, SIDE) if name.endswith("images") else (count,)
    header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
    if content[:4] != header[:4]:
        raise DataError(f"the {name} are not an IDX file", NEXT_STEP)
    if content[: len(header)] != header:
        raise DataError(f"the {name} do not hold {count:,} items of the right size", NEXT_STEP)
    if len(content) - len(header) != torch.Size(shape).numel():
        raise DataError(f"the {name} are truncated or too long", NEXT_STEP)
    tensor = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=len(header)).reshape(shape)
    if len(shape) == 1 and int(tensor.max()) > 9:
        raise DataError(f"the {name} hold labels other than 0 to 9", NEXT_STEP)
    return tensor


def _split_mnist(raw: _Raw, split_seed: int, catalogue: Catalogue) -> Dataset:
    order = torch.randperm(catalogue.n_train, generator=torch.Generator().manual_seed(split_seed))
    train, validation = order[catalogue.n_validation :], order[: catalogue.n_validation]
    return Dataset(
        info=DatasetInfo(
            name="mnist",
            label="MNIST",
            n_train=len(train),
            n_validation=len(validation),
            n_test=catalogue.n_test,
            sha256=raw.sha256,
            source=str(raw.folder),
            classes=DIGITS,
            side=SIDE,
        ),
        train_images=raw.train_images[train].unsqueeze(1),
        train_labels=raw.train_labels[train].long(),
        validation_images=raw.train_images[validation].unsqueeze(1),
        validation_labels=raw.train_labels[validation].long(),
        test_images=raw.test_images.unsqueeze(1),
        test_labels=raw.test_labels.long(),
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
