"""A child that plays two scripted runs with checkpoints into the home that its argument names, and tells its epochs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, Event
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store

QUEUE: Final = (QueuedRun("run-1", RunSpec(epochs=8)), QueuedRun("run-2", RunSpec(epochs=6, features=4)))
_STEP_S: Final = 0.001


def play(store: Store, queue: Iterable[QueuedRun], delay_s: float = 0.0) -> Iterator[Event]:
    """Play, with a checkpoint after every epoch as the real engine has it, and record."""
    return store.recorded(
        _with_large_checkpoints(run_sweep(Claims(store, queue), RunControl(), delay_s=delay_s, insights=True))
    )


def _with_large_checkpoints(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, EpochDone):
            event = replace(event, checkpoint=(event.checkpoint or b"") + b" " * 50_000)
        yield event


if __name__ == "__main__":
    with Store.open(Path(sys.argv[1])) as opened:
        for played in play(opened, QUEUE, _STEP_S):
            if isinstance(played, EpochDone):
                sys.stdout.write(f"{played.run} {played.epoch}\n")
                sys.stdout.flush()
