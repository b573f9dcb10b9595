"""Reads the files in which other tools keep runs, without these tools and without changing anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from mnist_tui.formats.mlflow import MLflow
from mnist_tui.formats.mlruns import MLruns
from mnist_tui.formats.source import News, Reader, Source
from mnist_tui.formats.table import Table
from mnist_tui.formats.tensorboard import TensorBoard
from mnist_tui.formats.trackio import Trackio
from mnist_tui.formats.wandb import Wandb

__all__ = ["READERS", "News", "Reader", "Source", "find"]

READERS: Final[tuple[Reader, ...]] = (TensorBoard(), Wandb(), MLflow(), MLruns(), Trackio(), Table())


def find(paths: Iterable[Path]) -> Iterator[tuple[Reader, Source] | str]:
    """Yield the runs in files and folders, each with its reader; as text, what could not be searched.

    Args:
        paths: Files, and folders to search with their subfolders.
    """
    seen: set[Source] = set()
    for path in paths:
        for folder, names in _folders(path) if path.is_dir() else [(path.parent, [path.name])]:
            if isinstance(names, str):
                yield f"{folder}: {names}"
                continue
            for reader in READERS:
                # One damaged file must not hide the others.
                alone = [[name] for name in names if name.lower().endswith(reader.endings)]
                for some in alone if reader.endings else [names]:
                    try:
                        for source in reader.find(folder, some, path if path.is_dir() else folder):
                            if source not in seen:
                                seen.add(source)
                                yield reader, source
                    except (OSError, ValueError) as error:
                        yield f"{folder / some[0] if reader.endings else folder}: {reason(error)}"


def reason(error: Exception) -> str:
    """Return in a few words what is wrong with a file."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _folders(root: Path) -> Iterator[tuple[Path, list[str] | str]]:
    """Yield each folder with the names of what it holds, or why that is unknown.

    Hidden folders are left out, and linked ones are visited once.
    """
    visited = set()
    wrong: list[OSError] = []
    for folder, folders, files in os.walk(root, followlinks=True, onerror=wrong.append):
        while wrong:
            error = wrong.pop()
            yield Path(error.filename or root), reason(error)
        try:
            status = Path(folder).stat()
            # Links last: what they lead to may be visited under its own name.
            there = [name for name in folders if not name.startswith(".")]
            folders[:] = sorted(there, key=lambda name: (Path(folder, name).is_symlink(), name))
        except OSError as error:
            folders.clear()
            yield Path(folder), reason(error)
            continue
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        yield Path(folder), [*folders, *sorted(files)]
    for late in wrong:
        yield Path(late.filename or root), reason(late)
