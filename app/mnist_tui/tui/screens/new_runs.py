"""The form for a grid of runs and for all settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Input, Label, Select, Static

from mnist_tui.core.estimate import sweep_s
from mnist_tui.core.numerals import count
from mnist_tui.core.setting import Setting, in_words, parse_number
from mnist_tui.core.spec import MAX_JOBS, SETTINGS, RunSpec, SweepSpec, parse_numbers
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import format_duration
from mnist_tui.tui.screens.dialog import Dialog


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
_GRID: Final = {"epochs": "epochs", "features": "features", "seed": "seeds"}
"""Settings of which several values make a grid, and what those are called."""


def _id(setting: Setting) -> str:
    return _GRID.get(setting.key, setting.key.replace("_", "-"))


def _title(setting: Setting) -> str:
    return _GRID[setting.key].capitalize() if setting.key in _GRID else setting.name


def _value(setting: Setting, spec: RunSpec) -> str:
    value = getattr(spec, setting.key)
    return "" if value is None else in_words(value)


class NewRunsScreen(Dialog[NewRuns]):
    """Epochs x features x seeds, and the other settings of the line.

    Args:
        spec: The values the form opens with.
        factor: By how much this machine is slower than the usual one; see `core.estimate`.
        jobs: Parallel runs; `None`: one after the other is all there is.
    """

    DEFAULT_CSS = """
    NewRunsScreen .row { height: 1; }
    NewRunsScreen Label { width: 16; }
    NewRunsScreen Input, NewRunsScreen Select { width: 1fr; }
    NewRunsScreen VerticalScroll { height: auto; max-height: 100%; }
    NewRunsScreen .buttons { margin-top: 1; }
    """

    KEYS = "Tab next · Enter start · Esc back"

    def __init__(self, spec: RunSpec, factor: float = 1.0, jobs: int | None = None) -> None:
        super().__init__()
        self._spec, self._factor, self._jobs = spec, factor, jobs

    def compose(self) -> ComposeResult:
        """One line per setting."""
        typed = [(_id(s), _title(s), _value(s, self._spec), s.example) for s in _SETTINGS if not s.choices]
        if self._jobs is not None:
            typed.append(("jobs", "Parallel runs", str(self._jobs), "1"))
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "New runs"
            yield Static("Lists such as 10,20 and ranges such as 1-5 make a grid: every combination.", classes="hint")
            for key, title, value, example in typed:
                with Horizontal(classes="row"):
                    yield Label(title)
                    yield Input(value, id=key, placeholder=example, compact=True, select_on_focus=True)
            for s in _SETTINGS:
                if s.choices:
                    choices = [(choice, choice) for choice in s.choices]
                    value = getattr(self._spec, s.key)
                    with Horizontal(classes="row"):
                        yield Label(s.name)
                        yield Select(choices, value=value, id=_id(s), allow_blank=False, compact=True)
            yield Static("", id="count", classes="hint")
            yield Static("", classes="error", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Start", id="start", variant="primary", compact=True)
                yield Button("Queue", id="queue", compact=True)
                yield Button("Back", id="back", compact=True)

    def fill(self) -> None:
        """Say how many runs the form stands for."""
        self._count()

    def _text(self, key: str) -> str:
        return self.query_one(f"#{key}", Input).value.strip()

    def _read_jobs(self) -> int:
        return 1 if self._jobs is None else parse_number(self._text("jobs"), "parallel runs", 1, MAX_JOBS)

    def _read(self) -> SweepSpec:
        text = self._text
        values: dict[str, Any] = {}
        for s in _SETTINGS:
            if s.choices:
                values[s.key] = str(self.query_one(f"#{_id(s)}", Select).value)
            elif s.key not in _GRID:
                values[s.key] = s.parse(text(_id(s)))
        epochs, features, seeds = (parse_numbers(text(name), name) for name in _GRID.values())
        return SweepSpec(epochs, features, seeds, replace(self._spec, **values))

    @on(Input.Changed)
    @on(Select.Changed)
    def _count(self) -> None:
        try:
            sweep, jobs = self._read(), self._read_jobs()
        except UsageError as error:
            self.query_one("#count", Static).update("")
            self.say(str(error))
            return
        self.say("")
        needed = format_duration(max(0.1, sweep_s(sweep, self._factor) / min(jobs, sweep.n_runs)))
        self.query_one("#count", Static).update(
            f"{count(sweep.n_runs, 'run')}, about {needed} of training on this machine."
        )

    @on(Input.Submitted)
    def _submit(self) -> None:
        self._give(start=True)

    @on(Button.Pressed)
    def _press(self, event: Button.Pressed) -> None:
        if event.button.id == "back":
            self.dismiss(None)
        else:
            self._give(start=event.button.id == "start")

    def _give(self, *, start: bool) -> None:
        try:
            self.dismiss(NewRuns(self._read(), start, self._read_jobs()))
        except UsageError as error:
            self.say(str(error))
