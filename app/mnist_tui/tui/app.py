"""The terminal app: what each key does. Every number comes from the engine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import ClassVar, Final, cast

from textual import on, work
from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import DataTable, TabbedContent

from mnist_tui.core.table import ComparisonTable
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.export import FORMATS, render, run_as_csv
from mnist_tui.report.files import saved_text
from mnist_tui.signals import has_job_control
from mnist_tui.tui.collecting import Collecting
from mnist_tui.tui.commands import COMMANDS, OWN_ACTIONS, TABS_OF, places
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.log import LogScreen
from mnist_tui.tui.screens.quit import Leave, QuitScreen
from mnist_tui.tui.themes import THEMES
from mnist_tui.tui.widgets.digits import DigitsView
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.epochs import EpochTable
from mnist_tui.tui.widgets.errors import ErrorsView, MatrixView
from mnist_tui.tui.widgets.features import FeaturesView, MapView
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices, Severity
from mnist_tui.tui.widgets.pad import PadView
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar

MANY_ROWS: Final = 500
"""From here on saving may take longer than a blink, and is announced."""
HOLD_S: Final = 2.0
"""How long Ctrl+Z waits for the end of a batch."""
_MAIN: Final = {"live": "#epochs", "runs": "#runs", "errors": "#matrix", "features": "#map", "draw": "#pad"}
"""What has the focus in each tab."""
_FIRST_PANE: Final = {
    "live": "#accuracy",
    "runs-pane": "#overlay",
    "errors": "#matrix",
    "features": "#map",
    "draw": "#pad",
}
"""What is zoomed where nothing has the focus."""
_X_WORDS: Final = {"epoch": "epochs", "s": "seconds", "step": "steps"}


class MnistTuiApp(Collecting):
    """The app: keys and palette, looking around, past runs, leaving; arguments as for `Monitor`."""

    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [command.binding for command in COMMANDS]

    _came_from = ""
    _focused_before: Widget | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Refuse what a dialog keeps from the app; what Textual does with Tab and arrows stays."""
        return not (self.screen.is_modal and action in OWN_ACTIONS)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action; where one of ours does nothing in this tab, say where it works."""
        command = next((c for c in self.commands if c.action == action and c.name in TABS_OF), None)
        misplaced = command is not None and self.query_one(TabbedContent).active not in TABS_OF[command.name]
        if command is not None and misplaced and default_namespace in (None, self) and not self.screen.is_modal:
            self.tell(f"{command.label} ({command.title}) works in {places(command)}.")
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Put every command into the palette, beside Textual's own for theme and screenshot."""
        for command in self.commands:
            if command.action != "command_palette":
                yield SystemCommand(f"{command.title} ({command.label})", command.help, self._runner(command.action))
        for own in super().get_system_commands(screen):
            if own.title not in ("Quit", "Keys", "Maximize", "Minimize"):
                yield own

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

    # Looking --------------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show a tab and give its main table the focus."""
        self.query_one(TabbedContent).active = "runs-pane" if name == "runs" else name
        self._show_tab()
        # Not focus(), which comes later than the next key may.
        self.screen.set_focus(self.query_one(_MAIN[name]))

    def action_move(self, steps: int) -> None:
        """Move as the arrows do."""
        self.simulate_key("down" if steps > 0 else "up")

    def action_settings(self) -> None:
        """Go to the line of settings, or back from it."""
        bar = self.query_one(SettingsBar)
        if bar.has_focus:
            self._leave_settings()
        else:
            self._focused_before = self.screen.focused
            self.screen.set_focus(bar)

    def _leave_settings(self) -> None:
        tab = self.query_one(TabbedContent).active
        self.screen.set_focus(self._focused_before or self.query_one(_MAIN[tab.removesuffix("-pane")]))

    def action_scale(self) -> None:
        """Take the next scale of the y axis."""
        self._look_anew(f"Scale: {self.charts.next_scale()}.")

    def action_x_axis(self) -> None:
        """Let the x axis count something else."""
        self._look_anew(f"The x axis counts {_X_WORDS[self.charts.next_x()]}.")

    def action_smooth(self) -> None:
        """Smooth the curves more, or not at all again."""
        self._look_anew(f"Smoothing: {self.charts.next_smoothing()}.")

    def action_cursor(self, steps: int) -> None:
        """Move the cursor of the charts."""
        self.charts.move(steps)
        self._look_anew()

    def action_chart_zoom(self, steps: int) -> None:
        """Look closer at the charts, or at more."""
        self.charts.zoom(steps)
        self._look_anew()

    def action_chart_pan(self, steps: int) -> None:
        """Move what the charts show."""
        self.charts.pan(steps)
        self._look_anew()

    def action_whole(self) -> None:
        """Show the whole of the charts again."""
        self.charts.whole()
        self._look_anew()

    @on(PlotView.Pointed)
    def _point_at(self, pointed: PlotView.Pointed) -> None:
        if pointed.zoom:
            self.charts.zoom(pointed.zoom, pointed.x)
        else:
            self.charts.point(pointed.x)
        self._look_anew()

    def _look_anew(self, said: str = "") -> None:
        if said:
            self.tell(said)
        self._show()
        if self.query_one(TabbedContent).active == "runs-pane":
            self._show_curves()

    def action_next_chart(self) -> None:
        """Show the other pane where there is room for one."""
        match self.query_one(TabbedContent).active:
            case "live":
                self.query_one(LiveView).toggle_class("-second")
            case "runs-pane":
                self.query_one(RunsView).next_pane()
            case "errors":
                self.query_one(ErrorsView).toggle_images()
            case "features":
                self.query_one(FeaturesView).toggle_class("-second")
            case _:
                self.query_one(DrawView).toggle_class("-second")

    def action_zoom(self) -> None:
        """Show the focused chart or table alone; with none focused, the first chart."""
        if self.screen.maximized is not None:
            self.screen.minimize()
            return
        pane = self.screen.focused
        if not isinstance(pane, PlotView | DataTable | EpochTable | MatrixView | DigitsView | MapView | PadView):
            pane = self.query_one(_FIRST_PANE[self.query_one(TabbedContent).active])
        self.screen.maximize(pane, container=False)

    def action_theme(self) -> None:
        """Take the next theme."""
        at = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(at + 1) % len(THEMES)]
        self.tell(f"Theme: {self.theme}.")

    def action_dots(self) -> None:
        """Draw curves with other dots."""
        self._look_anew(f"Curves are drawn in {self.charts.next_dots()}.")

    def action_log(self) -> None:
        """Show what was said, and what prints and warnings left."""
        self.push_screen(LogScreen(tuple(self.query_one(Notices).said), self._home / "logs" / "app.log"))

    def action_copy(self) -> None:
        """Copy the comparison, or in other tabs the epochs of the run, to the clipboard of the terminal."""
        if self.query_one(TabbedContent).active == "runs-pane":
            table = self.query_one(RunsView).comparison(self.library.runs())
            text, what = render(table, "md") if table.rows else "", "The comparison is on the clipboard as Markdown"
        else:
            run = self._shown_run
            text, what = (
                run_as_csv(run) if run is not None and run.history else "",
                "The epochs are on the clipboard as CSV",
            )
        if text:
            self.copy_to_clipboard(text)
            self.tell(f"{what}, where the terminal allows it.")
        else:
            self.tell("There is nothing to copy yet.")

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen(self.commands))

    # What the network learned ---------------------------------------------------------------------

    def action_epoch(self, steps: int) -> None:
        """Show an earlier or a later epoch."""
        self.insight.film.plays = False
        self.insight.film.step(steps)
        self._show_insight()

    def action_film(self) -> None:
        """Play the epochs one after the other, or hold."""
        self.insight.film.play()
        self._turned_at = time.monotonic()
        self._show_insight()

    def action_matrix_view(self) -> None:
        """Show counts, shares or changes in the matrix."""
        self.query_one(ErrorsView).next_view()

    # Runs tab -------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open the run under the cursor in the Live tab."""
        run = self.query_one(RunsView).chosen
        if run is not None:
            self._open(run)

    @on(DataTable.RowSelected, "#runs")
    def _open_selected(self, event: DataTable.RowSelected) -> None:
        if event.row_key.value is not None:
            self._open(event.row_key.value)

    def _open(self, run: str) -> None:
        live = self.state.run is not None and run == self.state.current
        self._came_from = self.query_one(TabbedContent).active
        self._opened = None if live else self._with_epochs(run)
        self.action_tab("live")
        self._show()

    def key_escape(self) -> None:
        """Leave what is typed into; else take notices away; with none there, go back from a past run."""
        if self.query_one(SettingsBar).has_focus:
            self._leave_settings()
            return
        if self.query_one(TabbedContent).active == "runs-pane" and self.query_one(RunsView).close_filter():
            return
        if self.query_one(Notices).dismiss():
            return
        if (errors := self.query_one(ErrorsView)).is_open:
            errors.close_images()
        elif self.query_one(TabbedContent).active in TABS_OF["cursor"] and self.charts.whole():
            self._look_anew()
        elif self._opened is not None:
            self._opened, self._may_attach = None, False
            if self._came_from == "runs-pane" and self.query_one(TabbedContent).active == "live":
                self.action_tab("runs")
            self._show()

    def action_export(self) -> None:
        """Save the comparison in all formats and say where."""
        table = self.query_one(RunsView).comparison(self.library.runs())
        if not table.rows:
            self.tell("There is no finished run to export yet.", severity="warning")
            return
        if len(table.rows) > MANY_ROWS:
            self.tell(f"Saving {len(table.rows):,} rows …", subject="export", long=True)
        self._save(table)

    @work(thread=True, exclusive=True)
    def _save(self, table: ComparisonTable) -> None:
        """Save beside the screen: thousands of rows take seconds."""
        try:
            text, severity = saved_text(self.library.save(table, FORMATS)), "information"
        except MnistTuiError as error:
            text, severity = str(error), "error"
        self.call_from_thread(self.tell, text, cast("Severity", severity), subject="export", long=True)

    @on(TabbedContent.TabActivated)
    def _show_tab(self) -> None:
        """Bring the tab up to date: nothing is drawn there while it is out of sight."""
        self._show_runs()
        self._show_insight()

    # Leaving --------------------------------------------------------------------------------------

    def action_suspend_process(self) -> None:
        """Give the shell back; training holds meanwhile, so that no epoch counts the time away."""
        if not has_job_control():
            self.tell("There is no shell to go back to.", severity="warning")
            return
        control = self.session.control
        held = control.hold() if self._live else frozenset()
        if held:
            control.wait_until_held(HOLD_S)
        super().action_suspend_process()
        control.let_go(held)

    async def action_quit(self) -> None:
        """Leave at once, or ask when a run is live."""
        if isinstance(self.screen, QuitScreen):
            return
        if self.handover.is_wanted or self.handover.is_under_way:
            # As soon as the other process has it.
            self._leave_code = 0
            return
        if self._live and self.state.active:
            self.push_screen(QuitScreen(), self._leave)
        else:
            self.exit(return_code=0)

    def _leave(self, how: Leave | None) -> None:
        if how is None:
            return
        if how == "detach":
            self._leave_code = 0 if self.handover.is_possible else None
            self.action_detach()
            return
        self._leave_code = 0
        self.session.stop(after_epoch=how == "finish")
        if how == "finish":
            self.tell("Quitting when this epoch is done.")
        self._show()
