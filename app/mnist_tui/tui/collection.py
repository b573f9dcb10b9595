"""Actions of the Runs tab: mark, filter, name, compare, delete and restore runs, and export their comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Final

from mnist_tui.core.labels import Labels, now
from mnist_tui.core.numerals import count
from mnist_tui.core.state import RunState
from mnist_tui.core.table import FORMATS, ComparisonTable
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.export import render, run_as_csv
from mnist_tui.report.files import saved_text
from mnist_tui.report.formatting import printable
from mnist_tui.report.overlay import short_name
from mnist_tui.runtime.reports import save_table
from mnist_tui.tui.screens.compare import CompareScreen
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.label import LabelScreen
from mnist_tui.tui.ui import Ui
from mnist_tui.tui.widgets.notices import Severity
from mnist_tui.tui.widgets.runcells import MAX_MARKED
from mnist_tui.tui.widgets.runs import RunsView
from mnist_tui.tui.workspace import Workspace

MANY_ROWS: Final = 500
"""Show a notice before saving more rows than this, as it may take a while."""


class Collection:
    """Manages past runs.

    Args:
        work: The workspace.
        ui: The user interface.
        view: Returns the Runs tab, which has the marks, the filter and the cursor.
        copy: Copies text to the terminal's clipboard.
    """

    def __init__(self, work: Workspace, ui: Ui, view: Callable[[], RunsView], copy: Callable[[str], None]) -> None:
        self._work, self._ui, self._view, self._copy = work, ui, view, copy
        self._deleted: tuple[str, ...] = ()
        """The most recently deleted runs."""

    # Finding --------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark the run under the cursor."""
        run = self._view().chosen
        if run is None:
            self._ui.tell(self._none("mark"))
        elif not self._view().toggle_mark(run):
            self._ui.tell(f"At most {MAX_MARKED} runs can be marked, so that their curves stay distinguishable.")
        self._ui.redraw()

    def action_filter(self) -> None:
        """Open the filter for typing."""
        view = self._view()
        # It would open behind a pane that is zoomed.
        view.screen.minimize()
        view.open_filter()

    def action_compare(self) -> None:
        """Show the marked runs side by side."""
        self._compare(self._view().marked, "Mark at least two runs with Space; the first one is the baseline.")

    def compare(self, runs: Sequence[str]) -> None:
        """Show some runs side by side, at most as many as can be marked; the first one is the baseline."""
        shown = {run: slot for slot, run in enumerate(runs[:MAX_MARKED])}
        if len(runs) > MAX_MARKED:
            self._ui.tell(f"The first {MAX_MARKED} of {len(runs)} runs are compared.", long=True)
        self._compare(shown, "There is only one run; train another one to compare it.")

    def _compare(self, slots: Mapping[str, int], why_not: str) -> None:
        runs = self._work.marked(slots)
        if len(runs) < 2:
            self._ui.tell(why_not)
        else:
            # In marking order, so that the first one is the baseline.
            order = {slot: runs[slot] for slot in slots.values() if slot in runs}
            self._ui.ask(CompareScreen(order, self._work.charts.look, self._work.points), lambda _: None)

    def _none(self, what: str) -> str:
        """Say why there is no run to do something with."""
        return "No run matches the filter." if self._work.library.runs() else f"There is no run to {what} yet."

    # Naming ---------------------------------------------------------------------------------------

    def action_label(self) -> None:
        """Edit the name, tags and note of the run under the cursor."""
        run = self._work.known(self._view().chosen)
        if run is None:
            self._ui.tell(self._none("name"))
            return
        was = run.labels

        def keep(labels: Labels | None) -> None:
            if labels is not None:
                # Only the fields changed here: another process may change other fields meanwhile.
                names = [f.name for f in fields(labels) if getattr(labels, f.name) != getattr(was, f.name)]
                self._label([run], lambda now: replace(now, **{name: getattr(labels, name) for name in names}))

        self._ui.ask(LabelScreen(f"Run {printable(run.run)}", run.labels), keep)

    def _label(self, runs: Sequence[RunState], change: Callable[[Labels], Labels]) -> bool:
        """Change the labels of runs; return False if they could not be saved (the error was reported)."""

        def label() -> bool:
            self._work.session.relabel([run.run for run in runs], change)
            return True

        done = self._work.attempt(label)
        self._work.attempt(self._work.library.load)
        self._ui.redraw()
        return done is not None

    # Deleting -------------------------------------------------------------------------------------

    def action_advance(self, steps: int) -> None:
        """Move the waiting run under the cursor within the queue."""
        if not self._work.session.queue.waiting:
            self._ui.tell("The queue is empty.")
        elif (run := self._view().chosen_waiting) is None:
            self._ui.tell("Press Shift+Tab to go to the queue, and choose a waiting run there.")
        elif self._work.attempt(partial(self._work.session.move, run, steps)):
            self._ui.redraw()

    def action_remove(self) -> None:
        """Remove a queued run, or ask to delete past runs: the marked ones, or else the one under the cursor."""
        view = self._view()
        if (waiting := view.chosen_waiting) is not None:
            if self._work.attempt(partial(self._work.session.remove, waiting)):
                self._ui.redraw()
            return
        chosen = [name for name in (*view.marked, view.chosen) if name is not None][: len(view.marked) or 1]
        runs = [run for name in chosen if (run := self._work.known(name)) is not None]
        if not runs:
            self._ui.tell(self._none("delete"))
            return
        one = printable(runs[0].labels.name) or runs[0].title
        some = ", ".join(short_name(run) for run in runs[:3]) + (" …" if len(runs) > 3 else "")
        which, it = (f"{len(runs)} marked runs ({some})", "them") if len(runs) > 1 else (one, "it")
        self._ui.ask(
            ConfirmScreen("Delete", f"Delete {which}? Z restores {it}.", "Delete"),
            lambda yes: self._delete(runs) if yes else None,
        )

    def _delete(self, runs: Sequence[RunState]) -> None:
        moment = now()
        if self._label(runs, lambda labels: replace(labels, deleted_at=moment)):
            self._deleted = tuple(run.run for run in runs)
            for name in self._deleted:
                self._view().marked.pop(name, None)
            self._work.sight.forget(self._deleted)
            self._ui.tell(f"Deleted {count(len(runs), 'run')}. Press Z to restore.", long=True)
            self._ui.redraw()

    def action_undelete(self) -> None:
        """Restore the most recently deleted runs."""
        deleted = self._work.attempt(self._work.library.deleted) or []
        last = max((run.labels.deleted_at for run in deleted), default="")
        names = self._deleted or tuple(run.run for run in deleted if run.labels.deleted_at == last)
        runs = [run for run in deleted if run.run in names]
        if not runs:
            self._ui.tell("There is no deleted run to restore.")
        elif self._label(runs, lambda labels: replace(labels, deleted_at="")):
            self._deleted = ()
            self._ui.tell(f"Restored {count(len(runs), 'run')}.")

    # Saving ---------------------------------------------------------------------------------------

    def _comparison(self) -> ComparisonTable:
        return self._view().comparison(self._work.library.runs())

    def action_export(self) -> None:
        """Save the comparison in all formats and report where."""
        table = self._comparison()
        if not table.rows:
            self._ui.tell("There is no finished run to export yet.", severity="warning")
            return
        if len(table.rows) > MANY_ROWS:
            self._ui.tell(f"Saving {len(table.rows):,} rows …", subject="export", long=True)
        # In another thread, because thousands of rows take seconds.
        self._save(partial(save_table, table, self._work.home, FORMATS))

    def action_report(self) -> None:
        """Write a report on the marked runs, otherwise on the one under the cursor."""
        view = self._view()
        runs = [run for run in (*view.marked, view.chosen) if run is not None][: len(view.marked) or 1]
        if runs:
            self.report(runs)
        else:
            self._ui.tell("There is no run to report on yet.", severity="warning")

    def report(self, runs: Sequence[str]) -> None:
        """Write a report on some runs as HTML and say where."""
        self._save(lambda: (self._work.library.report(self._work.home, runs),))

    def _save(self, save: Callable[[], Sequence[Path]]) -> None:
        def attempt() -> tuple[str, Severity]:
            try:
                return saved_text(save()), "information"
            except MnistTuiError as error:
                return str(error), "error"

        self._ui.beside(attempt, lambda saved: self._ui.tell(*saved, subject="export", long=True))

    def action_copy(self) -> None:
        """Copy the comparison, or in other tabs the epochs of the run, to the terminal's clipboard."""
        run = self._work.shown
        if self._ui.tab == "runs-pane":
            table = self._comparison()
            text, what = render(table, "md") if table.rows else "", "Copied the comparison as Markdown"
        else:
            text = run_as_csv(run) if run is not None and run.history else ""
            what = "Copied the epochs as CSV"
        if text:
            self._copy(text)
            self._ui.tell(f"{what}, if the terminal supports it.")
        else:
            self._ui.tell("There is nothing to copy yet.")
