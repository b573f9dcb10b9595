"""Declares a setting of a run once, with its attribute of `RunSpec`.

Its validation, its place on the settings line and in the form, its command-line option, its columns and its name in
filters are derived from the declaration.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from mnist_tui.errors import UsageError

T = TypeVar("T")
SettingValue: TypeAlias = int | float | str | None

OFF: Final = "off"
"""Text for an optional setting without a value."""
MAX_DIGITS: Final = 19
"""Digits of the largest seed; no other number has more."""
MAX_LISTED: Final = 1_000
"""Maximum number of values in a list or range."""
MAX_SHOWN: Final = 40
"""Maximum number of characters of an invalid value that a message quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting.

    Attributes:
        key: Name of the attribute.
        default: Its default.
        name: Display name: `Batch size`.
        meaning: One sentence for help and exports.
        title: Heading in tables; empty to use the name.
        short: Name in filters and where space is short; empty to use the key.
        line: Name on the settings line; empty to use the short one.
        option: Command-line option, such as `--batch-size`; empty if it has none.
        help: Help text of the option; empty to show only its default.
        low, high: The range of a number.
        is_float: Its values are any numbers, not only whole ones.
        choices: The allowed texts; with `read`, the ones to choose from, besides which `check` allows others.
        read: Completes a text that a user typed.
        is_optional: `None` is allowed, shown as `unset`.
        unset: Text for `None`.
        several: What several values are called, if they have a name of their own.
        is_swept: Several values of it make a grid of runs.
        check: Raises `UsageError` for an invalid value, if range and choices are not enough.
        stored: Values that older versions stored, but that users can no longer choose.
        steps: Values that a key steps through; if empty, integers change by one.
        example: Example input for the form.
        is_remembered: It is on the settings line and in the form, and saved for the next start.
        is_quiet: It is on the settings line only while it differs from its default, or while that line has the focus.
        separates: Runs that differ in it are never averaged.
    """

    key: str = ""
    default: SettingValue = None
    name: str
    meaning: str
    title: str = ""
    short: str = ""
    line: str = ""
    option: str = ""
    help: str = ""
    low: float = 0
    high: float = 0
    is_float: bool = False
    choices: tuple[str, ...] = ()
    read: Callable[[str], str] | None = None
    is_optional: bool = False
    unset: str = OFF
    several: str = ""
    is_swept: bool = True
    check: Callable[[object], None] | None = None
    stored: tuple[float, ...] = ()
    steps: Sequence[float] = ()
    example: str = ""
    is_remembered: bool = False
    is_quiet: bool = False
    separates: bool = True

    def is_usual(self, spec: object) -> bool:
        """Return whether a spec has its default."""
        return bool(getattr(spec, self.key) == self.default)

    @property
    def is_closed(self) -> bool:
        """True if only the choices are allowed."""
        return bool(self.choices) and self.read is None

    @property
    def is_pick(self) -> bool:
        """True if a single one of the choices is all that is allowed."""
        return self.is_closed and not self.is_swept

    @property
    def plural(self) -> str:
        """What several values are called, such as `seeds`."""
        return self.several or self.name.lower()

    def validate(self, value: object) -> None:
        """Raise `UsageError` for an invalid value."""
        if not (value is None and self.is_optional) and value not in self.stored:
            self._check(value)

    def _check(self, value: object) -> None:
        if self.check is not None:
            self.check(value)
        elif self.choices:
            check_choice(self.name.lower(), value, self.choices)
        elif self.is_float:
            check_float(self.name.lower(), value, self.low, self.high)
        else:
            check_int(self.name.lower(), value, int(self.low), int(self.high))

    def parse(self, text: str) -> SettingValue:
        """Return the value that the text stands for.

        Raises:
            UsageError: The value is invalid.
        """
        if self.is_optional and text.strip().lower() in ("", self.unset):
            return None
        if self.choices or self.read is not None:
            text = self.read(text) if self.read is not None else text.strip()
            self.validate(text)
            return text
        if not self.is_float:
            return parse_number(text, self.name.lower(), int(self.low), int(self.high))
        try:
            number = float(text)
        except ValueError:
            raise UsageError(f"{self.name.lower()} must be a number, such as {self.example}") from None
        # Not `validate`: what only older versions stored cannot be typed.
        self._check(number)
        return number

    def parse_list(self, text: str) -> tuple[Any, ...]:
        """Return the values that a list such as `10,20` or, of whole numbers, a range such as `0-4` stands for.

        Raises:
            UsageError: A value is invalid, or there are too many.
        """
        if self.choices or self.read is not None:
            parts: list[str] = [text] if self.holds_a_comma(text) else text.split(",")
        else:
            parts = text.replace(" ", ",").split(",")
        parts = [part.strip() for part in parts if part.strip()] or ([text] if self.is_optional else [])
        if not parts:
            raise UsageError(f"{self.plural} must name at least one value, such as {self.example}")
        values: list[SettingValue] = []
        for part in parts:
            if self.choices or self.read is not None or self.is_float or part in ("", self.unset):
                values.append(self.parse(part))
            else:
                values += parse_range(part, self.plural)
            if len(values) > MAX_LISTED:
                raise UsageError(f"{self.plural} may name at most {MAX_LISTED:,} values")
        for value in values:
            self.validate(value)
        return tuple(dict.fromkeys(values))

    def holds_a_comma(self, text: str) -> bool:
        """Return whether a comma in a text belongs to the name of an existing file or folder."""
        return "," in text and self.read is not None and Path(text.partition(":")[2] or text).expanduser().exists()

    def in_words(self, value: SettingValue) -> str:
        """Return a value as display text."""
        return self.unset if value is None else in_words(value)

    def stepped(self, value: SettingValue, step: int) -> SettingValue:
        """Return the value one step higher or lower; the same at either end."""
        if self.choices:
            at = self.choices.index(str(value)) if value in self.choices else 0 if step < 0 else -1
            return self.choices[(at + step) % len(self.choices)]
        if not self.steps:
            # Stay with integers: floats cannot represent large ones exactly.
            return min(max(int(value or 0) + step, int(self.low)), int(self.high))
        number = 0 if value is None else float(value)
        ordered = self.steps if step > 0 else self.steps[::-1]
        next_one = next((one for one in ordered if (one - number) * step > 0), None)
        if next_one is None:
            return value
        return None if self.is_optional and not next_one else next_one


def setting(default: T, **declared: Any) -> T:
    """Declare an attribute of a dataclass as a setting; see `Setting`."""
    made: T = field(default=default, metadata={"setting": Setting(**declared)})
    return made


def settings_of(spec: type[Any]) -> tuple[Setting, ...]:
    """Return the settings that a dataclass declares, in order."""
    return tuple(
        replace(f.metadata["setting"], key=f.name, default=f.default) for f in fields(spec) if "setting" in f.metadata
    )


def in_words(value: SettingValue) -> str:
    """Return a value as display text: `0.001`, `off`, `auto`."""
    return f"{value:g}" if isinstance(value, float) else OFF if value is None else str(value)


def check_int(name: str, value: object, low: int, high: int) -> None:
    """Raise `UsageError` unless the value is an integer within the range."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(
            f"{name} must be a whole number from {low} to {high:,}, not {shown(value)}",
            f"Choose another value for {name}",
        )


