"""Charts on the console, in its own colours."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from mnist_tui.report.charts import AXIS, CURSOR, DIM, GRID, SIGN, TEXT, Chart, rasterise

WIDEST: Final = 100
HEIGHT: Final = 16
_STYLES: Final = {AXIS: "dim", TEXT: "", GRID: "dim", CURSOR: "dim", SIGN: "bold yellow"}
_COLOURS: Final = (
    "cyan",
    "yellow",
    "green",
    "red",
    "magenta",
    "blue",
    "bright_yellow",
    "white",
    "bright_green",
    "bright_red",
)


def print_chart(chart: Chart, out: Console) -> None:
    """Print a chart with its title, as wide as the console but not wider than `WIDEST`."""
    out.print(Text(chart.title, "bold"))
    for row in rasterise(chart, min(out.width, WIDEST), HEIGHT).rows:
        out.print(Text.assemble(*((text, _style(ink)) for text, ink in row)), no_wrap=True, crop=True)


def _style(ink: int) -> str:
    if ink < 0:
        return _STYLES[ink]
    pale, number = divmod(ink, DIM)
    return f"{'dim ' if pale else ''}{_COLOURS[number % len(_COLOURS)]}"
