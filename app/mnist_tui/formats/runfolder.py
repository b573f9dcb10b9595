"""The folder of a TensorBoard run, and its event files.

Three kinds of subfolders belong to their parent's run: `train`, `validation` and the like, which Keras writes; those of
`add_scalars`, one per curve; and those of `add_hparams`, named by a time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from mnist_tui.core.metric import Split, split_named
from mnist_tui.formats.records import Follower
from mnist_tui.formats.scalars import Scalars

MARK: Final = "tfevents"
_MOMENT: Final = re.compile(r"\d{9,}\.\d+")
"""What `add_hparams` calls its folders: a time."""


@dataclass(slots=True)
class EventFile:
    """One event file of a run.

    Attributes:
        member: The subfolder that it is in; empty for the run's own.
        told: Points that were returned already, by tag.
    """

    follower: Follower
    member: str
    scalars: Scalars = field(default_factory=Scalars)
    told: dict[str, int] = field(default_factory=dict)

    def read(self) -> None:
        """Read what is new."""
        for piece in self.follower.pieces():
            self.scalars.take(*piece)

    def name(self, tag: str) -> str:
        """Return what a tag is called in the run."""
        if split_named(self.member) is not Split.NONE:
            return f"{self.member}/{tag}"
        before = tag.replace("/", "_") + "_"
        return f"{tag}/{self.member.removeprefix(before)}" if self.member.startswith(before) else tag


def events_in(folder: Path) -> list[Path]:
    """Return the event files of a folder, in the order in which they were begun."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if MARK in entry.name and entry.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda path: (path.name.partition(MARK)[2].split("."), path.name))


def has_events(folder: Path) -> bool:
    """Return whether a folder has event files."""
    try:
        return _holds_events(folder, folder.stat().st_mtime_ns)
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _holds_events(folder: Path, changed: int) -> bool:  # noqa: ARG001 - as long as it is unchanged
    """Return whether a folder has event files: asked for each of many folders about their parent."""
    return bool(events_in(folder))


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir())


def is_member(folder: Path) -> bool:
    """Return whether a folder belongs to the run of its parent."""
    if split_named(folder.name) is not Split.NONE:
        return True
    if not has_events(folder.parent) or not has_events(folder):
        return False
    return _is_part(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _is_part(folder: Path, changed: int) -> bool:  # noqa: ARG001 - as long as it is unchanged
    """Return whether the first numbers in a folder are those of `add_scalars`, or settings those of `add_hparams`."""
    file = EventFile(Follower(events_in(folder)[0]), folder.name)
    for piece in file.follower.pieces():
        file.scalars.take(*piece)
        if file.scalars.series or file.scalars.settings:
            break
    if _MOMENT.fullmatch(folder.name):
        return bool(file.scalars.settings)
    return any(file.name(tag) != tag for tag in file.scalars.series)
