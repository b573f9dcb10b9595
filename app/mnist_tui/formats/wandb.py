"""W&B's log of an offline run, `run-ID.wandb`: blocks of 32 KiB with records, which are protocol buffers."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.numerals import count
from mnist_tui.core.status import Status
from mnist_tui.core.units import Direction
from mnist_tui.formats.blocks import Blocks
from mnist_tui.formats.protobuf import fields, message, signed, text
from mnist_tui.formats.source import News, Series, Source, problems
from mnist_tui.formats.values import flat, number, numbers

_RUN: Final = 17
"""The number of the record that describes the run."""
_GOALS: Final[Mapping[object, Direction]] = {1: Direction.LOWER, 2: Direction.HIGHER}


@dataclass(slots=True)
class _Log:
    """What was read of a log so far."""

    blocks: Blocks
    config: dict[str, Any] = field(default_factory=dict)
    project: str = ""
    goals: dict[str, Direction] = field(default_factory=dict)
    exit_code: int | None = None
    began: float | None = None
    latest: float | None = None
    unreadable: int = 0
    points: dict[str, Series] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)

    def take(self, data: bytes) -> None:
        """Add a record."""
        try:
            self._take(data)
        except (ValueError, OverflowError, RecursionError):
            self.unreadable += 1

    def _take(self, data: bytes) -> None:
        for kind, value in fields(data):
            body = message(value)
            # By the numbers of `wandb_internal.proto`: history, config, metric, run, exit.
            match kind:
                case 2:
                    self._row(body)
                case 5:
                    self.config |= dict(_items(body, 1))
                case 12:
                    parts = dict(fields(body))
                    goal = _GOALS.get(parts.get(8, 0)) or _summary(message(parts.get(7)))
                    if goal is not None:
                        self.goals[text(parts.get(1)) or text(parts.get(2))] = goal
                case 17:
                    parts = dict(fields(body))
                    self.project = text(parts.get(3))
                    self.config |= dict(_items(message(parts.get(4)), 1))
                case 18:
                    self.exit_code = signed(dict(fields(body)).get(1, 0))

    def _row(self, body: bytes) -> None:
        row = dict(_items(body, 1))
        step, time = number(row.get("_step")), number(row.get("_timestamp"))
        if time is not None:
            self.began = time - (number(row.get("_runtime")) or 0.0) if self.began is None else self.began
            self.latest = time
        place = int(step or 0)
        # Media are described by dictionaries, too.
        logged = {
            key: value
            for key, value in row.items()
            if not key.startswith("_") and not (isinstance(value, dict) and "_type" in value)
        }
        for name, value in numbers(logged):
            self.points.setdefault(name, Series()).add(place, value)
            self.names[name] = None


class Wandb:
    """Reads offline runs."""

    tool = "W&B"
    endings: tuple[str, ...] = (".wandb",)

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:  # noqa: ARG002
        """Yield the runs of a folder; see `Reader.find`."""
        for name in sorted(names):
            if name.startswith("run-") and name.endswith(".wandb"):
                yield Source(self.tool, folder / name, _name(folder / name) or name[4:-6])

    def read(self, source: Source, since: _Log | None) -> tuple[News, _Log]:
        """Read what is new; see `Reader.read`."""
        log = since if since is not None and not since.blocks.was_replaced else _Log(Blocks(source.path))
        log.points = {}
        for record in log.blocks.records():
            log.take(record)
        how = Status.RUNNING if log.exit_code is None else Status.FAILED if log.exit_code else Status.FINISHED
        return News(
            points=log.points,
            is_whole=log is not since,
            config=dict(flat({key: value for key, value in log.config.items() if key != "_wandb"})),
            project=log.project,
            goals={name: goal for pattern, goal in log.goals.items() for name in fnmatch.filter(log.names, pattern)},
            began=log.began,
            latest=log.latest,
            status=how,
            reason=f"exit code {log.exit_code}" if log.exit_code else "",
            problem=problems(
                [
                    *log.blocks.problems,
                    *([f"{count(log.unreadable, 'record')} cannot be read"] if log.unreadable else []),
                ]
            ),
        ), log


def _items(body: bytes, number_: int) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a record's items."""
    for kind, value in fields(body):
        if kind == number_:
            key, nested, content = "", [], b"null"
            for inner, part in fields(message(value)):
                if inner == 1:
                    key = text(part)
                elif inner == 2:
                    nested.append(text(part))
                elif inner == 16:
                    content = message(part)
            yield key or "/".join(nested), json.loads(content)


def _summary(body: bytes) -> Direction | None:
    """Return which direction is better, by the summary that was asked for."""
    kinds = {kind for kind, value in fields(body) if value}
    return Direction.LOWER if kinds == {1} else Direction.HIGHER if kinds == {2} else None


def _name(path: Path) -> str:
    """Return the name of a run, from the beginning of its log.

    Raises:
        ValueError: It is not a log of W&B.
    """
    for record in Blocks(path).records():
        for number_, value in fields(record):
            if number_ == _RUN:
                return text(dict(fields(message(value))).get(8))
    return ""
