"""Finds a learning rate for the next run: the loss over rising rates, and a suggestion with its reason."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, Final, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.ratefinder import RateFound
from mnist_tui.core.setting import in_words
from mnist_tui.errors import MnistTuiError
from mnist_tui.report.formatting import printable
from mnist_tui.report.ratechart import rate_chart
from mnist_tui.tui.screens.dialog import Dialog
from mnist_tui.tui.widgets.plot import PlotView

DIGITS: Final = range(1, 10)
DRAW_S: Final = 0.2
"""Minimum seconds between two drawings of the curves."""


class Finding(Protocol, Iterable[str | RateFound]):
    """A search in progress, followed in another thread; it raises `MnistTuiError` if it fails."""

    def stop(self) -> None:
        """End it."""


class FindRateScreen(Dialog[float]):
    """The search for a learning rate; its answer is the rate to use.

    Args:
        title: The settings it is for.
        finding: The search.

    Attributes:
        is_over: The search has ended, with or without a suggestion.
    """

    KEYS = (("Enter", "Use this rate"), ("← →", "Another rate"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Lower", show=False),
        Binding("right", "move(1)", "Higher", show=False),
        Binding("enter", "take", "Use this rate", show=False),
        Binding("q", "leave", "Back", show=False),
    ]
    DEFAULT_CSS = """
    FindRateScreen > .dialog { width: 96%; max-width: 120; height: 90%; max-height: 30; }
    FindRateScreen PlotView { padding: 0; }
    FindRateScreen #told { height: auto; }
    """

    def __init__(self, title: str, finding: Finding) -> None:
        super().__init__()
        self._title, self._finding = title, finding
        self._found: RateFound | None = None
        self._rate: float | None = None
        self.is_over = False

    def box(self) -> ComposeResult:
        """The chart, and what it says."""
        with Vertical(classes="dialog") as box:
            box.border_title = f"A learning rate for {printable(self._title)}"
            chart = PlotView()
            chart.can_focus = False
            yield chart
            yield Static("Starting …", id="told")
            yield Static("", id="error", classes="error", markup=False)

    def on_mount(self) -> None:
        """Follow the search in another thread."""
        self.run_worker(self._follow, thread=True, exit_on_error=False)

    def on_unmount(self) -> None:
        """End the search."""
        self._finding.stop()

    def _follow(self) -> None:
        problem, drawn_at = "", 0.0
        latest: RateFound | None = None
        try:
            for news in self._finding:
                if not self.is_attached:
                    return
                latest = news if isinstance(news, RateFound) else None
                # Losses arrive faster than the curves can be smoothed and drawn.
                if latest is None or time.monotonic() - drawn_at >= DRAW_S:
                    drawn_at = time.monotonic()
                    self.app.call_from_thread(self._take_in, news)
            if latest is not None and self.is_attached:
                self.app.call_from_thread(self._take_in, latest)
        except MnistTuiError as error:
            problem = str(error)
        if self.is_attached:
            self.app.call_from_thread(self._end, problem)

    def _take_in(self, news: str | RateFound) -> None:
        if isinstance(news, str):
            self._tell(f"{news} …")
            return
        self._found = news
        trying = sum(1 for losses in news.losses if losses)
        self._tell(f"Try {trying} of {news.test.tries} …")
        self._draw()

    def _end(self, problem: str) -> None:
        if problem:
            self._tell("")
            self.say(problem)
            return
        self.is_over = True
        if self._rate is None and self._found is not None:
            self._rate = self._found.rate
        self._draw()

    def _draw(self) -> None:
        if self._found is None:
            return
        self.query_one(PlotView).show(rate_chart(self._found, self._rate))
        if self.is_over or self._rate is not None:
            chosen = "" if self._rate is None else f"Learning rate {in_words(self._rate)}. "
            self._tell(self._found.reason if self.is_over else "", chosen)

    def _tell(self, text: str, strong: str = "") -> None:
        self.query_one("#told", Static).update(Content.assemble((strong, "bold"), printable(text)))

    @on(PlotView.Pointed)
    def _point(self, pointed: PlotView.Pointed) -> None:
        pointed.stop()
        if not pointed.zoom and self._found is not None:
            self._rate = float(f"{10**pointed.x:.1g}")
            self._draw()

    def action_move(self, steps: int) -> None:
        """Choose the next higher or lower rate of one digit."""
        if self._found is None:
            return
        test = self._found.test
        rates = [float(f"{digit}e{power}") for power in range(-12, 13) for digit in DIGITS]
        rates = [rate for rate in rates if test.low <= rate <= test.high]
        now = self._rate if self._rate is not None else rates[len(rates) // 2]
        at = min(range(len(rates)), key=lambda at: abs(rates[at] - now))
        self._rate = rates[min(max(at + steps * (self._rate is not None), 0), len(rates) - 1)]
        self._draw()

    def action_take(self) -> None:
        """Close with the rate."""
        if self._rate is not None:
            self.dismiss(self._rate)
        else:
            self.say("There is no suggestion yet. Wait, or choose a rate with ← →.")
