"""Which curves a run has."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final

from mnist_tui.core.state import RunState
from mnist_tui.report.charts import Chart
from mnist_tui.report.points import Series
from mnist_tui.report.words import format_loss, format_percent

TRAIN_INK: Final = 0
VALIDATION_INK: Final = 1
STEPS_INK: Final = 7
"""Grey: it is only on its way to the next point."""
MIN_STEPS: Final = 3
SMOOTHING: Final = 0.3
"""Weight of the newest value in the mean."""
EMPTY_EPOCHS: Final = 10
"""What the axis shows before there is a run."""


def accuracy_chart(run: RunState | None, *, errors: bool) -> Chart:
    """Return training and validation over epochs: error on a log axis, or accuracy."""
    best = run.best if run else None
    best_value = (1.0 - best.val_accuracy if errors else best.val_accuracy) if best else 0.0
    return Chart(
        title="Error (log)" if errors else "Accuracy",
        series=_train_and_validation(run, "accuracy", format_percent, errors=errors),
        x_limits=_epochs(run),
        log_y=errors,
        percent=True,
        note=f"best {format_percent(best_value)} @{best.epoch}" if best else "no epoch yet",
    )


def loss_chart(run: RunState | None) -> Chart:
    """Return training and validation loss over epochs."""
    finite = [e for e in run.history if math.isfinite(e.val_loss)] if run else []
    best = min(finite, key=attrgetter("val_loss"), default=None)
    return Chart(
        title="Loss",
        series=(*_train_and_validation(run, "loss", format_loss), *_steps(run)),
        x_limits=_epochs(run),
        note=f"best {format_loss(best.val_loss)} @{best.epoch}" if best else "",
    )


def _steps(run: RunState | None) -> tuple[Series, ...]:
    """Return the smoothed loss inside the epoch in progress; none while that is too short to be seen."""
    if run is None or len(run.steps) < MIN_STEPS:
        return ()
    smooth = run.steps[0][1]
    values = []
    for _, loss in run.steps:
        smooth += SMOOTHING * (loss - smooth)
        values.append(smooth)
    note = format_loss(values[-1])
    return (Series(name="now", x=tuple(x for x, _ in run.steps), y=_finite(values), ink=STEPS_INK, note=note),)


def overlay_chart(
    runs: Sequence[RunState], slots: Mapping[str, int], preview: RunState | None = None, *, errors: bool
) -> Chart:
    """Return the validation curve of each run, in the colour and with the line of its slot.

    Args:
        runs: The marked runs, with their epochs.
        slots: The slot of each of them, by id.
        preview: One more that is only looked at.
        errors: Draw the error on a log axis instead of accuracy.
    """
    series = tuple(
        Series(
            name=f"●{slots[run.run] + 1}",
            x=tuple(float(e.epoch) for e in run.history),
            y=_finite([1.0 - e.val_accuracy if errors else e.val_accuracy for e in run.history]),
            ink=slots[run.run],
            dashed=slots[run.run] // 2 % 2 == 1,
            points=slots[run.run] % 2 == 1,
            note=_short_name(run),
        )
        for run in runs
    )
    if preview is not None:
        values = _finite([1.0 - e.val_accuracy if errors else e.val_accuracy for e in preview.history])
        x = tuple(float(e.epoch) for e in preview.history)
        series += (Series(name="▸", x=x, y=values, ink=STEPS_INK, note=_short_name(preview)),)
        runs = [*runs, preview]
    return Chart(
        title="Val error (log)" if errors else "Val accuracy",
        series=series,
        x_limits=(1.0, max((_epochs(run)[1] for run in runs), default=float(EMPTY_EPOCHS))),
        log_y=errors,
        percent=True,
        note="Space marks a run to keep its curve" if len(series) < 2 else "",
    )


def _short_name(run: RunState) -> str:
    return f"{run.epochs} ep x {run.spec.features} f s{run.spec.seed}"


def _epochs(run: RunState | None) -> tuple[float, float]:
    # The first epoch leads to the place of its point, so it begins before that.
    first = 0.0 if run is not None and has_only_steps(run) else 1.0
    return first, float(max(run.epochs, len(run.history)) if run else EMPTY_EPOCHS)


def has_only_steps(run: RunState) -> bool:
    """Return whether the first epoch is in progress and long enough to be seen."""
    return not run.history and len(run.steps) >= MIN_STEPS


def _train_and_validation(
    run: RunState | None, name: str, text: Callable[[float], str], *, errors: bool = False
) -> tuple[Series, ...]:
    """Return both curves of `accuracy` or `loss`; `errors`: what is missing to 1."""
    history = run.history if run else []
    x = tuple(float(e.epoch) for e in history)
    curves = []
    for part, ink, points in (("train", TRAIN_INK, False), ("val", VALIDATION_INK, True)):
        values = list(map(attrgetter(f"{part}_{name}"), history))
        if errors:
            values = [1.0 - value for value in values]
        note = text(values[-1]) if values else ""
        curves.append(Series(name=part, x=x, y=_finite(values), ink=ink, points=points, note=note))
    return tuple(curves)


def _finite(values: Sequence[float]) -> tuple[float | None, ...]:
    """Return gaps for what cannot be drawn; a NaN would also make equal charts differ."""
    if all(map(math.isfinite, values)):
        return tuple(values)
    return tuple(value if math.isfinite(value) else None for value in values)
