"""The settings of scripts as fields, one for each key of their configurations."""

from __future__ import annotations

from collections.abc import Sequence

from mnist_tui.core.fields import SETTING_FIELDS, Field, Getter
from mnist_tui.core.script import Scalar, is_seed
from mnist_tui.core.state import RunState
from mnist_tui.core.table import Column
from mnist_tui.core.units import Direction, Unit

PREFIX = "config."
"""Begins the keys of these fields, so that they differ from those of the built-in network."""


def setting_fields(runs: Sequence[RunState]) -> tuple[Field, ...]:
    """Return the fields of the settings that these runs have."""
    built_in = SETTING_FIELDS if any(run.network is not None for run in runs) or not runs else ()
    if not built_in:
        built_in = tuple(field for field in SETTING_FIELDS if field.key in ("epochs", "rate_changes"))
    return (*built_in, *config_fields(runs))


def config_fields(runs: Sequence[RunState]) -> tuple[Field, ...]:
    """Return a field for each setting of the scripts among these runs, and for their projects."""
    scripts = [run.script for run in runs if run.script is not None]
    if not scripts:
        return ()
    keys = dict.fromkeys(key for script in scripts for key in script.config)
    known = [_field(key, [script.config.get(key) for script in scripts]) for key in keys]
    project = _text("project", lambda run: run.script.project or None if run.script is not None else None, "project")
    return (project, *known)


def _field(key: str, values: Sequence[Scalar]) -> Field:
    def get(run: RunState) -> float | str | None:
        value = run.script.config.get(key) if run.script is not None else None
        return str(value) if isinstance(value, bool) else value

    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    if not numbers:
        return _text(key, lambda run: None if (value := get(run)) is None else str(value))
    column = Column(f"{PREFIX}{key}", key, Unit.LOSS, Direction.NONE, "A setting of the script.", always=False)
    return Field(column=column, get=get, name=key, short=key, same=None if is_seed(key) else get)


def _text(name: str, get: Getter, key: str = "") -> Field:
    column = Column(key or f"{PREFIX}{name}", name, Unit.TEXT, Direction.NONE, "A setting of the script.", always=False)
    return Field(column=column, get=get, name=name, short=name, same=get)
