"""The Live tab: one run, in progress or past, on one screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content

from mnist_tui.core.state import RunState
from mnist_tui.report.curves import charted, quantity_chart
from mnist_tui.report.formatting import format_duration, format_loss, format_percent, printable, status_text
from mnist_tui.report.matrix import View
from mnist_tui.report.measures import format_metric, label_of, progress_of, ranked, value_of
from mnist_tui.report.sparkline import sparkline
from mnist_tui.report.xaxis import MIN_STEPS, has_only_steps
from mnist_tui.runtime.system import SystemLoad
from mnist_tui.tui.film import Scene
from mnist_tui.tui.screenmodel import ScreenModel
from mnist_tui.tui.widgets.cards import Card, ImprovementCard, NumbersCard, RunCard, SystemCard
from mnist_tui.tui.widgets.epochs import EpochTable
from mnist_tui.tui.widgets.errors import MatrixView
from mnist_tui.tui.widgets.features import MapView
from mnist_tui.tui.widgets.hero import Headline, HeroCard
from mnist_tui.tui.widgets.plot import PlotView
from mnist_tui.tui.widgets.welcome import WelcomeCard

PLOTS: Final = ("chart", "chart-2", "chart-3", "chart-4")
"""Ids of the charts; the last two are shown on a huge screen, for runs of scripts with that many quantities."""


class StatusCard(Card):
    """The summary shown on a screen too small for charts."""

    def show(self, run: RunState | None) -> None:
        """Show the run in a few short lines."""
        if run is None:
            keys = ("r    start", "t    the report's two runs", "e f  more epochs, more features", "2    past runs")
            self.put(Content("\n".join(("No run yet.", "", *keys))))
            return
        last, best = run.last, run.best
        unit = " epochs" if run.network is not None else ""
        lines = [f"{status_text(run.status)}  {progress_of(run)}{unit}"]
        if run.time_to_go_s is not None:
            lines.append(f"{format_duration(run.time_to_go_s)} to go")
        lines.append(printable(run.spec.brief))
        if run.network is None:
            lines += [f"{label_of(one)} {format_metric(one, value_of(run, one))}" for one in ranked(run)[:3]]
        elif last is not None and best is not None:
            lines.append(f"val  {format_percent(last.val_accuracy)}  loss {format_loss(last.val_loss)}")
            lines.append(f"best {format_percent(best.val_accuracy)} in epoch {best.epoch}")
        if best is not None and run.primary is not None:
            lines.append(sparkline([e.value(run.primary.name) for e in run.history[-36:]]))
        if run.result is not None and run.result.test_accuracy is not None:
            lines.append(f"test {format_percent(run.result.test_accuracy)}")
        self.put(Content("\n".join(lines)))


class LiveView(Container):
    """Accuracy and loss charts, the table of epochs, and the cards."""

    DEFAULT_CSS = """
    LiveView {
        #charts { height: 2fr; }
        #below { height: 1fr; min-height: 4; }
        #epochs { height: 1fr; min-height: 4; }
        NumbersCard { display: none; }
        &.-script NumbersCard { display: block; }
        &.-script ImprovementCard { display: none; }
        PlotView.-off, &.-steps #below { display: none; }
        #live-map, #live-matrix { display: none; border: round $frame; border-title-color: $text-muted; }
        #right { width: 42; display: none; }
        StatusCard { display: none; border: none; }
        PlotView { height: 1fr; width: 1fr; }
        .card { height: auto; border: round $frame; border-title-color: $text-muted; padding: 0 1; }
        #epochs { border: round $frame; border-title-color: $text-muted; scrollbar-size-vertical: 1; }
        #epochs:focus { border: round $primary; }
    }
    """

    def __init__(self) -> None:
        # The most common initial state: changing the class later would slow down the first frame.
        super().__init__(id="live-view", classes="-empty")
        self._shown: tuple[object, ...] = ()
        self._first = ""
        self._names: tuple[str, ...] = ()

    def next_chart(self) -> None:
        """Show the next charts, as many as there is room for."""
        names = self._names
        if names:
            at = self._at(names) + self._room
            self._first = names[at if at < len(names) else 0]
            self._shown = ()

    @property
    def _room(self) -> int:
        """The number of charts shown at once."""
        if any(map(self.screen.has_class, ("-short", "-narrow"))):
            return 1
        return len(PLOTS) if self.screen.has_class("-huge") and self.has_class("-script") else 2

    def _at(self, names: Sequence[str]) -> int:
        return names.index(self._first) if self._first in names else 0

    def compose(self) -> ComposeResult:
        """Charts over epochs on the left, cards on the right."""
        with Horizontal(id="live-body"):
            with Vertical(id="left"):
                yield Headline()
                with Container(id="charts"):
                    plots = [PlotView(id=name, classes="" if at < 2 else "-off") for at, name in enumerate(PLOTS)]
                    for plot in plots:
                        plot.in_step = tuple(other for other in plots if other is not plot)
                    yield from plots
                with Horizontal(id="below"):
                    yield EpochTable()
                    matrix = MatrixView(id="live-matrix", still=True)
                    matrix.border_title = "Confusion"
                    yield matrix
            with VerticalScroll(id="right", can_focus=False):
                yield HeroCard()
                yield RunCard()
                yield ImprovementCard()
                yield NumbersCard()
                yield SystemCard()
                features = MapView(id="live-map", still=True)
                features.border_title = "Bottleneck map"
                yield features
        yield WelcomeCard()
        yield StatusCard()

    def show(self, model: ScreenModel) -> None:
        """Show a run; charts and table are updated only when an epoch ends or the run changes."""
        run, look, starting = model.run, model.view, model.starting
        if starting is not None and run is None:
            run = RunState(starting.run, starting.spec)
        self.set_class(run is None and model.is_first, "-empty")
        if model.is_first:
            self.query_one(WelcomeCard).show(model.spec, model.data)
        self.query_one(StatusCard).show(run)
        self.query_one(RunCard).show(run)
        self.query_one(HeroCard).show(run)
        self.query_one(Headline).show(run)
        self.query_one(NumbersCard).show(run)
        is_script = run is not None and run.network is None
        self.set_class(is_script, "-script")
        self.set_class(is_script and run is not None and not (run.epochs or run.history), "-steps")
        self.set_class(is_script and run is not None and run.dataset is None, "-without-answers")
        others = {slot: other for slot, other in model.marked.items() if run is None or other.run != run.run}
        shown: tuple[object, ...] = (None, look)
        if run is not None:
            marks = tuple((slot, len(other.history)) for slot, other in others.items())
            shown = (
                run.run,
                len(run.history),
                run.epochs,
                run.status,
                len(run.marks),
                look,
                marks,
                has_only_steps(run),
                self._first,
            )
        if shown == self._shown:
            if run is not None and (len(run.steps) >= MIN_STEPS or run.step):
                self._draw(model, run, others)
            return
        self._shown = shown
        self._draw(model, run, others)
        self.query_one(EpochTable).show(run)
        self.query_one(ImprovementCard).show(run)

    def _draw(self, model: ScreenModel, run: RunState | None, others: Mapping[int, RunState]) -> None:
        """Draw the charts of two quantities."""
        self._names = names = charted(run)
        at = self._at(names)
        shown = names[at : at + self._room] or ("",)
        points = partial(model.points, run) if run is not None and run.network is None else None
        for number, plot in enumerate(self.query(PlotView)):
            # Where only one fits, the style sheet hides the second.
            plot.set_class(number >= max(len(shown), min(2, len(names) - at)), "-off")
            if number < len(shown):
                plot.show(quantity_chart(shown[number], run, model.view, others, points))

    def show_scene(self, scene: Scene) -> None:
        """Show what the network has learned, if there is room."""
        self.query_one("#live-map", MapView).show(scene)
        matrix = self.query_one("#live-matrix", MatrixView)
        matrix.border_title = (
            f"Confusion after epoch {scene.insight.epoch}" if scene.insight is not None else "Confusion"
        )
        matrix.show(scene, View.COUNTS)

    def show_load(self, load: SystemLoad) -> None:
        """Show a reading of the system."""
        self.query_one(SystemCard).show(load)
