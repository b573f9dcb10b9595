"""Drawings for the written report: curves, network, confusion matrix, digits. Colours come from its style sheet."""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.insight import Insight
from mnist_tui.core.spec import HIDDEN
from mnist_tui.report.formatting import shortened
from mnist_tui.report.matrix import Cell, View, matrix
from mnist_tui.report.ticks import linear_ticks, tick_labels, whole_ticks

_WIDTH: Final = 640
_HEIGHT: Final = 280
_LEFT: Final = 64
_RIGHT: Final = 16
_TOP: Final = 16
_BOTTOM: Final = 44
_MOST_DOTS: Final = 60
_WITH_NUMBERS: Final = 16
"""Most classes of a matrix with numbers."""
"""Draw a dot per epoch up to this many epochs."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot.

    Attributes:
        name: Name in the legend.
        kind: CSS class.
        values: One per epoch; a non-finite value is a gap.
    """

    name: str
    kind: str
    values: Sequence[float]


def plot(title: str, curves: Sequence[Curve], *, percent: bool) -> str:
    """Return an SVG plot of curves over epochs, starting at 1.

    Args:
        title: Accessible name of the plot.
        curves: The curves.
        percent: The values are fractions, labelled as percentages.
    """
    finite = [value for curve in curves for value in curve.values if math.isfinite(value)]
    epochs = max((len(curve.values) for curve in curves), default=1)
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    low, high = low - room, high + room

    def x(epoch: float) -> float:
        share = (epoch - 1) / (epochs - 1) if epochs > 1 else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    ticks = linear_ticks(low, high, 6)
    for tick, label in zip(ticks, tick_labels(ticks, percent=percent), strict=True):
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(_text(_LEFT - 8, y(tick) + 4, label, "end"))
    parts += [_text(x(epoch), _HEIGHT - _BOTTOM + 18, str(epoch)) for epoch in whole_ticks(1, epochs, 10)]
    parts.append(_text(_WIDTH - _RIGHT, _HEIGHT - 6, "epoch", "end"))
    for number, curve in enumerate(curves):
        points = [(x(at), y(value)) for at, value in enumerate(curve.values, 1) if math.isfinite(value)]
        lines = [f"{a:.1f},{b:.1f}" for a, b in points]
        parts.append(f'<polyline class="{curve.kind}" points="{" ".join(lines)}"/>')
        if len(points) <= _MOST_DOTS:
            parts += [f'<circle class="{curve.kind}" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in points]
        left = _LEFT + 8 + 110 * number
        parts.append(
            f'<line class="{curve.kind}" x1="{left}" x2="{left + 20}" y1="{_HEIGHT - 10}" y2="{_HEIGHT - 10}"/>'
        )
        parts.append(_text(left + 26, _HEIGHT - 6, curve.name, "start"))
    return _svg(_WIDTH, _HEIGHT, title, parts)


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    name = html.escape(title, quote=True)
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'


class Layer(NamedTuple):
    """A layer of the network: its name, its output shape, and what follows it."""

    name: str
    shape: str
    after: str


def layers_of(data: DatasetInfo, features: int) -> list[Layer]:
    """Return the layers of the report's network for images of a dataset."""
    side, classes = data.side, len(data.classes)
    half, quarter = side // 2, side // 4
    return [
        Layer("image", f"{data.channels} × {side} × {side}", ""),
        Layer("conv 3×3", f"{features} × {half} × {half}", "max-pool 2, ReLU"),
        Layer("conv 3×3", f"{features} × {quarter} × {quarter}", "max-pool 2, ReLU"),
        Layer("average", str(features), "the bottleneck"),
        Layer("linear", f"{HIDDEN:,}", "ReLU"),
        Layer("linear", str(classes), "logits"),
    ]


def network(layers: Sequence[Layer]) -> str:
    """Return an SVG diagram of the layers from left to right, each with its output shape."""
    width, height, box, gap = 760, 120, 104, 26
    parts = []
    for number, (name, shape, after) in enumerate(layers):
        left = 4 + number * (box + gap)
        kind = "narrow" if after == "the bottleneck" else "layer"
        parts.append(f'<rect class="{kind}" x="{left}" y="24" width="{box}" height="56" rx="6"/>')
        parts.append(_text(left + box / 2, 48, name, kind="strong"))
        parts.append(_text(left + box / 2, 68, shape))
        parts.append(_text(left + box / 2, 98, after, kind="muted"))
        if number:
            parts.append(f'<path class="arrow" d="M{left - gap + 3} 52h{gap - 8}m-5 -4l5 4l-5 4"/>')
    return _svg(width, height, f"The network: {', '.join(f'{each.name} {each.shape}' for each in layers)}", parts)


def confusion(insight: Insight, names: Sequence[str]) -> str:
    """Return an SVG of the confusion matrix with counts: rows are true classes, columns predicted ones."""
    # Many classes have no room for numbers.
    box, top = 48 if len(names) <= _WITH_NUMBERS else 16, 40
    left = max(44, 8 * max(map(len, names)) + 16)
    width = left + box * len(names) + 8
    parts = [_text(left + box * len(names) / 2, 14, "predicted", kind="muted")]
    cells = matrix(insight, View.COUNTS, None, 8)
    for i, (name, row) in enumerate(zip(names, cells, strict=True)):
        parts.append(_text(left + box * (i + 0.5), top - 8, shortened(name, box // 8), kind="strong"))
        parts.append(_text((left - 4) / 2, top + box * (i + 0.5) + 4, name, kind="strong"))
        parts += [_cell(cell, left + box * j, top + box * i, box) for j, cell in enumerate(row)]
    return _svg(width, top + box * len(names) + 8, "Confusion matrix; the table below has the same numbers", parts)


def _cell(cell: Cell, x: int, y: int, box: int) -> str:
    shade = f'<rect class="{cell.kind}" x="{x}" y="{y}" width="{box}" height="{box}" opacity="{cell.heat**0.5:.2f}"/>'
    return shade + (_text(x + box / 2, y + box / 2 + 4, cell.text) if box > _WITH_NUMBERS else "")


def picture(image: bytes, side: int, words: str, *, is_ink: bool) -> str:
    """Return an image as an inline `<img>` element.

    Args:
        image: Row by row, grey values or those of red, green and blue.
        side: Width and height in pixels.
        words: Alternative text.
        is_ink: Grey values are ink, which is dark on white paper.
    """
    width = len(image) // side
    is_colour = width > side
    if is_ink and not is_colour:
        image = bytes(255 - value for value in image)
    rows = b"".join(b"\0" + image[at : at + width] for at in range(0, len(image), width))
    chunks = [
        (b"IHDR", struct.pack(">2I5B", side, side, 8, 2 if is_colour else 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    return f'<img src="{source}" width="{3 * side}" height="{3 * side}" alt="{html.escape(words, quote=True)}">'
