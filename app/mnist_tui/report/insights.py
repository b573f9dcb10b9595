"""Print an insight (what the network learned by an epoch) on the console."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.events import SCHEMA
from mnist_tui.core.insight import Insight
from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_percent, printable
from mnist_tui.report.listing import Output, unfolded

CONFUSIONS: Final = 5
"""How many of the most frequent confusions to list."""
MISTAKES: Final = 10
_SIGNS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Confusion:
    """A class that is mistaken for another one.

    Attributes:
        label, predicted: Indices of the true and the predicted class.
        count: Number of images.
        share: Fraction of all images of the true class.
    """

    label: int
    predicted: int
    count: int
    share: float


def confusions(insight: Insight) -> list[Confusion]:
    """Return the confusions, most frequent first."""
    found = [
        Confusion(label, predicted, count, count / sum(row))
        for label, row in enumerate(insight.confusion)
        for predicted, count in enumerate(row)
        if count and label != predicted
    ]
    return sorted(found, key=lambda each: -each.count)


def class_names(run: RunState, insight: Insight) -> tuple[str, ...]:
    """Return the class names, or numbers if the run does not know them."""
    names = run.dataset.classes if run.dataset is not None else ()
    count = len(insight.confusion)
    return tuple(map(printable, names)) if len(names) == count else tuple(map(str, range(count)))


@lru_cache(maxsize=8)
def class_marks(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a character per class to mark its images with: one of its name, and no other class's where possible."""
    marks: list[str] = []
    for name in names:
        free = (sign for sign in (*name, *_SIGNS) if sign.isalnum() and sign not in marks)
        marks.append(next(free, name[:1]))
    return tuple(marks)


def print_insight(
    run: RunState, insight: Insight, epochs: Sequence[int], *, as_json: bool = False, out: Console | None = None
) -> None:
    """Print an insight.

    Args:
        run: Run that the insight belongs to.
        insight: The insight to print.
        epochs: All epochs of the run that have an insight.
        as_json: Print the event itself as one JSON object.
        out: Where to print.
    """
    out = out or Output()
    if as_json:
        out.file.write(dumps({"type": "insight", "schema": SCHEMA} | to_json_value(insight)) + "\n")
        out.file.flush()
        return
    unfolded(out)
    names = class_names(run, insight)
    title = f"{printable(run.run)}  epoch {insight.epoch} of {run.epochs}  "
    out.print(Text.assemble((title, "bold"), f"validation accuracy {format_percent(insight.accuracy)}"))
    widest = max(len(f"{count:,}") for row in insight.confusion for count in row)
    counts = out.width >= len(names) * (widest + 1) + 16
    out.print(_matrix(insight, names, counts=counts))
    rows = "Rows: true class" if counts else "Rows: true class, in percent"
    out.print(Text(f"{rows}. Columns: predicted class.", "dim"))
    if often := confusions(insight)[:CONFUSIONS]:
        out.print(Text("\nMost frequent confusions", "bold"))
        for each in often:
            share = format_percent(each.share, 1)
            what = f"{names[each.label]} taken for {names[each.predicted]}"
            out.print(Text(f"{what}: {each.count:,} times, {share} of all {names[each.label]}"))
    if insight.mistakes:
        out.print(Text("\nMost confident mistakes", "bold"))
        for mistake in insight.mistakes[:MISTAKES]:
            sure = format_percent(mistake.probabilities[mistake.predicted], 1)
            what = f"{names[mistake.label]} taken for {names[mistake.predicted]}"
            out.print(Text(f"{what}: {sure} sure, image {mistake.image:,}"))
    if insight.center:
        out.print(Text(f"\n{_kept(insight, len(insight.center))}", "dim"))
    if len(epochs) < run.epochs_done:
        which = "Only this epoch has" if len(epochs) == 1 else f"{len(epochs)} of {run.epochs_done} epochs have"
        out.print(Text(f"{which} an insight: fast epochs are skipped. Use --epoch N to show another.", "dim"))


def _kept(insight: Insight, features: int) -> str:
    if features <= 2:
        return "The map shows the bottleneck values themselves, without a projection."
    return f"The map (PCA) explains {format_percent(insight.kept, 1)} of the variance of the {features} features."


def _matrix(insight: Insight, names: Sequence[str], *, counts: bool) -> Table:
    """Return the matrix as counts, or as whole percentages of each row."""
    table = Table(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    if counts:
        table.add_column("recognised", justify="right", no_wrap=True)
    for label, (name, row) in enumerate(zip(names, insight.confusion, strict=True)):
        total = sum(row)
        cells = [
            Text(
                (f"{count:,}" if counts else f"{100 * count / max(total, 1):.0f}") if count else "·",
                "bold green" if label == predicted else "dim" if not count else "",
            )
            for predicted, count in enumerate(row)
        ]
        if counts:
            cells.append(Text(format_percent(insight.class_accuracy[label], 1)))
        table.add_row(Text(name, "bold"), *cells)
    return table
