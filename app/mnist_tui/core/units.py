"""Units of numbers, and which direction of change is an improvement."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """The unit of a number."""

    COUNT = "count"
    FRACTION = "fraction"
    """From 0 to 1, shown as a percentage."""
    PERCENT = "percent"
    SECONDS = "s"
    LOSS = "loss"
    """A number without a unit."""
    TEXT = "text"


class Direction(StrEnum):
    """Whether higher or lower values are better."""

    HIGHER = "higher"
    LOWER = "lower"
    NONE = "none"
