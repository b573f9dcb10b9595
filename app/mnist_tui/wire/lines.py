"""The wire format: one JSON object per line.

The training process sends `hello`, the story so far, `told`, then every event as it happens, answers to orders, and
`bye` when it exits normally. Its clients send orders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from mnist_tui.core.codec import dumps
from mnist_tui.core.events import Event, RunContinued
from mnist_tui.core.parsing import event_from_json

PROTOCOL: Final = 2
LONGEST: Final = 64 * 1024
"""Maximum size of an order in bytes."""


def line(record: Mapping[str, Any]) -> bytes:
    """Return a record as a line."""
    return dumps(record).encode() + b"\n"


def event_line(event: Event) -> bytes:
    """Return an event as a line; unlike its JSON form, a `RunContinued` includes its story."""
    record = event.to_json()
    if isinstance(event, RunContinued):
        record["story"] = [past.to_json() for past in event.story]
    return line(record)


def read_line(data: bytes) -> dict[str, Any]:
    """Parse a line.

    Raises:
        ValueError: It is not a JSON object, or not text.
    """
    try:
        record = json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError("this is not a JSON object")  # noqa: TRY004 - what came is damaged, not of a wrong type
    return record


def read_event(record: Mapping[str, Any]) -> Event:
    """Parse the output of `event_line`.

    Raises:
        ValueError: It is not an event.
    """
    event = event_from_json(record)
    if not isinstance(event, RunContinued):
        return event
    story = record.get("story", [])
    if not isinstance(story, list):
        raise ValueError("its story is damaged")  # noqa: TRY004 - likewise
    return replace(event, story=tuple(map(event_from_json, story)))
