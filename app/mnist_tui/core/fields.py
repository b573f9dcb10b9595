"""Every setting and every result of a run, declared once for tables, lists, filters and comparisons.

Settings come from `RunSpec`; if the actual value can differ, as with `auto`, it is defined here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mnist_tui.core.metrics import Spread, spread
from mnist_tui.core.own import split_model
from mnist_tui.core.setting import Setting, in_words
from mnist_tui.core.spec import SETTINGS
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.core.table import Column, Value
from mnist_tui.core.units import Direction, Unit

Getter: TypeAlias = Callable[[RunState], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One property of a run.

    Attributes:
        column: Its column in the comparison table, with its key and its titles.
        get: Returns a run's value; `None` if it has none.
        name: Display name of a setting, such as `Batch size`; empty for results.
        short: Heading in the list of runs; empty if it has no column there.
        word: Name in filters; empty if runs cannot be filtered by it.
        brief: Returns the value shown in the list of runs, if it differs.
        asked: Returns the value that filters compare, if it differs.
        same: Returns what must be equal for runs to be averaged; `None` if it may differ.
        of_group: Returns the value of averaged runs; `None` to use the first run's.
        unset: Text shown for a missing value.
    """

    column: Column
    get: Getter
    name: str = ""
    short: str = ""
    word: str = ""
    brief: Getter | None = None
    asked: Getter | None = None
    same: Callable[[RunState], object] | None = None
    of_group: Callable[[Sequence[RunState]], Value] | None = None
    unset: str = ""

    @property
    def key(self) -> str:
        """The key of its column."""
        return self.column.key

    def in_words(self, run: RunState) -> str:
        """Return a run's value as text."""
        value = self.get(run)
        return self.unset if value is None or isinstance(value, Spread) else in_words(value)

    def of(self, group: Sequence[RunState]) -> Value:
        """Return the value of a group of averaged runs."""
        return self.of_group(group) if self.of_group is not None else self.get(group[0])


# Settings ---------------------------------------------------------------------------------------------


def _threads(group: Sequence[RunState]) -> float | str | None:
    counts = sorted({run.machine.threads for run in group if run.machine is not None})
    return counts[0] if len(counts) == 1 else ", ".join(map(str, counts)) or None


_ACTUAL: Final[dict[str, dict[str, Any]]] = {
    "epochs": {"get": lambda run: run.epochs or None, "same": lambda run: run.epochs},
    "features": {"get": lambda run: None if run.network is None or run.network.is_own else run.network.features},
    "model": {"get": lambda run: split_model(run.network.model)[1] or None if run.network is not None else None},
    "model_digest": {"get": lambda run: run.network.model_digest[:12] or None if run.network is not None else None},
    "options": {"get": lambda run: run.network.options or None if run.network is not None else None},
    "learning_rate": {
        "brief": lambda run: "→".join(f"{rate:g}" for rate in run.all_rates) or None,
    },
    "patience": {"brief": lambda run: in_words(run.network.patience) if run.network is not None else None},
    "dataset": {
        "get": lambda run: run.dataset.label if run.dataset else None,
        "asked": lambda run: run.dataset.name if run.dataset else getattr(run.spec, "dataset", ""),
        # Datasets are distinguished by digest, not by label: see `data_digest`.
        "same": None,
    },
    "device": {
        "get": lambda run: run.machine.device if run.machine else None,
        "asked": lambda run: run.machine.device if run.machine else getattr(run.spec, "device", ""),
        "same": lambda run: (run.machine.device, run.machine.device_name) if run.machine else None,
    },
    "backend": {
        "get": lambda run: run.machine.backend if run.machine else None,
        "same": lambda run: run.machine.backend if run.machine else None,
    },
    "threads": {
        "get": lambda run: run.machine.threads if run.machine else None,
        "same": lambda run: run.machine.deciding_threads if run.machine else None,
        "of_group": _threads,
    },
}
"""Values that a run actually used, where they can differ from its settings."""
_REPORTED: Final = ("epochs", "features")
"""Settings that have a column even if all rows share the value."""


