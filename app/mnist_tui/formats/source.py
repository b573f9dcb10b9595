"""What a reader of other tools' files finds, and what it returns."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mnist_tui.core.script import Scalar
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction


@dataclass(frozen=True, slots=True)
class Source:
    """A run of another tool.

    Attributes:
        tool: The tool's name.
        path: The file or folder that holds it.
        name: What the tool calls the run.
        key: Which of several runs in `path`; empty if there is only one.
    """

    tool: str
    path: Path
    name: str
    key: str = ""


@dataclass(slots=True)
class Series:
    """Points of one metric in the order in which they were logged.

    Attributes:
        steps, values: A step and a value each, as 64-bit integers and floats.
    """

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """Add a point; `OverflowError` if the step is too large."""
        self.steps.append(step)
        self.values.append(value)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(slots=True, kw_only=True)
class News:
    """What the files of a run hold beyond what was read before.

    Attributes:
        points: New points by the name of their metric.
        is_whole: The points are all there are, and replace those read before.
        config: The run's settings, flattened; nested keys are joined by dots.
        project: What the tool groups runs by; may be empty.
        goals: Which direction is better, where the tool says so.
        began, latest: Time of the first and the newest record, in seconds since 1970; `None` if unknown.
        status: How the run ended, or that it runs; `None` if the tool does not record it.
        reason: Why it ended, as text.
        problem: What could not be read, and where; empty if all is well.
    """

    points: Mapping[str, Series] = field(default_factory=dict)
    is_whole: bool = False
    config: Mapping[str, Scalar] = field(default_factory=dict)
    project: str = ""
    goals: Mapping[str, Direction] = field(default_factory=dict)
    began: float | None = None
    latest: float | None = None
    status: Status | None = None
    reason: str = ""
    problem: str = ""


class Reader(Protocol):
    """Reads the runs of one tool, in one format. It changes nothing, and needs nothing of the tool.

    Attributes:
        tool: The tool's name.
        endings: Of the names of its files, each of which is searched alone; empty if it searches folders.
    """

    tool: str
    endings: tuple[str, ...]

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:
        """Yield the runs that a folder holds, without those of its subfolders.

        Args:
            folder: The folder.
            names: Names of the files and folders in it.
            root: Where the search began; names of runs are relative to it.

        Raises:
            OSError: A file cannot be read.
            ValueError: A file is not what its name says.
        """
        ...

    def read(self, source: Source, since: Any) -> tuple[News, Any]:
        """Read what is new.

        Args:
            source: The run.
            since: What the previous call returned; `None` to read everything.

        Returns:
            What is new, and what the next call needs.

        Raises:
            OSError: A file cannot be read.
            ValueError: Nothing in it can be used.
        """
        ...


def problems(found: Collection[str]) -> str:
    """Return problems as one text: the first ones, and how many more there are."""
    some = list(found)[:3]
    return "; ".join(some) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
