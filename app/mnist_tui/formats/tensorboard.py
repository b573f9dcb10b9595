"""TensorBoard event files. A run is a folder with such files, see `runfolder.py`."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mnist_tui.core.metric import Split, split_named
from mnist_tui.core.numerals import count as numbered
from mnist_tui.formats.hparams import settings_in
from mnist_tui.formats.records import Follower
from mnist_tui.formats.runfolder import MARK, EventFile, events_in, has_events, is_member, subfolders
from mnist_tui.formats.source import News, Series, Source, problems


@dataclass(slots=True)
class _Run:
    """What was read of a run.

    Attributes:
        stand: When its folders were changed, in nanoseconds since 1970: then there may be other files.
        files: Its files.
    """

    stand: dict[Path, int]
    files: dict[Path, EventFile]


class TensorBoard:
    """Reads event files."""

    tool = "TensorBoard"
    endings: tuple[str, ...] = ()

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:
        """Yield the run of a folder; see `Reader.find`."""
        if folder == root or not is_member(folder):
            has_own = any(MARK in name for name in names) and has_events(folder)
            if has_own or any(split_named(name) is not Split.NONE and has_events(folder / name) for name in names):
                name = str(folder.relative_to(root)) if folder != root else folder.resolve().name
                yield Source(self.tool, folder, name)

    def read(self, source: Source, since: _Run | None) -> tuple[News, _Run]:
        """Read what is new; see `Reader.read`."""
        run = since
        if run is None or any(folder.stat().st_mtime_ns != time for folder, time in run.stand.items()):
            folders = subfolders(source.path)
            members = ["", *(path.name for path in folders if has_events(path) and is_member(path))]
            # A folder may be there before its first file.
            stand = {folder: folder.stat().st_mtime_ns for folder in (source.path, *folders)}
            there = {
                path: EventFile(Follower(path), name) for name in members for path in events_in(source.path / name)
            }
            run = since if since is not None and since.files.keys() == there.keys() else _Run(stand, there)
            run.stand = stand
        if any(file.follower.was_replaced for file in run.files.values() if run is since):
            run = _Run(run.stand, {path: EventFile(Follower(path), file.member) for path, file in run.files.items()})
        is_whole, files = run is not since, run.files
        for file in files.values():
            before = file.scalars.begins_at
            file.read()
            is_whole = is_whole or file.scalars.begins_at != before
        found = [file.scalars for file in files.values()]
        wrong = [problem for file in files.values() for problem in file.follower.problems]
        if damaged := sum(one.damaged for one in found):
            wrong.append(f"{numbered(damaged, 'record')} cannot be read")
        news = News(
            points=_all(files.values()) if is_whole else _new(files.values()),
            is_whole=is_whole,
            config=dict(pair for one in found for said in one.settings for pair in settings_in(said)),
            began=min((one.began for one in found if one.began), default=None),
            latest=max((one.latest for one in found if one.latest), default=None),
            problem=problems(wrong),
        )
        for file in files.values():
            file.told = {tag: len(series) for tag, series in file.scalars.series.items()}
        return news, run


def _all(files: Iterable[EventFile]) -> dict[str, Series]:
    """Return all points; where a file begins at a step that an earlier one has passed, the later one counts."""
    found: dict[str, Series] = {}
    members: dict[str, str] = {}
    highest: dict[str, int] = {}
    for file in files:
        if (begins_at := file.scalars.begins_at) is not None:
            for name, member in members.items():
                if member == file.member and highest[name] >= begins_at:
                    found[name] = _before(found[name], begins_at)
        for tag, series in file.scalars.series.items():
            name = file.name(tag)
            members[name] = file.member
            known = found.setdefault(name, Series())
            if highest.get(name, series.steps[0] - 1) >= series.steps[0]:
                known = found[name] = _before(known, series.steps[0])
            known.steps.extend(series.steps)
            known.values.extend(series.values)
            highest[name] = max(highest.get(name, series.steps[0]), max(series.steps))
    return found


def _before(series: Series, step: int) -> Series:
    """Return the points before a step."""
    kept = [at for at, known in enumerate(series.steps) if known < step]
    return Series(array("q", (series.steps[at] for at in kept)), array("d", (series.values[at] for at in kept)))


def _new(files: Iterable[EventFile]) -> dict[str, Series]:
    """Return the points that were not returned before."""
    found: dict[str, Series] = {}
    for file in files:
        for tag, series in file.scalars.series.items():
            if (told := file.told.get(tag, 0)) < len(series):
                new = found.setdefault(file.name(tag), Series())
                new.steps.extend(series.steps[told:])
                new.values.extend(series.values[told:])
    return found
