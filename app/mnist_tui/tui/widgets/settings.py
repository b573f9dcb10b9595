"""The settings of the next run, with a mouse twin for each of their keys."""

from __future__ import annotations

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from mnist_tui.core.spec import RunSpec


class SettingsBar(Static):
    """One line: what the next run will use. The arrows can be clicked."""

    DEFAULT_CSS = """
    SettingsBar { height: 1; padding: 0 1; text-wrap: nowrap; }
    """

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._parts: list[Content] = []

    def show(self, spec: RunSpec, *, live: bool) -> None:
        """Show the settings; while a run is live, say that they are for the next one."""
        quiet = "$text-muted"
        parts = [
            Content.styled("Next run" if live else "Settings", "bold"),
            _stepper("epochs", spec.epochs),
            _stepper("features", spec.features),
            Content.styled(f"seed {spec.seed}", quiet),
            Content.styled(f"lr {spec.learning_rate:g}", quiet),
            Content.styled(f"batch {spec.batch_size}", quiet),
            Content.styled(f"data {spec.dataset}", quiet),
            Content.styled(f"device {spec.device}", quiet),
        ]
        self._parts = parts
        self.on_resize()

    def on_resize(self) -> None:
        """Show as many settings as fit whole."""
        room = self.size.width - 2
        shown: list[Content] = []
        for part in self._parts:
            room -= part.cell_length + (2 if shown else 0)
            if room < 0:
                break
            shown.append(part)
        self.update(Content("  ").join(shown), layout=False)


def _stepper(name: str, value: int) -> Content:
    """Return a value between two arrows that can be clicked."""
    less, more = (Style.from_meta({"@click": f"app.{name}({step})"}) for step in (-1, 1))
    return Content.assemble(("◂", less), (f" {value} ", "bold"), f"{name if value != 1 else name[:-1]} ", ("▸", more))
