"""The Live tab before the first run: what to press, and which network will be trained."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import Final

from textual.content import Content
from textual.widgets import Static

from mnist_tui.core.datasets import PUBLISHED, Published, own_path
from mnist_tui.core.spec import HIDDEN, RunSpec
from mnist_tui.report.formatting import printable

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
        self._spec: RunSpec | None = None
        self._data = ""

    def show(self, spec: RunSpec, data: str) -> None:
        """Show the network of these settings, and which data it will have."""
        if (spec, data) != (self._spec, self._data):
            self._spec, self._data = spec, data
            self.on_resize()

    def on_resize(self) -> None:
        """Fit the text to the new height."""
        if self._spec is not None:
            self.update(_words(self._spec, self._data, self.size.height))


def layers(spec: RunSpec) -> Iterator[tuple[str, str, int]]:
    """Yield the layers of the built-in network on a dataset whose form is known: name, output, trainable parameters."""
    data, features = _form(spec), spec.features
    if data is None or spec.is_own:
        return
    side, channels, classes = spec.side or data.side, data.channels, len(data.classes)
    yield "image", f"{side}x{side}{f'x{channels}' if channels > 1 else ''}", 0
    yield "conv 3x3, max-pool, ReLU", f"{side // 2}x{side // 2}x{features}", 9 * channels * features + features
    yield "conv 3x3, max-pool, ReLU", f"{side // 4}x{side // 4}x{features}", 9 * features * features + features
    yield "global average: the bottleneck", f"{features}", 0
    yield "linear, ReLU", f"{HIDDEN:,}", features * HIDDEN + HIDDEN
    yield f"linear: a score per {_noun(data)}", f"{classes}", HIDDEN * classes + classes


def _form(spec: RunSpec) -> Published | None:
    """Return the form of the images of a dataset; `None` for the user's own, which are not read before a run."""
    return PUBLISHED.get("mnist" if spec.dataset in ("auto", "digits") else spec.dataset)


def _noun(data: Published | None) -> str:
    return "digit" if data is not None and all(name.isdecimal() for name in data.classes) else "class"


def _headline(spec: RunSpec) -> str:
    data = _form(spec)
    if _noun(data) == "digit" and not spec.is_own:
        return "A small network learns to read digits."
    network = f"Your network {printable(spec.network)}" if spec.is_own else "A small network"
    path = own_path(spec.dataset)
    return f"{network} learns from {printable(data.label if data is not None else path.name if path else '')}."


def _words(spec: RunSpec, data: str, height: int) -> Content:
    lines = [
        Content.styled(_headline(spec), "bold"),
        Content(""),
        *(Content.assemble((f"{key}  ", "bold $text-accent"), text) for key, text in _CHOICES),
    ]
    if data and spec.dataset in ("auto", "mnist"):
        lines += [Content(""), *(Content.styled(line, "$text-muted") for line in wrap(data, _WIDTH))]
    network = list(layers(spec))
    more = (
        []
        if not network
        else [
            Content(""),
            Content.styled("The network (f and d change the features)", "bold"),
            Content.styled(f"{'layer':<32}{'output':>12}{'parameters':>12}", "$text-muted"),
            *(Content(f"{name:<32}{shape:>12}{f'{size:,}' if size else '':>12}") for name, shape, size in network),
            Content.styled(f"{'':<44}{sum(size for *_, size in network):>12,}", "bold"),
        ]
    )
    shown = [*lines, *more] if len(lines) + len(more) <= height else lines
    width = max(line.cell_length for line in shown)
    return Content("\n").join([line + " " * (width - line.cell_length) for line in shown])
