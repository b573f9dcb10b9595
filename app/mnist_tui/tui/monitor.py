"""What the app shows: takes in events, keeps the panes true. Knows nothing of keys."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeVar

from textual import on
from textual.app import App, ComposeResult
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import TabbedContent, TabPane

from mnist_tui.core.control import RunControl
from mnist_tui.core.estimate import machine_factor, run_s
from mnist_tui.core.events import EpochDone, Event, Notice, Preparing, Progress, RunDone, Status, SweepDone
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState, SessionState
from mnist_tui.core.table import build_table
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.files import SAVED_FORMATS
from mnist_tui.report.strokes import drawing
from mnist_tui.report.words import printable
from mnist_tui.signals import GRACE_S, end_within, install_signal_handlers
from mnist_tui.tui import preferences
from mnist_tui.tui.chartdesk import ChartDesk
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.elsewhere import Elsewhere, RemoteControl
from mnist_tui.tui.handover import HandOver
from mnist_tui.tui.hands import Hands
from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.keymap import rebound
from mnist_tui.tui.library import Library
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.session import TrainingSession
from mnist_tui.tui.system import SystemProbe
from mnist_tui.tui.themes import OWN_THEMES
from mnist_tui.tui.warmth import Warmth
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.errors import ErrorsView
from mnist_tui.tui.widgets.features import FeaturesView
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices, Severity
from mnist_tui.tui.widgets.pad import PadView
from mnist_tui.tui.widgets.progress import ProgressStrip
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.widgets.status import StatusLine

T = TypeVar("T")
TICK_S: Final = 0.1
SHOW_S: Final = 0.25
"""How often at most the screen follows progress and epochs; anything else is shown with the next tick."""
NOTICE_S: Final = 5.0
"""How long a short notice stays."""
ASK_S: Final = 0.25
"""How often at most a drawing is shown to the network."""
FILM_S: Final = 0.5
"""How long a film shows an epoch."""
HUGE: Final = (170, 44)
"""Columns and rows from which a screen shows more than one that is wide and tall."""
_ALL_TABS: Final = 48
"""Columns that the names of all tabs need."""
SYSTEM_TICK_S: Final = 1.0
REMEMBER_TICK_S: Final = 1.0
"""How soon a changed setting is written down."""
HANGUP: Final = 128 + signal.SIGHUP
"""Exit code of an app whose terminal was closed."""
ELSEWHERE_TICK_S: Final = 2.0
"""How often it is looked whether other processes wrote to the store."""


def _is_huge(size: Size) -> bool:
    return size.width >= HUGE[0] and size.height >= HUGE[1]


class Monitor(App[None]):
    """Watches training.

    Args:
        hands: Who trains.
        home: Where runs and tables are kept.
        spec: The settings to begin with; `None`: those of the last time.
        attach: Id of a run in another process to show first; without one, whatever is in progress there.
    """

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    AUTO_FOCUS = "#epochs, Dialog *"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (50, "-narrow"), (76, "-normal"), (116, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (22, "-medium"), (34, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        hands: Hands,
        home: Path,
        spec: RunSpec | None = None,
        attach: str = "",
    ) -> None:
        super().__init__()
        self.preferences, self._complaints = preferences.load(home)
        self.commands, clashes = rebound(self.preferences.keys)
        self._complaints += clashes
        self._home = home
        self.spec = spec or self.preferences.spec
        self.session = TrainingSession(hands.engine, home, hands.workers)
        self.state = SessionState()
        self.elsewhere = Elsewhere(home, self.session.id)
        self.library = Library(home, self.state.runs, self.elsewhere.runs)
        self.insight = InsightTabs(self, self.library, hands.load, self._told)
        self._warmth = Warmth(hands.warm_up)
        self._opened: RunState | None = None
        self._factor: float | None = None
        self._shows_last = self._turns = False
        self._wanted, self._may_attach = attach, True
        self._probe = SystemProbe()
        self.charts = ChartDesk(self.preferences.look)
        self._looked = 0
        self._is_behind, self._shown_at, self._turned_at, self._asked_at = False, 0.0, 0.0, 0.0
        self._leave_code: int | None = None
        self.handover = HandOver(self, self.session, self.state, hands.detach, self._handed_over, self._not_handed_over)

    # Life -----------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[object]:
        """Return the first screen, which knows its size from the start: else all is styled and laid out twice."""
        screen = super().get_default_screen()
        for size, breakpoints in zip(self.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True):
            screen.add_class([name for least, name in breakpoints if size >= least][-1])
        screen.set_class(_is_huge(self.size), "-huge")
        return screen

    def compose(self) -> ComposeResult:
        """Status, tabs, settings, progress, keys."""
        yield StatusLine()
        with TabbedContent(initial="live", id="tabs"):
            with TabPane("1 Live", id="live"):
                yield LiveView()
            with TabPane("2 Runs", id="runs-pane"):
                yield RunsView()
            with TabPane("3 Errors", id="errors"):
                yield ErrorsView()
            with TabPane("4 Features", id="features"):
                yield FeaturesView()
            with TabPane("5 Draw", id="draw"):
                yield DrawView()
        yield SettingsBar()
        yield ProgressStrip()
        yield KeyBar()
        yield Notices()

    def on_mount(self) -> None:
        """Read past runs, start the clocks, listen to signals."""
        self._take_preferences()
        self._told(self.library.load)
        self._welcome_back()
        self._show()
        self._show_runs()
        self._show_keys()
        self.set_interval(TICK_S, self._tick)
        self.set_interval(SYSTEM_TICK_S, self._read_system)
        self.set_interval(ELSEWHERE_TICK_S, self._look_elsewhere)
        self.set_interval(REMEMBER_TICK_S, self.remember)
        self.call_after_refresh(self._read_system)
        # Behind the first frame, before the first curve.
        self.call_after_refresh(threading.Thread(target=drawing, name="loading", daemon=True).start)
        self.call_after_refresh(self._look_around)
        install_signal_handlers(asyncio.get_running_loop(), self._leave_on_signal)

    def _take_preferences(self) -> None:
        """Look and answer as the settings file says."""
        for theme in OWN_THEMES:
            self.register_theme(theme)
        if self.preferences.theme in self.available_themes:
            self.theme = self.preferences.theme
        else:
            self._complaints.append(f"{preferences.FILE}: there is no theme {self.preferences.theme!r}.")
        usual = {command.action: command.key for command in COMMANDS}
        changed = {c.identity: c.key for c in self.commands if c.key != usual[c.action]}
        if changed:
            self.set_keymap(changed)
        self.query_one(KeyBar).commands = self.commands
        if self.session.may_have_workers:
            self.session.jobs = self.preferences.jobs
        for complaint in self._complaints:
            self.tell(complaint, severity="warning", subject=complaint, long=True)

    def remember(self) -> None:
        """Write down what the next start should know, where that is new; a file that is broken is left alone."""
        now = replace(self.preferences, theme=self.theme, look=self.charts.look.whole(), spec=self.spec)
        now = replace(now, jobs=self.session.jobs)
        if now == self.preferences:
            return
        self.preferences = now
        if self._complaints or not self._home.is_dir():
            return
        try:
            preferences.save(self._home, now)
        except MnistTuiError as error:
            # On the way out there is no screen left to say it on.
            if self.is_running:
                self._complain(error)

    def _look_around(self) -> None:
        """Show the last run, and load what training needs: neither may hold the first frame up."""
        self._warmth.begin()
        self._shows_last = True
        self._show()

    def _welcome_back(self) -> None:
        """Tell what an earlier session left undone."""
        waiting = self._told(self.session.adopt) if self.library.has_store else 0
        if waiting:
            what = (
                f"{waiting} runs from an earlier session are waiting"
                if waiting > 1
                else "A run from an earlier session is waiting"
            )
            self.tell(f"{what}. r starts the queue.", subject="waiting", long=True)
        interrupted = [run for run in self.library.runs() if run.status is Status.INTERRUPTED]
        if interrupted:
            many = len(interrupted) > 1
            which = f"{len(interrupted)} runs were" if many else f"The run {interrupted[0].run} was"
            it = "one" if many else "it"
            self.tell(f"{which} interrupted. In the Runs tab (2), g resumes {it}.", subject="interrupted", long=True)

    def _look_elsewhere(self) -> None:
        """Show what other processes do with the same home."""
        self._looked += 1
        # What this process trains changes the store as well, so then it is looked at less often.
        due = not self._live or self.library.elsewhere or self._looked % 5 == 0
        if not (self.is_running and due and self.library.has_changed):
            return
        self._told(self.library.load)
        if self._opened is not None and not self._opened.status.is_over:
            self._opened = self._with_epochs(self._opened.run)
        self._show()
        self._show_runs()

    def on_unmount(self) -> None:
        """Hang up."""
        self.elsewhere.close()

    def on_resize(self, event: Resize) -> None:
        """Let the names of all tabs fit, and show more on a huge screen."""
        self.screen_stack[0].set_class(_is_huge(event.size), "-huge")
        short = event.size.width < _ALL_TABS
        self.query_one(TabbedContent).get_tab("features").label = "4 Feat" if short else "4 Features"
        self.call_after_refresh(self._show_insight)

    def _leave_on_signal(self, code: int) -> None:
        end_within(GRACE_S, code)
        if code == HANGUP and self.preferences.on_hangup == "detach" and self._live and self.handover.is_possible:
            with suppress(MnistTuiError):
                # Where nobody takes over, the run was stopped, and what waits will be there at the next start.
                self.handover.at_once(GRACE_S / 2)
        self.session.stop()
        self.exit(return_code=code)

    def _tick(self) -> None:
        """Take in what the training thread said since the last tick."""
        if not self.is_running:
            # On the way out the widgets are gone before the clock is.
            return
        # Asked before the mailbox is emptied: a thread that had ended by then has put its last words into it.
        ended = not self.session.active
        events = self.session.mailbox.drain()
        for event in events:
            self.state.apply(event)
            match event:
                case Notice():
                    self.tell(event.message, severity=event.level, subject=event.message, long=True)
                case RunDone():
                    self._run_is_over(event)
                case SweepDone():
                    self._sweep_is_over(event)
        events += self._hear_elsewhere()
        self._is_behind = self._is_behind or bool(events)
        waits = all(isinstance(event, Progress | EpochDone) for event in events)
        if self._is_behind and not (waits and time.monotonic() - self._shown_at < SHOW_S):
            self._is_behind, self._shown_at = False, time.monotonic()
            self._show()
            self._show_runs()
        if ended:
            self._thread_is_idle()
        self._play_on()
        self._ask_network()
        self._show_keys()
        loading = self._warmth.loading
        if self._turns or self._preparing is not None or loading is not None:
            self.query_one(StatusLine).turn(loading=loading)
        # Once more when it is done, to take the last word away.
        self._turns = loading is not None

    def _hear_elsewhere(self) -> list[Event]:
        """Take in what other processes said since the last tick; return their events."""
        news = self.elsewhere.look()
        for said in news:
            if isinstance(said, str):
                self.tell(said, severity="warning", subject=said, long=True)
        ended = [each for each in news if isinstance(each, RunDone | str)]
        if ended:
            self._told(self.library.load)
        shown = self._opened
        if shown is None and self._may_attach and not self._live and (self._wanted or self.state.run is None):
            wanted = self._wanted if self._wanted in self.elsewhere.runs else next(reversed(self.elsewhere.runs), None)
            if wanted is not None and (wanted == self._wanted or not self._wanted):
                self._opened, self._may_attach = self.elsewhere.runs[wanted], False
        elif shown is not None and shown.status.is_over and ended:
            # As one's own next run would be shown.
            self._opened = self.elsewhere.following(shown.run) or self._with_epochs(shown.run)
        return [each for each in news if isinstance(each, Event)]

    def _thread_is_idle(self) -> None:
        if self.handover.is_wanted:
            self.handover.go_on()
        elif self.handover.is_under_way:
            pass
        elif self._leave_code is not None:
            self.exit(return_code=self._leave_code)
        elif self.state.active:
            # The thread ended without a last event: an error that a notice has told.
            self.state.give_up()
            self._show()
        else:
            self.session.go_on()

    def _handed_over(self, queue: Sequence[QueuedRun]) -> None:
        """Watch what another process has taken over."""
        if queue:
            names = [queued.run for queued in queue]
            shown = self._opened.run if self._opened is not None and self._opened.run in names else names[0]
            self._wanted, self._may_attach, self._opened = shown, True, None
            self.tell("Training goes on in a process of its own, which outlives this terminal.", long=True)
        else:
            self.tell("The run has ended; there is nothing left to hand over.")
        self._told(self.library.load)
        self._show()
        self._show_runs()
        if self._leave_code is not None:
            self.exit(return_code=self._leave_code)

    def _not_handed_over(self, error: MnistTuiError) -> None:
        self._leave_code = None
        self._complain(error)
        self._show()
        self._show_runs()

    def _run_is_over(self, event: RunDone) -> None:
        # This run has told more about the machine.
        self._factor = None
        if event.reason and event.status is not Status.STOPPED:
            message = f"Run {event.run} {event.status}: {event.reason}."
            self.tell(message, severity="warning", subject="end of a run", long=True)

    def _sweep_is_over(self, event: SweepDone) -> None:
        if event.stopped:
            return
        runs = [self.state.runs[run] for run in event.runs if run in self.state.runs]
        table = build_table(runs)
        if not table.rows or self._leave_code is not None:
            return
        if self.preferences.bell:
            self.bell()
        try:
            self.push_screen(ResultScreen(table, self.library.save(table, SAVED_FORMATS)))
        except MnistTuiError as error:
            self.push_screen(ResultScreen(table, (), str(error)))

    def _told(self, action: Callable[[], T]) -> T | None:
        """Do something; tell an error and return `None` instead."""
        try:
            return action()
        except MnistTuiError as error:
            self._complain(error)
            return None

    def tell(
        self, message: str, severity: Severity = "information", *, subject: str = "answer", long: bool = False
    ) -> None:
        """Show a notice for a while, a long one for longer. Text from outside steers neither markup nor terminal.

        Args:
            message: Sentences, the most important one first.
            severity: How grave it is.
            subject: A newer notice replaces the last one on the same subject; answers to keys are one subject.
            long: It takes longer to read, or matters for longer.
        """
        seconds = NOTICE_S * (2 if long else 1)
        self.screen_stack[0].query_one(Notices).tell(subject, printable(message), severity, seconds)

    def _complain(self, error: MnistTuiError) -> None:
        self.tell(str(error), severity="error", long=True)

    # Showing --------------------------------------------------------------------------------------

    @property
    def _live(self) -> bool:
        return self.session.active

    @property
    def _in_progress(self) -> dict[str, RunState]:
        """This process' own runs in progress, by id."""
        return {name: run for name, run in self.state.runs.items() if not run.status.is_over}

    @property
    def _shown_run(self) -> RunState | None:
        """The run that is open, else the one in progress, else the last one there is."""
        if self._opened is not None or self.state.run is not None or self._live:
            return self._opened or self.state.run
        last = self.library.newest if self._shows_last else None
        return None if last is None else self._with_epochs(last.run)

    @property
    def _preparing(self) -> Preparing | None:
        """What is done before a run: here, or by the process that is to take one over."""
        return self.state.preparing or (self.elsewhere.preparing if not self._live else None)

    def _control_of(self, run: RunState | None) -> RunControl | RemoteControl | None:
        """Return what steers a run; `None` where that is in progress nowhere."""
        if self._live and (run is None or run.run == self.state.current or run.run in self._in_progress):
            return self.session.control
        return None if run is None else self.elsewhere.control(run.run)

    def _show(self) -> None:
        waiting = self.session.queue.waiting
        run = self._shown_run
        control = self._control_of(run)
        with self.batch_update():
            self.query_one(StatusLine).show(
                self.state,
                self._opened,
                run,
                len(waiting),
                self.library.elsewhere,
                beside=len(self._in_progress) - 1,
                preparing=self._preparing,
                stopping=control is not None and control.stopping,
                asked=control.epochs_asked(run.run) if control is not None and run is not None else None,
                rate=control.rate_asked(run.run) if control is not None and run is not None else None,
            )
            if self.query_one(TabbedContent).active == "live":
                self.charts.show([run] if run is not None else [])
            beside = self._marked_runs()
            self.query_one(LiveView).show(
                run,
                self.charts.look,
                beside,
                self.session.starting if self._live else None,
                None if self._live or self.library.newest is not None else self.spec,
            )
            self.query_one(SettingsBar).show(self.spec, live=self._live, jobs=self.session.jobs)
            own = self._opened is None or self._opened.status.is_over
            self.query_one(ProgressStrip).show(
                self.state.run if own else self._opened,
                self.session.done(len(self._in_progress)),
                self.session.total,
                active=self.state.active or not own,
                to_go_s=self._queue_s(),
            )
            self._show_insight()

    def _queue_s(self) -> float | None:
        """Return about how many seconds the queue still takes; `None` while the run in progress cannot tell."""
        waiting, run = self.session.queue.waiting, self.state.run
        if not waiting or not self._live or run is None or run.time_to_go_s is None:
            return None
        if self._factor is None:
            self._factor = machine_factor(self.library.runs())
        return run.time_to_go_s + sum(run_s(queued.spec, self._factor) for queued in waiting) / self.session.jobs

    def _show_keys(self) -> None:
        """Offer the keys of the tab; a dialog has its own in its frame."""
        dialog = len(self.screen_stack) > 1
        # Found anew ten times a second, these three would be half of what an idle app costs.
        tabs, runs, bar = self._found
        bar.show(
            "" if dialog else tabs.active,
            live=(self._live and self.state.active) or self._control_of(self._opened) is not None,
            in_queue=not dialog and tabs.active == "runs-pane" and runs.chosen_waiting is not None,
        )

    @cached_property
    def _found(self) -> tuple[TabbedContent, RunsView, KeyBar]:
        return self.query_one(TabbedContent), self.query_one(RunsView), self.query_one(KeyBar)

    def _show_runs(self) -> None:
        if self.query_one(TabbedContent).active != "runs-pane":
            return
        view = self.query_one(RunsView)
        with self.batch_update():
            view.show_queue(self.session.queue.waiting)
            view.show(self.library.runs())
            self._show_curves()

    def _marked_runs(self) -> dict[int, RunState]:
        """Return the marked runs with their epochs, by slot."""
        marked = self.query_one(RunsView).marked
        known = [(name, slot) for name, slot in marked.items() if self.library.knows(name)]
        found = {slot: run for name, slot in known if (run := self._with_epochs(name)) is not None}
        return dict(sorted(found.items()))

    def _show_curves(self) -> None:
        """Draw the marked runs and the run under the cursor."""
        view = self.query_one(RunsView)
        curves = list(self._marked_runs().values())
        chosen = view.chosen
        preview = self._with_epochs(chosen) if chosen is not None and chosen not in view.marked else None
        self.charts.show([*curves, *([preview] if preview is not None else [])])
        view.show_curves(curves, preview, self.charts.look)

    def _show_insight(self) -> None:
        run = self._shown_run
        marked = next(iter(self.query_one(RunsView).marked), None)
        active = self.query_one(TabbedContent).active
        # The Live tab has a map where there is room for one.
        in_sight = active != "live" or self.screen_stack[0].has_class("-huge")
        self.insight.show(active if in_sight else "", run, marked)

    def _play_on(self) -> None:
        """Show the next epoch of a film when the last one was seen for long enough."""
        film, now = self.insight.scene.film, time.monotonic()
        if film.plays and now - self._turned_at >= FILM_S:
            self._turned_at = now
            film.tick()
            self._show_insight()

    def _ask_network(self) -> None:
        if time.monotonic() - self._asked_at >= ASK_S:
            self._asked_at = time.monotonic()
            self.insight.ask()

    @on(PadView.Changed)
    def _want_answer(self) -> None:
        self.insight.want_answer()

    @on(DrawView.Answered)
    def _take_answer(self, answered: DrawView.Answered) -> None:
        self.insight.take_answer(answered)

    def _with_epochs(self, run: str) -> RunState | None:
        return self._told(partial(self.library.with_epochs, run))

    def _status_of(self, run: str) -> Status | None:
        return next((known.status for known in self.library.runs() if known.run == run), None)

    def _read_system(self) -> None:
        if self.is_running and self.screen.has_class("-wide"):
            self.query_one(LiveView).show_load(self._probe.read())
