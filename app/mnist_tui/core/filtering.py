"""Filters and sorts runs: `features=8 val>90 not failed`. All terms must match. Shared by app and command line."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias

from mnist_tui.core.fields import ALL, Field
from mnist_tui.core.state import RunState
from mnist_tui.core.table import Value, sort_rows
from mnist_tui.core.units import Unit
from mnist_tui.errors import UsageError

Test: TypeAlias = Callable[[RunState], bool]
Number: TypeAlias = Callable[[RunState], float | None]
Text: TypeAlias = Callable[[RunState], str]

_TERM: Final = re.compile(r"(?P<field>[A-Za-z_][\w./@-]*?)(?P<sign>>=|<=|!=|=|:|>|<)(?P<value>.*)", re.DOTALL)
_COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def asked(field: Field, run: RunState) -> Value:
    """Return what a filter compares: of a script's run, its setting or its primary metric of this name."""
    if run.script is None:
        return (field.asked or field.get)(run)
    if field.word in ("val", "best"):
        return _primary(field.word, run)
    for name in (field.word, field.key):
        if (value := run.script.config.get(name)) is not None:
            return str(value) if isinstance(value, bool) else value
    return (field.asked or field.get)(run)


def _primary(word: str, run: RunState) -> float | None:
    """Return the last or the best value of a script's primary metric, as a fraction, whatever its unit."""
    one, found = run.primary, run.so_far
    value = None if one is None or found is None else (found.best if word == "best" else found.last).get(one.name)
    return value if value is None or (one is not None and one.unit is Unit.FRACTION) else value / 100


def _number_of(field: Field) -> Number:
    scale = 100 if field.column.unit is Unit.FRACTION else 1

    def number(run: RunState) -> float | None:
        value = asked(field, run)
        return scale * value if isinstance(value, int | float) else None

    return number


_ASKED: Final = {field.word: field for field in ALL.values() if field.word}
NUMBERS: Final[Mapping[str, Number]] = {
    word: _number_of(field) for word, field in _ASKED.items() if field.column.unit is not Unit.TEXT
}
"""Fields that are compared as numbers: accuracies in per cent, times in seconds."""
ACCURACIES: Final = frozenset(word for word, field in _ASKED.items() if field.column.unit is Unit.FRACTION)
"""Fields that are sorted in descending order."""
TEXTS: Final[Mapping[str, Text]] = {
    word: lambda run, field=field: str(asked(field, run) or "")  # type: ignore[misc]
    for word, field in _ASKED.items()
    if field.column.unit is Unit.TEXT
}
"""Text fields: `=` tests whether the text contains the value, ignoring case."""
FIELDS: Final = (*NUMBERS, *TEXTS)
_SEARCHED: Final = ("name", "tag", "note", "status", "dataset", "device", "id")
"""Fields that a bare word is searched for in."""


def parse_filter(text: str) -> Test:
    """Return a predicate that tests whether a run matches.

    Args:
        text: Terms separated by spaces, all of which must match; `not` negates the next one. A term is a field of
            `FIELDS`, one of `=`, `!=`, `>`, `>=`, `<`, `<=` and a value, or a word contained in the run's name, tags,
            note, status, dataset, device or id. A name with a dot or a slash is a setting (`config.width`) or a
            metric (`val/f1`) of scripts. Without terms, every run matches.

    Raises:
        UsageError: A term is invalid.
    """
    tests: list[Test] = []
    negated = False
    for word in text.split():
        if word.lower() == "not":
            negated = not negated
            continue
        test = _term(word)
        tests.append(_turned(test) if negated else test)
        negated = False
    if negated:
        raise UsageError("`not` must be followed by a term", "For example: not failed")
    return lambda run: all(test(run) for test in tests)


def sort_runs(runs: Iterable[RunState], field: str, *, reverse: bool = False) -> list[RunState]:
    """Return runs sorted by a field: accuracies in descending order, other fields in ascending order.

    Args:
        runs: The runs.
        field: One of `FIELDS`.
        reverse: Reverse the order; runs without a value still come last.

    Raises:
        UsageError: There is no such field.
    """
    runs = list(runs)
    if field in NUMBERS:

        def number(run: RunState) -> float | None:
            value = NUMBERS[field](run)
            return value if value is not None and math.isfinite(value) else None

        return sort_rows(runs, number, reverse=(field in ACCURACIES) != reverse)
    if field not in TEXTS:
        raise UsageError(f"unknown field {field!r}", f"Fields: {', '.join(FIELDS)}")
    return sort_rows(runs, lambda run: TEXTS[field](run).lower() or None, reverse=reverse)


def _turned(test: Test) -> Test:
    return lambda run: not test(run)


def _term(word: str) -> Test:
    match = _TERM.fullmatch(word)
    if match is None:
        return _anywhere(word.lower().removeprefix("#"))
    field, sign, value = match["field"].lower(), match["sign"], match["value"]
    if field in NUMBERS:
        return _number(NUMBERS[field], field, sign, value)
    if "/" in field or "." in field:
        return _of_script(match["field"], sign, value)
    if field not in TEXTS:
        raise UsageError(f"unknown field {field!r}", f"Fields: {', '.join(FIELDS)}")
    if sign in ("=", ":", "!="):
        held = _holds(TEXTS[field], value.lower())
        return _turned(held) if sign == "!=" else held
    if field == "date":
        compare = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}[sign]
        return lambda run: compare(run.started_at[:10], value)
    raise UsageError(f"{field} is text; {sign} does not apply to it", f"For example: {field}={value or 'word'}")


def _of_script(name: str, sign: str, value: str) -> Test:
    """Return a test of a script's setting or metric; runs without it do not match."""

    def known(run: RunState) -> str | float | bool | None:
        config = run.script.config if run.script is not None else {}
        last = run.so_far.last if run.so_far is not None else {}
        return next((d[key] for d, key in ((config, name.removeprefix("config.")), (last, name)) if key in d), None)

    try:
        wanted = float(value)
    except ValueError:
        if sign not in ("=", ":", "!="):
            raise UsageError(f"{name} must be compared with a number, not {value[:40]!r}") from None
        return lambda run: known(run) is not None and (value.lower() in str(known(run)).lower()) != (sign == "!=")
    compare = _COMPARISONS[sign]
    return lambda run: isinstance(found := known(run), int | float) and compare(float(found), wanted)


def _number(of: Number, field: str, sign: str, value: str) -> Test:
    if value.lower() == _ASKED[field].unset != "" and sign in ("=", ":", "!="):
        return _turned(lambda run: of(run) is None) if sign == "!=" else lambda run: of(run) is None
    try:
        wanted = float(value.removesuffix("%"))
    except ValueError:
        raise UsageError(f"{field} must be a number, not {value[:40]!r}", f"For example: {field}>10") from None
    compare = _COMPARISONS[sign]

    def test(run: RunState) -> bool:
        found = of(run)
        return found is not None and compare(found, wanted)

    return test


def _holds(of: Text, value: str) -> Test:
    return lambda run: value in of(run).lower()


def _anywhere(word: str) -> Test:
    return lambda run: any(word in TEXTS[field](run).lower() for field in _SEARCHED)
