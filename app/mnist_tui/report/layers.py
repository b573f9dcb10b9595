"""The layers of a network as a table, for the console and the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from mnist_tui.core.layers import Layer
from mnist_tui.report.fitting import TextColumn, print_fitting
from mnist_tui.report.formatting import NOTHING, printable

TITLES: Final = ("Layer", "Kind", "Output", "Parameters", "Time")
NUMBERS: Final = 3
"""The columns from this one on are numbers."""
REST: Final = "everything else"
EXPLAINED: Final = (
    "Output: for one image. Time: share of a forward pass of 64 images by PyTorch on this CPU. "
    "Everything else: operations outside these layers, such as activation and pooling functions."
)


def layer_rows(layers: Sequence[Layer]) -> list[tuple[str, ...]]:
    """Return the cells of each layer, and of their sum."""
    rows = [
        (
            printable(one.name) or REST,
            printable(one.kind),
            " x ".join(map(str, one.shape)) or NOTHING,
            f"{one.parameters:,}" if one.parameters else NOTHING,
            NOTHING if one.share is None else f"{100 * one.share:.0f}%",
        )
        for one in layers
    ]
    total = sum(one.parameters for one in layers)
    return [*rows, ("all", "", "", f"{total:,}", "")]


def print_layers(layers: Sequence[Layer], out: Console) -> None:
    """Print the layers."""
    rows = layer_rows(layers)
    columns = [
        TextColumn(title, [Text(row[at]) for row in rows], right=at >= NUMBERS, gives_way=(0, 1, 0, 0, 0)[at])
        for at, title in enumerate(TITLES)
    ]
    print_fitting(columns, out)
    out.print(Text(EXPLAINED, "dim"))
