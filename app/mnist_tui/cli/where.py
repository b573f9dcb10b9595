"""The options for where runs are trained, and how many of them in parallel."""

from __future__ import annotations

import argparse

from mnist_tui.core.setting import parse_number
from mnist_tui.core.spec import MAX_JOBS


def place_of(args: argparse.Namespace) -> str:
    """Return the cluster to train on; empty for this machine."""
    if not args.on:
        return ""
    from mnist_tui.workers.cluster import check_place

    return check_place(args.on)


def jobs_of(text: str | None, on: str) -> int:
    """Return how many runs to train in parallel; 0 for as many as fit on the cluster."""
    if on and text in (None, "auto"):
        return 0
    if text is None:
        return 1
    if text != "auto":
        return parse_number(text, "jobs", 1, MAX_JOBS)
    from mnist_tui.engine.cores import free_cores

    return free_cores()
