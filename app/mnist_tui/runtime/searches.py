"""The files in which searches are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

from mnist_tui.core.codec import dumps, from_json_value, to_json_value
from mnist_tui.core.labels import MAX_TAG, as_tags
from mnist_tui.core.search import Search
from mnist_tui.core.setting import shown
from mnist_tui.errors import MnistTuiError, StoreError, UsageError
from mnist_tui.report.files import write_atomically
from mnist_tui.store.home import is_safe_name, make_private_folder
from mnist_tui.store.lock import Locks, is_held

FOLDER: Final = "searches"


@contextmanager
def held(home: Path, name: str) -> Iterator[None]:
    """Keep other processes from working on a search; held from before its file is read until it was last written.

    Raises:
        StoreError: Another process works on it.
    """
    locks = Locks(home)
    locks.hold(_lock(name), f"the search {name} is in progress in another process")
    try:
        yield
    finally:
        locks.let_go_all()


def _lock(name: str) -> str:
    return f"search-{name}"


def searches(home: Path) -> list[str]:
    """Return the names of all searches, the newest last."""
    found = [path for path in (home / FOLDER).glob("*.json") if is_safe_name(path.stem)]
    return [path.stem for path in sorted(found, key=lambda path: path.stat().st_mtime_ns)]


def name_of(home: Path, name: str) -> str:
    """Return the name of a search; `last` stands for the one that was used last.

    Raises:
        UsageError: There is none of this name.
    """
    known = searches(home)
    if name == "last" and known:
        return known[-1]
    if name not in known:
        which = f"Existing searches: {', '.join(known)}" if known else "No search has been started yet"
        raise UsageError(f"no search is named {shown(name)}", which)
    return name


def read_search(home: Path, name: str) -> Search:
    """Return a stored search.

    Raises:
        UsageError: There is none of this name.
        StoreError: Its file is damaged.
    """
    name = name_of(home, name)
    path = home / FOLDER / f"{name}.json"
    try:
        return replace(from_json_value(Search, json.loads(path.read_text(encoding="utf-8"))), name=name)
    except (OSError, ValueError, MnistTuiError) as error:
        raise StoreError(f"the search in {path} cannot be read: {error}", "Start a new one") from error


def forget_search(home: Path, name: str) -> None:
    """Remove the file of a search; its runs, if any, stay."""
    (home / FOLDER / f"{name}.json").unlink(missing_ok=True)


def check_name(name: str) -> None:
    """Raise `UsageError` unless a search can have this name, which is also a file's and a tag."""
    if not is_safe_name(name) or len(name) > MAX_TAG or as_tags([name]) != (name,):
        raise UsageError(f"{shown(name)} is not a valid search name", f"Use up to {MAX_TAG} letters, digits and dashes")


def write_search(home: Path, search: Search, *, is_new: bool = False) -> None:
    """Store a search.

    Raises:
        UsageError: It is new, and there is one of this name.
    """
    check_name(search.name)
    make_private_folder(home / FOLDER)
    path = home / FOLDER / f"{search.name}.json"
    if is_new and path.exists():
        raise UsageError(f"the search {search.name} already exists", f"Continue it with --resume {search.name}")
    write_atomically(path, dumps(to_json_value(search), indent=1) + "\n", force=True)


def new_name(home: Path) -> str:
    """Return a name for a new search: `search-1`, `search-2` and so on."""
    known = set(searches(home))
    names = (f"search-{number}" for number in count(1))
    return next(name for name in names if name not in known and not is_held(home, _lock(name)))
