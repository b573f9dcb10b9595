"""Finds MNIST's files, and reads and verifies them as bytes. Needs no PyTorch, so it answers immediately."""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import platformdirs

from mnist_tui.engine.fetch import NEXT_STEP, RemoteFile, unfit
from mnist_tui.environment import absolute
from mnist_tui.errors import DataError

SIDE: Final = 28
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
class Files:
    """MNIST as read from its files.

    Attributes:
        parts: Training images, training labels, test images, test labels: a byte per pixel or label, without headers.
        sha256: Digest of all pixels and labels.
        folder: Where they are.
    """

    parts: tuple[memoryview, memoryview, memoryview, memoryview]
    sha256: str
    folder: Path


class Missing(Exception):  # noqa: N818 - an answer, not an error
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


def data_status(catalogue: Catalogue = CATALOGUE) -> list[PlaceStatus]:
    """Return the state of every place; reads and verifies all files."""
    found = []
    for place in places():
        try:
            read_files(place.folder, catalogue)
        except Missing:
            found.append(PlaceStatus(place, "missing"))
        except DataError as error:
            found.append(PlaceStatus(place, "damaged", error.what))
        else:
            found.append(PlaceStatus(place, "good"))
    return found


def read_files(folder: Path, catalogue: Catalogue) -> Files:
    """Read and check the four files of a folder.

    Raises:
        Missing: The folder contains none of them.
        DataError: One is missing, damaged, or not MNIST's.
    """
    contents = [_read_part(folder, file) for file in catalogue.files]
    if all(content is None for content in contents):
        raise Missing
    for content, name in zip(contents, PARTS, strict=True):
        if content is None:
            raise DataError(f"the {name} are missing", NEXT_STEP)
    digest = hashlib.sha256()
    counts = (catalogue.n_train, catalogue.n_train, catalogue.n_test, catalogue.n_test)
    train_images, train_labels, test_images, test_labels = (
        parse_idx(content or b"", name, count) for content, name, count in zip(contents, PARTS, counts, strict=True)
    )
    parts = train_images, train_labels, test_images, test_labels
    for part in parts:
        digest.update(part)
    if catalogue.sha256 and digest.hexdigest() != catalogue.sha256:
        raise DataError("the content does not match MNIST", NEXT_STEP)
    return Files(parts, digest.hexdigest(), folder)


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


def parse_idx(content: bytes, name: str, count: int) -> memoryview:
    """Return the items of an IDX file, a byte per pixel of `count` images of 28x28, or per label.

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
    items = memoryview(content)[len(header) :]
    if len(items) != math.prod(shape):
        raise DataError(f"the {name} are truncated or too long", NEXT_STEP)
    if len(shape) == 1 and max(items, default=0) > 9:
        raise DataError(f"the {name} hold labels other than 0 to 9", NEXT_STEP)
    return items


def outlook() -> str:
    """Say which data a run with the setting `auto` will have, as far as that is known before it starts."""
    found = next((place.folder for place in places() if _has_files(place.folder)), None)
    if found is not None:
        return f"MNIST is in {found}."
    return (
        "MNIST is not here yet: the first run or `mnist-tui data fetch` gets it (11 MB). "
        "Otherwise scikit-learn's 8x8 digits are trained."
    )
