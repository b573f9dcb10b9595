"""The commands with their effective keys: the defaults, or custom ones from the settings file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mnist_tui.runtime.preferences import FILE
from mnist_tui.tui.command import Command, label_of
from mnist_tui.tui.commands import COMMANDS


def rebound(keys: Mapping[str, str]) -> tuple[tuple[Command, ...], list[str]]:
    """Return the commands with custom keys, and a message for each invalid entry.

    Args:
        keys: Keys by action, as Textual names them; separate several with commas.
    """
    known = {command.action for command in COMMANDS}
    problems = [f"{FILE}: unknown action {action!r}." for action in keys if action not in known]
    commands = list(COMMANDS)
    for number, command in enumerate(commands):
        if (key := keys.get(command.action, "").replace(" ", "")) != "":
            commands[number] = replace(command, key=key)
    owners: dict[str, str] = {}
    for command in commands:
        for key in command.key.split(","):
            if key in owners:
                problems.append(
                    f"{FILE}: {label_of(key)} is bound to two actions, {owners[key]} and {command.action}; "
                    "the default keys are used."
                )
                return COMMANDS, problems
            owners[key] = command.action
    return tuple(commands), problems
