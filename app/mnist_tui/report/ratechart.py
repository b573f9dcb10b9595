"""The chart of a search for a learning rate, for the app and for the console."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from mnist_tui.core.ratefinder import RateFound
from mnist_tui.report.charts import Chart, Marker
from mnist_tui.report.consolechart import print_chart
from mnist_tui.report.points import Series

HEADROOM = 1.25
"""The axis ends at this many times the first loss: beyond it, a try has diverged."""


def rate_chart(found: RateFound, cursor: float | None = None) -> Chart:
    """Return the loss over the learning rate: each try in the background, and their median.

    Args:
        found: The result so far.
        cursor: A learning rate to point at.
    """
    test = found.test
    exponents = test.exponents
    tries = tuple(
        Series("", exponents[: len(losses)], tuple(losses), ink=0, dim=True) for losses in found.tries if losses
    )
    curve = found.curve
    middle = Series("loss", exponents[: len(curve)], tuple(curve), ink=0, thick=True)
    known = [loss for losses in found.tries for loss in losses]
    low, first = min(known, default=0.0), known[0] if known else 1.0
    suggestion = (Marker(math.log10(found.rate), "▲"),) if found.rate is not None else ()
    return Chart(
        title="Loss over learning rate",
        series=(*tries, middle),
        x_limits=(exponents[0], exponents[-1]),
        x_unit="lr",
        log_x=True,
        y_limits=(low - 0.05 * abs(first - low), HEADROOM * first) if low < first else None,
        marks=suggestion,
        cursor=None if cursor is None else math.log10(cursor),
    )


def print_rates(found: RateFound, out: Console) -> None:
    """Print the chart, the suggestion and its reason."""
    print_chart(rate_chart(found), out)
    out.print(
        Text(f"Suggested learning rate: {found.rate:g}", "bold")
        if found.rate is not None
        else Text("No learning rate can be suggested.", "bold")
    )
    out.print(Text(found.reason))
