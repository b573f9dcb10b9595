"""Computes an epoch's insight from the outputs of its validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from mnist_tui.core.insight import CONFIDENCE_STEPS, Insight, Mistake, class_accuracy

POINTS: Final = 1_000
"""Maximum number of validation images on the map."""
MISTAKES: Final = 20
VALUES_UP_TO: Final = 8
"""Largest number of features for which the bottleneck's values are kept."""
REGIONS: Final = 80
"""Rows and columns of the grid that the classifier is evaluated on."""
GRID_MARGIN: Final = 0.6
"""Margin of the grid around the points on each side, as a fraction of their extent: a film keeps its scale while the
points shrink, and then shows more around them (`report.scatter.limits_of`)."""
_LARGEST: Final = 6e4
"""Values are clamped to this to fit half precision."""


@torch.no_grad()
def take_insight(
    run: str,
    epoch: int,
    labels: Tensor,
    logits: Tensor,
    bottleneck: Tensor,
    classify: Callable[[Tensor], Tensor] | None,
) -> Insight:
    """Return the insight of an epoch.

    Args:
        run: Id of the run.
        epoch: Finished epochs.
        labels: True classes of the validation images, (N,), int64.
        logits: The network's outputs for them, (N, classes), finite.
        bottleneck: Their bottleneck values, (N, features); zero features if the network has no map.
        classify: Maps features (N, features) to logits (N, classes); `None` if that is not possible.
    """
    count, classes = logits.shape
    predictions = logits.argmax(dim=1)
    probabilities = logits.softmax(dim=1)
    confidences = probabilities.gather(1, predictions.unsqueeze(1)).squeeze(1)
    confusion = torch.bincount(labels * classes + predictions, minlength=classes * classes).view(classes, classes)
    rows = tuple(map(tuple, confusion.tolist()))
    stride = max(1, count // POINTS)
    values = bottleneck[::stride][:POINTS].cpu().clamp(-_LARGEST, _LARGEST)
    center, axes, kept = _plane(values)
    points = ((values - center) @ axes.T).clamp(-_LARGEST, _LARGEST)
    regions: bytes = b""
    limits: tuple[float, ...] = ()
    has_map = values.shape[1] > 0
    if classify is not None and 0 < values.shape[1] <= 2:
        regions, limits = _regions(points, axes, classify, bottleneck.device)
    return Insight(
        run=run,
        epoch=epoch,
        confusion=rows,
        class_accuracy=class_accuracy(rows),
        mistakes=_mistakes(labels, predictions, probabilities, confidences),
        labels=tuple(labels[::stride][:POINTS].tolist()) if has_map else (),
        points=_rows(points) if has_map else (),
        values=_rows(values) if 0 < values.shape[1] <= VALUES_UP_TO else (),
        kept=kept,
        center=tuple(center.tolist()),
        axes=tuple(map(tuple, axes.tolist())) if has_map else (),
        stride=stride,
        predictions=_as_bytes(predictions),
        confidences=_as_bytes((confidences * CONFIDENCE_STEPS).round()),
        regions=regions,
        limits=limits,
    )


def _plane(values: Tensor) -> tuple[Tensor, Tensor, float]:
    """Return center (features,), axes (2, features) and the share of variance explained, from a PCA."""
    features = values.shape[1]
    if features <= 2:
        return torch.zeros(features), torch.eye(2, features), 1.0
    center = values.mean(dim=0)
    away = (values - center).double()
    variances, directions = torch.linalg.eigh(away.T @ away)
    axes = directions[:, -2:].flip(1).T
    # The sign of a component is arbitrary: make its largest entry positive.
    axes = axes * axes.gather(1, axes.abs().argmax(dim=1, keepdim=True)).sign()
    total = float(variances.sum())
    return center, axes.float(), float(variances[-2:].sum()) / total if total > 0 else 1.0


def _regions(
    points: Tensor, axes: Tensor, classify: Callable[[Tensor], Tensor], device: torch.device
) -> tuple[bytes, tuple[float, ...]]:
    """Return the predicted class at each grid point, row by row from the top, and the `limits` of the grid."""
    low, high = points.amin(dim=0), points.amax(dim=0)
    room = ((high - low) * GRID_MARGIN).clamp_min(1e-3)
    (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
    y, x = torch.meshgrid(torch.linspace(top, bottom, REGIONS), torch.linspace(left, right, REGIONS), indexing="ij")
    places = torch.stack([x.flatten(), y.flatten()], dim=1) @ axes
    return _as_bytes(classify(places.to(device)).argmax(dim=1)), (left, right, bottom, top)


def _mistakes(labels: Tensor, predictions: Tensor, probabilities: Tensor, confidences: Tensor) -> tuple[Mistake, ...]:
    wrong = torch.nonzero(predictions != labels).flatten()
    worst = wrong[confidences[wrong].argsort(descending=True, stable=True)[:MISTAKES]]
    return tuple(
        Mistake(image=image, label=label, predicted=predicted, probabilities=tuple(chances))
        for image, label, predicted, chances in zip(
            worst.tolist(),
            labels[worst].tolist(),
            predictions[worst].tolist(),
            probabilities[worst].tolist(),
            strict=True,
        )
    )


def _rows(values: Tensor) -> tuple[tuple[float, ...], ...]:
    """Return the numbers rounded to half precision, as the store keeps them."""
    return tuple(map(tuple, values.half().tolist()))


def _as_bytes(values: Tensor) -> bytes:
    return values.to(torch.uint8).cpu().numpy().tobytes()
