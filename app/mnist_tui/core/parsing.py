"""Reads events from their JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mnist_tui.core.codec import from_json_value
from mnist_tui.core.events import (
    DataDescribed,
    EpochDone,
    EpochsChanged,
    Event,
    MetricDeclared,
    Notice,
    Preparing,
    Progress,
    RateChanged,
    ResultsLogged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    SweepDone,
    SweepStarted,
)
from mnist_tui.errors import UsageError

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    cls.type: cls
    for cls in (
        SweepStarted,
        Preparing,
        RunStarted,
        Progress,
        EpochDone,
        EpochsChanged,
        RateChanged,
        MetricDeclared,
        ResultsLogged,
        DataDescribed,
        RunPaused,
        RunResumed,
        RunContinued,
        RunDone,
        SweepDone,
        Notice,
    )
}


def event_from_json(record: object) -> Event:
    """Parse the output of `Event.to_json`; unknown keys are ignored.

    Raises:
        ValueError: The record is not an event known to this version, or a value is invalid.
    """
    cls = EVENT_TYPES.get(str(record.get("type"))) if isinstance(record, Mapping) else None
    if cls is None:
        raise ValueError(f"not a known event: {str(record)[:40]!r}")
    try:
        return from_json_value(cls, record)
    except (ValueError, UsageError, OverflowError) as error:
        raise ValueError(f"the event {cls.type} cannot be read: {error}") from None
