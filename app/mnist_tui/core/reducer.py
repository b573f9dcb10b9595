"""The reducer: the only place where events become state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mnist_tui.core.conditions import UNKNOWN_MACHINE
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
from mnist_tui.core.state import Annotation, OfRun, RunState
from mnist_tui.core.status import Status

MAX_STEPS: Final = 400
"""Maximum number of points kept within an epoch; beyond that, every other one is dropped."""


@dataclass(slots=True)
class SessionState:
    """Everything that one session shows; may be used only in the thread that shows it.

    Attributes:
        runs: Runs of this session by id, in the order they started.
        current: Id of the run in progress, or of the last one.
        preparing: The current preparation before training, or `None`.
        active: True from the first event of a sweep to its last.
        finished_sweep: The last sweep that ended.
        notices: All notices, oldest first.
    """

    runs: dict[str, RunState] = field(default_factory=dict)
    current: str | None = None
    preparing: Preparing | None = None
    active: bool = False
    finished_sweep: SweepDone | None = None
    notices: list[Notice] = field(default_factory=list)

    @property
    def run(self) -> RunState | None:
        """The run in progress, or the last one."""
        return self.runs.get(self.current) if self.current else None

    def give_up(self) -> None:
        """Mark training as interrupted: it ended without a final event."""
        self.active = False
        self.preparing = None
        if (run := self.run) is not None and not run.status.is_over:
            run.status = Status.INTERRUPTED
            run.progress = None

    def apply(self, event: Event) -> None:
        """Apply one event."""
        match event:
            case SweepStarted():
                self.active = True
            case Preparing():
                self.preparing = event
            case RunStarted():
                self.preparing = None
                self.runs[event.run] = start_run(event)
                self.current = event.run
            case RunContinued():
                self.preparing = None
                self.runs[event.run] = continue_run(event)
                self.current = event.run
            case SweepDone():
                self.active = False
                self.preparing = None
                self.finished_sweep = event
            case Notice():
                self.notices.append(event)
            case _ if isinstance(event, OfRun):
                if (run := self.runs.get(event.run)) is not None:
                    apply_to_run(run, event)
                if isinstance(event, RunDone) and event.run == self.current:
                    # With parallel runs, switch to another one that is still in progress.
                    others = (name for name, other in self.runs.items() if not other.status.is_over)
                    self.current = next(others, self.current)
            case _:
                raise TypeError(f"unknown event {event!r}")


def start_run(event: RunStarted) -> RunState:
    """Return the state of a run that has just started."""
    return RunState(
        run=event.run,
        spec=event.spec,
        sweep=event.sweep,
        status=Status.RUNNING,
        dataset=event.dataset,
        machine=event.machine if event.machine != UNKNOWN_MACHINE else None,
        parameters=event.parameters,
        started_at=event.started_at,
    )


def continue_run(event: RunContinued) -> RunState:
    """Return the state of a resumed run, rebuilt from its story.

    Raises:
        ValueError: The story does not begin with `RunStarted`.
    """
    start, *rest = event.story or (event,)
    if not isinstance(start, RunStarted):
        raise ValueError(f"the story of {event.run} does not begin with run_started")  # noqa: TRY004 - a damaged value
    run = start_run(start)
    for past in rest:
        if isinstance(past, EpochDone | Annotation):
            apply_to_run(run, past)
    apply_to_run(run, event)
    return run


def apply_to_run(run: RunState, event: OfRun) -> None:
    """Apply one event to this run; an epoch that is already known is ignored."""
    match event:
        case Progress():
            run.progress = event
            run.newest, run.step = event.newest, event.step
            _take_step(run, event)
        case EpochDone():
            if _is_next(run, event.epoch):
                run.history.append(event.after(run.last))
                run.step = max(run.step, event.step)
                run.steps.clear()
        case EpochsChanged():
            run.epochs = event.epochs
            take_mark(run, event)
        case RunPaused():
            run.status = Status.PAUSED
            take_mark(run, event)
        case RunResumed():
            run.status = Status.RUNNING
            take_mark(run, event)
        case RunContinued():
            run.status = Status.RUNNING
            run.epochs = event.epochs
            run.result = None
            take_mark(run, event)
        case RateChanged() | MetricDeclared() | ResultsLogged() | DataDescribed():
            take_mark(run, event)
        case RunDone():
            run.step = max(run.step, event.steps)
            run.status = event.status
            run.result = event
            run.progress = None
            run.steps.clear()


def _is_next(run: RunState, epoch: int) -> bool:
    """Return whether an epoch is new; those of a script may begin anywhere, as they do after a resume elsewhere."""
    known = run.history[-1].epoch if run.history else 0
    return epoch == known + 1 or (run.network is None and epoch > known)


def take_mark(run: RunState, mark: Annotation) -> None:
    """Note what happened to a run, without changing its status."""
    match mark:
        case MetricDeclared():
            run.declared[mark.name] = mark
        case ResultsLogged():
            run.results.update(mark.values)
        case DataDescribed():
            run.dataset = mark.dataset
        case _:
            run.marks.append(mark)


def _take_step(run: RunState, event: Progress) -> None:
    if event.loss is None or event.epoch <= run.epochs_done or not event.batches:
        return
    run.steps.append((event.epoch - 1 + event.batch / event.batches, event.loss))
    if len(run.steps) > MAX_STEPS:
        del run.steps[::2]
