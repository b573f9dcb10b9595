"""The settings of a run that a user's own script trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final, TypeAlias

from mnist_tui.core.codec import SPARSE
from mnist_tui.core.numerals import count

Scalar: TypeAlias = str | int | float | bool | None
"""A value of a configuration."""


_SEEDS: Final = ("seed", "random_state", "random_seed")


def is_seed(key: str) -> bool:
    """Return whether a setting is a seed, by its name: runs that differ in nothing else are repetitions."""
    last = key.rpartition(".")[2].lower()
    return last in _SEEDS or last.endswith("_seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSpec:
    """One run of a user's own training loop.

    Attributes:
        config: The script's settings, flattened: nested keys are joined by dots.
        epochs: Epochs to train; 0 if the script did not say.
        name: What the script calls the run; may be empty.
        project: Runs of different projects are not compared; may be empty.
        source: The script and its arguments, as text for display.
        path: What identifies the script: its file, or the folder of a notebook.
        can: Kinds of orders that the script obeys.
        tool: The tool whose files the run was read from; empty for a run that a script reports itself.
    """

    config: Mapping[str, Scalar]
    epochs: int = 0
    name: str = ""
    project: str = ""
    source: str = ""
    path: str = ""
    can: tuple[str, ...] = ()
    tool: str = field(default="", metadata=SPARSE)

    @property
    def title(self) -> str:
        """What the run is called in messages: its name or its script, and the number of epochs."""
        return f"{self.brief}, {count(self.epochs, 'epoch')}" if self.epochs else self.brief

    @property
    def seed(self) -> int | None:
        """The first setting that is called a seed; `None` if there is none."""
        seeds = (value for key, value in self.config.items() if is_seed(key))
        return next((value for value in seeds if isinstance(value, int)), None)

    @property
    def brief(self) -> str:
        """The name of the run, or of its script."""
        return self.name or self.command.partition(" ")[0] or "script"

    @property
    def command(self) -> str:
        """The script with its arguments, or the file of another tool, without its folder."""
        if self.tool:
            return PurePath(self.source).name
        script, space, arguments = self.source.partition(" ")
        return f"{PurePath(script).name}{space}{arguments}"
