"""Takes in what happens, here and in other processes, as time goes by. Knows nothing of keys."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import EpochDone, Event, Notice, Progress, RunDone, Status, SweepDone
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.files import SAVED_FORMATS
from mnist_tui.report.strokes import drawing
from mnist_tui.signals import GRACE_S, end_within, install_signal_handlers
from mnist_tui.tui import preferences
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.display import Display
from mnist_tui.tui.handover import HandOver
from mnist_tui.tui.hands import Hands
from mnist_tui.tui.pace import Pace
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.themes import OWN_THEMES
from mnist_tui.tui.warmth import Warmth
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.status import StatusLine

TICK_S: Final = 0.1
SYSTEM_TICK_S: Final = 1.0
REMEMBER_TICK_S: Final = 1.0
"""How soon a changed setting is written down."""
HANGUP: Final = 128 + signal.SIGHUP
"""Exit code of an app whose terminal was closed."""
ELSEWHERE_TICK_S: Final = 2.0
"""How often it is looked whether other processes wrote to the store."""


class Monitor(Display):
    """Watches training.

    Args:
        hands: Who trains.
        home: Where runs and tables are kept.
        spec: The settings to begin with; `None`: those of the last time.
        attach: Id of a run in another process to show first; without one, whatever is in progress there.
    """

    def __init__(self, hands: Hands, home: Path, spec: RunSpec | None = None, attach: str = "") -> None:
        super().__init__(hands, home, spec)
        self._warmth = Warmth(hands.warm_up)
        self._turns = False
        self._wanted, self._may_attach = attach, True
        self._watched = ""
        self._looked = 0
        self._is_behind, self._pace = False, Pace()
        self._leave_code: int | None = None
        self.handover = HandOver(self, self.session, self.state, hands.detach, self._handed_over, self._not_handed_over)

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
        # Textual takes the screen back, and paints only what changes from then on.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
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
        if self.session.may_choose_jobs:
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
        if self._opened is not None:
            self._opened = self._with_epochs(self._opened.run) or self._opened
        self._show()
        self._show_runs()

    def on_unmount(self) -> None:
        """Hang up."""
        self.elsewhere.close()

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
        due = self._pace.is_due()
        # Progress and epochs can wait; anything else is shown at once.
        waits = all(isinstance(event, Progress | EpochDone) for event in events)
        if self._is_behind and (due or not waits):
            self._is_behind = False
            self._pace.begin()
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
        self._follow(ended=bool(ended))
        return [each for each in news if isinstance(each, Event)]

    def _follow(self, *, ended: bool) -> None:
        """Show what is in progress elsewhere, stay with a run that is continued there, and with what comes after it.

        Args:
            ended: Some run has just ended there.
        """
        shown, runs = self._opened, self.elsewhere.runs
        if shown is None:
            if self._may_attach and not self._live and (self._wanted or self.state.run is None):
                wanted = self._wanted or next(reversed(runs), "")
                if wanted in runs:
                    self._opened, self._may_attach = runs[wanted], False
        elif shown.run in runs:
            self._opened, self._watched = runs[shown.run], shown.run
        elif shown.run == self._watched:
            # It has ended; the next one may take a while to begin.
            if (following := self.elsewhere.following(shown.run)) is not None:
                self._opened = following
            elif ended:
                self._opened = self._with_epochs(shown.run)

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
