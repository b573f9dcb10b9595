"""The Live tab before the first run: what to press, and which network will be trained."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.spec import HIDDEN, RunSpec

_SIDE: Final = 28
_CLASSES: Final = 10
_WIDTH: Final = 66
_CHOICES: Final = (
    ("t", "train the report's two runs: 10 and 20 epochs"),
    ("r", "train with the settings below"),
    ("N", "train a grid: epochs x features x seeds"),
    ("?", "all keys and a glossary"),
)


class WelcomeCard(Static):
    """The main keys, and the network that will be trained."""

    DEFAULT_CSS = """
    WelcomeCard { display: none; width: 1fr; height: 1fr; content-align: center middle; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._features, self._data = 0, ""

    def show(self, spec: RunSpec, data: str) -> None:
        """Show the network of these settings, and which data it will have."""
        if (spec.features, data) != (self._features, self._data):
            self._features, self._data = spec.features, data
            self.on_resize()

    def on_resize(self) -> None:
        """Fit the text to the new height."""
        if self._features:
            self.update(_words(self._features, self._data, self.size.height))


def layers(features: int) -> Iterator[tuple[str, str, int]]:
    """Yield the layers of the network on MNIST: name, shape of the output, and trainable parameters."""
    yield "image", f"{_SIDE}x{_SIDE}", 0
    yield "conv 3x3, max-pool, ReLU", f"{_SIDE // 2}x{_SIDE // 2}x{features}", 9 * features + features
    yield "conv 3x3, max-pool, ReLU", f"{_SIDE // 4}x{_SIDE // 4}x{features}", 9 * features * features + features
    yield "global average: the bottleneck", f"{features}", 0
    yield "linear, ReLU", f"{HIDDEN:,}", features * HIDDEN + HIDDEN
    yield "linear: a score per digit", f"{_CLASSES}", HIDDEN * _CLASSES + _CLASSES


def _words(features: int, data: str, height: int) -> Content:
    lines = [
        Content.styled("A small network learns to read digits.", "bold"),
        Content(""),
        *(Content.assemble((f"{key}  ", "bold $text-accent"), text) for key, text in _CHOICES),
    ]
    if data:
        lines += [Content(""), *(Content.styled(line, "$text-muted") for line in wrap(data, _WIDTH))]
    network = list(layers(features))
    more = [
        Content(""),
        Content.styled("The network (f and d change the features)", "bold"),
        Content.styled(f"{'layer':<32}{'output':>12}{'parameters':>12}", "$text-muted"),
        *(Content(f"{name:<32}{shape:>12}{f'{size:,}' if size else '':>12}") for name, shape, size in network),
        Content.styled(f"{'':<44}{sum(size for *_, size in network):>12,}", "bold"),
    ]
    shown = [*lines, *more] if len(lines) + len(more) <= height else lines
    width = max(line.cell_length for line in shown)
    return Content("\n").join([line + " " * (width - line.cell_length) for line in shown])
