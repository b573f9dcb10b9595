"""What an epoch shows about the network: which classes it confuses, and where its bottleneck places the images."""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mnist_tui.core.numerals import percent

CONFIDENCE_STEPS: Final = 255
"""Confidences are stored as integers from 0 to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A misclassified validation image.

    Attributes:
        image: Its index among the validation images, from 0.
        label, predicted: The true class and the predicted one, as numbers.
        probabilities: One per class; they add up to 1.
    """

    image: int
    label: int
    predicted: int
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Insight:
    """What the validation after an epoch showed besides loss and accuracy.

    Attributes:
        confusion: Validation images by true class (row) and predicted class (column).
        class_accuracy: Share of each class that was classified correctly; `None` for a class without images.
        mistakes: The most confident mistakes, worst first.
        labels: True classes of the images on the map.
        points: Their coordinates on the map, (images, 2): the bottleneck's values if there are two (or one, with 0 as
            the second), else their projection on the first two principal components.
        values: Bottleneck values of these images, (images, features); empty for a wide bottleneck.
        kept: Share of the variance that the map explains, in [0, 1].
        center, axes: The projection onto the map, (features,) and (2, features): point = axes (values - center).
        stride: The map shows every `stride`-th validation image, starting with the first.
        predictions: Predicted class of each validation image, one byte each.
        confidences: Probability of that class, in steps of 1/255, one byte each.
        regions: For at most two features: the predicted class at each point of a grid over the map, row by row from
            the top, one byte each; otherwise empty.
        limits: Left, right, bottom and top of `regions`.
    """

    run: str
    epoch: int
    confusion: tuple[tuple[int, ...], ...]
    class_accuracy: tuple[float | None, ...]
    mistakes: tuple[Mistake, ...]
    labels: tuple[int, ...]
    points: tuple[tuple[float, ...], ...]
    values: tuple[tuple[float, ...], ...]
    kept: float
    center: tuple[float, ...]
    axes: tuple[tuple[float, ...], ...]
    stride: int
    predictions: bytes = field(default=b"", repr=False, metadata={"json": False})
    confidences: bytes = field(default=b"", repr=False, metadata={"json": False})
    regions: bytes = field(default=b"", repr=False, metadata={"json": False})
    limits: tuple[float, ...] = field(default=(), metadata={"json": False})

    @property
    def accuracy(self) -> float:
        """Validation accuracy: the share on the diagonal."""
        return sum(row[at] for at, row in enumerate(self.confusion)) / sum(map(sum, self.confusion))

    @property
    def dead_features(self) -> tuple[int, ...]:
        """Numbers, from 1, of the features that are 0 for every image on the map (dead ReLUs)."""
        return tuple(number for number, column in enumerate(zip(*self.values, strict=True), 1) if not any(column))

    def sureness(self, image: int) -> str:
        """Return the network's confidence in its prediction for an image, as text: `93%`."""
        # The last step starts at 99.8 %, which must not be rounded to 100 %.
        return f"{percent(min(self.confidences[image], CONFIDENCE_STEPS - 1) / CONFIDENCE_STEPS, 0)}%"

    def project(self, values: Sequence[float]) -> tuple[float, float]:
        """Return the map coordinates of an image with these bottleneck values, (features,)."""
        away = [value - middle for value, middle in zip(values, self.center, strict=True)]
        x, y = (math.fsum(a * b for a, b in zip(axis, away, strict=True)) for axis in self.axes)
        return x, y

    def to_bytes(self) -> bytes:
        """Return the insight packed for the store; points and values in half precision."""
        head = {
            "confusion": self.confusion,
            "mistakes": [(m.image, m.label, m.predicted, m.probabilities) for m in self.mistakes],
            "kept": self.kept,
            "center": self.center,
            "axes": self.axes,
            "stride": self.stride,
            "limits": self.limits,
            "sizes": (len(self.points), len(self.values[0]) if self.values else 0, len(self.predictions)),
        }
        body = [
            bytes(self.labels),
            _packed(self.points),
            _packed(self.values),
            self.predictions,
            self.confidences,
            self.regions,
        ]
        return zlib.compress(json.dumps(head).encode() + b"\n" + b"".join(body), 6)


