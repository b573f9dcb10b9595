"""What the app consists of, and how its panes are kept true. Knows neither clocks nor keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Final, TypeVar

from textual import on
from textual.app import App, ComposeResult
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import TabbedContent, TabPane

from mnist_tui.core.estimate import machine_factor, run_s
from mnist_tui.core.events import Preparing, Status
from mnist_tui.core.orders import Steering, Wishes
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState, SessionState
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.words import printable
from mnist_tui.tui import preferences
from mnist_tui.tui.chartdesk import ChartDesk
from mnist_tui.tui.elsewhere import Elsewhere
from mnist_tui.tui.hands import Hands
from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.keymap import rebound
from mnist_tui.tui.library import Library
from mnist_tui.tui.screens.first import FirstScreen
from mnist_tui.tui.session import TrainingSession
from mnist_tui.tui.system import SystemProbe
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


def _is_huge(size: Size) -> bool:
    return size.width >= HUGE[0] and size.height >= HUGE[1]


class Display(App[None]):
    """Shows runs.

    Args:
        hands: Who trains.
        home: Where runs and tables are kept.
        spec: The settings to begin with; `None`: those of the last time.
    """

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    AUTO_FOCUS = "#epochs, Dialog *"
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (50, "-narrow"), (76, "-normal"), (116, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (22, "-medium"), (34, "-tall")]  # noqa: RUF012

    def __init__(self, hands: Hands, home: Path, spec: RunSpec | None = None) -> None:
        super().__init__()
        self.preferences, self._complaints = preferences.load(home)
        self.commands, clashes = rebound(self.preferences.keys)
        self._complaints += clashes
        self._home = home
        self.spec = spec or self.preferences.spec
        self.session = TrainingSession(hands.engine, home, hands.workers, hands.cluster)
        self.state = SessionState()
        self.elsewhere = Elsewhere(home, self.session.id)
        self.library = Library(home, self.state.runs, self.elsewhere.runs)
        self.insight = InsightTabs(self, self.library, hands.load, self._told)
        self._place = hands.cluster.place if hands.cluster is not None else ""
        self.charts = ChartDesk(self.preferences.look)
        self._opened: RunState | None = None
        self._factor: float | None = None
        self._shows_last = False
        self._turned_at = self._asked_at = 0.0
        self._probe = SystemProbe()

    def get_default_screen(self) -> FirstScreen:
        """Return the first screen, which knows its size from the start: else all is styled and laid out twice."""
        fitting = [
            [name for least, name in breakpoints if size >= least][-1]
            for size, breakpoints in zip(
                self.size, (self.HORIZONTAL_BREAKPOINTS, self.VERTICAL_BREAKPOINTS), strict=True
            )
        ]
        return FirstScreen(" ".join([*fitting, *(["-huge"] if _is_huge(self.size) else [])]))

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

    def on_resize(self, event: Resize) -> None:
        """Let the names of all tabs fit, and show more on a huge screen."""
        self.screen_stack[0].set_class(_is_huge(event.size), "-huge")
        short = event.size.width < _ALL_TABS
        self.query_one(TabbedContent).get_tab("features").label = "4 Feat" if short else "4 Features"
        self.call_after_refresh(self._show_insight)

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

    def _control_of(self, run: RunState | None) -> Steering | None:
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
                wishes=Wishes() if control is None else control.wishes(run.run if run is not None else None),
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
            self.query_one(SettingsBar).show(self.spec, live=self._live, jobs=self.session.at_once, place=self._place)
            own = self._opened is None or self._opened.status.is_over
            self.query_one(ProgressStrip).show(
                self.state.run if own else self._opened,
                self.session.done(len(self._in_progress)),
                self.session.total,
                active=self.state.active or not own,
                to_go_s=self._queue_s(),
                preparing=self._preparing if self._opened is None else None,
            )
            self._show_insight()

    def _queue_s(self) -> float | None:
        """Return about how many seconds the queue still takes; `None` while the run in progress cannot tell."""
        waiting, run = self.session.queue.waiting, self.state.run
        if not waiting or not self._live or run is None or run.time_to_go_s is None:
            return None
        if self._factor is None:
            self._factor = machine_factor(self.library.runs())
        return run.time_to_go_s + sum(run_s(queued.spec, self._factor) for queued in waiting) / self.session.at_once

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
        film, now = self.insight.film, time.monotonic()
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

    # Telling --------------------------------------------------------------------------------------

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
