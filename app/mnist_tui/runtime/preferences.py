"""Preferences: theme, chart view, settings of the next run, key bindings.

One TOML file in the home, which users may edit: the app preserves comments and order. An unreadable file is reported
and never overwritten.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from mnist_tui.core.codec import from_json_value, to_json_value
from mnist_tui.core.setting import shown
from mnist_tui.core.spec import MAX_JOBS, SETTINGS, RunSpec
from mnist_tui.core.view import View, as_name
from mnist_tui.environment import read_text
from mnist_tui.errors import MnistTuiError, UsageError
from mnist_tui.notify import SECTION, read_wish
from mnist_tui.report.chartview import ChartView, Dots, Scale, Smoothing, XAxis
from mnist_tui.report.files import write_atomically
from mnist_tui.store.home import SETTINGS_FILE
from mnist_tui.terminal import capabilities

FILE: Final = SETTINGS_FILE
THEME: Final = "textual-dark"
ON_HANGUP: Final = ("stop", "detach")
_SPEC: Final = tuple(setting.key for setting in SETTINGS if setting.is_remembered)
"""Settings of the next run that are remembered."""
_HEAD: Final = (
    "Preferences of mnist-tui. Edit them while the app is closed; omitted ones use their defaults.\n"
    'Custom keys, by the names in docs/keys.md: stop = "ctrl+x"'
)

Choice = TypeVar("Choice", Scale, XAxis, Smoothing, Dots)


@dataclass(frozen=True, slots=True)
class Preferences:
    """The saved preferences.

    Attributes:
        theme: Name of the theme.
        look: The chart view; the visible range and the cursor are not saved.
        spec: Settings of the next run.
        bell: Ring when the queue is done.
        on_hangup: What happens to a run when the terminal closes: `stop`, or `detach` to continue in another process.
        jobs: Parallel runs.
        keys: Custom keys by action; several are separated by commas.
        views: Views of the runs, by name.
    """

    theme: str = THEME
    look: ChartView = field(default_factory=ChartView)
    spec: RunSpec = field(default_factory=RunSpec)
    bell: bool = True
    on_hangup: str = "stop"
    jobs: int = 1
    keys: Mapping[str, str] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)


def usual_dots() -> Dots:
    """Return the dots that this terminal can show: the Linux console has no braille in its fonts."""
    terminal = capabilities()
    if not terminal.unicode:
        return Dots.ASCII
    return Dots.BLOCKS if terminal.term.startswith(("linux", "vt")) else Dots.BRAILLE


def load(home: Path) -> tuple[Preferences, list[str]]:
    """Return the saved preferences, and messages about values that cannot be used."""
    known = Preferences(look=ChartView(dots=usual_dots()))
    problems: list[str] = []
    try:
        record = tomllib.loads(read_text(home / FILE))
    except FileNotFoundError:
        return known, []
    except (OSError, ValueError, RecursionError) as error:
        # A number of thousands of digits and nesting hundreds deep are no errors of TOML.
        why = str(error).splitlines()[0][:120]
        return known, [f"{home / FILE} cannot be read ({why}). The defaults are used; fix or delete it."]
    table = _tables(record, problems)
    look = replace(
        known.look,
        scale=_choice(Scale, table["look"], "scale", known.look.scale, problems),
        x=_choice(XAxis, table["look"], "x", known.look.x, problems),
        smoothing=_choice(Smoothing, table["look"], "smoothing", known.look.smoothing, problems),
        dots=_choice(Dots, table["look"], "dots", usual_dots(), problems),
    )
    spec = known.spec
    for name in _SPEC:
        if name in table["next_run"]:
            try:
                spec = replace(spec, **{name: table["next_run"][name]})
            except UsageError as error:
                problems.append(f"{FILE}: {error}")
    theme, bell = table["look"].get("theme", known.theme), table["look"].get("bell", known.bell)
    hangup = table["program"].get("on_hangup", known.on_hangup)
    if hangup not in ON_HANGUP:
        problems.append(f"{FILE}: on_hangup must be one of {', '.join(ON_HANGUP)}.")
        hangup = known.on_hangup
    jobs = table["program"].get("jobs", known.jobs)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= MAX_JOBS:
        problems.append(f"{FILE}: jobs must be a whole number from 1 to {MAX_JOBS}.")
        jobs = known.jobs
    keys = {str(action): str(key) for action, key in table["keys"].items()}
    views = _views(table["views"], problems)
    try:
        read_wish(table[SECTION])
    except UsageError as error:
        problems.append(f"{FILE}: {str(error).rstrip('.')}.")
    return Preferences(str(theme), look, spec, bool(bell), hangup, jobs, keys, views), problems


def _views(table: Mapping[str, Any], problems: list[str]) -> dict[str, View]:
    """Return the views that can be used."""
    views = {}
    for name, record in table.items():
        try:
            views[as_name(name)] = from_json_value(View, record)
        except (ValueError, UsageError) as error:
            problems.append(f"{FILE}: the view {shown(name)} cannot be used: {str(error).rstrip('.')}.")
    return views


def save(home: Path, preferences: Preferences) -> None:
    """Write the preferences atomically; key bindings and comments are preserved.

    Raises:
        MnistTuiError: It cannot be written, or what is there cannot be read.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    path = home / FILE
    try:
        text = read_text(path)
    except FileNotFoundError:
        text = "".join(f"# {line}\n" for line in _HEAD.splitlines()) + "\n[look]\n\n[next_run]\n\n[program]\n\n[keys]\n"
    except (OSError, UnicodeDecodeError) as error:
        raise MnistTuiError(f"{path} cannot be read", "Fix or delete it") from error
    try:
        document = tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise MnistTuiError(f"{path} cannot be read", "Fix or delete it") from error
    look, spec = preferences.look, preferences.spec
    values: dict[str, dict[str, Any]] = {
        "look": {
            "theme": preferences.theme,
            "scale": look.scale.value,
            "x": look.x.value,
            "smoothing": look.smoothing.name.lower(),
            "dots": look.dots.value,
            "bell": preferences.bell,
        },
        "program": {"on_hangup": preferences.on_hangup, "jobs": preferences.jobs},
        # TOML has no null: a setting that is off is left out.
        "next_run": {name: value for name in _SPEC if (value := getattr(spec, name)) is not None},
    }
    for name, entries in values.items():
        if not isinstance(document.get(name), Mapping):
            document[name] = tomlkit.table()
        if name == "next_run":
            for key in _SPEC:
                if getattr(spec, key) is None:
                    document[name].pop(key, None)
        for key, value in entries.items():
            if document[name].get(key) != value:
                document[name][key] = value
    _put_views(document, preferences.views)
    new = tomlkit.dumps(document)
    if new != text or not path.exists():
        write_atomically(path, new, force=True)
        with suppress(OSError):
            path.chmod(0o600)


