"""The data of one redraw, built once; widgets read it and compare it with the previous one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mnist_tui.core.events import Preparing
from mnist_tui.core.orders import Wishes
from mnist_tui.core.points import PointSeries
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.report.chartview import ChartView


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenModel:
    """What the lines and the Live tab show.

    Attributes:
        run: The run shown; `None` before the first run.
        own: The session's run in progress, or its last one.
        opened: The run shown, if it is not `own`.
        opened_is_own: `opened` is trained by this session, in parallel with `own`.
        beside: Number of runs that this session trains in parallel with `own`.
        remote: Number of runs in progress in other processes.
        waiting: Number of queued runs.
        starting: A run that was taken from the queue and has not started yet.
        is_connecting: A run of another process is about to be shown.
        marked: Marked runs to draw as well, by slot.
        preparing: What is being prepared before a run.
        wishes: Pending requests for the run shown.
        spec: The settings of the next run.
        is_first: No run has ever been trained.
        data: Which data the first run will have, in words; empty if that is not known.
        is_opened: The runs are other tools', which are only looked at.
        is_live: This session is training.
        is_active: The run shown is in progress or being prepared.
        parallel: Number of runs to train in parallel.
        cluster: The cluster that trains; empty for this machine.
        queue_done, queue_total: Finished runs and all runs of the queue.
        queue_to_go_s: Estimated seconds until the queue is done; `None` if unknown.
        view: View settings of the charts.
        points: Returns what a script's run logged at its steps, by the name of a metric.
    """

    run: RunState | None
    own: RunState | None
    opened: RunState | None
    opened_is_own: bool
    beside: int
    remote: int
    waiting: int
    starting: QueuedRun | None
    is_connecting: bool
    marked: Mapping[int, RunState]
    preparing: Preparing | None
    wishes: Wishes
    spec: RunSpec
    is_first: bool
    data: str
    is_opened: bool
    is_live: bool
    is_active: bool
    parallel: int
    cluster: str
    queue_done: int
    queue_total: int
    queue_to_go_s: float | None
    view: ChartView
    points: Callable[[RunState, str], PointSeries | None]
