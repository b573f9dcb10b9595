"""What the clocks do: take in what training says, here and in other processes, and let the screen follow."""

from __future__ import annotations

from collections.abc import Callable

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import Event, Notice, RunDone, Status, SweepDone
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.files import SAVED_FORMATS
from mnist_tui.runtime.preload import Preload
from mnist_tui.tui.feed import Feed
from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.leaving import Leaving
from mnist_tui.tui.looking import Looking
from mnist_tui.tui.painter import Painter
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.notices import Severity
from mnist_tui.tui.workspace import Workspace


class Watching:
    """Watches training.

    Args:
        ui: The screen.
        work: What the app works with.
        painter: What draws it.
        leaving: What waits for the end of training.
        looking: What plays a film of epochs.
        insight: What asks the network about drawings.
        warm_up: Loads what training needs, in a thread of its own; `None`: nothing.

    Attributes:
        feed: Where the news come from.
    """

    def __init__(
        self,
        ui: Ui,
        work: Workspace,
        painter: Painter,
        leaving: Leaving,
        looking: Looking,
        insight: InsightTabs,
        warm_up: Callable[[], None] | None,
    ) -> None:
        self._ui, self._work, self._painter = ui, work, painter
        self._leaving, self._looking, self._insight = leaving, looking, insight
        self.feed = Feed(work.session, work.state, work.remote_runs)
        self._preload = Preload(warm_up)
        self._looked = 0

    def begin(self) -> None:
        """Show the last run, and load what training needs: neither may hold the first frame up."""
        self._preload.begin()
        self._work.shows_past = True
        self._ui.redraw()

    def tick(self) -> None:
        """Take in what was said since the last tick."""
        if not self._ui.is_running:
            # On the way out the widgets are gone before the clock is.
            return
        news = self.feed.take_in()
        for event in news.own:
            self._hear(event)
        for report in news.reports:
            self._ui.tell(report, severity="warning", subject=report, long=True)
        if news.has_remote_end:
            self._work.attempt(self._work.library.load)
        self._work.follow(has_ended=news.has_remote_end)
        if self.feed.is_due(news):
            self._ui.redraw()
        if news.is_idle:
            self._leaving.training_is_idle()
        if self._looking.play_on():
            self._painter.show_insight()
        self._insight.ask()
        self._painter.show_keys()
        self._painter.turn(self._preload.loading)

    def _hear(self, event: Event) -> None:
        match event:
            case Notice():
                self._ui.tell(event.message, severity=event.level, subject=event.message, long=True)
            case RunDone():
                self._work.forget_factor()
                if event.reason and event.status is not Status.STOPPED:
                    message = f"Run {event.run} {event.status}: {event.reason}."
                    severity: Severity = "information" if event.status is Status.FINISHED else "warning"
                    self._ui.tell(message, severity=severity, subject="end of a run", long=True)
            case SweepDone() if not event.stopped:
                self._show_result(event)

    def _show_result(self, event: SweepDone) -> None:
        runs = self._work.state.runs
        table = build_table([runs[run] for run in event.runs if run in runs])
        if not table.rows or self._leaving.is_wanted:
            return
        if self._work.preferences.bell:
            self._ui.bell()
        try:
            screen = ResultScreen(table, self._work.library.save(table, SAVED_FORMATS))
        except MnistTuiError as error:
            screen = ResultScreen(table, (), str(error))
        self._ui.ask(screen, lambda _: None)

    def look_at_store(self) -> None:
        """Show what other processes do with the same home."""
        work = self._work
        self._looked += 1
        # What this process trains changes the store as well, so then it is looked at less often.
        due = not work.is_live or work.library.remote or self._looked % 5 == 0
        if self._ui.is_running and due and work.library.has_changed:
            work.attempt(work.library.load)
            work.sight.reread(work.with_epochs)
            self._ui.redraw()
