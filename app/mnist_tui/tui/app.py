"""The terminal app: its widgets, its timers, and the objects that do the work. All numbers come from the engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from textual import actions, on
from textual._callback import invoke
from textual.actions import ActionParseResult
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.command import Provider
from textual.dom import DOMNode
from textual.events import Resize
from textual.screen import Screen
from textual.widgets import DataTable, TabbedContent

from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.formatting import printable
from mnist_tui.report.strokes import drawing
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.session import TrainingSession
from mnist_tui.runtime.system import SystemProbe
from mnist_tui.signals import has_job_control, install_signal_handlers
from mnist_tui.terminal import notification
from mnist_tui.tui import commands, layout
from mnist_tui.tui.collection import Collection
from mnist_tui.tui.insight import InsightTabs
from mnist_tui.tui.leaving import Leaving
from mnist_tui.tui.looking import Looking
from mnist_tui.tui.painter import Painter
from mnist_tui.tui.palette import Commands
from mnist_tui.tui.queueing import Queueing
from mnist_tui.tui.remembering import Remembering
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.steering import Steering
from mnist_tui.tui.tabs import GROUP_OF, TABS_OF, places, why_not_opened
from mnist_tui.tui.themes import legible_variables
from mnist_tui.tui.viewing import Viewing
from mnist_tui.tui.watching import Watching
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.keys import KeyBar
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices, Severity
from mnist_tui.tui.widgets.pad import PadView
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.widgets.settings import SettingsBar
from mnist_tui.tui.workspace import Workspace

T = TypeVar("T")
TICK_S: Final = 0.1
SYSTEM_TICK_S: Final = 1.0
REMEMBER_TICK_S: Final = 1.0
"""Interval at which changed settings are saved."""
STORE_TICK_S: Final = 2.0
"""Interval at which to check whether other processes have written to the store."""
NOTICE_S: Final = 5.0
"""How long a short notice stays."""


class MnistTuiApp(App[None]):
    """Shows runs and handles keys.

    Args:
        backends: The training backends.
        home: Folder with runs and tables.
        spec: Initial settings; `None` for the ones used last time.
        attach: Id of a run in another process to show first; if empty, any run in progress there.
    """

    TITLE = "mnist-tui"
    CSS_PATH = "app.tcss"
    AUTO_FOCUS = "#epochs, Dialog *"
    ALLOW_IN_MAXIMIZED_VIEW = "KeyBar, Notices"
    HORIZONTAL_BREAKPOINTS = layout.WIDTHS
    VERTICAL_BREAKPOINTS = layout.HEIGHTS
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [command.binding for command in commands.COMMANDS]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Commands}

    def __init__(self, backends: Backends, home: Path, spec: RunSpec | None = None, attach: str = "") -> None:
        super().__init__()
        self.work = Workspace(backends, home, spec, attach, self._report)
        self.insight = InsightTabs(self, self.work.library, backends.load, self.work.attempt)
        self.painter = Painter(self, self.work, self.insight)
        self.leaving = Leaving(self.work, self, backends.detach, lambda code: self.exit(return_code=code))
        if backends.trains_elsewhere:
            self.session.elsewhere = self.leaving.handover.go_on
        self.remembering = Remembering(self, self, self.work)
        self.looking = Looking(self, self, self.work, self.painter)
        collection = Collection(self.work, self, lambda: self.painter.runs, self.copy_to_clipboard)
        viewing = Viewing(self.work, self, lambda: self.painter.runs)
        own = (part(self.work, self) for part in (Steering, Queueing))
        self._parts = (self.looking, self.leaving, *own, collection, viewing)
        """Objects that provide actions, in addition to the app itself."""
        self.watching = Watching(
            self, self.work, self.painter, self.leaving, self.looking, self.insight, collection, backends.warm_up
        )
        self._probe = SystemProbe()

    @property
    def session(self) -> TrainingSession:
        """The training session of this process."""
        return self.work.session

    @property
    def state(self) -> SessionState:
        """The runs of this session so far."""
        return self.work.state

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's variables, with legible text and visible frames whatever the theme."""
        variables = super().get_css_variables()
        self.theme_variables = variables | legible_variables(variables)
        return self.theme_variables

    def get_default_screen(self) -> Screen[object]:
        """Return the first screen, with size classes already set."""
        return layout.first_screen(self.size)

    def compose(self) -> ComposeResult:
        """Create the status line, tabs, settings line, progress bars and footer."""
        yield from layout.compose("runs-pane" if self.work.is_opened else "live")

    def on_mount(self) -> None:
        """Read past runs, start the timers and install signal handlers."""
        self.query_one(KeyBar).commands = self.remembering.commands
        self.query_one(KeyBar).is_opened = self.work.is_opened
        self.remembering.begin()
        self.work.attempt(self.work.library.load)
        if self.work.is_opened:
            self.screen.add_class("-opened")
            # Before `AUTO_FOCUS` leads to another tab.
            self.query_one("#runs").focus()
        else:
            self.remembering.welcome_back()
        self.redraw()
        self.painter.show_keys()
        self.set_interval(TICK_S, self.watching.tick)
        self.set_interval(SYSTEM_TICK_S, self._read_system)
        self.set_interval(STORE_TICK_S, self.watching.look_at_store)
        self.set_interval(REMEMBER_TICK_S, self.remembering.keep)
        self.call_after_refresh(self._read_system)
        # After the first frame, before the first curve.
        self.call_after_refresh(threading.Thread(target=drawing, name="loading", daemon=True).start)
        self.call_after_refresh(self.watching.begin)
        # On resume, Textual repaints only what changes, so refresh everything.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        install_signal_handlers(asyncio.get_running_loop(), self.leaving.on_signal)

    def on_unmount(self) -> None:
        """Disconnect from other processes."""
        self.work.remote_runs.close()

    def on_resize(self, event: Resize) -> None:
        """Shorten the tab names if needed, and show more on a huge screen."""
        for name, fits in layout.roomy(event.size).items():
            self.screen_stack[0].set_class(fits, name)
        self.query_one(TabbedContent).get_tab("features").label = layout.features_title(event.size.width)
        self.call_after_refresh(self.painter.show_insight)

    # Actions --------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Disable the app's actions while a dialog is open; Textual's own Tab and arrow keys still work."""
        return not (self.screen.is_modal and action in commands.OWN_ACTIONS)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action of a part or of the app; if it does not apply to this tab, show a notice with the right tab."""
        target, name, parameters = actions.parse(action) if isinstance(action, str) else action
        part = next((part for part in self._parts if hasattr(part, f"action_{name}")), None)
        if part is None or (target != "app" and default_namespace not in (None, self)):
            return await super().run_action(action, default_namespace, namespaces)
        if not self.check_action(name, parameters):
            return False
        command = next((c for c in self.remembering.commands if c.action == action and c.name in TABS_OF), None)
        if self.work.is_opened and (reason := why_not_opened(name)):
            self.tell(reason)
        elif command is not None and self.tab not in TABS_OF[command.name]:
            self.tell(f"{command.label} ({command.title}) works in {places(command)}.")
        else:
            await invoke(getattr(part, f"action_{name}"), *parameters)
        return True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield every command for the palette, those of the visible tab first, and Textual's theme and screenshot."""
        first = GROUP_OF.get(self.tab)
        for command in sorted(self.remembering.commands, key=lambda command: command.group != first):
            if command.action != "command_palette":
                run = partial(self.run_action, command.action)
                yield SystemCommand(f"{command.title} ({command.label})", command.help, run)
        for own in super().get_system_commands(screen):
            if own.title not in ("Quit", "Keys", "Maximize", "Minimize"):
                yield own

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen(self.remembering.commands, self.tab))

    def action_suspend_process(self) -> None:
        """Suspend the app and return to the shell."""
        if has_job_control():
            self.leaving.in_the_shell(super().action_suspend_process)
        else:
            self.tell("There is no shell to return to.", severity="warning")

    def key_escape(self) -> None:
        """Go back by one step."""
        self.looking.escape()

    def _read_system(self) -> None:
        if self.is_running and self.screen.has_class("-wide"):
            self.query_one(LiveView).show_load(self._probe.read())

    # Drawing --------------------------------------------------------------------------------------

    @property
    def tab(self) -> str:
        """Id of the visible tab."""
        return self.painter.tab

    @property
    def chosen(self) -> str | None:
        """Id of the run under the cursor of the Runs tab."""
        return self.painter.runs.chosen

    @property
    def in_sight(self) -> str | None:
        """Id of the run that keys act on: in the Runs tab the one under the cursor, otherwise the one shown."""
        if self.tab == "runs-pane":
            return self.chosen
        return shown.run if (shown := self.work.shown) is not None else None

    def redraw(self) -> None:
        """Redraw everything visible."""
        self.painter.redraw()

    def go_to(self, tab: str) -> None:
        """Show a tab."""
        self.query_one(TabbedContent).active = tab

    def ask(self, screen: Screen[T], answer: Callable[[T | None], None]) -> None:
        """Open a dialog; call `answer` with its result, or `None` if it was cancelled."""
        self.push_screen(screen, answer)

    def beside(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        """Run `work` in a new thread, then call `then` with its result in this thread."""
        self.run_worker(lambda: self.call_from_thread(then, work()), thread=True)

    def tell(
        self, message: str, severity: Severity = "information", *, subject: str = "answer", long: bool = False
    ) -> None:
        """Show a notice for a while; see `Ui.tell`."""
        seconds = NOTICE_S * (2 if long else 1)
        self.screen_stack[0].query_one(Notices).tell(subject, printable(message), severity, seconds)

    def ring(self, text: str) -> None:
        """Ring the terminal bell, and let the terminal show a notification if it can."""
        self.bell()
        if self._driver is not None and (sequence := notification(printable(text))):
            self._driver.write(sequence)

    def _report(self, error: MnistTuiError) -> None:
        self.tell(str(error), severity="error", long=True)

    # Messages from widgets ------------------------------------------------------------------------

    @on(TabbedContent.TabActivated)
    @on(RunsView.Filtered)
    def _redraw(self) -> None:
        # Hidden tabs are not drawn, so draw this one now.
        self.redraw()

    @on(DataTable.RowHighlighted, "#runs")
    def _look_at_chosen(self) -> None:
        self.painter.show_preview()

    @on(DataTable.RowSelected, "#runs")
    def _open_chosen(self, event: DataTable.RowSelected) -> None:
        if event.row_key.value is not None and not self.painter.runs.fold(event.row_key.value):
            self.looking.open(event.row_key.value)

    @on(PlotView.Pointed)
    def _point_at(self, pointed: PlotView.Pointed) -> None:
        self.looking.point_at(pointed)

    @on(SettingsBar.Stepped)
    async def _step_setting(self, stepped: SettingsBar.Stepped) -> None:
        await self.run_action(f"setting({stepped.name!r}, {stepped.step})")

    @on(SettingsBar.Typed)
    async def _type_setting(self, typed: SettingsBar.Typed) -> None:
        await self.run_action(f"type_setting({typed.name!r})")

    @on(PadView.Changed)
    def _want_answer(self) -> None:
        self.insight.want_answer()

    @on(DrawView.Answered)
    def _take_answer(self, answered: DrawView.Answered) -> None:
        self.insight.take_answer(answered)
