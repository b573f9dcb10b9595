"""The terminal app: what each key does. Every number comes from the engine."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar, Final, cast

from textual import on, work
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import DataTable, TabbedContent

from mnist_tui.core.estimate import DAY_S, machine_factor, sweep_s
from mnist_tui.core.events import Status
from mnist_tui.core.queue import QueuedRun, enqueue
from mnist_tui.core.spec import FEATURE_STEPS, MAX_EPOCHS, MAX_FEATURES, REPORT_PRESET, RunSpec
from mnist_tui.core.table import ComparisonTable
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.export import FORMATS
from mnist_tui.report.files import saved_text
from mnist_tui.report.words import format_duration
from mnist_tui.signals import has_job_control
from mnist_tui.tui.commands import COMMANDS, OWN_ACTIONS, RUNS_ACTIONS
from mnist_tui.tui.monitor import Monitor
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.new_runs import NewRuns, NewRunsScreen
from mnist_tui.tui.screens.number import NumberScreen
from mnist_tui.tui.screens.quit import Leave, QuitScreen
from mnist_tui.tui.widgets.epochs import EpochTable
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.notices import Notices, Severity
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.runs import MAX_MARKED, RunsView
from mnist_tui.tui.widgets.tables import SortableTable

MANY_ROWS: Final = 500
"""From here on saving may take longer than a blink, and is announced."""
HOLD_S: Final = 2.0
"""How long Ctrl+Z waits for the end of a batch."""
EPOCH_STEPS: Final = (1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000)
"""The values that the epochs key steps through; any number can be typed."""
THEMES: Final = ("textual-dark", "textual-light", "nord", "gruvbox", "catppuccin-latte")


class MnistTuiApp(Monitor):
    """Watch and steer training; arguments as for `Monitor`."""

    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [command.binding for command in COMMANDS]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Refuse what cannot be done now."""
        if self.screen.is_modal and action in OWN_ACTIONS:
            # A dialog has keys of its own; what Textual does with Tab and arrows stays.
            return False
        if action in RUNS_ACTIONS:
            return self.query_one(TabbedContent).active == "runs-pane"
        return True

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Put every command into the palette, beside Textual's own for theme and screenshot."""
        for command in COMMANDS:
            if command.action != "command_palette":
                yield SystemCommand(f"{command.title} ({command.label})", command.help, self._runner(command.action))
        for own in super().get_system_commands(screen):
            if own.title not in ("Quit", "Keys"):
                yield own

    def _runner(self, action: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self.run_action(action)

        return run

    # Training -------------------------------------------------------------------------------------

    def _enqueue(self, specs: Iterable[RunSpec]) -> None:
        self._told(partial(self.session.add, enqueue(specs)))

    def _start(self, *, alone: bool = False) -> None:
        self._opened = None
        self.query_one(TabbedContent).active = "live"
        self.session.start(alone=alone)
        self._show()
        self._show_runs()

    def action_start(self) -> None:
        """Start what waits, or the settings shown."""
        if self._live:
            if self.session.follow_up():
                self.tell("The waiting runs start after this one.")
            else:
                self.tell("A run is in progress already. n adds the settings shown to the queue.")
            return
        if not self.session.queue.waiting:
            self._enqueue((self.spec,))
        elif all(queued.spec != self.spec for queued in self.session.queue.waiting):
            self.tell("The waiting runs go first. n adds the settings shown to them.")
        self._start()

    def action_enqueue(self) -> None:
        """Add the settings shown to the queue."""
        self._enqueue((self.spec,))
        self._tell_queued()

    def _tell_queued(self) -> None:
        """Say how the waiting runs start, where no line of the screen says so."""
        waiting = len(self.session.queue.waiting)
        if not (self._live and self.session.goes_on):
            self.tell(f"{waiting} run{'s wait. r starts them' if waiting != 1 else ' waits. r starts it'}.")
        self._show()
        self._show_runs()

    def action_report_preset(self) -> None:
        """Queue the report's two runs and start."""
        self._enqueue(replace(REPORT_PRESET, base=self.spec).runs())
        if self._live:
            self.session.follow_up()
            self._tell_queued()
        else:
            self._start()

    def action_new_runs(self) -> None:
        """Open the form."""
        self.push_screen(NewRunsScreen(self.spec, self._machine_factor), self._take_new_runs)

    @property
    def _machine_factor(self) -> float:
        return machine_factor(self.library.runs())

    def _take_new_runs(self, answer: NewRuns | None) -> None:
        if answer is None:
            return
        needed_s = sweep_s(answer.sweep, self._machine_factor)
        if needed_s <= DAY_S:
            self._add_new_runs(answer)
            return
        question = f"{answer.sweep.n_runs:,} runs will take about {format_duration(needed_s)} on this machine."
        self.push_screen(
            ConfirmScreen("More than a day", question, "Queue them"),
            lambda yes: self._add_new_runs(answer) if yes else None,
        )

    def _add_new_runs(self, answer: NewRuns) -> None:
        self._enqueue(answer.sweep.runs())
        if answer.start and not self._live:
            self._start()
        else:
            self._tell_queued()

    def action_resume(self) -> None:
        """Go on with the run under the cursor; a finished one gets the epochs of the settings."""
        run = self.query_one(RunsView).chosen
        if run is None:
            return
        if run in {queued.run for queued in self.session.queue.waiting}:
            self.tell("That run waits already.")
            return
        epochs = self.spec.epochs if self._status_of(run) is Status.FINISHED else None
        queued = self._told(partial(self.library.continuing, run, epochs))
        if queued is not None:
            self._train_alone(queued)

    def action_retry(self) -> None:
        """Train the settings of the run under the cursor again, with a tenth of its learning rate."""
        run = self.query_one(RunsView).chosen
        past = self._with_epochs(run) if run is not None else None
        if past is None:
            return
        rate = past.spec.learning_rate / 10 if math.isfinite(past.spec.learning_rate) else RunSpec().learning_rate
        (again,) = enqueue((replace(past.spec, learning_rate=rate),))
        if past.status is Status.DIVERGED:
            self._train_alone(again)
            return
        question = (
            f"This run did not diverge: it is {past.status}. "
            f"Train {again.spec.title} again with learning rate {rate:g} instead of {past.spec.learning_rate:g}?"
        )
        self.push_screen(
            ConfirmScreen("Train again", question, "Train again"), lambda yes: self._train_alone(again) if yes else None
        )

    def _train_alone(self, queued: QueuedRun) -> None:
        """Train one run now and leave what waits waiting; while another one is in progress, say where it stands."""
        self._told(partial(self.session.add, (queued,), first=True))
        if not self._live:
            self._start(alone=True)
            return
        when = "It follows the run in progress" if self.session.goes_on else "r starts it"
        self.tell(f"Queued as number 1 of {len(self.session.queue.waiting)}. {when}.")
        self._show()
        self._show_runs()

    def _needs_run(self) -> bool:
        if self._live and self.state.active:
            return True
        self.tell("No run is in progress. r starts one.")
        return False

    def action_pause(self) -> None:
        """Hold the run, or let it go on."""
        if not self._needs_run():
            return
        control = self.session.control
        if control.paused:
            control.resume()
        else:
            control.pause()
        self._show()

    def action_stop(self) -> None:
        """End the run; the queue waits."""
        if not self._needs_run():
            return
        self.session.stop()
        self._show()

    def action_skip(self) -> None:
        """End the run; the next one starts."""
        if not self._needs_run():
            return
        self.session.control.skip()
        self._show()

    def action_live_epochs(self, step: int) -> None:
        """Change the number of epochs of the run in progress."""
        run = self.state.run
        if not self._needs_run() or run is None or run.status.is_over:
            return
        control = self.session.control
        # From what was asked for last, not from what the training thread has taken in so far.
        asked = control.epochs_asked(run.run) or run.epochs
        if not control.set_epochs(min(MAX_EPOCHS, max(asked + step, run.epochs_done + 1)), run.run):
            self.tell("Too late: this run is being tested. With g in the Runs tab it gets more epochs.")
        self._show()

    # Settings -------------------------------------------------------------------------------------

    def _change(self, spec: RunSpec) -> None:
        self.spec = spec
        self._show()

    def action_epochs(self, step: int) -> None:
        """Step the epochs of the next run."""
        self._change(replace(self.spec, epochs=_stepped(EPOCH_STEPS, self.spec.epochs, step)))

    def action_features(self, step: int) -> None:
        """Step the features of the next run."""
        self._change(replace(self.spec, features=_stepped(FEATURE_STEPS, self.spec.features, step)))

    def action_type_epochs(self) -> None:
        """Ask for a number of epochs."""
        self.push_screen(
            NumberScreen("Epochs of the next run", "epochs", self.spec.epochs, 1, MAX_EPOCHS),
            lambda n: None if n is None else self._change(replace(self.spec, epochs=n)),
        )

    def action_type_features(self) -> None:
        """Ask for a number of features."""
        self.push_screen(
            NumberScreen("Features of the next run", "features", self.spec.features, 1, MAX_FEATURES),
            lambda n: None if n is None else self._change(replace(self.spec, features=n)),
        )

    # Looking --------------------------------------------------------------------------------------

    def action_tab(self, name: str) -> None:
        """Show a tab and give its main table the focus."""
        self.query_one(TabbedContent).active = "runs-pane" if name == "runs" else name
        if name == "runs":
            self._show_runs()
        # Not focus(), which comes later than the next key may.
        self.screen.set_focus(self.query_one("#runs" if name == "runs" else "#epochs"))

    def action_scale(self) -> None:
        """Switch between error on a log scale and accuracy."""
        self._errors = not self._errors
        self.query_one(LiveView).errors = self._errors
        self._show()
        self._show_runs()

    def action_next_chart(self) -> None:
        """Show the other chart where there is room for one."""
        if self.query_one(TabbedContent).active == "live":
            self.query_one(LiveView).toggle_class("-second")
        else:
            self.query_one(RunsView).next_pane()

    def action_zoom(self) -> None:
        """Show the focused chart or table alone; with none focused, the first chart."""
        if self.screen.maximized is not None:
            self.screen.minimize()
            return
        pane = self.screen.focused
        if not isinstance(pane, PlotView | DataTable | EpochTable):
            live = self.query_one(TabbedContent).active == "live"
            pane = self.query_one("#accuracy" if live else "#overlay", PlotView)
        self.screen.maximize(pane, container=False)

    def action_theme(self) -> None:
        """Take the next theme."""
        at = THEMES.index(self.theme) if self.theme in THEMES else -1
        self.theme = THEMES[(at + 1) % len(THEMES)]

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen())

    # Runs tab -------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark the run under the cursor."""
        view = self.query_one(RunsView)
        run = view.chosen
        if run is None:
            return
        if not view.toggle_mark(run):
            self.tell(f"At most {MAX_MARKED} runs can be marked; more curves cannot be told apart.")
        self._show_runs()

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
        self._opened = None if live else self._with_epochs(run)
        self.action_tab("live")
        self._show()

    def key_escape(self) -> None:
        """Take notices away; with none there, go back from a past run to the present one."""
        if self.query_one(Notices).dismiss():
            return
        if self._opened is not None:
            self._opened = None
            self._show()

    def _focused_table(self) -> SortableTable | None:
        focused = self.screen.focused
        return focused if isinstance(focused, SortableTable) else self.query_one("#runs", SortableTable)

    def action_sort(self) -> None:
        """Sort the focused table by its next column."""
        if (table := self._focused_table()) is not None:
            table.sort_next()

    def action_reverse(self) -> None:
        """Turn the focused table round."""
        if (table := self._focused_table()) is not None:
            table.turn_round()

    def action_remove(self) -> None:
        """Take the run under the cursor out of the queue."""
        run = self.query_one(RunsView).chosen_waiting
        if run is not None and self._told(partial(self.session.remove, run)):
            self._show()
            self._show_runs()

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
        """Bring the Runs tab up to date: nothing is drawn there while it is out of sight."""
        self._show_runs()

    # Leaving --------------------------------------------------------------------------------------

    def action_suspend_process(self) -> None:
        """Give the shell back; training holds meanwhile, so that no epoch counts the time away."""
        if not has_job_control():
            self.tell("There is no shell to go back to.", severity="warning")
            return
        control = self.session.control
        hold = self._live and not control.paused
        if hold:
            control.pause()
            control.wait_until_held(HOLD_S)
        super().action_suspend_process()
        if hold:
            control.resume()

    async def action_quit(self) -> None:
        """Leave at once, or ask when a run is live."""
        if isinstance(self.screen, QuitScreen):
            return
        if self._live and self.state.active:
            self.push_screen(QuitScreen(), self._leave)
        else:
            self.exit(return_code=0)

    def _leave(self, how: Leave | None) -> None:
        if how is None:
            return
        self._leave_code = 0
        self.session.stop(after_epoch=how == "finish")
        if how == "finish":
            self.tell("Leaving when the epoch is done.")
        self._show()


def _stepped(steps: tuple[int, ...], value: int, direction: int) -> int:
    """Return the next step above or below `value`; the value itself at either end."""
    if direction > 0:
        return next((step for step in steps if step > value), value)
    return next((step for step in reversed(steps) if step < value), value)
