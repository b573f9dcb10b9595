"""The Draw tab: draw a digit and see how the network classifies it after each stroke."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mnist_tui.core.state import RunState
from mnist_tui.report.formatting import format_percent, printable
from mnist_tui.runtime.classifier import Answer
from mnist_tui.tui.film import Scene
from mnist_tui.tui.widgets.cards import Card
from mnist_tui.tui.widgets.features import MapView
from mnist_tui.tui.widgets.pad import PadView
from mnist_tui.tui.widgets.progress import bar


class GuessCard(Card):
    """The predicted probability of each class, as bars."""

    def show(self, run: RunState | None, names: tuple[str, ...], answer: Answer | None, why: str) -> None:
        """Show an answer.

        Args:
            run: The run whose network answers.
            names: The class names.
            answer: The prediction, or `None`.
            why: Text to show instead if there is no answer.
        """
        if run is None:
            self.border_title = ""
        else:
            of = f"epoch {answer.epoch}, " if answer is not None else ""
            self.border_title = Content(f"{of}{printable(run.spec.brief)}")
        if answer is None:
            self.put(Content.styled(why, "$text-muted"))
            return
        chances = answer.guess.probabilities
        best = max(range(len(chances)), key=chances.__getitem__)
        names = names if len(names) == len(chances) else tuple(map(str, range(len(chances))))
        room = max(4, self.size.width - max(map(len, names)) - 9)
        # If not all fit, show the most probable ones.
        lines = self.parent.size.height - 2 if isinstance(self.parent, Widget) else len(chances)
        likely = sorted(range(len(chances)), key=lambda number: -chances[number])[: max(1, lines)]
        rows = [
            Content.assemble(
                (f"{'★' if number == best else ' '} {name} ", "bold" if number == best else ""),
                bar(chance, room),
                (f"{format_percent(chance, 0):>5}", "bold" if number == best else "$text-muted"),
            )
            for number, name, chance in ((number, names[number], chances[number]) for number in sorted(likely))
        ]
        self.put(Content("\n").join(rows))


class DrawView(Container):
    """The drawing pad, the prediction, and the drawing's position on the map."""

    @dataclass
    class Answered(Message):
        """The network has classified the drawing; if it could not, `answer` is `None` and `why` is the reason."""

        answer: Answer | None
        why: str

    DEFAULT_CSS = """
    DrawView {
        PadView { width: 30; height: 16; }
        #draw-side { width: 1fr; }
        .card { height: auto; border: round $frame; border-title-color: $text-muted; padding: 0 1; }
        #draw-map { height: 1fr; }
    }
    """

    def __init__(self) -> None:
        super().__init__(id="draw-view")
        self._scene = Scene()
        self._answer: Answer | None = None
        self._why = ""

    def compose(self) -> ComposeResult:
        """Create the pad on the left, and the answer and map on the right."""
        with Horizontal():
            yield PadView()
            with Vertical(id="draw-side"):
                yield GuessCard()
                yield MapView(id="draw-map", still=True)

    def show(self, scene: Scene) -> None:
        """Show the run whose network answers."""
        self._scene = scene
        self.query_one("#draw-map", MapView).show(scene)
        self._refresh_answer()

    def tell(self, answer: Answer | None, why: str = "") -> None:
        """Show an answer, or the reason why there is none."""
        self._answer, self._why = answer, why
        self._refresh_answer()

    def on_resize(self) -> None:
        """Fit the bars to the new width."""
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        self._refresh_answer()
        # Its height was computed with the old bar lengths, which may have wrapped.
        self.query_one(GuessCard).refresh(layout=True)

    def _refresh_answer(self) -> None:
        run = self._scene.run
        names = self._scene.names if self._scene.insight is not None else _names(run)
        can_draw = run is None or run.dataset is None or bool(run.dataset.framing)
        self.query_one(PadView).take_strokes(takes=can_draw)
        opens = "Press O to open an image."
        hint = f"Draw {_drawable(names)}. {opens}" if can_draw else opens
        hint = "No run yet. Press r to start one." if run is None else hint
        self.query_one(GuessCard).show(run, names, self._answer, printable(self._why) or hint)
        self.query_one("#draw-map", MapView).mark(self._answer.guess.values if self._answer is not None else ())


def _drawable(names: tuple[str, ...]) -> str:
    """Return what can be drawn, for a sentence: `a digit`, `a letter`, `one of: o, ki, su`."""
    if all(name.isdecimal() for name in names):
        return "a digit"
    if all(len(name) == 1 for name in names):
        return "a letter or a digit" if any(name.isdecimal() for name in names) else "a letter"
    return f"one of: {', '.join(map(printable, names))}"


def _names(run: RunState | None) -> tuple[str, ...]:
    return run.dataset.classes if run is not None and run.dataset is not None else ()
