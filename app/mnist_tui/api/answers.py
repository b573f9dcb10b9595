"""What a classifier answered for its validation images, so that its mistakes can be looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.insight import CONFIDENCE_STEPS, Insight, Mistake, class_accuracy
from mnist_tui.core.stored import ValidationSet

MOST_CLASSES: Final = 100
MISTAKES: Final = 20
_SUMS_TO_ONE: Final = 1e-3


def as_array(values: Any) -> Any:
    """Return values, such as a tensor on any device, as an array of NumPy."""
    import numpy as np

    if hasattr(values, "detach"):
        values = values.detach().cpu().float().numpy()
    return np.asarray(values)


def insight_of(run: str, epoch: int, labels: Any, scores: Any) -> Insight:
    """Return what the scores of an epoch show.

    Args:
        run: Id of the run.
        epoch: The epoch.
        labels: True classes, (N,).
        scores: Probabilities or logits, (N, classes).

    Raises:
        ValueError: They do not fit together, or have too many classes.
    """
    import numpy as np

    found, truth = as_array(scores).astype(np.float64), as_array(labels).astype(np.int64)
    if found.ndim != 2 or truth.shape != found.shape[:1] or not len(truth):
        raise ValueError(f"labels {truth.shape} and scores {found.shape} do not fit together")
    count, classes = found.shape
    if classes > MOST_CLASSES:
        raise ValueError(f"{classes} classes are too many, at most {MOST_CLASSES} can be shown")
    if truth.min() < 0 or truth.max() >= classes:
        raise ValueError(f"labels must be from 0 to {classes - 1}")
    if not np.isfinite(found).all():
        raise ValueError("scores must be finite")
    chances = found
    if found.min() < 0 or abs(found.sum(1) - 1).max() > _SUMS_TO_ONE:
        powers = np.exp(found - found.max(1, keepdims=True))
        chances = powers / powers.sum(1, keepdims=True)
    predicted = chances.argmax(1)
    sure = chances[np.arange(count), predicted]
    confusion = np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)
    wrong = np.flatnonzero(predicted != truth)
    worst = wrong[np.argsort(-sure[wrong], kind="stable")[:MISTAKES]]
    rows = tuple(tuple(map(int, row)) for row in confusion)
    return Insight(
        run=run,
        epoch=epoch,
        confusion=rows,
        class_accuracy=class_accuracy(rows),
        mistakes=tuple(
            Mistake(
                image=int(at),
                label=int(truth[at]),
                predicted=int(predicted[at]),
                probabilities=tuple(map(float, chances[at])),
            )
            for at in worst
        ),
        labels=(),
        points=(),
        values=(),
        kept=0.0,
        center=(),
        axes=(),
        stride=1,
        predictions=predicted.astype(np.uint8).tobytes(),
        confidences=np.rint(sure * CONFIDENCE_STEPS).astype(np.uint8).tobytes(),
    )


def data_of(labels: Any, classes: Sequence[object], images: Any, count: int) -> tuple[DatasetInfo, ValidationSet]:
    """Return a description of the validation images, and the images themselves, blank if there are none.

    Args:
        labels: True classes, (N,).
        classes: Names of the classes; empty to use their numbers.
        images: Grey values, (N, side, side), from 0 to 1 or to 255; `None` if there are none.
        count: Number of classes.

    Raises:
        ValueError: The images are not square grey ones, or do not fit the labels.
    """
    import numpy as np

    truth = as_array(labels).astype(np.uint8)
    names = tuple(map(str, classes)) or tuple(map(str, range(count)))
    if len(names) != count:
        raise ValueError(f"there are {count} classes, but {len(names)} names")
    shown = np.zeros((len(truth), 1, 1), np.uint8)
    if images is not None:
        grey = as_array(images)
        if grey.ndim == 4 and 1 in (grey.shape[1], grey.shape[3]):
            grey = grey.reshape(len(grey), *(side for side in grey.shape[1:] if side != 1))
        if grey.ndim != 3 or grey.shape[1] != grey.shape[2] or len(grey) != len(truth):
            raise ValueError(f"images must be grey and square, one per label, not of shape {grey.shape}")
        scale = 255.0 if grey.size and grey.max() <= 1.0 else 1.0
        shown = np.clip(grey.astype(np.float64) * scale, 0, 255).astype(np.uint8)
    digest = hashlib.sha256(truth.tobytes() + shown.tobytes() + "\0".join(names).encode()).hexdigest()
    side = int(shown.shape[1])
    info = DatasetInfo(
        name="script",
        label="the script's own data",
        n_train=0,
        n_validation=len(truth),
        n_test=0,
        sha256=digest,
        source="",
        classes=names,
        side=side,
        framing="",
    )
    pictures = ValidationSet(
        sha256=digest, split_seed=0, side=side, classes=names, labels=truth.tobytes(), images=shown.tobytes()
    )
    return info, pictures
