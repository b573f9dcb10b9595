"""The commands that manage datasets: what is on this machine, download it, verify it."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeVar

from mnist_tui.core.codec import dumps
from mnist_tui.core.datasets import FOLDER, check_dataset, own_path
from mnist_tui.core.events import Notice, Preparing
from mnist_tui.core.spec import RunSpec
from mnist_tui.data.sources import SOURCES, Source
from mnist_tui.errors import DataError, UsageError
from mnist_tui.streams import say

T = TypeVar("T")


def status(dataset: str, *, as_json: bool, side: int | None = None, strict: bool = False) -> int:
    """Print the state of a dataset in each place; return 0 if one is good and, if strict, none damaged, else 3."""
    from mnist_tui.data.fetch import without_password
    from mnist_tui.data.places import data_status, download_place, mirrors

    source = _source(dataset)
    if source is None:
        return _examine(dataset, side, as_json=as_json)
    found = data_status(source)
    for one in found:
        place = one.place
        if as_json:
            record = {"dataset": source.name, "folder": str(place.folder), "origin": place.origin, "state": one.state}
            print(dumps({"type": "data_place", **record, "detail": one.detail}))
        else:
            detail = f": {one.detail}" if one.detail else ""
            say(f"{one.state:<8} {place.folder}  ({place.origin}){detail}", out=True)
    if not as_json:
        named = os.environ.get("MNIST_TUI_MIRRORS")
        sources = ", ".join(map(without_password, mirrors(source))) if named else "the usual mirrors"
        say(f"downloads go to {download_place(source).folder}, from {sources}")
    states = {one.state for one in found}
    return 0 if "good" in states and not (strict and "damaged" in states) else DataError.exit_code


def fetch(dataset: str, *, as_json: bool) -> int:
    """Download a dataset if it is missing; print the folder to stdout."""
    from mnist_tui.data.places import fetch_data

    source = _source(dataset)
    if source is None:
        what = "the digits come with scikit-learn" if own_path(dataset) is None else f"{dataset} names data of your own"
        raise UsageError(f"{what}: there is nothing to download")
    folder: Path = _told(fetch_data(source), as_json=as_json)
    if as_json:
        print(dumps({"type": "data_fetched", "dataset": source.name, "folder": str(folder)}))
    else:
        say(str(folder), out=True)
    return 0


def _source(dataset: str) -> Source | None:
    """Return where a published dataset comes from; `None` for the digits and the user's own data."""
    check_dataset(dataset)
    return SOURCES.get("mnist" if dataset == "auto" else dataset)


def _examine(dataset: str, side: int | None, *, as_json: bool) -> int:
    """Read and split all of the user's own data, and print classes and sizes."""
    from mnist_tui.data.arrays import read_npz
    from mnist_tui.data.folder import read_folder
    from mnist_tui.engine.data import split

    path = own_path(dataset)
    if path is None:
        say("good     the digits come with scikit-learn", out=not as_json)
        return 0
    raw = _told(read_folder(path, side), as_json=as_json) if dataset.startswith(FOLDER) else read_npz(path)
    data = split(raw, RunSpec().split_seed, side)
    parts = {"train": data.train_labels, "validation": data.validation_labels, "test": data.test_labels}
    counts = {name: _counts(raw.classes, labels) for name, labels in parts.items()}
    if as_json:
        shape = {"side": data.side, "channels": data.channels}
        record = {"dataset": raw.name, "folder": raw.source, "state": "good", **shape}
        print(dumps({"type": "data_place", **record, "images": counts}))
        return 0
    say(f"good     {raw.source}: {data.info.shape}, {len(raw.classes)} classes", out=True)
    for name, each in counts.items():
        listed = ", ".join(f"{label} {count:,}" for label, count in each.items())
        say(f"{name:<10} {sum(each.values()):,} images: {listed}", out=True)
    return 0


def _counts(classes: Sequence[str], labels: object) -> dict[str, int]:
    import numpy as np

    return dict(zip(classes, np.bincount(np.asarray(labels), minlength=len(classes)).tolist(), strict=True))


def _told(steps: Generator[Preparing | Notice, None, T], *, as_json: bool) -> T:
    """Report progress on stderr, or on stdout as JSON; return the result."""
    told = ""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
        if as_json:
            print(dumps(step.to_json()), flush=True)
        elif step.message != told:
            told = step.message
            say(told)