def insight_from_bytes(run: str, epoch: int, data: bytes) -> Insight:
    """Unpack the output of `Insight.to_bytes`.

    Raises:
        ValueError: The data is damaged.
    """
    try:
        head, _, body = zlib.decompress(data).partition(b"\n")
        return _unpacked(run, epoch, json.loads(head), body)
    except (
        zlib.error, struct.error, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError
    ) as error:  # fmt: skip
        raise ValueError(f"the insight of epoch {epoch} is damaged: {error}") from None


def _unpacked(run: str, epoch: int, head: dict[str, Any], body: bytes) -> Insight:
    images, width, validated = head["sizes"]
    lengths = (images, 4 * images, 2 * width * images, validated, validated)
    if len(body) < sum(lengths):
        raise ValueError("it is truncated")
    parts, start = [], 0
    for length in (*lengths, len(body) - sum(lengths)):
        parts.append(body[start : start + length])
        start += length
    labels, points, values, predictions, confidences, regions = parts
    confusion = tuple(tuple(map(int, row)) for row in head["confusion"])
    _check(confusion, head, labels + predictions)
    return Insight(
        run=run,
        epoch=epoch,
        confusion=confusion,
        class_accuracy=class_accuracy(confusion),
        mistakes=tuple(
            Mistake(image=image, label=label, predicted=predicted, probabilities=tuple(probabilities))
            for image, label, predicted, probabilities in head["mistakes"]
        ),
        labels=tuple(labels),
        points=_rows(points, 2),
        values=_rows(values, width),
        kept=float(head["kept"]),
        center=tuple(head["center"]),
        axes=tuple(map(tuple, head["axes"])),
        stride=int(head["stride"]),
        predictions=predictions,
        confidences=confidences,
        regions=regions,
        limits=tuple(head["limits"]),
    )


def _check(confusion: Sequence[Sequence[int]], head: dict[str, Any], classes: bytes) -> None:
    """Check what everything that draws an insight relies on."""
    count = len(confusion)
    if not count or any(len(row) != count or min(row) < 0 for row in confusion) or not sum(map(sum, confusion)):
        raise ValueError("its confusion matrix is impossible")
    if any(not 0 <= number < count for number in classes):
        raise ValueError("it has an unknown class")
    for _, label, predicted, probabilities in head["mistakes"]:
        if not (0 <= label < count and 0 <= predicted < count and len(probabilities) == count):
            raise ValueError("it has an unknown class")
    numbers = (head["kept"], *head["center"], *head["limits"], *(value for axis in head["axes"] for value in axis))
    if not all(map(math.isfinite, numbers)):
        raise ValueError("its map is infinite")


def class_accuracy(confusion: Sequence[Sequence[int]]) -> tuple[float | None, ...]:
    """Return the share of each row that lies on the diagonal; `None` for an empty one."""
    return tuple(row[at] / sum(row) if sum(row) else None for at, row in enumerate(confusion))


def _packed(rows: Sequence[Sequence[float]]) -> bytes:
    numbers = [number for row in rows for number in row]
    return struct.pack(f"<{len(numbers)}e", *numbers)


def _rows(data: bytes, width: int) -> tuple[tuple[float, ...], ...]:
    numbers = struct.unpack(f"<{len(data) // 2}e", data)
    return tuple(numbers[at : at + width] for at in range(0, len(numbers), width)) if width else ()


@dataclass(frozen=True, slots=True)
class Guess:
    """A network's prediction for one image.

    Attributes:
        probabilities: One per class.
        values: Its bottleneck values, (features,).
    """

    probabilities: tuple[float, ...]
    values: tuple[float, ...]


Classifier: TypeAlias = Callable[[bytes], Guess]
"""Classifies an image, given row by row as grey values or as values of red, green and blue; not thread-safe."""
