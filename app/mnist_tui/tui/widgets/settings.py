"""The settings of the next run, with a mouse twin for each of their keys."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.spec import RunSpec


class SettingsBar(Static):
    """One line: what the next run will use. The arrows can be clicked."""

    DEFAULT_CSS = """
    SettingsBar { height: 1; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="settings")

    def show(self, spec: RunSpec, *, live: bool) -> None:
        """Show the settings; while a run is live, say that they are for the next one."""
        parts = [
            Content.from_markup("[bold]Next run[/]" if live else "[bold]Settings[/]"),
            Content.from_markup(
                "[@click=app.epochs(-1)]◂[/] [bold]$n[/] epochs [@click=app.epochs(1)]▸[/]", n=str(spec.epochs)
            ),
            Content.from_markup(
                "[@click=app.features(-1)]◂[/] [bold]$n[/] features [@click=app.features(1)]▸[/]", n=str(spec.features)
            ),
            Content.from_markup("[$text-muted]seed $n[/]", n=str(spec.seed)),
            Content.from_markup("[$text-muted]lr $n[/]", n=f"{spec.learning_rate:g}"),
            Content.from_markup("[$text-muted]batch $n[/]", n=str(spec.batch_size)),
            Content.from_markup("[$text-muted]data $d[/]", d=spec.dataset),
            Content.from_markup("[$text-muted]device $d[/]", d=spec.device),
        ]
        self.update(Content("  ").join(parts))
