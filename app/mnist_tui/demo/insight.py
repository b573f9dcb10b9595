"""Insights of the scripted engine: clusters that drift apart, fewer confusions, and digits from a small font."""

from __future__ import annotations

import math
import random
from collections import Counter
from functools import cache
from heapq import nsmallest
from typing import Final

from mnist_tui.core.insight import CONFIDENCE_STEPS, Guess, Insight, Mistake, class_accuracy
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.stored import ValidationSet

CLASSES: Final = 10
SIDE: Final = 28
POINTS: Final = 500
MISTAKES: Final = 20
REGIONS: Final = 48
_FONT: Final = (
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "11110 00001 00001 01110 00001 00001 11110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
)
"""Five by seven dots for each digit."""
_DOT: Final = 3


@cache
def _image(digit: int) -> bytes:
    """Return a centred digit as `SIDE` x `SIDE` grey values."""
    rows = _FONT[digit].split()
    top, left = (SIDE - _DOT * len(rows)) // 2, (SIDE - _DOT * len(rows[0])) // 2
    image = bytearray(SIDE * SIDE)
    for y in range(_DOT * len(rows)):
        for x in range(_DOT * len(rows[0])):
            if rows[y // _DOT][x // _DOT] == "1":
                image[(top + y) * SIDE + left + x] = 255
    return bytes(image)


@cache
def _labels(count: int) -> bytes:
    return bytes(random.Random(count).choices(range(CLASSES), k=count))  # noqa: S311 - no secret


@cache
def _order(seed: int, count: int) -> list[int]:
    """Return the image indices from easy to hard; the order is fixed by the seed."""
    order = list(range(count))
    random.Random(seed).shuffle(order)  # noqa: S311 - no secret
    return order


@cache
def _others(count: int) -> bytes:
    """Return the class that each image is mistaken for when it is misclassified."""
    return bytes((label + (3, 5, 3, 9)[at % 4]) % CLASSES for at, label in enumerate(_labels(count)))


def validation_set(sha256: str, split_seed: int, count: int) -> ValidationSet:
    """Return `count` scripted images."""
    labels = _labels(count)
    return ValidationSet(
        sha256=sha256,
        split_seed=split_seed,
        side=SIDE,
        classes=tuple(map(str, range(CLASSES))),
        labels=labels,
        images=b"".join(map(_image, labels)),
    )


def scripted_insight(run: str, spec: RunSpec, epoch: int, hits: int, count: int) -> Insight:
    """Return an insight determined by the settings and the epoch.

    Args:
        run: Id of the run.
        spec: Its settings.
        epoch: Epoch number, from 1.
        hits: Number of correctly classified images.
        count: Number of images.
    """
    labels, order, others = _labels(count), _order(spec.seed, count), _others(count)
    chance = random.Random(f"{spec.features}/{spec.seed}/{epoch}")  # noqa: S311 - no secret
    predictions, confidences = bytearray(labels), bytearray(count)
    for at in order[hits:]:
        predictions[at] = others[at]
    for place, (at, luck) in enumerate(zip(order, chance.randbytes(count), strict=True)):
        # Images further from the boundary between right and wrong get a higher confidence.
        confidences[at] = 115 + min(count, 2 * abs(place - hits)) * luck // (2 * count)
    counts = Counter(zip(labels, predictions, strict=True))
    rows = tuple(tuple(counts[label, predicted] for predicted in range(CLASSES)) for label in range(CLASSES))
    stride = max(1, count // POINTS)
    spread = 1 - math.exp(-epoch / 4)
    points = tuple(
        tuple(
            _half(4 + 3 * spread * direction(math.tau * labels[at] / CLASSES) + chance.gauss(0, 0.6))
            for direction in (math.cos, math.sin)
        )
        for at in range(0, stride * POINTS, stride)
    )
    wrong = nsmallest(MISTAKES, order[hits:], key=lambda at: (-confidences[at], at))
    plain = spec.features <= 2
    return Insight(
        run=run,
        epoch=epoch,
        confusion=rows,
        class_accuracy=class_accuracy(rows),
        mistakes=tuple(_mistake(at, labels[at], predictions[at], confidences[at]) for at in wrong),
        labels=tuple(labels[at] for at in range(0, stride * POINTS, stride)),
        points=points,
        values=points if plain else (),
        kept=1.0 if plain else 0.8,
        center=(0.0,) * spec.features,
        axes=tuple(tuple(float(axis == feature) for feature in range(spec.features)) for axis in range(2)),
        stride=stride,
        predictions=bytes(predictions),
        confidences=bytes(confidences),
        regions=_regions() if plain else b"",
        limits=(-1.0, 9.0, -1.0, 9.0) if plain else (),
    )


def _half(value: float) -> float:
    """Round a value to a multiple of 1/128, so that it is exact in half precision."""
    return round(128 * value) / 128


def _mistake(at: int, label: int, predicted: int, confidence: int) -> Mistake:
    sure = confidence / CONFIDENCE_STEPS
    rest = (1 - sure) / (CLASSES - 1)
    chances = tuple(sure if number == predicted else rest for number in range(CLASSES))
    return Mistake(image=at, label=label, predicted=predicted, probabilities=chances)


@cache
def _regions() -> bytes:
    """Return decision regions: one sector per class around the centre."""
    middle = (REGIONS - 1) / 2
    return bytes(
        round(math.atan2(middle - row, column - middle) / math.tau * CLASSES) % CLASSES
        for row in range(REGIONS)
        for column in range(REGIONS)
    )


def _coarse(image: bytes) -> list[int]:
    """Return the sum of each block of 4 x 4 pixels."""
    step = 4
    return [
        sum(sum(image[y * SIDE + left : y * SIDE + left + step]) for y in range(top, top + step))
        for top in range(0, SIDE, step)
        for left in range(0, SIDE, step)
    ]


def guess(image: bytes) -> Guess:
    """Classify an image by cosine similarity with the downscaled font digits."""
    ours = _coarse(image)
    alike = []
    for digit in range(CLASSES):
        theirs = _coarse(_image(digit))
        alike.append(
            sum(a * b for a, b in zip(ours, theirs, strict=True)) / math.hypot(*ours, 1e-9) / math.hypot(*theirs)
        )
    weights = [math.exp(20 * (value - max(alike))) for value in alike]
    best = max(range(CLASSES), key=alike.__getitem__)
    direction = math.tau * best / CLASSES
    return Guess(
        tuple(weight / sum(weights) for weight in weights), (4 + 3 * math.cos(direction), 4 + 3 * math.sin(direction))
    )
