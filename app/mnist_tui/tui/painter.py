"""Brings the widgets up to date: one screen model for all lines and the Live tab, and what the tab in sight shows."""

from __future__ import annotations

from functools import cached_property

from textual.app import App
from textual.widgets import TabbedContent

from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.progress import ProgressStrip
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.widgets.status import StatusLine
from mnist_tui.tui.workspace import Workspace


class Painter:
    """Draws what is known, in the tab in sight alone.

    Args:
        app: Where the widgets are.
        work: What is known.
        insight: The tabs that show what a network learned.

    Attributes:
        insight: Likewise.
    """

    def __init__(self, app: App[None], work: Workspace, insight: InsightTabs) -> None:
        self._app, self._work, self.insight = app, work, insight
        self._turns = False

    # Found again ten times a second, these would be half of what an idle app costs.

    @cached_property
    def _tabs(self) -> TabbedContent:
        return self._app.query_one(TabbedContent)

    @cached_property
    def runs(self) -> RunsView:
        """The Runs tab."""
        return self._app.query_one(RunsView)

    @cached_property
    def _keys(self) -> KeyBar:
        return self._app.query_one(KeyBar)

    @property
    def tab(self) -> str:
        """Id of the tab in sight."""
        return self._tabs.active

    def redraw(self) -> None:
        """Draw all that is in sight."""
        with self._app.batch_update():
            if self.tab == "runs-pane":
                self.runs.show_queue(self._work.session.queue.waiting)
                self.runs.show(self._work.library.runs())
            self.redraw_charts()

    def redraw_charts(self) -> None:
        """Draw the lines and charts in sight, but no table of runs, which may be long."""
        with self._app.batch_update():
            model = self._work.screen(self.runs.marked, draws_charts=self.tab == "live")
            self._app.query_one(StatusLine).show(model)
            self._app.query_one(LiveView).show(model)
            self._app.query_one(SettingsBar).show(model)
            self._app.query_one(ProgressStrip).show(model)
            self.show_insight()
            if self.tab == "runs-pane":
                self.show_preview()

    def show_preview(self) -> None:
        """Show the curves of the marked runs, and the run under the cursor."""
        view, work = self.runs, self._work
        marked = list(work.marked(view.marked).values())
        chosen = work.with_epochs(view.chosen) if view.chosen is not None else None
        work.charts.show([*marked, *([chosen] if chosen is not None and chosen.run not in view.marked else [])])
        view.show_preview(marked, chosen, work.last_insight(chosen), work.charts.look)

    def show_insight(self) -> None:
        """Show what the network learned; the Live tab has a map where there is room for one."""
        in_sight = self.tab != "live" or self._app.screen_stack[0].has_class("-huge")
        self.insight.show(self.tab if in_sight else "", self._work.shown, next(iter(self.runs.marked), None))

    def turn(self, loading: float | None) -> None:
        """Show in the status line that something is going on.

        Args:
            loading: For how many seconds what training needs has been loading; `None` when it is not.
        """
        if self._turns or self._work.preparing is not None or loading is not None:
            self._app.query_one(StatusLine).turn(loading=loading)
        # Once more when it is done, to take the last word away.
        self._turns = loading is not None

    def show_keys(self) -> None:
        """Offer the keys of the tab; a dialog has its own in its frame."""
        dialog = len(self._app.screen_stack) > 1
        in_queue = not dialog and self.tab == "runs-pane" and self.runs.chosen_waiting is not None
        self._keys.show("" if dialog else self.tab, live=self._work.can_steer, in_queue=in_queue)
