"""The confusion matrix as cells: what stands in each, and how warm it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mnist_tui.core.insight import Insight
from mnist_tui.core.numerals import percent
from mnist_tui.report.formatting import NOTHING, format_percent

_FAINT: Final = 0.05
"""The share of a row from which a confusion is as warm as can be, where none is more frequent."""


class View(StrEnum):
    """What stands in the cells."""

    COUNTS = "images"
    SHARES = "per cent of the row"
    CHANGE = "since the epoch before"
    BASELINE = "against the marked run"

    @property
    def short(self) -> str:
        """The same in as few cells as can be."""
        return {View.COUNTS: "images", View.SHARES: "%", View.CHANGE: "Δ", View.BASELINE: "Δ marked"}[self]

    @property
    def is_change(self) -> bool:
        """True where two insights are compared."""
        return self in (View.CHANGE, View.BASELINE)


class Kind(StrEnum):
    """What a cell's warmth means: the good and the bad colour; the numbers say the same without colour."""

    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: At most as long as asked for.
        heat: How warm it is, in [0, 1].
        kind: Its colour.
    """

    text: str
    heat: float
    kind: Kind


def matrix(insight: Insight, view: View, other: Insight | None, room: int) -> list[list[Cell]]:
    """Return the cells, by true class and predicted class.

    Args:
        insight: What is shown.
        view: What stands in the cells.
        other: What a change is measured against; `None`: everything is shown as unchanged.
        room: How long a text may be: 2 or more, and as long as the largest number where counts are shown.
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
    """Return a number, without commas where it is too long."""
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
                # More on the diagonal is as good as less beside it.
                Kind.RIGHT if (change > 0) == (i == j) else Kind.WRONG,
            )
            for j, change in enumerate(row)
        ]
        for i, row in enumerate(changes)
    ]


def _signed(change: int, room: int) -> str:
    """Return a change with its sign, or two signs where it is too long."""
    if not change:
        return "·"
    sign = "+" if change > 0 else "−"
    text = sign + _whole(abs(change), room - 1)
    return text if len(text) <= room else 2 * sign


def in_words(insight: Insight, names: Sequence[str], label: int, predicted: int, other: Insight | None = None) -> str:
    """Return one cell in words: `4 taken for 9: 300 of 968, 31.0%`, with the change since another insight."""
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
        images: Their places, the most confident first.
        new: In a cell of mistakes, those that were right before; on the diagonal, those that were wrong.
        newly_right: How many images left this cell of mistakes for the diagonal since.
    """

    images: tuple[int, ...]
    new: frozenset[int]
    newly_right: int


def images_of(insight: Insight, before: Insight | None, labels: bytes, label: int, predicted: int) -> CellImages:
    """Return the images of a cell.

    Args:
        insight: The epoch.
        before: The insight before it, if there is one.
        labels: True class of each validation image.
        label: True class of the cell.
        predicted: Predicted class.
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