def _field_of(setting: Setting) -> Field:
    def get(run: RunState) -> Value:
        value: Value = getattr(run.network, setting.key, None)
        return value

    unit = Unit.TEXT if setting.choices or setting.read else Unit.LOSS if setting.is_float else Unit.COUNT
    column = Column(
        setting.key,
        setting.title or setting.name,
        unit,
        Direction.NONE,
        setting.meaning,
        always=setting.key in _REPORTED,
    )
    word = setting.short or setting.key
    declared: dict[str, Any] = {
        "column": column,
        "get": get,
        "name": setting.name,
        # Abbreviations stay in lower case.
        "short": (word if len(word) < 3 else word.capitalize()) if setting.is_remembered else "",
        "word": word,
        "unset": setting.unset if setting.is_optional else "",
        "same": get if setting.separates else None,
    }
    return Field(**declared | _ACTUAL.get(setting.key, {}))


def _text(key: str, title: str, meaning: str, get: Getter, **more: Any) -> Field:
    return Field(column=Column(key, title, Unit.TEXT, Direction.NONE, meaning, always=False), get=get, **more)


_RATE_CHANGES: Final = Field(
    column=Column(
        "rate_changes",
        "Rate Changes",
        Unit.TEXT,
        Direction.NONE,
        "Learning rates set during the run.",
        always=False,
        if_any=True,
    ),
    get=lambda run: run.rate_changes or None,
    name="Rate changes",
    unset="none",
    same=lambda run: run.rates,
)
_PARAMETERS: Final = Field(
    column=Column("parameters", "Parameters", Unit.COUNT, Direction.NONE, "Trainable parameters of the network."),
    get=lambda run: run.parameters,
    name="Parameters",
)
SETTING_FIELDS: Final = (*map(_field_of, SETTINGS), _RATE_CHANGES, _PARAMETERS)

_ORIGIN: Final = (
    _text(
        "data_digest",
        "Data Digest",
        "Start of the dataset's SHA-256.",
        lambda run: run.dataset.sha256[:12] if run.dataset else None,
        same=lambda run: run.dataset.sha256 if run.dataset else None,
    ),
    _text(
        "device_name",
        "Device Name",
        "The processor or GPU.",
        lambda run: run.machine.device_name if run.machine else None,
    ),
)

# Results ----------------------------------------------------------------------------------------------


def _result(
    key: str,
    title: str,
    unit: Unit,
    direction: Direction,
    meaning: str,
    *,
    images: str = "",
    short: str = "",
    word: str = "",
) -> Field:
    def get(run: RunState) -> float | None:
        value: float | None = getattr(run.so_far, key, None)
        # Not every tool records times.
        return None if key == "total_training_time_s" and value is not None and math.isnan(value) else value

    return Field(
        column=Column(key, title, unit, direction, meaning, images),
        get=get,
        short=short,
        word=word,
        of_group=lambda group: spread([value for run in group if (value := get(run)) is not None]),
    )


RESULT_FIELDS: Final = (
    _result(
        "last_epoch_accuracy",
        "Last Epoch Accuracy",
        Unit.FRACTION,
        Direction.HIGHER,
        "Training accuracy of the last epoch, measured while the weights change.",
        images="n_train",
        short="Train",
        word="train",
    ),
    _result(
        "last_epoch_time_s",
        "Last Epoch Time",
        Unit.SECONDS,
        Direction.LOWER,
        "Training plus validation time of the last epoch.",
        short="Epoch",
    ),
    _result(
        "last_val_accuracy",
        "Last Val Accuracy",
        Unit.FRACTION,
        Direction.HIGHER,
        "Validation accuracy after the last epoch.",
        images="n_validation",
        short="Val",
        word="val",
    ),
    _result(
        "best_val_accuracy",
        "Best Val Accuracy",
        Unit.FRACTION,
        Direction.HIGHER,
        "Best validation accuracy of any epoch.",
        images="n_validation",
        short="Best",
        word="best",
    ),
    _result(
        "test_accuracy",
        "Test Accuracy",
        Unit.FRACTION,
        Direction.HIGHER,
        "Test accuracy with the weights after the last epoch; never used for selection.",
        images="n_test",
        short="Test",
        word="test",
    ),
    _result("test_loss", "Test Loss", Unit.LOSS, Direction.LOWER, "Mean cross-entropy on the test images."),
    _result(
        "total_training_time_s",
        "Total Training Time",
        Unit.SECONDS,
        Direction.LOWER,
        "Sum of all epoch times, excluding loading, pauses and the test.",
        short="Time",
        word="time",
    ),
)


