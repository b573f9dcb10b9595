"""What stands in the Live tab before the first run: what can be done, and what will be trained."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.numerals import count
from mnist_tui.core.spec import HIDDEN, RunSpec

_WIDTH: Final = 48
_CHOICES: Final = (
    ("t", "train the report's two runs: 10 and 20 epochs"),
    ("r", "train with the settings below"),
    ("N", "train a grid: epochs x features x seeds"),
    ("?", "all keys, and what the words mean"),
)


class WelcomeCard(Static):
    """Choices, and the network that they train."""

    DEFAULT_CSS = """
    WelcomeCard { display: none; width: 1fr; height: 1fr; content-align: center middle; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._features = 0

    def show(self, spec: RunSpec) -> None:
        """Show the network of these settings."""
        if spec.features != self._features:
            self._features = spec.features
            self.on_resize()

    def on_resize(self) -> None:
        """Leave out what there is no room for."""
        if self._features:
            self.update(_words(self._features, self.size.height))


def _words(features: int, height: int) -> Content:
    maps = count(features, "map")
    numbers = count(features, "number")
    network = (
        ("image", "handwritten digit, grey"),
        ("conv 3x3", f"{maps}, max-pool, ReLU"),
        ("conv 3x3", f"{maps}, max-pool, ReLU"),
        ("average", f"{numbers}: the bottleneck"),
        ("linear", f"{HIDDEN:,}, ReLU"),
        ("linear", "a probability for each digit"),
    )
    lines = [
        Content.styled("A small network learns to read digits.", "bold"),
        Content(""),
        *(Content.assemble((f"{key}  ", "bold $text-accent"), text) for key, text in _CHOICES),
    ]
    more = [
        Content(""),
        Content.styled("What is trained (f and d change the features)", "$text-muted"),
        *(Content.assemble((f"{name:<10}", "$text-muted"), text) for name, text in network),
    ]
    shown = [*lines, *more] if len(lines) + len(more) <= height else lines
    return Content("\n").join([line + " " * max(0, _WIDTH - line.cell_length) for line in shown])
