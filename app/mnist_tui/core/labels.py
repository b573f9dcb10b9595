"""The user's labels of a run: a name, tags and a note. They do not affect its results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mnist_tui.errors import UsageError

KEPT_DAYS: Final = 30
"""How long a deleted run can be restored."""
RESERVED: Final = frozenset({"last"})
"""Words that name a run already."""
_JOINERS: Final = {0x200C: None, 0x200D: None}
"""Signs of no width that Persian, Indic scripts and emoji need within a word."""
MAX_NAME: Final = 60
MAX_NOTE: Final = 1_000
MAX_TAG: Final = 30
MAX_TAGS: Final = 20


@dataclass(frozen=True, slots=True)
class Labels:
    """The user's labels of a run.

    Attributes:
        name: Free text on one line; empty for none.
        tags: Single words, without duplicates, in the order they were given.
        note: Free text.
        deleted_at: When the run was deleted, ISO 8601; empty if it was not. A deleted run is kept for `KEPT_DAYS`.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    deleted_at: str = ""

    def __post_init__(self) -> None:
        _check("name", self.name, MAX_NAME)
        _check("note", self.note.replace("\n", " "), MAX_NOTE)
        for tag in self.tags:
            _check("tag", tag, MAX_TAG)
            if not tag or any(sign in tag for sign in " ,=<>!"):
                raise UsageError(f"a tag must be one word, not {tag!r}", "Join its parts with a dash")
        if len(self.tags) > MAX_TAGS:
            raise UsageError(f"a run may have at most {MAX_TAGS} tags, not {len(self.tags)}")

    def __bool__(self) -> bool:
        return bool(self.name or self.tags or self.note or self.deleted_at)


def as_tags(words: Iterable[str]) -> tuple[str, ...]:
    """Split words into tags at commas and spaces, without a leading `#` and without duplicates."""
    parts = [part.removeprefix("#") for word in words for part in word.replace(",", " ").split()]
    return tuple(dict.fromkeys(part for part in parts if part))


def as_text(text: str) -> str:
    """Return text as it is stored: with plain spaces for every kind of white space, and none at the ends."""
    return " ".join(text.split())


def as_name(text: str) -> str:
    """Return the name of a run as it is stored.

    Raises:
        UsageError: Commands take this word for something else.
    """
    name = as_text(text)
    if name in RESERVED:
        raise UsageError(f"a run cannot be named {name!r}", "Commands take this word for the newest run")
    return name


def _check(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise UsageError(f"a {what} may have at most {most:,} characters, not {len(text):,}")
    if not text.translate(_JOINERS).isprintable():
        raise UsageError(f"a {what} must not contain control characters")


def now() -> str:
    """Return the current time for `Labels.deleted_at`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def too_old() -> str:
    """Return the time before which deleted runs are purged."""
    return (datetime.now(UTC) - timedelta(days=KEPT_DAYS)).isoformat(timespec="seconds")
