"""Runs in one file, for a colleague or another machine: a ZIP archive whose manifest has the SHA-256 of each file.

Nothing in an archive is executed, and no name in it becomes a path.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

from mnist_tui.core.codec import dumps, number
from mnist_tui.core.events import EpochDone, Event, RunDone, RunStarted
from mnist_tui.core.insight import insight_from_bytes
from mnist_tui.core.labels import Labels
from mnist_tui.core.parsing import event_from_json
from mnist_tui.core.stored import Checkpoint, ValidationSet
from mnist_tui.errors import UsageError
from mnist_tui.store.database import Store
from mnist_tui.store.home import is_safe_name
from mnist_tui.store.points import Point
from mnist_tui.store.reading import DAMAGE, reason_of
from mnist_tui.version import __version__

FORMAT: Final = 1
MOST_SAVED: Final = 16
"""Most checkpoints of a run: the store keeps fewer."""
MANIFEST_BYTES: Final = 64 << 20
MANIFEST: Final = "manifest.json"
LARGEST: Final = 512 << 20
"""Most bytes of one file in an archive, and of all runs' files but their checkpoints."""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The time of each file: the same runs give the same archive."""


def pack(store: Store, runs: Sequence[str], out: IO[bytes]) -> None:
    """Write runs into an archive.

    Args:
        store: The store that holds them.
        runs: Their ids.
        out: Where the archive goes.

    Raises:
        UsageError: A run is in progress.
        StoreError: The store is damaged.
    """
    sums: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            if name not in sums:
                sums[name] = hashlib.sha256(data).hexdigest()
                # Checkpoints hardly shrink.
                kind = zipfile.ZIP_STORED if name.endswith(".ckpt") else zipfile.ZIP_DEFLATED
                archive.writestr(zipfile.ZipInfo(name, _DATE), data, kind)

        for run in runs:
            state = store.run(run)
            events = list(store.events(run))
            if not isinstance(events[-1], RunDone):
                raise UsageError(f"the run {run} is in progress", "Pack it when it has ended")
            place = f"runs/{run}"
            add(f"{place}/events.jsonl", "".join(f"{dumps(event.to_json())}\n" for event in events).encode())
            labels = state.labels
            add(f"{place}/labels.json", dumps({"name": labels.name, "tags": labels.tags, "note": labels.note}).encode())
            names = store.point_names(run)
            series = {name: store.points(run, name).series for name in names}
            known = {name: {"steps": list(one.steps), "values": list(one.values)} for name, one in series.items()}
            add(f"{place}/points.json", dumps(known).encode())
            for epoch in store.insight_epochs(run):
                if (insight := store.insight(run, epoch)) is not None:
                    add(f"{place}/insights/{epoch}", insight.to_bytes())
            for one in store.saved(run):
                add(f"{place}/checkpoints/{one.epoch}-{one.batch}.ckpt", one.data)
            if (pictures := store.validation_set(state)) is not None:
                where = f"validation/{pictures.sha256}-{pictures.split_seed}"
                add(f"{where}.json", dumps(pictures.to_json()).encode())
                add(f"{where}.labels", pictures.labels)
                add(f"{where}.images", pictures.images)
        manifest = {"tool": "mnist-tui", "format": FORMAT, "version": __version__, "runs": list(runs), "files": sums}
        archive.writestr(zipfile.ZipInfo(MANIFEST, _DATE), dumps(manifest, indent=1))


@dataclass(slots=True)
class Packed:
    """A run from an archive.

    Attributes:
        events: Its events, from `RunStarted` to `RunDone`; epochs have their insights.
        labels: Its name, tags and note.
        points: What it logged at its steps, by metric.
        saved: Its checkpoints.
        pictures: Its validation images; `None` if they were not stored.
    """

    events: list[Event]
    labels: Labels
    points: dict[str, list[Point]]
    saved: list[Checkpoint] = field(default_factory=list)
    pictures: ValidationSet | None = None

    @property
    def run(self) -> str:
        """Its id."""
        return str(getattr(self.events[0], "run", ""))

    @property
    def epochs_done(self) -> int:
        """Finished epochs."""
        return sum(isinstance(event, EpochDone) for event in self.events)


def unpack(path: Path) -> Iterator[Packed]:
    """Yield the runs in an archive, each checked as a whole.

    Raises:
        UsageError: It is no such archive, a newer version's, or damaged.
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(_read(archive, MANIFEST, MANIFEST_BYTES))
            files = _Files(archive, _sums(manifest))
            for run in list(manifest["runs"]):
                yield _unpacked(files, str(run))
    # `zipfile` raises a `RuntimeError` for a password, and for a compression that it does not know.
    except (*DAMAGE, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        is_odd = isinstance(error, TypeError | KeyError | AttributeError | LookupError)
        reason = "a part of it is missing or damaged" if is_odd else reason_of(error)
        raise UsageError(f"{path.name} cannot be imported: {reason}", "Pack the runs again") from error


def _sums(manifest: dict[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file that a manifest has."""
    if manifest["tool"] != "mnist-tui":
        raise ValueError("its manifest is another program's")
    if manifest["format"] > FORMAT:
        raise ValueError("it was written by a newer version")
    return dict(manifest["files"])


