"""The settings of the next run: a line that the keys, its own cursor and the mouse change alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from mnist_tui.core.spec import DATASETS, DEVICES, MAX_SEED, RunSpec
from mnist_tui.tui.screenmodel import ScreenModel

Ordered = TypeVar("Ordered", int, float)

EPOCH_STEPS: Final = (1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000)
"""The values that the epochs key steps through; any number can be typed."""
FEATURE_STEPS: Final = (2, 4, 8, 16, 32, 64)
"""The same for features."""
RATE_STEPS: Final = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
BATCH_STEPS: Final = (8, 16, 32, 64, 128, 256, 512, 1024)
PATIENCE_STEPS: Final = (0, 2, 3, 5, 10, 20, 50)
FIELDS: Final = ("epochs", "features", "seed", "learning_rate", "batch_size", "patience", "dataset", "device")
"""Settings in the order of the line."""
_NAMES: Final = {"learning_rate": "lr", "batch_size": "batch", "dataset": "data"}


def stepped(spec: RunSpec, name: str, step: int) -> RunSpec:
    """Return the settings with one of `FIELDS` a step higher or lower; unchanged at either end."""
    match name:
        case "patience":
            return replace(spec, patience=_next(PATIENCE_STEPS, spec.patience or 0, step) or None)
        case "epochs":
            return replace(spec, epochs=_next(EPOCH_STEPS, spec.epochs, step))
        case "features":
            return replace(spec, features=_next(FEATURE_STEPS, spec.features, step))
        case "seed":
            return replace(spec, seed=min(max(spec.seed + step, 0), MAX_SEED))
        case "learning_rate":
            return replace(spec, learning_rate=_next(RATE_STEPS, spec.learning_rate, step))
        case "batch_size":
            return replace(spec, batch_size=_next(BATCH_STEPS, spec.batch_size, step))
        case "dataset":
            return replace(spec, dataset=_around(DATASETS, spec.dataset, step))
        case _:
            return replace(spec, device=_around(DEVICES, spec.device, step))


def _next(steps: Sequence[Ordered], value: Ordered, direction: int) -> Ordered:
    """Return the next step above or below `value`; the value itself at either end."""
    if direction > 0:
        return next((step for step in steps if step > value), value)
    return next((step for step in reversed(steps) if step < value), value)


def _around(choices: Sequence[str], value: str, step: int) -> str:
    return choices[(choices.index(value) + step) % len(choices)]


class SettingsBar(Static, can_focus=True):
    """One line: what the next run will use. With the focus, ← → choose a setting and ↑ ↓ change it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "Setting before", show=False),
        Binding("right", "choose(1)", "Next setting", show=False),
        Binding("up", "step(1)", "More", show=False),
        Binding("down", "step(-1)", "Less", show=False),
        Binding("enter", "type", "Type", show=False),
    ]
    DEFAULT_CSS = """
    SettingsBar { height: 1; padding: 0 1; text-wrap: nowrap; }
    SettingsBar:focus { background: $panel; }
    """

    @dataclass
    class Stepped(Message):
        """A setting was stepped up or down."""

        name: str
        step: int

    @dataclass
    class Typed(Message):
        """A value for a setting is to be typed."""

        name: str

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._spec: RunSpec | None = None
        self._live = False
        self._jobs, self._place = 1, ""
        self._at = 0

    def show(self, model: ScreenModel) -> None:
        """Show the settings, how many runs are trained in parallel, and where; a live run leaves them for the next."""
        shown = model.spec, model.is_live, model.parallel, model.cluster
        if shown != (self._spec, self._live, self._jobs, self._place):
            self._spec, self._live, self._jobs, self._place = shown
            self.on_resize()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.on_resize()

    def on_blur(self) -> None:
        """Take the cursor away."""
        self.on_resize()

    def action_choose(self, step: int) -> None:
        """Go to another setting."""
        self._at = (self._at + step) % len(FIELDS)
        self.on_resize()

    def action_step(self, step: int) -> None:
        """Change the setting under the cursor."""
        self.post_message(self.Stepped(FIELDS[self._at], step))

    def action_type(self) -> None:
        """Type a value for it."""
        self.post_message(self.Typed(FIELDS[self._at]))

    def _field(self, spec: RunSpec, name: str) -> Content:
        value = getattr(spec, name)
        chosen = self.has_focus and name == FIELDS[self._at]
        if name in ("epochs", "features"):
            less, more = (Style.from_meta({"@click": f"app.{name}({step})"}) for step in (-1, 1))
            noun = name if value != 1 else name[:-1]
            return Content.assemble(
                ("◂", less), (f" {value} ", "bold reverse" if chosen else "bold"), f"{noun} ", ("▸", more)
            )
        text = f"{value:g}" if isinstance(value, float) else "off" if value is None else str(value)
        return Content.styled(f"{_NAMES.get(name, name)} {text}", "bold reverse" if chosen else "$text-muted")

    def on_resize(self) -> None:
        """Show as many settings as fit whole; those before the cursor give way to it."""
        if self._spec is None:
            return
        label = Content.styled("Next run" if self._live else "Settings", "bold")
        fields = [self._field(self._spec, name) for name in FIELDS]
        first = 0
        while self.has_focus and first < self._at and not self._fits([label, *fields[first : self._at + 1]]):
            first += 1
        several = [f"{self._jobs} in parallel"] if self._jobs > 1 else []
        if told := " ".join([*several, *([f"on {self._place}"] if self._place else [])]):
            label = Content.assemble(label, (f"  {told}", "$text-accent"))
        shown = [label]
        for field in fields[first:]:
            if not self._fits([*shown, field]):
                break
            shown.append(field)
        self.update(Content("  ").join(shown), layout=False)

    def _fits(self, parts: Sequence[Content]) -> bool:
        return sum(part.cell_length + 2 for part in parts) - 2 <= self.size.width - 2
