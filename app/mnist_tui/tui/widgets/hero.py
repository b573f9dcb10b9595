"""The key numbers, large enough to be read across a room."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_duration, format_percent
from mnist_tui.report.measures import chief, format_change, format_metric, is_improvement, label_of, value_of
from mnist_tui.report.sparkline import sparkline
from mnist_tui.tui.widgets.status import Part, fit


def clock(seconds: float | None) -> str:
    """Return a time using only characters that `Digits` can draw: `0:07`, `12:34`, `1:02:03`."""
    if seconds is None or not 0 <= seconds < 360_000:
        return "-:--"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Figure(Vertical):
    """A number in large digits with its name above it."""

    DEFAULT_CSS = """
    Figure { width: 1fr; height: 4; }
    Figure Digits { width: 100%; }
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._title = name

    def compose(self) -> ComposeResult:
        """The name above the number."""
        yield Static(self._title, classes="figure-name", markup=False)
        yield Digits("")

    def show(self, name: str, text: str) -> None:
        """Show a number; redraw only if it changed."""
        title, digits = self.query_one(Static), self.query_one(Digits)
        if name != self._title:
            self._title = name
            title.update(name)
        if digits.value != text:
            digits.update(text)


class HeroCard(Vertical):
    """Validation accuracy and remaining time in large digits, with a trend line."""

    DEFAULT_CSS = """
    HeroCard { height: 7; display: none; }
    HeroCard > Horizontal { height: 4; }
    HeroCard #accuracy-figure { width: 22; }
    HeroCard .figure-name { color: $text-muted; height: 1; }
    HeroCard #accuracy-figure Digits { color: $text-accent; }
    HeroCard #trend { height: 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(classes="card", id="hero")
        self._accuracy, self._time = Figure("validation accuracy"), Figure("time to go")
        self._accuracy.id = "accuracy-figure"

    def compose(self) -> ComposeResult:
        """Create two figures and the trend line."""
        with Horizontal():
            yield self._accuracy
            yield self._time
        yield Static(id="trend")

    def show(self, run: RunState | None) -> None:
        """Show the run."""
        self._accuracy.show(*_figure(run))
        over = run is not None and run.status.is_over
        seconds = None if run is None else run.elapsed_s if over else run.time_to_go_s
        self._time.show("training time" if over else "time to go", clock(seconds))
        self.query_one("#trend", Static).update(_trend(run, max(8, self.size.width - 26)), layout=False)


def _figure(run: RunState | None) -> tuple[str, str]:
    """Return the name of the number that stands for a run, and its newest value."""
    if run is None or run.network is not None:
        last = run.last if run is not None else None
        return "validation accuracy", "--.--%" if last is None else format_percent(last.val_accuracy)
    one = chief(run)
    return ("no numbers yet", "-") if one is None else (label_of(one), format_metric(one, value_of(run, one)))


def _trend(run: RunState | None, room: int) -> Content:
    """Return a sparkline of the primary metric, its last change and the best epoch."""
    if run is None or run.last is None or run.best is None or run.primary is None:
        has_goal = run is None or run.network is not None or (not run.history and run.epochs > 0)
        return Content.styled("available after the first epoch" if has_goal else "", "$text-muted")
    name = run.primary.name
    course = sparkline([e.value(name) for e in run.history[-room:]])
    change, style = _change(run)
    best = " ★ best" if run.best is run.last else f" ★ @{run.best.epoch}"
    return Content.assemble((course, "$primary"), (f" {change}", style), (best, "bold" if run.best is run.last else ""))


def _change(run: RunState) -> tuple[str, str]:
    """Return the last change of the primary metric with a sign, and its style."""
    one = run.primary
    if one is None or len(run.history) < 2:
        return "", "$text-muted"
    before, now = (epoch.value(one.name) for epoch in run.history[-2:])
    if not (text := format_change(one, before, now)):
        return "", "$text-muted"
    better = is_improvement(one, before, now)
    style = "$text-muted" if better is None else "$text-success" if better else "$text-error"
    return f"{'▲' if now > before else '▼' if now < before else '='} {text}", style


class Headline(Static):
    """The same in one line, for screens without room for large digits."""

    DEFAULT_CSS = "Headline { height: 1; padding: 0 1; text-wrap: nowrap; }"

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Part] = []

    def show(self, run: RunState | None) -> None:
        """Show the run."""
        parts: list[Part] = []
        one = chief(run) if run is not None else None
        if run is not None and one is not None and (run.last is not None or run.network is None):
            change, style = _change(run)
            is_best, result = run.best is not None and run.best is run.last, run.result
            found = (
                f"★ {format_metric(one, run.best.value(one.name))} @{run.best.epoch}" if run.best is not None else ""
            )
            tested = result.test_accuracy if result is not None else None
            name = "val" if run.network is not None else label_of(one)
            parts = [
                (0, "bold $text-accent", f"{name} {format_metric(one, value_of(run, one))}"),
                (2, style, change),
                (1, "bold" if is_best else "", "★ best" if is_best else found),
                (1, "", f"test {format_percent(tested)}" if tested is not None else ""),
                (3, "$text-muted", f"{format_duration(run.elapsed_s)} of training"),
            ]
        self._parts = parts
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the parts to the width."""
        self.update(fit(self._parts, max(1, self.size.width - 2)), layout=False)
