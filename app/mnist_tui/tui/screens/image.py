"""Asks for an image file to be classified."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.suggester import Suggester
from textual.widgets import Input, Static

from mnist_tui.environment import absolute
from mnist_tui.errors import DataError
from mnist_tui.tui.screens.dialog import Dialog, entry

if TYPE_CHECKING:
    from mnist_tui.data.framing import Framed


class FilesSuggester(Suggester):
    """Suggests the rest of a path that was begun."""

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first entry of the folder that begins like this; of a folder, with a slash."""
        folder, name = os.path.split(value)
        if not name:
            return None
        try:
            place = absolute(folder or ".")
            found = sorted(one for one in os.listdir(place) if one.startswith(name) and one.isprintable())  # noqa: PTH208 - names alone
            if not found:
                return None
            return os.path.join(folder, found[0]) + ("/" if (place / found[0]).is_dir() else "")  # noqa: PTH118 - as typed
        except OSError:
            return None


class ImageScreen(Dialog["tuple[Path, Framed]"]):
    """A box with the path of an image file.

    Args:
        frame: Brings an image into the form of the run's images.
        last: The path that was typed last.
    """

    KEYS = (("Enter", "Open"), ("→", "Complete"), ("Esc", "Back"))

    def __init__(self, frame: Callable[[Path], Framed], last: str) -> None:
        super().__init__()
        self._frame, self._last = frame, last

    def box(self) -> ComposeResult:
        """One input line."""
        with Vertical(classes="dialog") as box:
            box.border_title = "Open an image"
            path = entry(self._last, framed=self.has_room(1), example="photos/seven.jpg")
            path.suggester = FilesSuggester(use_cache=False)
            yield path
            yield Static("", id="error", classes="error", markup=False)
            yield Static("PNG, JPEG and others; converted to the format of the run's images.", classes="hint")

    @on(Input.Submitted)
    def _open(self, event: Input.Submitted) -> None:
        path = absolute(event.value.strip())
        # In another thread: a photograph of 60 megapixels takes seconds.
        self.run_worker(lambda: self._read(path), thread=True, exclusive=True)

    def _read(self, path: Path) -> None:
        try:
            framed, problem = self._frame(path), ""
        except (DataError, OSError, ValueError) as error:
            framed, problem = None, f"{str(error).rstrip('.')}."
        if self.is_attached:
            self.app.call_from_thread(self._take, path, framed, problem)

    def _take(self, path: Path, framed: Framed | None, problem: str) -> None:
        if framed is None:
            self.say(problem)
        else:
            self.dismiss((path, framed))
