"""Asks what a run is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from mnist_tui.core.labels import Labels, as_name, as_tags, as_text
from mnist_tui.errors import UsageError
from mnist_tui.tui.screens.dialog import Dialog, field

_READ: Final[dict[str, Callable[[str], Any]]] = {
    "name": as_name,
    "tags": lambda text: as_tags([text]),
    "note": as_text,
}
"""Takes in what was typed, by field."""


class LabelScreen(Dialog[Labels]):
    """Name, tags and a note.

    Args:
        title: Which run it is.
        labels: What it is called now.
    """

    KEYS = (("Enter", "Save"), ("Tab", "Next field"), ("Esc", "Back"))
    DEFAULT_CSS = """
    LabelScreen { align: center bottom; }
    LabelScreen Label { width: 8; }
    """

    def __init__(self, title: str, labels: Labels) -> None:
        super().__init__()
        self._title, self._labels = title, labels

    def box(self) -> ComposeResult:
        """One line per label."""
        labels = self._labels
        fields = (
            ("name", "Name", labels.name, "best of eight"),
            ("tags", "Tags", " ".join(labels.tags), "good paper"),
            ("note", "Note", labels.note, "rate changed after epoch 5"),
        )
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            for key, title, value, example in fields:
                yield from field(key, title, value, example, framed=self.has_room(len(fields)))
            yield Static("", id="error", classes="error", markup=False)

    @on(Input.Submitted)
    def _keep(self) -> None:
        changed, is_wrong = self._labels, False
        for key in _READ:
            text = self.query_one(f"#{key}", Input).value.strip()
            try:
                changed = replace(changed, **{key: _READ[key](text)})
                self.say("", key)
            except UsageError as error:
                self.say(str(error), key)
                is_wrong = True
        if not is_wrong:
            self.dismiss(changed)
