"""What the name of a number says about it: its split, its quantity, which direction is better, and its unit.

Names are used as they were logged: `val/accuracy`, `accuracy/val` and `valid_acc_epoch` are all validation accuracies.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

from mnist_tui.core.units import Direction, Unit

MAX_NAME: Final = 200
"""Maximum length of a metric's name in characters."""
MAX_NAMES: Final = 1_000
"""Maximum number of different metrics of a run."""


class Split(StrEnum):
    """The part of the data that a number was measured on."""

    TRAIN = "train"
    VALIDATION = "val"
    TEST = "test"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One series of numbers of a run.

    Attributes:
        name: Its name, as logged.
        quantity: What is measured, without split and axis: `loss`. Series of one quantity share a chart.
        split: The part of the data.
        goal: Which direction is better.
        unit: `FRACTION`, `PERCENT`, `SECONDS` or `LOSS`.
    """

    name: str
    quantity: str
    split: Split = Split.NONE
    goal: Direction = Direction.NONE
    unit: Unit = Unit.LOSS


_SPLITS: Final = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "eval": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
}
_FRONT: Final = re.compile(rf"^({'|'.join(_SPLITS)})[/_.\- ]+(?=.)")
_AT_THE_END: Final = re.compile(rf"(?<=.)/({'|'.join(_SPLITS)})$")
_BEHIND: Final = re.compile(r"(?<=.)_(step|epoch)$")
_LOWER: Final = frozenset({
    "error", "err", "loss", "nll", "perplexity", "ppl", "mae", "mse", "rmse", "wer", "cer", "fid", "kl", "regret",
    "time", "seconds", "memory",
})  # fmt: skip
_FRACTIONS: Final = frozenset({
    "acc", "accuracy", "f1", "auc", "auroc", "ap", "map", "precision", "recall", "iou", "miou", "dice", "bleu",
    "rouge", "success", "top1", "top5",
})  # fmt: skip
_HIGHER: Final = _FRACTIONS | {"reward", "return", "score", "psnr", "ssim", "r2", "throughput"}
_TIMES: Final = frozenset({"time", "seconds", "s"})
_RATE: Final = re.compile(r"(_per_|(?<!time)/)(s|sec|seconds?)$")
"""`images_per_s` and `it/s` are not in seconds; `time/s` is."""
_DULL: Final = frozenset({
    "lr", "rate", "epoch", "step", "steps", "time", "seconds", "grad", "norm", "system", "memory", "gpu", "cpu",
})  # fmt: skip
"""Words of names that are charted last."""
_BETWEEN: Final = re.compile(r"[/_\-.@ ]+")


def metric(name: str, *, largest: float = 1.0) -> Metric:
    """Return what a name says.

    Args:
        name: The name as logged.
        largest: The largest absolute value so far: an accuracy above 1 must be a percentage.
    """
    return _metric(name, size_of(largest))


def split_named(name: str) -> Split:
    """Return the split that a word means, such as `eval`; `Split.NONE` for other words."""
    return _SPLITS.get(name.lower(), Split.NONE)


def size_of(largest: float) -> int:
    """Return whether values up to this one can be fractions (0), percentages (1) or neither (2)."""
    return 0 if largest <= 1.0 else 1 if largest <= 100.0 else 2


@lru_cache(maxsize=8 * MAX_NAMES)
def _metric(name: str, size: int) -> Metric:
    lowered = name.lower()
    rest = _BEHIND.sub("", name)
    split = Split.NONE
    if (found := _FRONT.match(lowered)) is not None:
        split, rest = _SPLITS[found[1]], _BEHIND.sub("", name[found.end() :])
    elif (found := _AT_THE_END.search(rest.lower())) is not None:
        split, rest = _SPLITS[found[1]], rest[: found.start()]
    # `Loss` and `loss`, `acc` and `accuracy` are the same.
    rest = rest.lower() if rest.istitle() else rest
    rest = "accuracy" if rest.lower() == "acc" else rest
    words = _BETWEEN.split(rest.lower())
    # `dice_loss` is a loss, `score_error` an error.
    goal = Direction.LOWER if _LOWER.intersection(words) else Direction.NONE
    if goal is Direction.NONE and _HIGHER.intersection(words):
        goal = Direction.HIGHER
    unit = Unit.LOSS
    if _TIMES.intersection(words[-1:]) and not _RATE.search(rest.lower()):
        unit = Unit.SECONDS
    elif goal is Direction.HIGHER and _FRACTIONS.intersection(words):
        unit = (Unit.FRACTION, Unit.PERCENT, Unit.LOSS)[size]
    return Metric(name=name, quantity=rest, split=split, goal=goal, unit=unit)


def with_twins(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """Return the metrics; a plain `loss` next to a `val_loss`, as Keras and Lightning log them, counts as training."""
    found = list(metrics)
    twins = {one.quantity for one in found if one.split is Split.VALIDATION}
    twins -= {one.quantity for one in found if one.split is Split.TRAIN}
    return tuple(
        replace(one, split=Split.TRAIN) if one.split is Split.NONE and one.quantity in twins else one for one in found
    )


def primary_of(metrics: Sequence[Metric], declared: Collection[str] = ()) -> Metric | None:
    """Return the metric that decides which epoch is best.

    The first declared one with a goal, else the first validation metric where higher is better, else the validation
    loss, else any validation metric with a goal.
    """
    by_name = {one.name: one for one in metrics}
    chosen = [by_name[name] for name in declared if name in by_name and by_name[name].goal is not Direction.NONE]
    validated = [one for one in metrics if one.split is Split.VALIDATION and one.goal is not Direction.NONE]
    higher = [one for one in validated if one.goal is Direction.HIGHER]
    losses = [one for one in validated if one.quantity == "loss"]
    return next(iter((*chosen, *higher, *losses, *validated)), None)


def is_dull(quantity: str) -> bool:
    """Return whether a quantity is of little interest, such as a learning rate or a time."""
    return bool(_DULL.intersection(_BETWEEN.split(quantity.lower())))


def quantities(metrics: Sequence[Metric], primary: Metric | None) -> tuple[str, ...]:
    """Return the quantities to chart, in order.

    The primary metric's first, then the loss, then those with a validation twin, then the rest; last what is of little
    interest, such as learning rates and times.
    """
    order = dict.fromkeys(one.quantity for one in metrics)
    validated = {one.quantity for one in metrics if one.split is Split.VALIDATION}
    places = {name: at for at, name in enumerate(order)}

    def key(name: str) -> tuple[bool, bool, bool, bool, int]:
        first = primary is not None and name == primary.quantity
        return not first, is_dull(name), name != "loss", name not in validated, places[name]

    return tuple(sorted(order, key=key))
