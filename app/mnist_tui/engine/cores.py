"""Counts the CPU cores available for training. Does not load PyTorch."""

from __future__ import annotations

import os
from typing import Final

import psutil

_LOOK_S: Final = 0.1


def available_cores() -> int:
    """Return the CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_cores() -> int:
    """Return the number of idle cores, including this thread's own; measures for a tenth of a second."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    load = [
        percent for core, percent in enumerate(psutil.cpu_percent(_LOOK_S, percpu=True)) if mine is None or core in mine
    ]
    return max(1, round(sum(100 - percent for percent in load) / 100 - 0.2))
