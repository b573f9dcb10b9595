"""The options for a network of the user's own: what they allow to be executed, and the grids they make."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product

from mnist_tui.core.own import BUILT_IN, as_options
from mnist_tui.errors import UsageError


def own_settings(args: argparse.Namespace, model: str | None) -> dict[str, str]:
    """Return the settings that follow from `--model` and `--set`; allows the code to be executed in this process."""
    options = {"options": as_options(args.set)} if args.set else {}
    if model in (None, BUILT_IN):
        return options
    if getattr(args, "on", ""):
        raise UsageError("a network of your own is trained on this machine", "Leave out --on")
    return {**options, "model_digest": allow_model(model)}


def allow_model(model: str | None) -> str:
    """Allow the code of a model that the user named to be executed; return its SHA-256."""
    from mnist_tui.engine.allowed import allow

    return allow(model) if model not in (None, BUILT_IN) else ""


def option_grid(single: Sequence[str], several: Sequence[str]) -> tuple[str, ...]:
    """Return the settings of a network that `--set width=16` and `--sets depth=2,3` stand for, every combination."""
    listed: list[list[str]] = []
    names = [text.partition("=")[0] for text in (*single, *several)]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise UsageError(f"{twice} is set twice", "Name each setting once, as in --sets width=16,32")
    for text in several:
        name, _, values = text.partition("=")
        listed.append([f"{name}={value}" for value in values.split(",") if value])
        if not listed[-1]:
            raise UsageError(f"--sets {text} names no value", "Write --sets width=16,32")
    return tuple(dict.fromkeys(as_options([*single, *combination]) for combination in product(*listed)))
