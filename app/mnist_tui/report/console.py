"""The headless view: log lines and progress bars on stderr, the comparison on stdout."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mnist_tui.core.codec import dumps
from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Event,
    Notice,
    Preparing,
    RateChanged,
    RunContinued,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    SweepDone,
)
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Phase, Status
from mnist_tui.report.formatting import (
    format_duration,
    format_loss,
    format_percent,
    format_points,
    format_rate,
    format_seconds,
    printable,
    status_style,
    status_text,
)
from mnist_tui.report.listing import Output, print_comparison, unfolded
from mnist_tui.report.measures import format_metric, label_of, progress_of, ranked, result_of, speed_of, value_of

_NOTICE_STYLES: Final = {"warning": "yellow", "error": "bold red"}
_PHASES: Final = {Phase.TRAIN: "training", Phase.VALIDATION: "validation", Phase.TEST: "test"}

MOST_NUMBERS: Final = 6
"""Maximum number of a script's numbers on a line."""


class ConsoleView:
    """Shows a session without the app; use it as a context manager so that the cursor is restored.

    If stderr is a terminal, it gets progress bars and one line per epoch; otherwise only the lines. At the end of a
    sweep the comparison is printed to stdout. With `as_json`, stdout gets every event and then the comparison, one
    object per line, and stderr only warnings and errors.

    Args:
        total_runs: Number of runs in the queue; 0 if unknown.
        as_json: Write JSON lines.
        is_brief: One line per run, without its epochs, and no comparison.
        out, err: Where to write; default to standard output and standard error.
    """

    def __init__(
        self,
        total_runs: int,
        *,
        as_json: bool = False,
        is_brief: bool = False,
        out: Console | None = None,
        err: Console | None = None,
    ) -> None:
        self._is_brief = is_brief
        self._total_runs = total_runs
        self._as_json = as_json
        self._out = out or Output()
        self._err = unfolded(err or Output(stderr=True))
        self._bars = self._err.is_terminal and not self._err.is_dumb_terminal
        self._live: Live | None = None
        self._said = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal may be gone
            self._stop_live()

    def show(self, event: Event, state: SessionState) -> None:
        """Show one event that has already been applied to `state`."""
        if self._as_json:
            self._write_json(event.to_json())
            if isinstance(event, Notice) and event.level in _NOTICE_STYLES:
                self._say(_notice_line(event))
        else:
            self._show_to_people(event, state)
        if isinstance(event, SweepDone) and not self._is_brief:
            table = build_table(state.runs.values())
            if self._as_json:
                self._write_json(table.to_json())
            elif table.rows:
                print_comparison(table, self._out)

    def _show_to_people(self, event: Event, state: SessionState) -> None:
        if (line := self._line(event, state)) is not None:
            self._say(line)
        if isinstance(event, SweepDone):
            self._stop_live()
        elif self._bars:
            self._update_live(state)

    def _line(self, event: Event, state: SessionState) -> Text | None:
        """Return the log line for this event, or `None` if it has none."""
        match event:
            case Notice():
                return _notice_line(event)
            case Preparing():
                if self._bars or event.message == self._said:
                    return None
                self._said = event.message
                return Text(printable(event.message), "dim")
        run = state.runs.get(getattr(event, "run", ""))
        if run is None:
            return None
        if self._is_brief and not isinstance(event, RunDone | RunContinued):
            return None
        number = list(state.runs).index(run.run) + 1
        mark = Text(f"[{number}/{self._total_runs}] " if self._total_runs else "", "dim")
        match event:
            case RunStarted():
                return mark + _start_line(event)
            case RunContinued():
                return mark + Text(f"run {printable(event.run)} resumes after epoch {event.epoch} of {event.epochs}")
            case EpochDone():
                return mark + (_epoch_line(event, run.epochs) if run.network else _named_epoch_line(event, run))
            case EpochsChanged():
                return mark + Text(f"now {event.epochs} epochs")
            case RateChanged():
                return mark + Text(f"learning rate {event.learning_rate:g} from epoch {event.epoch}")
            case RunPaused():
                return mark + _status(Status.PAUSED) + Text(f" in epoch {event.epoch}")
            case RunResumed():
                return mark + _status(Status.RUNNING) + Text(f" after a pause of {format_duration(event.paused_s)}")
            case RunDone():
                return mark + _end_line(event, run) + (f"  {run.spec.brief}" if self._is_brief else "")
        return None

    def _say(self, line: Text) -> None:
        self._err.print(line)

    def _write_json(self, record: Mapping[str, Any]) -> None:
        stream = self._out.file
        stream.write(dumps(record) + "\n")
        stream.flush()

    def _update_live(self, state: SessionState) -> None:
        if self._live is None:
            # Only redirect stderr through the live view: data on stdout must stay on stdout.
            self._live = Live(console=self._err, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        self._live.update(_live_view(state, self._total_runs), refresh=True)

    def _stop_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


def _status(status: Status) -> Text:
    return Text(status_text(status), status_style(status))


def _notice_line(event: Notice) -> Text:
    words = printable(event.message)
    style = _NOTICE_STYLES.get(event.level)
    return Text.assemble((f"{event.level}: ", style), words) if style else Text(words)


def _start_line(event: RunStarted) -> Text:
    machine = event.machine
    device = machine.device if machine.device == "cpu" else machine.device_name
    return Text.assemble(
        (printable(event.spec.title), "bold"),
        f"  {printable(event.dataset.label)}" if event.dataset is not None else "",
        f"  {printable(device)}" if device else "",
        "  ",
        (printable(event.run), "dim"),
    )


def _named_epoch_line(event: EpochDone, run: RunState) -> Text:
    """Return the line of a script's epoch: its numbers, the most important first."""
    number = f"{event.epoch}/{run.epochs}" if run.epochs else str(event.epoch)
    known = [one for one in ranked(run) if one.name in event.values][:MOST_NUMBERS]
    numbers = (f"  {label_of(one)} {format_metric(one, event.value(one.name))}" for one in known)
    return Text(f"epoch {number}{''.join(numbers)}  {format_seconds(event.epoch_s)}")


def _epoch_line(event: EpochDone, epochs: int) -> Text:
    number = f"{event.epoch:>{len(str(epochs))}}/{epochs}"
    return Text(
        f"epoch {number}  loss {format_loss(event.train_loss)}  train {format_percent(event.train_accuracy)}"
        f"  val {format_percent(event.val_accuracy)} {format_points(event.improvement_points):>6}"
        f"  {format_seconds(event.epoch_s)}"
    )


def _end_line(event: RunDone, run: RunState | None) -> Text:
    line = _status(event.status)
    epochs = run.epochs if run is not None else 0
    if run is not None and run.network is None:
        line.append(f" after {progress_of(run)}  {result_of(run)}  {format_duration(event.total_training_time_s)}")
        return line.append(f"  {printable(event.reason)}") if event.reason else line
    if event.status is not Status.FINISHED:
        line.append(f" after {event.epochs_done} of {epochs} epochs")
    line.append(f"  val {format_percent(event.last_val_accuracy)}  test {format_percent(event.test_accuracy)}")
    line.append(f"  {format_duration(event.total_training_time_s)}")
    return line.append(f"  {printable(event.reason)}") if event.reason else line


def _live_view(state: SessionState, total_runs: int) -> RenderableType:
    """Return the progress bars below the log: for preparation, or for the run and its epoch."""
    run = state.run
    if state.preparing is not None:
        message = printable(state.preparing.message)
        return Group(
            *([] if run is None else [_head(run, len(state.runs), total_runs)]),
            _bars([(message, state.preparing.fraction, "")]),
        )
    if run is None:
        return Text("")
    return Group(_head(run, len(state.runs), total_runs), _bars(_run_bars(run)), _numbers(run))


def _head(run: RunState, number: int, total_runs: int) -> Text:
    which = f"Run {number} of {total_runs}" if total_runs else f"Run {number}"
    head = Text.assemble((which, "bold"), f"  {run.title}  ", no_wrap=True)
    return head + _status(run.status)


def _run_bars(run: RunState) -> list[tuple[str, float | None, str]]:
    now = run.progress
    epoch = now.epoch if now is not None else min(run.epochs_done + 1, run.epochs)
    share = now.batch / now.batches if now is not None and now.batches and epoch > run.epochs_done else 0.0
    phase = _PHASES[now.phase] if now is not None else ""
    left = run.time_to_go_s
    to_go = f"{format_duration(left)} to go" if left is not None else ""
    if run.network is None and not run.epochs:
        known = now is not None and now.batches > 0
        return [(progress_of(run), run.epoch_fraction if known else None, speed_of(run))]
    speed = speed_of(run) or format_rate(run.images_per_s)
    return [
        (f"Epoch {epoch}/{run.epochs}", share, f"{phase} {speed}"),
        ("Run", run.fraction, to_go),
    ]


def _bars(lines: list[tuple[str, float | None, str]]) -> Table:
    grid = Table.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    for name, share, words in lines:
        bar = ProgressBar(total=None if share is None else 1.0, completed=share or 0.0)
        grid.add_row(Text(name), bar, "" if share is None else f"{share:.0%}", Text(words))
    return grid


def _numbers(run: RunState) -> Text:
    if run.network is None:
        numbers = [f"{label_of(one)} {format_metric(one, value_of(run, one))}" for one in ranked(run)[:MOST_NUMBERS]]
        return Text(", ".join(numbers), no_wrap=True, overflow="ellipsis")
    last, best = run.last, run.best
    if last is None:
        return Text("no epoch finished yet", "dim")
    text = f"last epoch: train {format_percent(last.train_accuracy)}, val {format_percent(last.val_accuracy)}"
    if best is not None:
        text += f"; best val {format_percent(best.val_accuracy)} in epoch {best.epoch}"
    return Text(text, no_wrap=True, overflow="ellipsis")
