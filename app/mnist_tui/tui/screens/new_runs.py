"""The form for a grid of runs and for all settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Select, Static

from mnist_tui.core.estimate import sweep_s
from mnist_tui.core.numerals import count
from mnist_tui.core.setting import Setting, in_words, parse_number
from mnist_tui.core.spec import MAX_JOBS, SETTINGS, RunSpec
from mnist_tui.core.sweep import SweepSpec
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import format_duration
from mnist_tui.tui.screens.dialog import Dialog, field


@dataclass(frozen=True, slots=True)
class NewRuns:
    """What the form gives back.

    Attributes:
        sweep: The runs.
        start: True to start immediately, False to leave them waiting.
        jobs: How many to train in parallel.
    """

    sweep: SweepSpec
    start: bool
    jobs: int = 1


_SETTINGS: Final = tuple(setting for setting in SETTINGS if setting.is_remembered)


def _parse_jobs(text: str) -> int:
    return parse_number(text, "parallel runs", 1, MAX_JOBS)


def _id(setting: Setting) -> str:
    return setting.key.replace("_", "-")


def _value(setting: Setting, spec: RunSpec) -> str:
    value = getattr(spec, setting.key)
    return "" if value is None else in_words(value)


_AROUND: Final = 8
"""Rows that are not for the fields: frame, hint, number of runs, an error, buttons and footer."""


class NewRunsScreen(Dialog[NewRuns]):
    """All settings of the line; lists and ranges make a grid.

    Args:
        spec: The values the form opens with.
        factor: By how much this machine is slower than the usual one; see `core.estimate`.
        jobs: Parallel runs; `None`: one after the other is all there is.
    """

    DEFAULT_CSS = """
    NewRunsScreen Label { width: 16; }
    NewRunsScreen Select { width: 1fr; }
    NewRunsScreen VerticalScroll { height: auto; }
    """

    KEYS = (("Tab", "Next field"), ("Enter", "Start"), ("Esc", "Back"))

    def __init__(self, spec: RunSpec, factor: float = 1.0, jobs: int | None = None) -> None:
        super().__init__()
        self._spec, self._factor, self._jobs = spec, factor, jobs

    def box(self) -> ComposeResult:
        """One line per setting."""
        typed = [
            (_id(s), s.plural.capitalize(), _value(s, self._spec), s.example, s.choices)
            for s in _SETTINGS
            if not s.is_pick
        ]
        if self._jobs is not None:
            typed.append(("jobs", "Parallel runs", str(self._jobs), "1", ()))
        framed = self.has_room(len(_SETTINGS) + 1)
        with Vertical(classes="dialog") as box:
            box.border_title = "New runs"
            yield Static("Lists such as 10,20 and ranges such as 1-5 make a grid.", classes="hint")
            with VerticalScroll(can_focus=False):
                for key, title, value, example, choices in typed:
                    yield from field(key, title, value, example, framed=framed, choices=choices)
                for s in _SETTINGS:
                    if s.is_pick:
                        options = [(choice, choice) for choice in s.choices]
                        value = getattr(self._spec, s.key)
                        with Horizontal(classes="row"):
                            yield Label(s.name)
                            yield Select(options, value=value, id=_id(s), allow_blank=False, compact=True)
            yield Static("", id="count", classes="hint")
            yield Static("", id="error", classes="error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start", id="start", variant="primary", compact=True, action="screen.give(True)")
                yield Button("Queue", id="queue", compact=True, action="screen.give(False)")
                yield Button("Back", compact=True, action="screen.leave")

    def fill(self) -> None:
        """Say how many runs the form stands for."""
        self._count()

    def on_resize(self) -> None:
        """Leave room for the buttons: the fields scroll."""
        for fields in self.query(VerticalScroll):
            fields.styles.max_height = max(3, self.app.size.height - _AROUND)

    def _read(self, *, start: bool = False) -> NewRuns | None:
        """Return what the form says; `None` if something is wrong, which is then written below its field."""
        errors: dict[str, str] = {}

        def typed(key: str, parse: Callable[[str], Any]) -> Any:
            errors[key] = ""
            try:
                return parse(self.query_one(f"#{key}", Input).value.strip())
            except UsageError as error:
                errors[key] = str(error)
                return None

        values: dict[str, Any] = {}
        several: dict[str, Any] = {}
        for s in _SETTINGS:
            if s.is_pick:
                values[s.key] = str(self.query_one(f"#{_id(s)}", Select).value)
            else:
                several[s.key] = typed(_id(s), s.parse_list)
        jobs = 1 if self._jobs is None else typed("jobs", _parse_jobs)
        for key, error in errors.items():
            self.say(error, key)
        if any(errors.values()):
            return None
        try:
            values |= {key: listed[0] for key, listed in several.items()}
            grid = {key: listed for key, listed in several.items() if len(listed) > 1}
            return NewRuns(SweepSpec(replace(self._spec, **values), grid), start, jobs)
        except UsageError as error:
            self.say(str(error))
            return None

    @on(Input.Changed)
    @on(Select.Changed)
    def _count(self) -> None:
        self.say("")
        new, text = self._read(), ""
        if new is not None:
            needed = format_duration(max(0.1, sweep_s(new.sweep, self._factor) / min(new.jobs, new.sweep.n_runs)))
            text = f"{count(new.sweep.n_runs, 'run')}, about {needed} of training on this machine."
        self.query_one("#count", Static).update(text)

    @on(Input.Submitted)
    def _submit(self) -> None:
        self.action_give(start=True)

    def action_give(self, start: bool) -> None:
        """Close with the runs of the form."""
        if (new := self._read(start=start)) is not None:
            self.dismiss(new)