def _put_views(document: Any, views: Mapping[str, View]) -> None:
    """Write the views that have changed, and remove those that are gone."""
    known = document.get("views", {})
    wanted = {name: {key: part for key, part in to_json_value(view).items() if part} for name, view in views.items()}
    if wanted == (known.unwrap() if hasattr(known, "unwrap") else known):
        return
    document.setdefault("views", {})
    for name in [name for name in document["views"] if name not in wanted]:
        del document["views"][name]
    for name, parts in wanted.items():
        document["views"][name] = parts


def _tables(record: Mapping[str, Any], problems: list[str]) -> dict[str, Mapping[str, Any]]:
    tables: dict[str, Mapping[str, Any]] = {}
    for name in ("look", "next_run", "program", "keys", "views", SECTION):
        value = record.get(name, {})
        if not isinstance(value, Mapping):
            problems.append(f"{FILE}: [{name}] must be a table.")
            value = {}
        tables[name] = value
    problems += [f"{FILE}: unknown section [{name}]." for name in record if name not in tables]
    return tables


def _choice(kind: type[Choice], table: Mapping[str, Any], name: str, usual: Choice, problems: list[str]) -> Choice:
    if name not in table:
        return usual
    for choice in kind:
        if table[name] in (choice.value, choice.name.lower()):
            return choice
    problems.append(f"{FILE}: {name} must be one of {', '.join(choice.name.lower() for choice in kind)}.")
    return usual