class _Files:
    """The files of an archive, which are compared with the manifest."""

    def __init__(self, archive: zipfile.ZipFile, sums: dict[str, str]) -> None:
        self._archive, self._sums = archive, sums
        self._left = LARGEST

    def read(self, name: str) -> bytes:
        """Return a file; `KeyError` if there is none, `ValueError` if it is another one or too large."""
        data = _read(self._archive, name)
        if hashlib.sha256(data).hexdigest() != self._sums[name]:
            raise ValueError(f"{name} is damaged")
        if not name.endswith(".ckpt"):
            self._left -= len(data)
            if self._left < 0:
                raise ValueError("it is too large")
        return data

    def within(self, folder: str) -> list[str]:
        """Return the names of the files in a folder."""
        return sorted(name for name in self._sums if name.startswith(folder))

    def has(self, name: str) -> bool:
        """Return whether the manifest has a file."""
        return name in self._sums


def _read(archive: zipfile.ZipFile, name: str, most: int = LARGEST) -> bytes:
    # What it says of its size may be wrong: read no more than is allowed.
    with archive.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{name} is too large")
    return data


def _unpacked(files: _Files, run: str) -> Packed:
    if not is_safe_name(run):
        raise ValueError("the id of a run is damaged")
    place = f"runs/{run}"
    insights = {}
    for name in files.within(f"{place}/insights/"):
        epoch = _whole(name.rpartition("/")[2])
        insights[epoch] = insight_from_bytes(run, epoch, files.read(name))
    events: list[Event] = [
        event_from_json(json.loads(line)) for line in files.read(f"{place}/events.jsonl").splitlines()
    ]
    started = events[0] if events else None
    if not isinstance(started, RunStarted) or not isinstance(events[-1], RunDone):
        raise ValueError(f"the events of {run} are not complete")  # noqa: TRY004 - damage, not a type
    for event in events:
        _whole(getattr(event, "epoch", 0))
        _whole(getattr(event, "step", 0))
    if any(getattr(event, "run", "") != run for event in events):
        raise ValueError(f"the events of {run} are another run's")
    events = [e.with_parts(insights.get(e.epoch), None) if isinstance(e, EpochDone) else e for e in events]
    labels = json.loads(files.read(f"{place}/labels.json"))
    packed = Packed(
        events,
        Labels(str(labels["name"]), tuple(map(str, labels["tags"])), str(labels["note"])),
        {str(name): _points(some) for name, some in json.loads(files.read(f"{place}/points.json")).items()},
    )
    saved = files.within(f"{place}/checkpoints/")
    if len(saved) > MOST_SAVED:
        raise ValueError(f"{run} has more than {MOST_SAVED} checkpoints")
    for name in saved:
        done, _, batch = name.rpartition("/")[2].removesuffix(".ckpt").partition("-")
        packed.saved.append(Checkpoint(run=run, epoch=_whole(done), batch=_whole(batch), data=files.read(name)))
    if (data := started.dataset) is not None:
        where = f"validation/{data.sha256}-{getattr(started.spec, 'split_seed', 0)}"
        if files.has(f"{where}.json"):
            packed.pictures = _pictures(files, where)
    return packed


def _points(record: dict[str, Any]) -> list[Point]:
    steps, values = record["steps"], record["values"]
    return [(_whole(step), number(value)) for step, value in zip(steps, values, strict=True)]


def _whole(value: object) -> int:
    """Return a step or an epoch; `ValueError` if it is none."""
    found = int(value) if isinstance(value, int | str) else -1
    if not 0 <= found < 2**63:
        raise ValueError("a step or an epoch is damaged")
    return found


def _pictures(files: _Files, where: str) -> ValidationSet:
    said = json.loads(files.read(f"{where}.json"))
    found = ValidationSet(
        sha256=str(said["sha256"]),
        split_seed=int(said["split_seed"]),
        side=int(said["side"]),
        classes=tuple(map(str, said["classes"])),
        channels=int(said["channels"]),
        labels=files.read(f"{where}.labels"),
        images=files.read(f"{where}.images"),
    )
    if len(found.images) != len(found.labels) * found.side**2 * found.channels:
        raise ValueError("the number of validation images is damaged")
    return found


def put(store: Store, packed: Packed) -> bool:
    """Store a run from an archive; return False, and leave the run as it is, if it is here and as far.

    Raises:
        StoreError: It could not be written.
    """
    known = next(
        (run for deleted in (False, True) for run in store.runs(deleted=deleted) if run.run == packed.run), None
    )
    if known is not None and (known.epochs_done, known.step) >= (packed.epochs_done, _step(packed)):
        if not known.labels.deleted_at:
            return False
        # Who imports a deleted run wants to see it.
        store.relabel([packed.run], lambda labels: replace(labels, deleted_at=""))
        return True
    store.put(packed.events, packed.points, packed.labels, packed.saved)
    if packed.pictures is not None:
        store.record(packed.pictures)
    return True


def _step(packed: Packed) -> int:
    done = packed.events[-1]
    return done.steps if isinstance(done, RunDone) else 0
