"""Actions on how the runs are shown: group, plot, and views that are saved by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mnist_tui.core.facets import facets
from mnist_tui.core.view import MAX_VIEWS, PLOTS, SEEDS, View
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import printable
from mnist_tui.tui.screens.view import ViewAnswer, ViewScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.workspace import Workspace

_PLOTTED = {
    "curves": "Curves of the marked runs and the one under the cursor.",
    "scatter": "Each run is a point. Press V to choose the axes.",
    "parallel": "Each run is a line through its settings and its result.",
}


class Viewing:
    """Changes the view of the runs.

    Args:
        work: The workspace.
        ui: The user interface.
        runs: Returns the Runs tab.
    """

    def __init__(self, work: Workspace, ui: Ui, runs: Callable[[], RunsView]) -> None:
        self._work, self._ui, self._runs = work, ui, runs
        self._group = SEEDS

    def action_group(self) -> None:
        """Group the runs as they were grouped last, at first by equal settings; or not."""
        view = self._runs()
        self._group = view.view.group or self._group
        view.take(replace(view.now, group="" if view.view.group else self._group))
        self._ui.redraw()
        if not view.view.group:
            self._ui.tell("Newest run first.")
        elif view.view.group == SEEDS:
            self._ui.tell("Runs that differ only in their seed are grouped. V groups them by anything.")

    def action_plot(self) -> None:
        """Show the runs as curves, as points, or as lines through their settings."""
        view = self._runs()
        view.view = replace(view.view, plot=PLOTS[(PLOTS.index(view.view.plot) + 1) % len(PLOTS)])
        self._ui.redraw()
        self._ui.tell(("Press c to see it. " if view.hides_plot else "") + _PLOTTED[view.view.plot])

    def _show(self, view: View) -> None:
        """Show a view as far as these runs have what it names."""
        try:
            view.check(facets(self._work.library.runs()))
        except UsageError as error:
            self._ui.tell(str(error), severity="warning", long=True)
            parts = dict.fromkeys(("filter", "group", "sort", "x", "y"), "")
            view = replace(view, columns=(), **parts)
        self._runs().take(view)

    def action_view(self) -> None:
        """Choose a saved view, or what to filter, group, sort, list and plot."""
        view = self._runs()
        known = facets(self._work.library.runs())
        self._ui.ask(ViewScreen(view.now, self._work.views, known), self._take)

    def _take(self, answer: ViewAnswer | None) -> None:
        if answer is None:
            return
        views = dict(self._work.views)
        if answer.forget:
            del views[answer.forget]
            self._ui.tell(f"Forgot the view {printable(answer.forget)}.")
        if answer.view is not None:
            self._show(answer.view)
        if answer.view is not None and answer.save_as:
            if answer.save_as not in views and len(views) >= MAX_VIEWS:
                self._ui.tell(f"At most {MAX_VIEWS} views can be saved; Del in their list forgets one.")
            else:
                views[answer.save_as] = answer.view
                self._ui.tell(f"Saved the view {printable(answer.save_as)}. V lists it.")
        if views != self._work.views:
            self._work.views = views
        self._ui.redraw()
