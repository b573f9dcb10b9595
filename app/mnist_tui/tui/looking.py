"""View actions: tabs, panes, charts, epochs and themes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual.app import App
from textual.widget import Widget
from textual.widgets import DataTable, TabbedContent

from mnist_tui.core.layers import Layer
from mnist_tui.tui.painter import Painter
from mnist_tui.tui.screens.image import ImageScreen
from mnist_tui.tui.screens.layers import LayersScreen
from mnist_tui.tui.screens.log import LogScreen
from mnist_tui.tui.tabs import TABS_OF, why_hidden
from mnist_tui.tui.themes import THEMES
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.digits import DigitsView
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.epochs import EpochTable
from mnist_tui.tui.widgets.errors import ErrorsView, MatrixView
from mnist_tui.tui.widgets.features import FeaturesView, MapView
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices
from mnist_tui.tui.widgets.pad import PadView, Picture
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.widgets.tables import SortableTable
from mnist_tui.tui.workspace import Workspace

if TYPE_CHECKING:
    from mnist_tui.data.framing import Framed

FILM_S: Final = 0.5
"""Seconds per epoch when playing the epochs."""
_MAIN: Final = {"live": "#epochs", "runs-pane": "#runs", "errors": "#matrix", "features": "#map", "draw": "#pad"}
"""The widget that gets the focus in each tab."""
_FIRST_PANE: Final = _MAIN | {"live": "#chart", "runs-pane": "#overlay"}
"""The pane to zoom if none has the focus."""
_X_WORDS: Final = {"epoch": "epochs", "s": "seconds", "step": "steps"}
_PANES: Final = (PlotView, DataTable, EpochTable, MatrixView, DigitsView, MapView, PadView)
"""Panes that can be zoomed."""


class Looking:
    """Changes what is shown, never what is trained.

    Args:
        app: The app with the widgets.
        ui: The user interface.
        work: The workspace.
        painter: Draws the workspace.
    """

    def __init__(self, app: App[None], ui: Ui, work: Workspace, painter: Painter) -> None:
        self._app, self._ui, self._work, self._painter = app, ui, work, painter
        self._focused_before: Widget | None = None
        self._turned_at = 0.0
        self._image = ""

    # Tabs and panes -------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show a tab and give its main table the focus."""
        tab = "runs-pane" if name == "runs" else name
        if why := why_hidden(name, self._work.shown):
            self._ui.tell(why)
            return
        self._ui.go_to(tab)
        self._ui.redraw()
        # Not focus(): it takes effect later, possibly after the next key press.
        self._app.screen.set_focus(self._app.query_one(_MAIN[tab]))

    def action_open(self) -> None:
        """Open the run under the cursor of the Runs tab in the Live tab."""
        if (run := self._ui.chosen) is not None:
            self.open(run)

    def open(self, run: str) -> None:
        """Open a run in the Live tab."""
        state = self._work.state
        is_own = state.run is not None and run == state.current
        self._work.sight.open(None if is_own else self._work.with_epochs(run), came_from=self._ui.tab)
        self.action_tab("live")

    def escape(self) -> None:
        """Go back one step: leave an input, dismiss notices, close images, reset the charts, or leave an opened run."""
        app, tab = self._app, self._ui.tab
        if app.query_one(SettingsBar).has_focus:
            self._leave_settings()
        elif (tab == "runs-pane" and app.query_one(RunsView).close_filter()) or app.query_one(Notices).dismiss():
            pass
        elif (errors := app.query_one(ErrorsView)).is_open:
            errors.close_images()
        elif tab in TABS_OF["cursor"] and self._work.charts.whole():
            self._painter.redraw_charts()
        elif self._work.sight.leave():
            if self._work.sight.came_from == "runs-pane" and tab == "live":
                self.action_tab("runs")
            self._ui.redraw()

    def action_move(self, steps: int) -> None:
        """Move up or down, like the arrow keys."""
        self._app.simulate_key("down" if steps > 0 else "up")

    def action_settings(self) -> None:
        """Focus the settings line, or leave it."""
        bar = self._app.query_one(SettingsBar)
        if bar.has_focus:
            self._leave_settings()
        else:
            self._focused_before = self._app.screen.focused
            self._app.screen.set_focus(bar)

    def _leave_settings(self) -> None:
        self._app.screen.set_focus(self._focused_before or self._app.query_one(_MAIN[self._ui.tab]))

    def action_open_image(self) -> None:
        """Classify an image file."""
        run = self._work.shown
        if run is None or run.dataset is None or not run.dataset.side:
            self._ui.tell("There is no trained network yet.")
            return
        # It needs NumPy and Pillow, for which the first frame must not wait.
        from mnist_tui.data.framing import framed

        data = run.dataset

        def show(answer: tuple[Path, Framed] | None) -> None:
            if answer is None:
                return
            path, image = answer
            self._image = str(path)
            self._app.query_one(PadView).show_picture(Picture(path.name, image.pixels, data.side))
            self._ui.tell(f"{path.name}: {', '.join(image.steps) or 'used as it is'}.", long=True)

        self._ui.ask(ImageScreen(lambda path: framed(path, data), self._image), show)

    def action_layers(self) -> None:
        """Show the layers of the network of the run in sight."""
        run = self._work.shown if self._ui.tab != "runs-pane" else self._work.known(self._ui.in_sight)
        if run is None:
            self._ui.tell("There is no run yet.")
            return

        def show(found: tuple[Layer, ...] | str) -> None:
            if isinstance(found, str):
                self._ui.tell(found)
            else:
                self._ui.ask(LayersScreen(run.title, found), lambda _: None)

        self._ui.beside(self._work.layers(run), show)

    def action_next_chart(self) -> None:
        """Show the tab's next pane."""
        match self._ui.tab:
            case "live":
                self._app.query_one(LiveView).next_chart()
                self._painter.redraw_charts()
            case "runs-pane":
                self._app.query_one(RunsView).next_pane()
            case "errors":
                self._app.query_one(ErrorsView).toggle_images()
            case "features":
                self._app.query_one(FeaturesView).toggle_class("-second")
            case _:
                self._app.query_one(DrawView).toggle_class("-second")

    def action_zoom(self) -> None:
        """Show only the focused pane (or the tab's default one), or restore the tab."""
        screen = self._app.screen
        if screen.maximized is not None:
            screen.minimize()
            return
        pane = screen.focused
        if pane is not None and pane.id == "comparison":
            # With its title and footnotes.
            pane = self._app.query_one("#comparison-pane")
        elif not isinstance(pane, _PANES):
            pane = self._app.query_one(_FIRST_PANE[self._app.query_one(TabbedContent).active])
        screen.maximize(pane, container=False)

    def action_sort(self) -> None:
        """Sort the focused table by its next column."""
        self._focused_table().sort_next()

    def action_reverse(self) -> None:
        """Reverse the order of the focused table."""
        self._focused_table().turn_round()

    def _focused_table(self) -> SortableTable:
        focused = self._app.screen.focused
        return focused if isinstance(focused, SortableTable) else self._app.query_one("#runs", SortableTable)

    # Charts ---------------------------------------------------------------------------------------

    def action_scale(self) -> None:
        """Switch to the next scale of the y axis."""
        self._switch("Scale", self._work.charts.next("scale").value)

    def action_x_axis(self) -> None:
        """Switch the x axis to the next unit."""
        self._switch("x axis", _X_WORDS[self._work.charts.next("x").value])

    def action_smooth(self) -> None:
        """Switch to the next smoothing level."""
        self._switch("Smoothing", self._work.charts.next("smoothing").name.lower())

    def action_dots(self) -> None:
        """Switch to the next kind of characters for curves."""
        self._switch("Curves", self._work.charts.next("dots").value)

    def _switch(self, what: str, value: str) -> None:
        self._ui.tell(f"{what}: {value}.")
        self._painter.redraw_charts()

    def action_cursor(self, steps: int) -> None:
        """Move the cursor of the charts."""
        self._work.charts.move(steps)
        self._painter.redraw_charts()

    def action_chart_zoom(self, steps: int) -> None:
        """Zoom the charts in or out."""
        self._work.charts.zoom(steps)
        self._painter.redraw_charts()

    def action_chart_pan(self, steps: int) -> None:
        """Pan the charts."""
        self._work.charts.pan(steps)
        self._painter.redraw_charts()

    def action_whole(self) -> None:
        """Reset the charts to show everything."""
        self._work.charts.whole()
        self._painter.redraw_charts()

    def point_at(self, pointed: PlotView.Pointed) -> None:
        """Handle a mouse press or wheel event on a chart."""
        if pointed.zoom:
            self._work.charts.zoom(pointed.zoom, pointed.x)
        else:
            self._work.charts.point(pointed.x)
        self._painter.redraw_charts()

    # What the network learned ---------------------------------------------------------------------

    def action_epoch(self, steps: int) -> None:
        """Show an earlier or later epoch."""
        self._painter.insight.film.plays = False
        self._painter.insight.film.step(steps)
        self._painter.show_insight()

    def action_film(self) -> None:
        """Play or pause the epochs."""
        self._painter.insight.film.play()
        self._turned_at = time.monotonic()
        self._painter.show_insight()

    def play_on(self) -> bool:
        """If playing and the current epoch was shown long enough, go to the next; return whether it did."""
        if not self._painter.insight.film.plays or time.monotonic() - self._turned_at < FILM_S:
            return False
        self._turned_at = time.monotonic()
        self._painter.insight.film.tick()
        return True

    def action_matrix_view(self) -> None:
        """Switch the matrix between counts, percentages and changes."""
        self._app.query_one(ErrorsView).next_view()

    # The program ----------------------------------------------------------------------------------

    def action_theme(self) -> None:
        """Switch to the next theme."""
        app = self._app
        at = THEMES.index(app.theme) if app.theme in THEMES else -1
        app.theme = THEMES[(at + 1) % len(THEMES)]
        self._ui.tell(f"Theme: {app.theme}.")

    def action_log(self) -> None:
        """Show past notices, and captured prints and warnings."""
        said = tuple(self._app.query_one(Notices).said)
        self._ui.ask(LogScreen(said, self._work.home / "logs" / "app.log"), lambda _: None)
