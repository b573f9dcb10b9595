"""All that one redraw shows, put together once: the widgets read it and compare it with the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mnist_tui.core.events import Preparing
from mnist_tui.core.orders import Wishes
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import ChartView


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenModel:
    """What the lines and the Live tab show.

    Attributes:
        run: The run on the screen; `None` before the first.
        own: The session's run in progress, or its last one.
        opened: The run on the screen where it is another one than `own`.
        opened_is_own: It is trained by this session, beside `own`.
        beside: Runs that this session trains beside `own`.
        remote: How many runs are in progress in other processes.
        waiting: Runs that wait here.
        starting: One that was taken from the queue and has not begun yet.
        marked: Marked runs, drawn as well, by their slot.
        preparing: What is done before a run begins.
        wishes: What was asked of the run on the screen, which it may not have taken in yet.
        spec: The settings of the next run.
        is_first: No run was ever trained.
        is_live: This session trains.
        is_active: Something is trained for the run on the screen.
        parallel: Runs that are trained in parallel.
        cluster: Where they are trained; empty: on this machine.
        queue_done, queue_total: Runs of the queue that are over, and all of them.
        queue_to_go_s: About how long the queue still takes; `None` where that is not known.
        view: How charts are looked at.
    """

    run: RunState | None
    own: RunState | None
    opened: RunState | None
    opened_is_own: bool
    beside: int
    remote: int
    waiting: int
    starting: QueuedRun | None
    marked: Mapping[int, RunState]
    preparing: Preparing | None
    wishes: Wishes
    spec: RunSpec
    is_first: bool
    is_live: bool
    is_active: bool
    parallel: int
    cluster: str
    queue_done: int
    queue_total: int
    queue_to_go_s: float | None
    view: ChartView
