"""Finds the files of a published dataset, and reads and verifies them."""

from __future__ import annotations

import bz2
import gzip
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import platformdirs

from mnist_tui.core.events import Preparing
from mnist_tui.data.fetch import fetch_files, unfit
from mnist_tui.data.raw import RawSet
from mnist_tui.data.sources import MNIST, SOURCES, Source
from mnist_tui.environment import absolute
from mnist_tui.errors import DataError

_UNPACK: Final[dict[str, Callable[[Path], object]]] = {".gz": gzip.open, ".bz2": bz2.open}
_DAMAGE: Final = (OSError, EOFError, zlib.error)
"""What reading a damaged file can raise."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that may hold a dataset.

    Attributes:
        folder: The folder with the files themselves; if there are none, the one to download them to.
        origin: What led to it, such as `MNIST_TUI_DATA`.
    """

    folder: Path
    origin: str


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """The state of a dataset in a place.

    Attributes:
        state: `good`, `missing`, or `damaged`.
        detail: What is wrong with it; empty if nothing is known to be.
    """

    place: Place
    state: str
    detail: str = ""


class Missing(Exception):  # noqa: N818 - an answer, not an error
    """The folder contains none of the files."""


def places(source: Source = MNIST) -> tuple[Place, ...]:
    """Return the places to search for a dataset, in order."""
    named = os.environ.get("MNIST_TUI_DATA")
    roots = [(Path(named), "MNIST_TUI_DATA")] if named else []
    roots += [
        (Path("data"), "the current directory"),
        (platformdirs.user_cache_path("mnist-tui") / "data", "the cache"),
    ]
    return tuple(Place(_folder_in(absolute(root), source), origin) for root, origin in roots)


def _folder_in(root: Path, source: Source) -> Path:
    """Return the folder with the files in or near a named folder; if there are none, torchvision's place for them.

    People name the folder above `MNIST/raw`, as torchvision does, or `MNIST`, or `raw`, or the one with the files.
    """
    usual, base = Path(source.folder), root
    for folder in (Path(each.folder) for each in SOURCES.values()):
        if root.parts[-len(folder.parts) :] == folder.parts:
            base = root.parents[len(folder.parts) - 1]
        elif root.name == folder.parts[0]:
            base = root.parent
    near = (
        base / usual,
        root,
        root / "raw",
        root / usual.parts[0],
        root / "data" / usual,
        root.parent / usual,
    )
    return next((folder for folder in near if _has_files(folder, source)), base / usual)


def _has_files(folder: Path, source: Source) -> bool:
    paths = [path for part in source.parts for path in _spellings(folder, part)]
    if not any(map(os.path.lexists, (*paths, *_archives(folder, source)))):
        return False
    # FashionMNIST's and KMNIST's files have the names of MNIST's: where the folder does not tell, their content does.
    shared = source is not MNIST and source.parts == MNIST.parts
    is_own = Path(source.folder).parts[0] in folder.parts
    return not shared or is_own or source.files[0].is_good_in(folder)


def _spellings(folder: Path, part: str) -> list[Path]:
    """Return the paths that a part may have: as published, as some archives have it, with a dot; packed first."""
    plain = Path(part).name
    names = dict.fromkeys((plain, plain.replace("-idx", ".idx")))
    packed = [folder / f"{name}{ending}" for ending in _UNPACK for name in names]
    # What torchvision or `unzip` made of an archive.
    return [*packed, *(folder / name for name in names), folder / part, folder / "gzip" / f"{plain}.gz"]


def _archives(folder: Path, source: Source) -> list[Path]:
    """Return the downloads that hold several parts."""
    return [folder / file.name for file in source.files if file.name.endswith((".zip", ".tar.gz"))]


def download_place(source: Source = MNIST) -> Place:
    """Return the place to download to: the folder in MNIST_TUI_DATA, else the cache."""
    return next(place for place in places(source) if place.origin in ("MNIST_TUI_DATA", "the cache"))


def mirrors(source: Source = MNIST) -> tuple[str, ...]:
    """Return the URLs to download from; MNIST_TUI_MIRRORS, comma-separated, overrides them.

    A mirror that a user names has MNIST's files themselves, and those of other datasets in their folders.
    """
    named = os.environ.get("MNIST_TUI_MIRRORS")
    if not named:
        return source.mirrors
    below = "" if source.name == MNIST.name else f"/{source.folder}"
    return tuple(f"{part.strip().rstrip('/')}{below}" for part in named.split(",") if part.strip())


def fetch_data(source: Source = MNIST) -> Generator[Preparing, None, Path]:
    """Download what is missing or damaged; return the folder.

    Raises:
        DataError: No mirror served a valid file, or the folder is not writable.
    """
    folder = download_place(source).folder
    yield from fetch_files(source.files, mirrors(source), folder, source.facts.label)
    return folder


