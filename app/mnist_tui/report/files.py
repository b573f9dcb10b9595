"""Write exported files atomically, and never overwrite a file by accident."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mnist_tui.core.table import ComparisonTable
from mnist_tui.durable import sync_folder
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.report.export import render

SAVED_FORMATS: Final = ("md", "csv", "json")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def write_atomically(path: Path, text: str, *, force: bool = False) -> None:
    """Write `text` as UTF-8 with its line endings unchanged. A crash never leaves a partial file.

    Args:
        path: The file; its folder must exist.
        text: Full content of the file.
        force: Overwrite an existing file.

    Raises:
        UsageError: The file exists, or the path is not usable.
        MnistTuiError: The disk is full, write-protected or failing.
    """
    write_bytes_atomically(path, text.encode("utf-8", "backslashreplace"), force=force)


def write_bytes_atomically(path: Path, content: bytes, *, force: bool = False) -> None:
    """Like `write_atomically`, but for any content."""
    with _explained(path):
        _write(path, content, force=force)


def check_new(path: Path, *, force: bool) -> None:
    """Raise `UsageError` if a file exists and may not be replaced, before the work for its content begins."""
    if os.path.lexists(path) and not force:
        raise _taken(path)


def _taken(path: Path) -> UsageError:
    return UsageError(f"{path} already exists", "Choose another name or add --force")


def stem_of(kind: str) -> str:
    """Return a timestamped (UTC) file name for a kind of document, without an extension."""
    return f"{kind}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def saved_text(paths: Sequence[Path]) -> str:
    """Return where a table was saved: `Saved in /home/tables: name.md, .csv, .json`."""
    first, *others = paths
    return f"Saved in {first.parent}: " + ", ".join((first.name, *(path.suffix for path in others)))


def save_comparison(
    table: ComparisonTable, folder: Path, stem: str, formats: Sequence[str] = SAVED_FORMATS
) -> tuple[Path, ...]:
    """Write the table in several formats under one name; see `save_new`."""
    return save_new(folder, stem, {ending: render(table, ending) for ending in formats})


def save_new(folder: Path, stem: str, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write several files under one name; if it is taken, append `-2`, `-3`, ...

    Args:
        folder: Target folder; created if missing.
        stem: File name without extension.
        texts: Content by extension.

    Raises:
        MnistTuiError: As for `write_atomically`.
    """
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        name = stem if number == 1 else f"{stem}-{number}"
        files = {folder / f"{name}.{ending}": text for ending, text in texts.items()}
        if not any(os.path.lexists(path) for path in files) and _write_all(files):
            return tuple(files)
        number += 1


def _write_all(texts: Mapping[Path, str]) -> bool:
    """Write every file; if another process takes one of the names meanwhile, write none and return False."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with _explained(path):
                try:
                    _write(path, text.encode("utf-8", "backslashreplace"), force=False)
                except FileExistsError:
                    _remove(written)
                    return False
            written.append(path)
    except MnistTuiError:
        _remove(written)
        raise
    return True


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _write(path: Path, content: bytes, *, force: bool) -> None:
    target = path.resolve() if force else path
    # Renaming over a device such as /dev/null would replace the device itself.
    if force and target.exists() and not target.is_file():
        raise UsageError(f"{path} is not a regular file", "Choose another name")
    temporary = target.parent / f".mnist-tui-{secrets.token_hex(8)}.tmp"
    try:
        # Not tempfile: it creates private files, but these should have the umask's permissions.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force:
            temporary.replace(target)
        else:
            _move_to_new_name(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink()
    sync_folder(target.parent)


def _move_to_new_name(temporary: Path, target: Path) -> None:
    """Rename the file; a hard link fails atomically if the name is taken."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # No hard links (as on FAT): reserve the name with an empty file first.
        target.touch(exist_ok=False)
        temporary.replace(target)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn operating system errors into readable ones."""
    try:
        yield
    except OSError as error:
        raise _explain(path, error) from None


def _explain(path: Path, error: OSError) -> MnistTuiError:
    match error.errno:
        case errno.EEXIST:
            return _taken(path)
        case errno.ENOENT:
            return UsageError(f"the folder {path.parent} does not exist", "Create it or choose another folder")
        case errno.ENOTDIR:
            return UsageError(f"{path.parent} is not a folder", "Choose another folder")
        case errno.ENAMETOOLONG:
            return UsageError(f"the name {path.name[:40]}... is too long for this disk", "Choose a shorter name")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return MnistTuiError(f"{path.parent} cannot be written to", "Choose a folder that you may write to")
        case errno.ENOSPC | errno.EDQUOT:
            return MnistTuiError(f"the disk is full, {path} was not written", "Free some space and try again")
        case _:
            return MnistTuiError(
                f"{path} could not be written: {error.strerror or error}", "Try again or choose another folder"
            )
