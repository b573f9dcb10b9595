"""Which curves a run has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from mnist_tui.core.events import EpochDone
from mnist_tui.core.state import RunState
from mnist_tui.report.charts import Chart, Series
from mnist_tui.report.words import format_loss, format_percent

TRAIN_INK: Final = 0
VALIDATION_INK: Final = 1
EMPTY_EPOCHS: Final = 10


def accuracy_chart(run: RunState | None, *, errors: bool) -> Chart:
    """Return training and validation over epochs: error on a log axis, or accuracy."""

    def shown(accuracy: float) -> float:
        return 1.0 - accuracy if errors else accuracy

    series = _train_and_validation(
        run, lambda e: shown(e.train_accuracy), lambda e: shown(e.val_accuracy), format_percent
    )
    best = run.best if run else None
    title = "Error (log)" if errors else "Accuracy"
    note = f"best {format_percent(shown(best.val_accuracy))} @{best.epoch}" if best is not None else ""
    return Chart(title, series, run.epochs if run else EMPTY_EPOCHS, note, log_y=errors, percent=True)


def loss_chart(run: RunState | None) -> Chart:
    """Return training and validation loss over epochs."""
    series = _train_and_validation(run, lambda e: e.train_loss, lambda e: e.val_loss, format_loss)
    note = ""
    if run and run.history:
        best = min(run.history, key=lambda e: e.val_loss)
        note = f"best {format_loss(best.val_loss)} @{best.epoch}"
    return Chart("Loss", series, run.epochs if run else EMPTY_EPOCHS, note)


def _train_and_validation(
    run: RunState | None,
    train: Callable[[EpochDone], float],
    validation: Callable[[EpochDone], float],
    text: Callable[[float], str],
) -> tuple[Series, ...]:
    history = run.history if run else []
    x = tuple(float(e.epoch) for e in history)
    return tuple(
        Series(name, x, tuple(map(value, history)), ink, dashed, text(value(history[-1])) if history else "")
        for name, value, ink, dashed in (
            ("train", train, TRAIN_INK, False),
            ("val", validation, VALIDATION_INK, True),
        )
    )


def overlay_chart(runs: Sequence[RunState], slots: Mapping[str, int], *, errors: bool) -> Chart:
    """Return the validation curve of each run, in the colour of its slot."""
    series = tuple(
        Series(
            name=f"{slots[run.run] + 1}: {run.epochs}x{run.spec.features} s{run.spec.seed}",
            x=tuple(float(e.epoch) for e in run.history),
            y=tuple(1.0 - e.val_accuracy if errors else e.val_accuracy for e in run.history),
            ink=slots[run.run],
            dashed=slots[run.run] % 2 == 1,
        )
        for run in runs
    )
    title = "Validation error (log)" if errors else "Validation accuracy"
    note = "" if series else "Space marks runs to compare"
    epochs = max((run.epochs for run in runs), default=EMPTY_EPOCHS)
    return Chart(title, series, epochs, note, log_y=errors, percent=True)
