"""A search for good settings: what varies, between which limits, and what is wanted of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, TypeAlias

from mnist_tui.core.own import as_options
from mnist_tui.core.setting import MAX_LISTED, Setting, SettingValue, check_int, in_words, shown
from mnist_tui.core.spec import BY_KEY, SETTINGS, RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.core.status import Status
from mnist_tui.errors import UsageError

OBJECTIVES: Final = {"val_accuracy": True, "val_loss": False}
"""What a search can aim at, a value that every epoch has, and whether higher is better."""
OBJECTIVE: Final = "val_accuracy"
TRIALS: Final = 50
MAX_TRIALS: Final = 10_000
DIGITS: Final = 3
"""Digits of a number that is tried: more would only be noise in tables."""
_SAME: Final = frozenset({"seed", "dataset", "side"})
"""Settings that are the same for all runs of a search: with others, results could not be compared."""
_CHECKED: Final = 1_000
"""How many combinations are checked before a search begins."""
_EXAMPLE: Final = "For example: features=2:64, lr=1e-4:1e-1:log or optimizer=adam,sgd"

_WHOLE: Final = re.compile(r"[+-]?\d+")

Params: TypeAlias = Mapping[str, int | float | str]
"""The values of one trial by the name of what varies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """Something that a search varies: a setting of the run, or one of the user's own network.

    Attributes:
        name: The key of the setting, or the name of the network's setting.
        low, high: The limits of a number.
        log: Small values are tried as often as large ones, on a log axis.
        is_whole: Only whole numbers.
        choices: The values to choose from, instead of limits, as text.
        is_option: It is a setting of the network.
    """

    name: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    is_whole: bool = False
    choices: tuple[str, ...] = ()
    is_option: bool = False

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name if self.is_option else BY_KEY[self.name].name

    @property
    def in_words(self) -> str:
        """What it may be: `features=2:64`."""
        limits = f"{self.low:g}:{self.high:g}{':log' if self.log else ''}"
        return f"{_short(self)}={','.join(self.choices) or limits}"

    @property
    def ends(self) -> tuple[int | float | str, ...]:
        """Its choices, or its lowest and its highest value."""
        return self.choices or (self._number(self.low), self._number(self.high))

    def _number(self, value: float) -> int | float:
        return round(value) if self.is_whole else min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def value(self, param: float | str) -> SettingValue:
        """Return the value that is tried for what a sampler proposes."""
        if isinstance(param, str):
            return param if self.is_option else BY_KEY[self.name].parse(param)
        return self._number(param)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSpec:
    """A search.

    Attributes:
        base: The settings that do not vary; its seed is also that of the search.
        dimensions: What varies.
        objective: One of `OBJECTIVES`, as it is after the last epoch.
        trials: How many runs to try.
        prunes: Stop runs that are worse than the median of the others at the same epoch.
    """

    base: RunSpec
    dimensions: tuple[Dimension, ...]
    objective: str = OBJECTIVE
    trials: int = TRIALS
    prunes: bool = True

    def __post_init__(self) -> None:
        check_int("--trials", self.trials, 1, MAX_TRIALS)
        if self.objective.startswith("test"):
            raise UsageError("the test set must not be used to choose settings", "Use --objective val_accuracy")
        if self.objective not in OBJECTIVES:
            raise UsageError(f"the objective must be {' or '.join(OBJECTIVES)}, not {shown(self.objective)}")
        if not self.dimensions:
            raise UsageError("a search needs something to vary", _EXAMPLE)
        names = [one.name for one in self.dimensions]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise UsageError(f"{twice} is named twice", "Name each setting once")

    def check(self) -> None:
        """Raise `UsageError` if settings at the limits, or choices, do not go together."""
        ends = [one.ends for one in self.dimensions]
        for _, values in zip(range(_CHECKED), product(*ends), strict=False):
            try:
                self.run({one.name: value for one, value in zip(self.dimensions, values, strict=True)})
            except UsageError as error:
                raise UsageError(
                    f"not all of these settings can be combined: {error.what}", "Run separate searches"
                ) from error

    @property
    def most_epochs(self) -> int:
        """Epochs of its longest run."""
        varied = [int(end) for one in self.dimensions if one.name == "epochs" for end in one.ends]
        return max(varied, default=self.base.epochs)

    @property
    def is_maximised(self) -> bool:
        """True if a higher value is better."""
        return OBJECTIVES[self.objective]

    def run(self, params: Params) -> RunSpec:
        """Return the settings of a trial.

        Raises:
            UsageError: They do not go together.
        """
        values: dict[str, Any] = {one.name: one.value(params[one.name]) for one in self.dimensions}
        own = [f"{one.name}={values.pop(one.name)}" for one in self.dimensions if one.is_option]
        if own:
            values["options"] = as_options([*self.base.options.split(), *own])
        return replace(self.base, **values)

    def params(self, spec: RunSpec) -> Params:
        """Return the values of a run that was a trial."""
        options = dict(part.partition("=")[::2] for part in spec.options.split())
        texts = {
            one.name: options[one.name] if one.is_option else BY_KEY[one.name].in_words(getattr(spec, one.name))
            for one in self.dimensions
        }
        return {
            one.name: text if one.choices else int(text) if one.is_whole else float(text)
            for one, text in zip(self.dimensions, texts.values(), strict=True)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search as it is stored: what it is, and which runs it has made.

    Attributes:
        name: Its name, one word, which all of its runs have as a tag.
        spec: What it looks for.
        runs: Ids of its runs, in order; those that never began are not in the store.
        pruned: Ids of those that it has stopped.
    """

    name: str
    spec: SearchSpec
    runs: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of a search, as it is now.

    Attributes:
        run: The run with its epochs.
        params: What was tried.
        is_pruned: The search has stopped it.
        is_deleted: The user has deleted it.
    """

    run: RunState
    params: Params
    is_pruned: bool
    is_deleted: bool = False

    @property
    def is_open(self) -> bool:
        """True if it can go on."""
        return self.run.status in (Status.STOPPED, Status.INTERRUPTED) and not (self.is_pruned or self.is_deleted)

    def values(self, objective: str) -> dict[int, float]:
        """Return the value of the objective after each epoch."""
        return {epoch.epoch: epoch.value(objective) for epoch in self.run.history}

    def value(self, objective: str) -> float | None:
        """Return its last value; `None` if it has no finite one."""
        last = self.run.history[-1].value(objective) if self.run.history else math.nan
        return last if math.isfinite(last) else None


def parse_dimension(text: str, base: RunSpec) -> Dimension:
    """Return what `features=2:64`, `lr=1e-4:1e-1:log` or `optimizer=adam,sgd` stands for.

    Raises:
        UsageError: It is none of these, or its values are invalid.
    """
    name, equals, values = (part.strip() for part in text.partition("="))
    if not equals or not values:
        raise UsageError(f"{shown(text)} does not name any values", _EXAMPLE)
    setting = _setting_called(name)
    if setting is None and not base.is_own:
        known = ", ".join(one.short or one.key for one in SETTINGS if one.option and one.is_swept)
        raise UsageError(f"there is no setting {shown(name)}", f"Available settings: {known}")
    if setting is not None and (not setting.is_swept or setting.key in _SAME):
        raise UsageError(
            f"a search does not vary the {setting.name.lower()}", f"Give it as an option: {setting.option}"
        )
    if ":" in values and not (setting is not None and setting.read is not None):
        return _range(name, setting, values)
    return _choices(name, setting, values)


def _setting_called(name: str) -> Setting | None:
    asked = name.removeprefix("--").replace("-", "_").lower()
    names = ((one, (one.key, one.short, one.option.removeprefix("--").replace("-", "_"))) for one in SETTINGS)
    return next((one for one, known in names if asked and asked in known and one.option), None)


def _range(name: str, setting: Setting | None, values: str) -> Dimension:
    low, high, *rest = values.split(":")
    if rest not in ([], ["log"]):
        raise UsageError(f"{name}={values} is not a range", _EXAMPLE)
    if setting is not None and setting.choices:
        raise UsageError(f"{setting.name.lower()} is not a number", f"Name some of {', '.join(setting.choices)}")
    try:
        first, last = float(low), float(high)
    except ValueError:
        raise UsageError(f"{name}={values} is not a range of numbers", _EXAMPLE) from None
    whole = all(map(_WHOLE.fullmatch, (low.strip(), high.strip()))) if setting is None else not setting.is_float
    if setting is not None:
        setting.validate(int(first) if whole and first.is_integer() else first)
        setting.validate(int(last) if whole and last.is_integer() else last)
    if not (math.isfinite(first) and math.isfinite(last)):
        raise UsageError(f"the limits of {name}={values} must be finite numbers", _EXAMPLE)
    if not first < last:
        raise UsageError(f"the range {values} of {name} must go from low to high", _EXAMPLE)
    if rest and first <= 0:
        raise UsageError(f"a log range such as {name}={values} must start above 0", _EXAMPLE)
    key = name if setting is None else setting.key
    return Dimension(name=key, low=first, high=last, log=bool(rest), is_whole=whole, is_option=setting is None)


def _choices(name: str, setting: Setting | None, values: str) -> Dimension:
    texts: Sequence[str]
    if setting is None:
        texts = [text.strip() for text in values.split(",") if text.strip()]
    else:
        texts = [setting.in_words(value) for value in setting.parse_list(values)]
    choices = tuple(dict.fromkeys(texts))
    if not 2 <= len(choices) <= MAX_LISTED:
        raise UsageError(f"{name}={values} needs at least two different values", _EXAMPLE)
    return Dimension(name=name if setting is None else setting.key, choices=choices, is_option=setting is None)


def params_in_words(spec: SearchSpec, params: Params) -> str:
    """Return the values of a trial as text: `features=12 lr=0.003`."""
    return " ".join(f"{_short(one)}={in_words(one.value(params[one.name]))}" for one in spec.dimensions)


def _short(one: Dimension) -> str:
    return one.name if one.is_option else BY_KEY[one.name].short or one.name
