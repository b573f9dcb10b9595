"""Changes the learning rate of optimizers so that it lasts: their schedules go on from the new rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_IN_GROUPS: Final = ("lr", "initial_lr", "max_lr", "min_lr")
"""What optimizers and schedules keep in each group of parameters."""
_IN_SCHEDULES: Final = ("base_lrs", "max_lrs", "min_lrs", "_last_lr")
"""What schedules keep for themselves: without scaling it, most return to the old rate with their next step."""


def optimizers(parts: Iterable[Any]) -> list[Any]:
    """Return the parts that have groups of parameters with learning rates."""
    return [part for part in parts if getattr(part, "param_groups", None) and "lr" in part.param_groups[0]]


def current_rate(parts: Iterable[Any]) -> float | None:
    """Return the learning rate of the first group of the first optimizer; `None` without one."""
    found = optimizers(parts)
    return float(found[0].param_groups[0]["lr"]) if found else None


def set_rate(parts: Iterable[Any], rate: float) -> None:
    """Give the first group of the first optimizer this rate, and all others theirs in proportion; likewise schedules.

    Args:
        parts: Optimizers and schedules; anything else is left alone.
        rate: The new rate.
    """
    known = list(parts)
    found = optimizers(known)
    if not found:
        return
    before = float(found[0].param_groups[0]["lr"])
    if not before:
        # A schedule that ended at zero has no proportion to keep.
        for group in (group for part in found for group in part.param_groups):
            _put(group, "lr", rate)
        return
    ratio = rate / before
    for group in (group for part in found for group in part.param_groups):
        for key in _IN_GROUPS:
            if key in group:
                _put(group, key, float(group[key]) * ratio)
    for schedule in _schedules(known):
        for key in _IN_SCHEDULES:
            if isinstance(values := getattr(schedule, key, None), list):
                setattr(schedule, key, [value * ratio for value in values])


def _put(group: Mapping[str, Any], key: str, rate: float) -> None:
    """Change a rate in place if it is a tensor, which a compiled step would otherwise not see."""
    if hasattr(group[key], "fill_"):
        group[key].fill_(rate)
    else:
        group[key] = rate  # type: ignore[index]


def _schedules(parts: Iterable[Any]) -> Iterator[Any]:
    """Yield the schedules, with those that others are made of."""
    for part in parts:
        if hasattr(part, "base_lrs") or hasattr(part, "min_lrs"):
            yield part
        yield from _schedules(getattr(part, "_schedulers", ()))
