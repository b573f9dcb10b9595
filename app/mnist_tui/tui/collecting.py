"""What the keys of the Runs tab do: mark, find, name, compare, delete and bring back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial

from textual import on
from textual.widgets import DataTable

from mnist_tui.core.labels import Labels, now
from mnist_tui.core.numerals import count
from mnist_tui.core.state import RunState
from mnist_tui.report.words import printable
from mnist_tui.tui.screens.compare import CompareScreen
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.label import LabelScreen
from mnist_tui.tui.steering import Steering
from mnist_tui.tui.widgets.runs import MAX_MARKED, RunsView
from mnist_tui.tui.widgets.tables import SortableTable


class Collecting(Steering):
    """The collection of runs; arguments as for `Monitor`."""

    _deleted: tuple[str, ...] = ()
    """What was deleted last."""

    def action_mark(self) -> None:
        """Mark or unmark the run under the cursor."""
        view = self.query_one(RunsView)
        run = view.chosen
        if run is None:
            self.tell("There is no run to mark yet.")
        elif not view.toggle_mark(run):
            self.tell(f"At most {MAX_MARKED} runs can be marked; more curves cannot be told apart.")
        self._show()
        self._show_runs()

    def action_filter(self) -> None:
        """Let a filter be typed."""
        self.query_one(RunsView).open_filter()

    @on(RunsView.Filtered)
    def _show_filtered(self) -> None:
        self._show_runs()

    def action_group(self) -> None:
        """Put runs with equal settings beside each other, or in the order of time again."""
        view = self.query_one(RunsView)
        view.is_grouped = not view.is_grouped
        self._show_runs()
        self.tell(
            "Runs that differ in their seed alone stand together." if view.is_grouped else "The newest run first."
        )

    @on(DataTable.RowHighlighted, "#runs")
    def _look_at_selected(self) -> None:
        self._show_curves()

    def action_label(self) -> None:
        """Ask what the run under the cursor is called."""
        run = self._known(self.query_one(RunsView).chosen)
        if run is None:
            self.tell("There is no run to name yet.")
            return

        def keep(labels: Labels | None) -> None:
            if labels is not None:
                # Only what was changed here: someone else may change another field meanwhile.
                names = [f.name for f in fields(labels) if getattr(labels, f.name) != getattr(was, f.name)]
                self._label([run], lambda now: replace(now, **{name: getattr(labels, name) for name in names}))

        was = run.labels

        self.push_screen(LabelScreen(f"Run {printable(run.run)}", run.labels), keep)

    def action_compare(self) -> None:
        """Show the marked runs side by side."""
        marked = self._marked_runs()
        if len(marked) < 2:
            self.tell("Mark at least two runs with Space; the first one is the baseline.")
        else:
            # In the order they were marked, so that the first one is the baseline.
            order = {slot: marked[slot] for slot in self.query_one(RunsView).marked.values() if slot in marked}
            self.push_screen(CompareScreen(order, self.charts.look))

    def action_remove(self) -> None:
        """Take a waiting run out of the queue, or ask to delete past runs: the marked ones, else the chosen one."""
        view = self.query_one(RunsView)
        if (waiting := view.chosen_waiting) is not None:
            if self._told(partial(self.session.remove, waiting)):
                self._show()
                self._show_runs()
            return
        chosen = [name for name in (*view.marked, view.chosen) if name is not None][: len(view.marked) or 1]
        runs = [run for name in chosen if (run := self._known(name)) is not None]
        if not runs:
            self.tell("There is no run to delete.")
            return
        which = (
            f"{len(runs)} marked runs" if len(runs) > 1 else f"{printable(runs[0].labels.name) or runs[0].spec.title}"
        )
        question = f"Delete {which}? Z brings {'them' if len(runs) > 1 else 'it'} back."
        self.push_screen(ConfirmScreen("Delete", question, "Delete"), lambda yes: self._delete(runs) if yes else None)

    def _delete(self, runs: Sequence[RunState]) -> None:
        moment = now()
        if self._label(runs, lambda labels: replace(labels, deleted_at=moment)):
            self._deleted = tuple(run.run for run in runs)
            for name in self._deleted:
                self.query_one(RunsView).marked.pop(name, None)
            if self._opened is not None and self._opened.run in self._deleted:
                self._opened = None
            self.tell(f"Deleted {count(len(runs), 'run')}. Z brings back what was deleted last.", long=True)
            self._show()
            self._show_runs()

    def action_undelete(self) -> None:
        """Bring back what was deleted last."""
        deleted = self._told(self.library.deleted) or []
        last = max((run.labels.deleted_at for run in deleted), default="")
        names = self._deleted or tuple(run.run for run in deleted if run.labels.deleted_at == last)
        runs = [run for run in deleted if run.run in names]
        if not runs:
            self.tell("There is no deleted run to bring back.")
        elif self._label(runs, lambda labels: replace(labels, deleted_at="")):
            self._deleted = ()
            self.tell(f"Brought back {count(len(runs), 'run')}.")

    def _label(self, runs: Sequence[RunState], change: Callable[[Labels], Labels]) -> bool:
        """Change what runs are called; False when that could not be written, which was told."""

        def label() -> bool:
            self.session.relabel([run.run for run in runs], change)
            return True

        done = self._told(label)
        self._told(self.library.load)
        self._show()
        self._show_runs()
        return done is not None

    def _known(self, run: str | None) -> RunState | None:
        return next((known for known in self.library.runs() if known.run == run), None)

    def _focused_table(self) -> SortableTable | None:
        focused = self.screen.focused
        return focused if isinstance(focused, SortableTable) else self.query_one("#runs", SortableTable)

    def action_sort(self) -> None:
        """Sort the focused table by its next column."""
        if (table := self._focused_table()) is not None:
            table.sort_next()

    def action_reverse(self) -> None:
        """Reverse the order of the focused table."""
        if (table := self._focused_table()) is not None:
            table.turn_round()
