"""Updates the widgets: one screen model for the lines and the Live tab, and the contents of the visible tab."""

from __future__ import annotations

from functools import cached_property

from textual.app import App
from textual.widgets import TabbedContent

from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.screenmodel import ScreenModel
from mnist_tui.tui.tabs import SOMETIMES, why_hidden
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.progress import ProgressStrip
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.widgets.status import StatusLine
from mnist_tui.tui.workspace import Workspace


class Painter:
    """Draws the workspace, in the visible tab only.

    Args:
        app: The app with the widgets.
        work: The workspace to draw.
        insight: Controller of the tabs that show what a network learned.

    Attributes:
        insight: The same.
    """

    def __init__(self, app: App[None], work: Workspace, insight: InsightTabs) -> None:
        self._app, self._work, self.insight = app, work, insight
        self._turns = False
        self._applies: tuple[bool, tuple[str, ...]] = (False, ())

    # Cached: querying these ten times a second would be half of the CPU use of an idle app.

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
        """Id of the visible tab."""
        return self._tabs.active

    def redraw(self) -> None:
        """Redraw everything visible."""
        with self._app.batch_update():
            if self.tab == "runs-pane":
                self.runs.show_queue(self._work.session.queue.waiting)
                self.runs.show(self._work.library.runs())
            self.redraw_charts()

    def redraw_charts(self) -> None:
        """Redraw the visible lines and charts, but not the table of runs, which may be long."""
        with self._app.batch_update():
            model = self._work.screen(self.runs.marked, draws_charts=self.tab == "live")
            self._app.query_one(StatusLine).show(model)
            self._app.query_one(LiveView).show(model)
            self._app.query_one(SettingsBar).show(model)
            self._show_what_applies(model)
            self._app.query_one(ProgressStrip).show(model)
            self.show_insight()
            if self.tab == "runs-pane":
                self.show_preview()

    def _show_what_applies(self, model: ScreenModel) -> None:
        """Hide what has no meaning for the run: a script's settings of the next run, and tabs with nothing to show."""
        is_script = model.run is not None and model.run.network is None
        hidden = tuple(tab for tab in SOMETIMES if why_hidden(tab, model.run))
        shown = is_script and not model.is_live, hidden
        if shown == self._applies:
            return
        self._applies = shown
        self._app.query_one(SettingsBar).display = not shown[0]
        for tab in SOMETIMES:
            (self._tabs.hide_tab if tab in hidden else self._tabs.show_tab)(tab)

    def show_preview(self) -> None:
        """Show the curves of the marked runs, and the run under the cursor."""
        view, work = self.runs, self._work
        marked = list(work.marked(view.marked).values())
        chosen = work.with_epochs(view.chosen) if view.chosen is not None else None
        work.charts.show([*marked, *([chosen] if chosen is not None and chosen.run not in view.marked else [])])
        view.show_preview(marked, chosen, work.last_insight(chosen), work.charts.look, work.points)

    def show_insight(self) -> None:
        """Show what the network learned; the Live tab has a map if there is room."""
        in_sight = self.tab != "live" or self._app.screen_stack[0].has_class("-huge")
        self.insight.show(self.tab if in_sight else "", self._work.shown, next(iter(self.runs.marked), None))

    def turn(self, loading: float | None) -> None:
        """Show in the status line that something is in progress.

        Args:
            loading: Seconds since PyTorch started loading, or `None` if it is not loading.
        """
        if self._turns or self._work.preparing is not None or loading is not None:
            self._app.query_one(StatusLine).turn(loading=loading)
        # Update once more when loading is done, to remove the message.
        self._turns = loading is not None

    def show_keys(self) -> None:
        """Show the keys of the tab in the footer; a dialog shows its own in its border."""
        dialog = len(self._app.screen_stack) > 1
        in_queue = not dialog and self.tab == "runs-pane" and self.runs.chosen_waiting is not None
        live, shown = self._work.can_steer, self._work.shown
        script = shown if shown is not None and shown.network is None else None
        self._keys.show("" if dialog else self.tab, live=live, in_queue=in_queue, script=script)
