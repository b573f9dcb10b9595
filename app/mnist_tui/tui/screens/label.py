"""Asks what a run is called."""

from __future__ import annotations

from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from mnist_tui.core.labels import Labels, as_tags
from mnist_tui.errors import UsageError
from mnist_tui.tui.screens.dialog import Dialog


class LabelScreen(Dialog[Labels]):
    """Name, tags and a note.

    Args:
        title: Which run it is.
        labels: What it is called now.
    """

    KEYS = "Enter save · Tab next · Esc back"
    DEFAULT_CSS = """
    LabelScreen .row { height: 1; }
    LabelScreen Label { width: 8; }
    LabelScreen Input { width: 1fr; }
    """

    def __init__(self, title: str, labels: Labels) -> None:
        super().__init__()
        self._title, self._labels = title, labels

    def compose(self) -> ComposeResult:
        """One line per label."""
        labels = self._labels
        fields = (
            ("name", "Name", labels.name, "best of eight"),
            ("tags", "Tags", " ".join(labels.tags), "good paper"),
            ("note", "Note", labels.note, ""),
        )
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            for key, title, value, example in fields:
                with Horizontal(classes="row"):
                    yield Label(title)
                    yield Input(value, id=key, placeholder=example, compact=True)
            yield Static("", classes="error", markup=False)

    @on(Input.Submitted)
    def _keep(self) -> None:
        name, tags, note = (self.query_one(f"#{key}", Input).value.strip() for key in ("name", "tags", "note"))
        try:
            self.dismiss(replace(self._labels, name=name, tags=as_tags([tags]), note=note))
        except UsageError as error:
            self.say(str(error))
