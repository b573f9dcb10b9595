"""Updates the tabs that show what a network learned, and classifies drawings."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from textual.app import App

from mnist_tui.core.conditions import DatasetInfo
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
"""Minimum seconds between two classifications of the drawing."""
TABS: Final = ("live", "errors", "features", "draw")

Attempt: TypeAlias = Callable[[Callable[[], Any]], Any]
"""Calls a function; on an error, reports it and returns `None`."""


class InsightTabs:
    """Reads insights from the store, for the visible tab only.

    Args:
        app: The app with the tabs.
        library: Source of insights and checkpoints.
        load: Loads a network from a checkpoint, in another thread; `None` if drawings cannot be classified.
        told: Calls a function and reports its errors.
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
        """True if the current drawing has been classified."""
        return not self._asks and not self._is_asking

    def show(self, tab: str, run: RunState | None, marked: str | None) -> None:
        """Show a run, if its tab is visible and something changed.

        Args:
            tab: The visible tab.
            run: The run.
            marked: Id of the marked run to compare with, if any.
        """
        if tab not in TABS:
            return
        film = self.film
        # Before the first epoch the tabs show how far it is.
        percent = round(100 * run.epoch_fraction) if run is not None and not run.epochs_done else 0
        newest = (run.run, run.epochs_done, run.status, percent) if run is not None else ()
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
            # Classify again, as the network may have been trained further.
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
        """Request that the next `ask` classifies the drawing."""
        self._asks = True

    def ask(self) -> None:
        """Classify the drawing in another thread, if requested; only one request runs at a time."""
        run = self.scene.run
        if not self._asks or self._is_asking or run is None or time.monotonic() - self._asked_at < ASK_S:
            return
        self._asked_at = time.monotonic()
        self._asks = False
        pad, data = self._app.query_one(PadView), run.dataset
        view = self._app.query_one(DrawView)
        if pad.is_empty:
            view.tell(None)
        elif self._classifier is None or data is None or not data.side:
            view.tell(None, "This run's network cannot classify images.")
        elif pad.picture is not None and len(pad.picture.pixels) != data.channels * data.side**2:
            view.tell(None, "This run uses another image format. Press O to open the file again.")
        else:
            self._is_asking = True
            self._app.run_worker(
                partial(self._answer, view, self._classifier, run.run, _image_of(pad, data)), thread=True
            )

    def _answer(self, view: DrawView, classifier: DrawingClassifier, run: str, image: Callable[[], bytes]) -> None:
        answer = None
        try:
            answer, why = classifier.ask(run, image()), "This run has no checkpoint yet."
        except MnistTuiError as error:
            why = str(error)
        except Exception as error:  # noqa: BLE001 - a drawing must not crash training
            why = f"The drawing could not be classified: {type(error).__name__}: {error}"
        # Called in another thread: do not wait for the screen, as it may be closing.
        view.post_message(DrawView.Answered(answer, why))

    def take_answer(self, answered: DrawView.Answered) -> None:
        """Show the prediction, unless the drawing has been cleared."""
        self._is_asking = False
        if not self._app.query_one(PadView).is_empty:
            self._app.query_one(DrawView).tell(answered.answer, answered.why)


def _image_of(pad: PadView, data: DatasetInfo) -> Callable[[], bytes]:
    """Return a function for another thread: it returns what is on the pad in the form of the data."""
    if pad.picture is not None:
        pixels = pad.picture.pixels
        return lambda: pixels
    return partial(pad.drawing.copy().framed, data.side, data.framing)