def check_float(name: str, value: object, low: float, high: float) -> None:
    """Raise `UsageError` unless the value is a number within the range."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise UsageError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise `UsageError` unless the value is one of the choices."""
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")


def check_rate(rate: object) -> None:
    """Raise `UsageError` unless the value is a valid learning rate."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= sys.float_info.max:
        raise UsageError(
            f"learning rate must be a finite number above 0, not {shown(rate)}", "0.001 is the usual choice"
        )


def shown(value: object) -> str:
    """Return the repr of a value, shortened to fit into a message."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number that long"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def parse_range(text: str, name: str) -> range:
    """Return the integers that a number or a range such as `0-4` stands for.

    Raises:
        UsageError: The text is anything else, or the range is too long.
    """
    first, dash, last = text.partition("-")
    if not all(number.isascii() and number.isdecimal() for number in ([first, last] if dash else [first])):
        example = "whole numbers such as 10,20 or a range such as 1-5"
        raise UsageError(f"{name} must be {example}, not {shown(text)}")
    if max(len(first), len(last)) > MAX_DIGITS:
        raise UsageError(f"{name} cannot be as large as {shown(text)}")
    low = int(first)
    high = int(last) if dash else low
    if high < low or high - low >= MAX_LISTED:
        raise UsageError(f"the range {text} for {name} must be ascending and have at most {MAX_LISTED:,} values")
    return range(low, high + 1)


def parse_number(text: str, name: str, low: int, high: int) -> int:
    """Parse an integer.

    Raises:
        UsageError: The text is not an integer within the range.
    """
    digits = text.strip()
    # No setting allows longer numbers, and Python refuses to parse thousands of digits.
    known = digits.isascii() and digits.isdecimal() and len(digits.lstrip("0")) <= MAX_DIGITS
    check_int(name, int(digits) if known else digits, low, high)
    return int(digits)
