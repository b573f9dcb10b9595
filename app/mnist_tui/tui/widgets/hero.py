"""The key numbers, large enough to be read across a room."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Digits, Static

from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_duration, format_percent, format_points
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
        last = run.last if run is not None else None
        if run is None or last is None:
            self._accuracy.show("validation accuracy", "--.--%")
        else:
            self._accuracy.show("validation accuracy", format_percent(last.val_accuracy))
        over = run is not None and run.status.is_over
        seconds = None if run is None else run.elapsed_s if over else run.time_to_go_s
        self._time.show("training time" if over else "time to go", clock(seconds))
        self.query_one("#trend", Static).update(_trend(run, max(8, self.size.width - 26)), layout=False)


def _trend(run: RunState | None, room: int) -> Content:
    """Return a sparkline of the accuracy, its last change and the best epoch."""
    if run is None or run.last is None or run.best is None:
        return Content.styled("available after the first epoch", "$text-muted")
    course = sparkline([e.val_accuracy for e in run.history[-room:]])
    change, style = _change(run)
    best = " ★ best" if run.best is run.last else f" ★ @{run.best.epoch}"
    return Content.assemble((course, "$primary"), (f" {change}", style), (best, "bold" if run.best is run.last else ""))


def _change(run: RunState) -> tuple[str, str]:
    """Return the last change of the validation accuracy with a sign, and its style."""
    points = run.last.improvement_points if run.last is not None else None
    if points is None:
        return "", "$text-muted"
    sign, style = ("▲", "$text-success") if points > 0 else ("▼", "$text-error") if points < 0 else ("=", "$text-muted")
    return f"{sign} {format_points(points)}", style


class Headline(Static):
    """The same in one line, for screens without room for large digits."""

    DEFAULT_CSS = "Headline { height: 1; padding: 0 1; text-wrap: nowrap; }"

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[Part] = []

    def show(self, run: RunState | None) -> None:
        """Show the run."""
        parts: list[Part] = []
        if run is not None and run.last is not None and run.best is not None:
            change, style = _change(run)
            is_best, result = run.best is run.last, run.result
            best = "★ best" if is_best else f"★ {format_percent(run.best.val_accuracy)} @{run.best.epoch}"
            tested = result.test_accuracy if result is not None else None
            parts = [
                (0, "bold $text-accent", f"val {format_percent(run.last.val_accuracy)}"),
                (2, style, change),
                (1, "bold" if is_best else "", best),
                (1, "", f"test {format_percent(tested)}" if tested is not None else ""),
                (3, "$text-muted", f"{format_duration(run.elapsed_s)} of training"),
            ]
        self._parts = parts
        self.on_resize()

    def on_resize(self) -> None:
        """Fit the parts to the width."""
        self.update(fit(self._parts, max(1, self.size.width - 2)), layout=False)
