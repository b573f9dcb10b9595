"""The line of keys at the bottom."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from mnist_tui.tui.commands import COMMANDS, LIVE_ACTIONS


class KeyBar(Static):
    """The most used keys, as many as fit; each can be clicked.

    Not Textual's footer: that one cuts a key in two at the edge, and builds all its widgets anew at each change.
    """

    DEFAULT_CSS = """
    KeyBar { height: 1; padding: 0 1; background: $panel; color: $foreground; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._live = False
        self._places: list[tuple[range, str]] = []

    def show(self, *, live: bool) -> None:
        """Grey out what needs a live run while there is none."""
        if live != self._live:
            self._live = live
            self._redraw()

    def on_mount(self) -> None:
        """Draw the first time."""
        self._redraw()

    def on_resize(self) -> None:
        """Choose again what fits."""
        self._redraw()

    async def on_click(self, event: Click) -> None:
        """Do what the key under the mouse does."""
        for place, action in self._places:
            if event.x in place:
                await self.app.run_action(action)

    def _redraw(self) -> None:
        width, column = self.size.width - 1, 1
        keys: list[Content] = []
        self._places = []
        for command in sorted((c for c in COMMANDS if c.footer), key=lambda c: c.footer):
            end = column + cell_len(command.label) + 1 + cell_len(command.title)
            if end > width:
                break
            self._places.append((range(column, end), command.action))
            column = end + 2
            idle = not self._live and command.name in LIVE_ACTIONS
            label, title = ("$text-disabled",) * 2 if idle else ("bold $text-accent", "")
            keys.append(Content.assemble((command.label, label), " ", (command.title, title)))
        self.update(Content("  ").join(keys), layout=False)
