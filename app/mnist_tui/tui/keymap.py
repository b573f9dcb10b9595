"""The commands with their effective keys: the defaults, or custom ones from the settings file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mnist_tui.runtime.preferences import FILE
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS

_LABELS = {
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "slash": "/",
    "question_mark": "?",
    "space": "Space",
    "enter": "Enter",
    "delete": "Del",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
}


def rebound(keys: Mapping[str, str]) -> tuple[tuple[Command, ...], list[str]]:
    """Return the commands with custom keys, and a message for each invalid entry.

    Args:
        keys: Keys by action, as Textual names them; separate several with commas.
    """
    problems = [f"{FILE}: unknown action {action!r}." for action in keys if action not in _actions()]
    commands = list(COMMANDS)
    for number, command in enumerate(commands):
        if (key := keys.get(command.action, "").replace(" ", "")) != "":
            first = key.split(",")[0]
            commands[number] = replace(command, key=key, label=_label(first))
    owners: dict[str, str] = {}
    for command in commands:
        for key in command.key.split(","):
            if key in owners:
                problems.append(
                    f"{FILE}: {_label(key)} is bound to two actions, {owners[key]} and {command.action}; "
                    "the default keys are used."
                )
                return COMMANDS, problems
            owners[key] = command.action
    return tuple(commands), problems


def _actions() -> Iterator[str]:
    return (command.action for command in COMMANDS)


def _label(key: str) -> str:
    """Return the display name of a key."""
    *modifiers, last = key.split("+") if key != "+" else ["+"]
    return "+".join([*(part.capitalize() for part in modifiers), _LABELS.get(last, last)])
