"""Tables of numbers as text, such as Lightning's `metrics.csv` and Keras's `CSVLogger` write: a column per metric."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from mnist_tui.core.script import Scalar
from mnist_tui.formats.rows import Rows, heading_of, names_in, points_of, step_of
from mnist_tui.formats.source import News, Series, Source
from mnist_tui.formats.values import setting

GENERAL: Final = frozenset({"metrics", "results", "log", "training", "history"})
"""Names of files that say nothing about their run."""
SETTINGS: Final = ("hparams.yaml", "args.yaml")
QUIET_S: Final = 5.0
"""A file that nothing was written to for this time has its last line."""


class Table:
    """Reads the tables."""

    tool = "CSV"
    endings: tuple[str, ...] = (".csv",)

    def find(self, folder: Path, names: Collection[str], root: Path) -> Iterator[Source]:
        """Yield the runs of a folder; see `Reader.find`."""
        for name in sorted(names):
            path = folder / name
            if path.is_file() and step_of(names_in(heading_of(path))) is not None:
                called = folder if path.stem.lower() in GENERAL else path.with_suffix("")
                yield Source(self.tool, path, str(called.relative_to(root)) if called != root else root.resolve().name)

    def read(self, source: Source, since: Rows | None) -> tuple[News, Rows]:
        """Read what is new; see `Reader.read`."""
        status = source.path.stat()
        # The last line may still be written, until nothing has been for a while.
        is_quiet = time.time() - status.st_mtime > QUIET_S
        stand = status.st_size, status.st_mtime_ns, is_quiet
        if since is not None and since.stand == stand:
            return self._news(source, since, {}, status.st_mtime)
        heading = heading_of(source.path)
        goes_on = since is not None and since.heading == heading and status.st_size >= since.offset
        known = since if since is not None and goes_on else Rows(stand, heading, len(heading))
        before = known.is_counted
        points = points_of(source.path, known, is_quiet=is_quiet)
        if known.is_counted and not before and goes_on:
            # The first step that is not a whole number: the rows before it are counted, too.
            known = Rows(stand, heading, len(heading), is_counted=True)
            points, goes_on = points_of(source.path, known, is_quiet=is_quiet), False
        known.stand = stand
        return self._news(source, known, points, status.st_mtime, is_whole=not goes_on)

    def _news(
        self, source: Source, known: Rows, points: Mapping[str, Series], latest: float, *, is_whole: bool = False
    ) -> tuple[News, Rows]:
        settings = _settings(source.path.parent)
        news = News(points=points, is_whole=is_whole, config=settings, latest=latest, problem=known.problem)
        return news, known


def _settings(folder: Path) -> dict[str, Scalar]:
    """Return the settings beside a table, as far as they are plain lines `key: value`."""
    found: dict[str, Scalar] = {}
    for path in (folder / name for name in SETTINGS):
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                key, colon, value = line.partition(":")
                if colon and key == key.strip() and key and not key.startswith("#") and value.strip():
                    found[key] = setting(value.strip().strip("'\""))
    return found
