"""The footer with the keys."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widgets import Static

from mnist_tui.core.state import RunState
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.footer import Offer, offers


class KeyBar(Static):
    """The most used keys, as many as fit; each is clickable.

    Not Textual's footer, which cuts off keys at the edge and rebuilds all its widgets at each change.
    """

    DEFAULT_CSS = """
    KeyBar { height: 1; padding: 0 1; background: $panel; color: $foreground; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="keys")
        self.commands: Sequence[Command] = COMMANDS
        self.is_opened = False
        self._shown: tuple[object, ...] | None = None
        self._offers: tuple[Offer, ...] = ()
        self._places: list[tuple[range, str]] = []

    def show(self, tab: str, *, live: bool, in_queue: bool, script: RunState | None = None) -> None:
        """Show the keys of a tab; arguments as for `offers`, an empty tab for no keys."""
        shown = tab, live, in_queue, (script.run, script.epochs > 0) if script is not None else None
        if shown != self._shown:
            self._shown = shown
            offered = offers(
                tab, live=live, in_queue=in_queue, script=script, commands=self.commands, is_opened=self.is_opened
            )
            self._offers = tuple(offered) if tab else ()
            self._redraw()

    def on_resize(self) -> None:
        """Fit the keys to the new width."""
        self._redraw()

    async def on_click(self, event: Click) -> None:
        """Run the action of the key under the mouse."""
        for place, action in self._places:
            if event.x in place:
                await self.app.run_action(action)

    def _redraw(self) -> None:
        width, column = self.size.width - 1, 1
        shown: list[Content] = []
        self._places = []
        for offer in self._offers:
            end = column + cell_len(offer.label) + 1 + cell_len(offer.title)
            if end > width:
                break
            for number, (label, action) in enumerate(offer.keys):
                last = number == len(offer.keys) - 1
                after = end if last else column + cell_len(label) + 1
                self._places.append((range(column, after), action))
                column = after
            column = end + 2
            ink = "bold $text-accent" if offer.works else "$foreground 60%"
            shown.append(Content.assemble((offer.label, ink), (f" {offer.title}", "" if offer.works else ink)))
        self.update(Content("  ").join(shown), layout=False)
