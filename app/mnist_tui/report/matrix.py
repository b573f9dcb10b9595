"""The confusion matrix as a heatmap: the text and colour intensity of each cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mnist_tui.core.insight import Insight
from mnist_tui.core.numerals import percent
from mnist_tui.report.formatting import NOTHING, format_percent

_FAINT: Final = 0.05
"""Fraction of a row that gives full colour intensity, unless another confusion is more frequent."""


class View(StrEnum):
    """What the cells show."""

    COUNTS = "images"
    SHARES = "percent of row"
    CHANGE = "vs previous epoch"
    BASELINE = "vs marked run"

    @property
    def short(self) -> str:
        """An abbreviated name."""
        return {View.COUNTS: "images", View.SHARES: "%", View.CHANGE: "Δ", View.BASELINE: "Δ marked"}[self]

    @property
    def is_change(self) -> bool:
        """True if the view compares two insights."""
        return self in (View.CHANGE, View.BASELINE)


class Kind(StrEnum):
    """Whether a cell has the good or the bad colour; the numbers convey the same without colour."""

    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: At most `room` characters long.
        heat: Colour intensity, in [0, 1].
        kind: Which colour.
    """

    text: str
    heat: float
    kind: Kind


def matrix(insight: Insight, view: View, other: Insight | None, room: int) -> list[list[Cell]]:
    """Return the cells by true class and predicted class.

    Args:
        insight: The insight to show.
        view: What the cells show.
        other: Insight to compare with; if `None`, everything is shown as unchanged.
        room: Maximum text length: at least 2, and long enough for the largest number if counts are shown.
    """
    if view.is_change:
        return _changes(insight, other, room)
    shares = [[count / max(1, sum(row)) for count in row] for row in insight.confusion]
    warmest = max([_FAINT, *(share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j)])
    return [
        [
            Cell(
                _text(count, share, view, room),
                share if i == j else share / warmest,
                Kind.RIGHT if i == j else Kind.WRONG,
            )
            for j, (count, share) in enumerate(zip(row, shares[i], strict=True))
        ]
        for i, row in enumerate(insight.confusion)
    ]


def _text(count: int, share: float, view: View, room: int) -> str:
    if not count:
        return "·"
    if view is View.SHARES:
        text = percent(share, 1)
        return text if len(text) <= room else percent(share, 0)
    return _whole(count, room)


def _whole(count: int, room: int) -> str:
    """Return a number, without commas if it would be too long."""
    text = f"{count:,}"
    return text if len(text) <= room else str(count)


def _changes(insight: Insight, other: Insight | None, room: int) -> list[list[Cell]]:
    before = other.confusion if other is not None and len(other.confusion) == len(insight.confusion) else None
    changes = [
        [count - (before[i][j] if before else count) for j, count in enumerate(row)]
        for i, row in enumerate(insight.confusion)
    ]
    largest = max(1, *(abs(change) for row in changes for change in row))
    return [
        [
            Cell(
                _signed(change, room),
                abs(change) / largest,
                # More on the diagonal is good, and so is less off it.
                Kind.RIGHT if (change > 0) == (i == j) else Kind.WRONG,
            )
            for j, change in enumerate(row)
        ]
        for i, row in enumerate(changes)
    ]


def _signed(change: int, room: int) -> str:
    """Return a change with its sign, or just `++` or `−−` if it is too long."""
    if not change:
        return "·"
    sign = "+" if change > 0 else "−"
    text = sign + _whole(abs(change), room - 1)
    return text if len(text) <= room else 2 * sign


def in_words(insight: Insight, names: Sequence[str], label: int, predicted: int, other: Insight | None = None) -> str:
    """Describe one cell: `4 taken for 9: 300 of 968, 31.0%`, with the change from another insight."""
    count, total = insight.confusion[label][predicted], sum(insight.confusion[label])
    what = "recognised" if label == predicted else f"taken for {names[predicted]}"
    share = format_percent(count / total, 1) if total else NOTHING
    words = f"{names[label]} {what}: {count:,} of {total:,}, {share}"
    if other is None or len(other.confusion) != len(insight.confusion):
        return words
    change = count - other.confusion[label][predicted]
    return f"{words}, {'−' if change < 0 else '+'}{abs(change):,}"


@dataclass(frozen=True, slots=True)
class CellImages:
    """The validation images of a cell.

    Attributes:
        images: Their indices, most confident first.
        new: Off the diagonal, images that were right before; on the diagonal, images that were wrong before.
        newly_right: Off the diagonal, how many images of this cell have become right since.
    """

    images: tuple[int, ...]
    new: frozenset[int]
    newly_right: int


def images_of(insight: Insight, before: Insight | None, labels: bytes, label: int, predicted: int) -> CellImages:
    """Return the images of a cell.

    Args:
        insight: The insight.
        before: The previous insight, if any.
        labels: True class of each validation image.
        label: True class of the cell.
        predicted: Predicted class of the cell.
    """
    sure, now = insight.confidences, insight.predictions
    found = [at for at, true in enumerate(labels[: len(now)]) if true == label and now[at] == predicted]
    found.sort(key=lambda at: (-sure[at], at))
    past = before.predictions if before is not None and len(before.predictions) == len(now) else b""
    new = frozenset(at for at in found if past and (past[at] == label) != (predicted == label))
    newly_right = sum(
        true == label and now[at] == label != past[at] == predicted for at, true in enumerate(labels[: len(past)])
    )
    return CellImages(tuple(found), new, newly_right if label != predicted else 0)