def data_status(source: Source = MNIST) -> list[PlaceStatus]:
    """Return the state of every place; reads and verifies all files."""
    found = []
    for place in places(source):
        try:
            read_files(place.folder, source)
        except Missing:
            is_file = place.origin == "MNIST_TUI_DATA" and absolute(os.environ["MNIST_TUI_DATA"]).is_file()
            found.append(PlaceStatus(place, "missing", f"{place.origin} names a file, not a folder" if is_file else ""))
        except DataError as error:
            found.append(PlaceStatus(place, "damaged", error.what))
        else:
            found.append(PlaceStatus(place, "good"))
    return found


def read_files(folder: Path, source: Source) -> RawSet:
    """Read and check the files of a folder.

    Raises:
        Missing: The folder contains none of them.
        DataError: One is missing, damaged, or not the dataset's.
    """
    label = source.facts.label
    try:
        train, test = source.read(source.facts, _parts(folder, source))
    except DataError as error:
        raise DataError(error.what, source.next_step) from error
    raw = RawSet(
        name=source.name,
        label=label,
        source=str(folder),
        classes=source.facts.classes,
        train=train,
        test=test,
        framing=source.facts.framing,
        by_class=False,
    )
    if source.sha256 and raw.sha256 != source.sha256:
        raise DataError(f"the content does not match {label}", source.next_step)
    return raw


def _parts(folder: Path, source: Source) -> dict[str, bytes]:
    """Return the content of all parts, from files of their own or from an archive."""
    found = {part: content for part in source.parts if (content := _content(folder, part, source)) is not None}
    if len(found) < len(source.parts):
        found |= _archived(folder, source)
    if not found:
        raise Missing
    for part, what in source.parts.items():
        if part not in found:
            raise DataError(f"the {what} are missing")
    return {part: found[part] for part in source.parts}


def _content(folder: Path, part: str, source: Source) -> bytes | None:
    """Return a part's bytes, from the published file if it is valid, else from any other; `None` if absent.

    A file that was packed again has another MD5; it is read only where the digest of the whole content is known, which
    tells whether it is the right one.
    """
    for file in source.files:
        if file.name.rpartition(".")[0] == part and file.is_good_in(folder):
            return _read(folder / file.name, source)
    paths = _spellings(folder, part)
    # Unpacked ones first: a packed one is known not to be the published file.
    for path in sorted(paths, key=lambda path: path.suffix in _UNPACK):
        if os.path.lexists(path):
            if problem := unfit(path, source.max_part_bytes):
                raise DataError(f"{path.name} cannot be used: {problem}")
            if path.suffix in _UNPACK and not source.sha256 and len(source.files) > 1:
                raise DataError(f"{path.name} cannot be used: its MD5 does not match")
            return _read(path, source)
    return None


def _read(path: Path, source: Source) -> bytes:
    try:
        with _open(path) as stream:
            return _limited(stream, source)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path.name} cannot be used: its MD5 does not match") from error
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error}") from error


def _open(path: Path) -> IO[bytes]:
    unpack = _UNPACK.get(path.suffix)
    return cast("IO[bytes]", unpack(path)) if unpack is not None else path.open("rb")


def _limited(stream: IO[bytes], source: Source) -> bytes:
    content = stream.read(source.max_part_bytes + 1)
    if len(content) > source.max_part_bytes:
        raise DataError(f"a file is larger than {source.max_part_bytes >> 20} MiB when unpacked")
    return content


def _archived(folder: Path, source: Source) -> dict[str, bytes]:
    """Return the parts that an archive in the folder holds, without unpacking anything to the disk."""
    for path in _archives(folder, source):
        if os.path.lexists(path):
            if problem := unfit(path, max(file.max_bytes for file in source.files)):
                raise DataError(f"{path.name} cannot be used: {problem}")
            try:
                found = dict(_members(path, source))
            except (*_DAMAGE, zipfile.BadZipFile, tarfile.TarError, RuntimeError) as error:
                raise DataError(f"{path.name} is damaged: {' '.join(str(error).split())[:100]}") from error
            if not found:
                raise DataError(f"{path.name} does not hold {source.facts.label}")
            return found
    return {}


def _members(archive: Path, source: Source) -> Iterator[tuple[str, bytes]]:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            for part in source.parts:
                if (name := f"gzip/{part}.gz") in packed.namelist():
                    with packed.open(name) as inner, gzip.open(inner) as stream:
                        yield part, _limited(cast("IO[bytes]", stream), source)
        return
    with tarfile.open(archive, "r|gz") as packed_once:
        for member in packed_once:
            if member.isfile() and member.name in source.parts:
                yield member.name, _limited(cast("IO[bytes]", packed_once.extractfile(member)), source)


def outlook() -> str:
    """Say which data a run with the setting `auto` will have, as far as that is known before it starts."""
    found = next((place.folder for place in places() if _has_files(place.folder, MNIST)), None)
    if found is not None:
        return f"MNIST is in {found}."
    return (
        "MNIST is not here yet: the first run or `mnist-tui data fetch` gets it (11 MB). "
        "Otherwise scikit-learn's 8x8 digits are trained."
    )