def _status(group: Sequence[RunState]) -> str:
    first = group[0]
    finished = first.status is Status.FINISHED
    if finished or not first.epochs:
        return str(first.status)
    return f"{first.status} at {first.epochs_done}/{first.epochs}"


def _ended_early(group: Sequence[RunState]) -> Spread | None:
    """Return the spread of the epochs trained if patience ended any of these runs early, else `None`."""
    if all(run.status is not Status.FINISHED or run.epochs_done == run.epochs for run in group):
        return None
    return spread([float(run.epochs_done) for run in group])


_OUTCOME: Final = (
    Field(
        column=Column("n_seeds", "Seeds", Unit.COUNT, Direction.NONE, "Runs averaged: mean ± sample deviation."),
        get=lambda _: 1,
        of_group=len,
    ),
    Field(
        column=Column(
            "status", "Status", Unit.TEXT, Direction.NONE, "How the run ended; only finished runs are averaged."
        ),
        get=lambda run: str(run.status),
        short="Status",
        word="status",
        of_group=_status,
    ),
    Field(
        column=Column(
            "epochs_done",
            "Epochs Done",
            Unit.COUNT,
            Direction.NONE,
            "Epochs trained, if patience ended it early.",
            always=False,
        ),
        get=lambda run: run.epochs_done,
        word="done",
        of_group=_ended_early,
    ),
)


def _label(key: str, title: str, meaning: str, get: Getter, word: str, short: str = "") -> Field:
    """Return a field of what the user calls a run; averaged runs have the labels of each, without repeats."""
    column = Column(key, title, Unit.TEXT, Direction.NONE, meaning, always=False, if_any=True)
    return Field(column=column, get=get, short=short, word=word, of_group=lambda group: _joined(map(get, group)))


def _joined(values: Iterable[Value]) -> str | None:
    return ", ".join(dict.fromkeys(str(value) for value in values if value is not None)) or None


LABEL_FIELDS: Final = (
    _label("name", "Name", "The name you gave it.", lambda run: run.labels.name or None, "name", "Name"),
    _label("note", "Note", "Your note.", lambda run: run.labels.note or None, "note"),
    _label("tags", "Tags", "Your tags.", lambda run: " ".join(run.labels.tags) or None, "tag", "Tags"),
    _text("run", "Id", "Its id for the command line.", lambda run: run.run, short="Id", word="id"),
    _text(
        "started",
        "Started",
        "When it began.",
        lambda run: run.started_at,
        short="Started",
        word="date",
        asked=lambda run: run.started_at[:10],
    ),
)
"""The user's labels of a run, its id and its start; none of them separates runs that are averaged."""

ALL: Final = {field.key: field for field in (*SETTING_FIELDS, *_ORIGIN, *RESULT_FIELDS, *_OUTCOME, *LABEL_FIELDS)}
"""All fields by key."""

# Layouts of the comparison table ----------------------------------------------------------------------

REPORT: Final = (
    "epochs",
    "features",
    "last_epoch_accuracy",
    "last_epoch_time_s",
    "last_val_accuracy",
    "test_accuracy",
    "total_training_time_s",
)
"""The report's seven columns, in its order."""
_MORE: Final = (
    "best_val_accuracy",
    "test_loss",
    "parameters",
    "n_seeds",
    "status",
    "dataset",
    "data_digest",
    "split_seed",
    "device",
    "device_name",
    "backend",
    "threads",
    "batch_size",
    "learning_rate",
    "rate_changes",
    "epochs_done",
    "patience",
    "name",
    "tags",
    "note",
)
_COMPARED: Final = dict.fromkeys([*REPORT, *_MORE, *(field.key for field in SETTING_FIELDS if field.key != "seed")])
"""Keys in column order: the report's, then `_MORE`, then the remaining settings."""
TABLE_FIELDS: Final = tuple(ALL[key] for key in _COMPARED)
REPORT_COLUMNS: Final = tuple(ALL[key].column for key in REPORT)
COLUMNS: Final = tuple(field.column for field in TABLE_FIELDS)
