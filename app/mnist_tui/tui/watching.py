"""Timer callbacks: take in training events, of this and other processes, and update the screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import Event, Notice, RunDone, RunStarted, SweepDone
from mnist_tui.core.numerals import count
from mnist_tui.core.status import Status
from mnist_tui.core.table import FORMATS, ComparisonTable
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.files import SAVED_FORMATS
from mnist_tui.runtime.preload import Preload
from mnist_tui.runtime.reports import save_table
from mnist_tui.tui.collection import Collection
from mnist_tui.tui.feed import Feed
from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.leaving import Leaving
from mnist_tui.tui.looking import Looking
from mnist_tui.tui.painter import Painter
from mnist_tui.tui.screens.result import Next, ResultScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.notices import Severity
from mnist_tui.tui.workspace import Workspace


class Watching:
    """Follows training and updates the screen.

    Args:
        ui: The user interface.
        work: The workspace.
        painter: Draws the workspace.
        leaving: Told when the training thread has ended.
        looking: Plays the epochs.
        insight: Classifies drawings.
        collection: Saves and compares the result of a queue.
        warm_up: Loads PyTorch ahead, in another thread; `None` for nothing.

    Attributes:
        feed: Source of events.
    """

    def __init__(
        self,
        ui: Ui,
        work: Workspace,
        painter: Painter,
        leaving: Leaving,
        looking: Looking,
        insight: InsightTabs,
        collection: Collection,
        warm_up: Callable[[], None] | None,
    ) -> None:
        self._ui, self._work, self._painter = ui, work, painter
        self._leaving, self._looking, self._insight, self._collection = leaving, looking, insight, collection
        self.feed = Feed(work.session, work.state, work.remote_runs)
        self._preload = Preload(warm_up)
        self._looked = 0

    def begin(self) -> None:
        """Show the last run and start loading PyTorch; both after the first frame, to keep startup fast."""
        self._preload.begin()
        self._work.shows_past = True
        self._ui.redraw()

    def tick(self) -> None:
        """Take in the events since the last tick and update the screen."""
        if not self._ui.is_running:
            # On exit, the widgets are removed before the timer stops.
            return
        news = self.feed.take_in()
        for event in news.own:
            self._hear(event)
        for event in news.remote:
            if isinstance(event, Notice) and self._work.is_opened:
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
            case RunStarted() if (data := event.dataset) and data.note and self._work.suit_fallback():
                self._ui.tell(f"The settings of the next run now suit the {data.label}.", subject="fallback", long=True)
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
            self._ui.ring(f"The queue is done: {count(len(event.runs), 'run')}")
        try:
            screen = ResultScreen(table, save_table(table, self._work.home, SAVED_FORMATS))
        except MnistTuiError as error:
            screen = ResultScreen(table, (), str(error))
        self._offer(screen, table)

    def _offer(self, screen: ResultScreen, table: ComparisonTable) -> None:
        self._ui.ask(screen, lambda chosen: self._go_on(chosen, table))

    def _go_on(self, chosen: Next | None, table: ComparisonTable) -> None:
        """Do with the result what was chosen."""
        runs = [run for row in table.rows for run in row.runs]
        match chosen:
            case Next("open"):
                self._looking.open(chosen.run)
            case Next("export"):
                paths = self._work.attempt(partial(save_table, table, self._work.home, FORMATS)) or ()
                self._offer(ResultScreen(table, paths), table)
            case Next("compare"):
                self._collection.compare(runs)
            case Next("report"):
                self._collection.report(runs)

    def look_at_store(self) -> None:
        """Reload the runs if another process has changed the store."""
        work = self._work
        self._looked += 1
        # While this process trains it changes the store too, so check less often.
        due = not work.is_live or work.library.remote or self._looked % 5 == 0
        if self._ui.is_running and due and work.library.has_changed:
            work.attempt(work.library.load)
            work.sight.reread(work.with_epochs)
            self._ui.redraw()
