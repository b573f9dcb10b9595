"""Keeps the tabs true that show what a network learned: which epoch, what it told, and what it says of a drawing."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from textual.app import App

from mnist_tui.core.drawing import Drawing
from mnist_tui.core.state import RunState
from mnist_tui.errors import MnistTuiError
from mnist_tui.runtime.classifier import DrawingClassifier, Load
from mnist_tui.runtime.library import Library
from mnist_tui.tui.film import Film, Scene
from mnist_tui.tui.widgets.draw import DrawView
from mnist_tui.tui.widgets.errors import ErrorsView
from mnist_tui.tui.widgets.features import FeaturesView
from mnist_tui.tui.widgets.live import LiveView
from mnist_tui.tui.widgets.pad import PadView

ASK_S: Final = 0.25
"""How often at most a drawing is shown to the network."""
TABS: Final = ("live", "errors", "features", "draw")

Attempt: TypeAlias = Callable[[Callable[[], Any]], Any]
"""Does something; tells an error and returns `None` instead."""


class InsightTabs:
    """Reads insights from the store, for the tab that is in sight alone.

    Args:
        app: Where the tabs are.
        library: Where insights and checkpoints are found.
        load: What makes a network of a checkpoint, called beside the screen; `None`: drawings get no answer.
        told: What tells errors.
    """

    def __init__(self, app: App[None], library: Library, load: Load | None, told: Attempt) -> None:
        self.film, self.scene = Film(), Scene()
        self._app, self._library, self._told = app, library, told
        self._classifier = DrawingClassifier(load, library) if load is not None else None
        self._seen: tuple[object, ...] = ()
        self._asks = self._is_asking = False
        self._asked_at = 0.0

    @property
    def is_settled(self) -> bool:
        """True where the newest drawing has its answer."""
        return not self._asks and not self._is_asking

    def show(self, tab: str, run: RunState | None, marked: str | None) -> None:
        """Show a run, where that is in sight and something is new.

        Args:
            tab: The tab in sight.
            run: The run.
            marked: Id of the run that changes are measured against, if one is marked.
        """
        if tab not in TABS:
            return
        film = self.film
        newest = (run.run, run.epochs_done, run.status) if run is not None else ()
        seen = (tab, marked, newest)
        if (*seen, film.epoch, film.is_at_the_end, film.plays) == self._seen:
            return
        if run is not None:
            film.follow(run.run, self._told(partial(self._library.insight_epochs, run.run)) or ())
        found = self._told(partial(self._read, run, marked))
        self.scene = found if found is not None else Scene(run)
        self._seen = (*seen, film.epoch, film.is_at_the_end, film.plays)
        if tab == "errors":
            self._app.query_one(ErrorsView).show(self.scene)
        elif tab == "live":
            self._app.query_one(LiveView).show_scene(self.scene)
        elif tab == "features":
            self._app.query_one(FeaturesView).show(self.scene)
        else:
            self._app.query_one(DrawView).show(self.scene)
            # The network may have learned more meanwhile.
            self._asks = True

    def _read(self, run: RunState | None, marked: str | None) -> Scene:
        film, library = self.film, self._library
        if run is None or film.epoch is None:
            return Scene(run)
        has_baseline = marked is not None and marked != run.run
        epochs = library.insight_epochs(marked) if has_baseline and marked is not None else ()
        return Scene(
            run,
            film.epochs,
            film.plays,
            film.is_at_the_end,
            insight=library.insight(run.run, film.epoch),
            before=library.insight(run.run, film.before) if film.before is not None else None,
            baseline=library.insight(marked, epochs[-1]) if epochs and marked is not None else None,
            pictures=library.pictures(run),
        )

    def want_answer(self) -> None:
        """Show the drawing to the network with the next `ask`."""
        self._asks = True

    def ask(self) -> None:
        """Show the drawing to the network beside the screen, if that is wanted; one question at a time."""
        run = self.scene.run
        if not self._asks or self._is_asking or run is None or time.monotonic() - self._asked_at < ASK_S:
            return
        self._asked_at = time.monotonic()
        self._asks = False
        drawing, side = self._app.query_one(PadView).drawing, run.dataset.side if run.dataset is not None else 0
        view = self._app.query_one(DrawView)
        if drawing.is_empty:
            view.tell(None)
        elif self._classifier is None or not side:
            view.tell(None, "This run's network cannot classify drawings.")
        else:
            self._is_asking = True
            question = partial(self._answer, view, self._classifier, run.run, drawing.copy(), side)
            self._app.run_worker(question, thread=True)

    def _answer(self, view: DrawView, classifier: DrawingClassifier, run: str, drawing: Drawing, side: int) -> None:
        answer = None
        try:
            answer, why = classifier.ask(run, drawing.centred(side)), "It has no checkpoint yet."
        except MnistTuiError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - a drawing must not take training with it
            why = f"The network cannot classify it: {type(error).__name__}: {error}"
        # From another thread, and never waiting for the screen: it may be on its way out.
        view.post_message(DrawView.Answered(answer, why))

    def take_answer(self, answered: DrawView.Answered) -> None:
        """Show what the network said, unless the drawing has been wiped away."""
        self._is_asking = False
        if not self._app.query_one(PadView).drawing.is_empty:
            self._app.query_one(DrawView).tell(answered.answer, answered.why)
