"""A short summary of a run, shown beside the list of runs."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from mnist_tui.core.insight import Insight
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.report.formatting import (
    format_duration,
    format_moment,
    format_percent,
    printable,
    short_id,
    shortened,
    status_sign,
)
from mnist_tui.report.insights import class_names, confusions
from mnist_tui.report.measures import format_metric, label_of, progress_of, ranked, value_of
from mnist_tui.report.runlist import RunColumn, settings_in
from mnist_tui.tui.widgets.cards import Card, two_columns


class PreviewCard(Card):
    """The run under the cursor: settings that differ from the other runs, its results, its most frequent confusion."""

    def show(self, run: RunState | None, columns: Sequence[RunColumn], common: str, insight: Insight | None) -> None:
        """Show a run.

        Args:
            run: The run, with its epochs, or `None`.
            columns: The columns of the list.
            common: Text with the settings that these runs share.
            insight: Insight of its last epoch, if stored.
        """
        if run is None:
            self.border_title = "Run"
            self.put(Content.styled("No run to show.", "$text-muted"))
            return
        name = printable(run.labels.name) or f"Run {short_id(run.run)}"
        # Not as text: a name may contain what Textual takes for markup.
        self.border_title = Content(f"{status_sign(run.status)} {name}")
        best, last, result = run.best, run.last, run.result
        pairs: list[tuple[str, str | Content]] = []
        if run.status is not Status.FINISHED:
            pairs.append(("status", f"{run.status}, {progress_of(run)}"))
        if result is not None and result.reason:
            pairs.append(("reason", printable(result.reason)))
        pairs += settings_in(columns, run)
        if run.network is None:
            pairs += [(shortened(label_of(one), 9), format_metric(one, value_of(run, one))) for one in ranked(run)[:4]]
        elif last is not None:
            pairs.append(("val", format_percent(last.val_accuracy)))
        if best is not None and best is not last and run.primary is not None:
            pairs.append(("best", f"{format_metric(run.primary, best.value(run.primary.name))} @{best.epoch}"))
        if result is not None and result.test_accuracy is not None:
            pairs.append(("test", format_percent(result.test_accuracy)))
        if insight is not None and (found := confusions(insight)):
            names, worst = class_names(run, insight), found[0]
            share = f"{names[worst.label]} as {names[worst.predicted]} ({worst.share:.1%})"
            pairs.append(("confusion", share))
        pairs.append(("time", format_duration(run.elapsed_s)))
        if run.labels.tags:
            pairs.append(("tags", " ".join(map(printable, run.labels.tags))))
        if run.labels.note:
            pairs.append(("note", printable(run.labels.note)))
        if self.screen.has_class("-tall"):
            pairs += [("started", format_moment(run.started_at)), *([("all runs", common)] if common else [])]
        self.put(two_columns(pairs))
