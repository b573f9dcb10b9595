"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from typing import Any

from mnist_tui.core.own import as_model
from mnist_tui.core.setting import Setting, SettingValue, shown
from mnist_tui.core.spec import SETTINGS
from mnist_tui.errors import UsageError


def whole(text: str) -> int:
    """Read a whole number, with errors as argparse expects them."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a whole number") from None


def number(text: str) -> float:
    """Read a number, with errors as argparse expects them."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a number") from None


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the option that names a cluster."""
    parser.add_argument(
        "--on",
        default="",
        metavar="CLUSTER",
        help="train on a Ray cluster: `ray` (what RAY_ADDRESS names, else this machine) or `ray://HOST:PORT`",
    )


def add_fallback(parser: argparse.ArgumentParser) -> None:
    """Add the option that permits the fallback data."""
    parser.add_argument(
        "--allow-fallback", action="store_true", help="with --dataset auto: train on the digits if MNIST is missing"
    )


def add_settings(
    parser: argparse.ArgumentParser, *, grid: bool = False, usual: str = "", without: Collection[str] = ()
) -> None:
    """Add the options of all settings.

    Args:
        parser: The parser to add them to.
        grid: Some options accept several values.
        usual: What options left out stand for; empty if for their defaults.
        without: Keys of the settings to leave out.
    """
    grids = "Lists such as 10,20 and ranges such as 0-4 make a grid: every combination is a run." if grid else None
    group = parser.add_argument_group("settings", grids)
    for setting in SETTINGS:
        if not setting.option or setting.key in without:
            continue
        default = usual or setting.in_words(setting.default)
        choices = f": {', '.join(setting.choices)}" if setting.is_closed and grid and setting.is_swept else ""
        said = setting.help or f"{setting.meaning[0].lower()}{setting.meaning[1:-1]}{choices} (default: {default})"
        letter = "X" if setting.is_float else "NAME" if setting.choices else "N"
        if grid and setting.is_swept:
            options = [setting.option, *([f"--{setting.several}"] if setting.several else [])]
            group.add_argument(*options, dest=setting.key, metavar=f"{letter},{letter}", help=said)
        else:
            # Declared for completion in a shell.
            closed = setting.choices if setting.is_closed else None
            kind = _value(setting) if closed is None else str
            name = letter if closed is None else None
            group.add_argument(setting.option, dest=setting.key, type=kind, choices=closed, metavar=name, help=said)
    _add_options(group, grid=grid)


def _add_options(group: Any, *, grid: bool) -> None:
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the class that --model names"
    )
    if grid:
        group.add_argument(
            "--sets", action="append", default=[], metavar="NAME=A,B", help="several values of such a setting: a grid"
        )


def add_open(parser: argparse.ArgumentParser) -> None:
    """Add the option that shows the runs of other tools."""
    parser.add_argument(
        "--open", action="append", metavar="PATH", help="the runs of other tools in this file or folder, see `open`"
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the option that allows the code of a run's network."""
    parser.add_argument(
        "--model", type=as_model, metavar="FILE.py:CLASS", help="allow this code, if the run's network is made of it"
    )


def _value(setting: Setting) -> Callable[[str], SettingValue]:
    """Return a function that reads a value of a setting, with errors as argparse expects them."""

    def read(text: str) -> SettingValue:
        try:
            return setting.parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(error.what) from None

    return read


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, by their names in `RunSpec`; for a grid, as the texts that list values."""
    given = {setting.key: getattr(args, setting.key, None) for setting in SETTINGS}
    return {key: value for key, value in given.items() if value is not None}
