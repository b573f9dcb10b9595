"""MLflow's runs in folders, `mlruns/EXPERIMENT/RUN`: a file per metric and per setting."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mnist_tui.core.status import Status
from mnist_tui.formats.mlflow import STATUS, TOOL
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.values import beyond, setting

_META: Final = "meta.yaml"
_STATES: Final = {"1": "RUNNING", "2": "SCHEDULED", "3": "FINISHED", "4": "FAILED", "5": "KILLED"}
"""The numbers that stand for a status in the file."""


@dataclass(frozen=True, slots=True)
class _Since:
    """What was read: sizes and times of the files, and the points."""

    stand: tuple[tuple[str, int, int], ...]
    points: Mapping[str, Series]
    problem: str


class MLruns:
    """Reads the folders."""

    tool = TOOL
    endings: tuple[str, ...] = ()

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:  # noqa: ARG002
        """Yield the run of a folder; see `Reader.find`."""
        if not {_META, "metrics"} <= {*names}:
            return
        said = _meta(folder)
        if "run_id" in said and said.get("lifecycle_stage", "active") == "active":
            name = said.get("run_name") or _text(folder / "tags" / "mlflow.runName") or folder.name[:8]
            yield Source(self.tool, folder, name)

    def read(self, source: Source, since: _Since | None) -> tuple[News, _Since]:
        """Read what is new; see `Reader.read`."""
        stand = tuple(sorted(_files(source.path / "metrics")))
        problem = since.problem if since is not None else ""
        if since is not None and since.stand == stand:
            points: Mapping[str, Series] = since.points
        else:
            points, problem = _points(source.path / "metrics", [name for name, _, _ in stand])
        new, is_whole = (points, True) if since is None else beyond(since.points, points)
        said = _meta(source.path)
        status = STATUS.get(_STATES.get(said.get("status", ""), said.get("status", "")))
        params = source.path / "params"
        return News(
            points=new,
            is_whole=is_whole,
            config={name: setting(_text(params / name)) for name, _, _ in sorted(_files(params))},
            project=_meta(source.path.parent).get("name", ""),
            began=_seconds(said.get("start_time")),
            latest=_seconds(said.get("end_time")) or max((time / 1e9 for _, _, time in stand), default=None),
            status=status,
            reason="it was killed" if status is Status.STOPPED else "",
            problem=problem,
        ), _Since(stand, points, problem)


def _points(folder: Path, names: Collection[str]) -> tuple[dict[str, Series], str]:
    """Return the points of the files of metrics, and what is wrong with some of their lines."""
    found: dict[str, Series] = {}
    wrong = ""
    for name in names:
        *whole, _ = (folder / name).read_text(errors="replace").split("\n")
        for at, line in enumerate(whole, 1):
            try:
                _, value, step = line.split(" ")[:3]
                place, number = int(step), float(value)
                found.setdefault(name, Series()).add(place, number)
            except (ValueError, OverflowError):
                wrong = wrong or f"line {at:,} of metrics/{name} cannot be read"
    return found, wrong


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the path of each file within a folder, its size, and when it was written, in nanoseconds since 1970."""
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                path = Path(place, name)
                status = path.stat()
                yield str(path.relative_to(folder)), status.st_size, status.st_mtime_ns


def _meta(folder: Path) -> dict[str, str]:
    """Return the lines `key: value` of the file that describes a run or an experiment."""
    # Long values go on in indented lines.
    pairs = (line.partition(":") for line in re.sub(r"\n +", " ", _text(folder / _META)).splitlines())
    return {key.strip(): _unquoted(value.strip()) for key, _, value in pairs}


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    return text.strip('"')


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(errors="replace").strip()
    return ""


def _seconds(milliseconds: str | None) -> float | None:
    return int(milliseconds) / 1000 if milliseconds and milliseconds.isdecimal() else None
