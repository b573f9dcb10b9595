"""The settings line: the settings of the next run, editable with keys, a cursor or the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widgets import Static

from mnist_tui.core.setting import Setting
from mnist_tui.core.spec import SETTINGS, RunSpec
from mnist_tui.tui.screenmodel import ScreenModel

FIELDS: Final = tuple(setting for setting in SETTINGS if setting.is_remembered)
"""Settings in the order in which they are shown."""
_ARROWS: Final = ("epochs", "features")
"""Settings that have dedicated keys and clickable arrows."""


def stepped(spec: RunSpec, name: str, step: int) -> RunSpec:
    """Return the settings with one of `FIELDS` a step higher or lower; unchanged at the first or last step."""
    setting = next(setting for setting in FIELDS if setting.key == name)
    changed: dict[str, Any] = {name: setting.stepped(getattr(spec, name), step)}
    return replace(spec, **changed)


class SettingsBar(Static, can_focus=True):
    """One line with the settings of the next run. When focused, ← → select a setting and ↑ ↓ change it."""

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
        """The user wants to type a value for a setting."""

        name: str

    def __init__(self) -> None:
        super().__init__(id="settings")
        self._spec: RunSpec | None = None
        self._live = False
        self._jobs, self._place = 1, ""
        self._at = 0

    def show(self, model: ScreenModel) -> None:
        """Show the settings, the number of parallel runs, and where they train."""
        shown = model.spec, model.is_live, model.parallel, model.cluster
        if shown != (self._spec, self._live, self._jobs, self._place):
            self._spec, self._live, self._jobs, self._place = shown
            self.on_resize()

    def on_focus(self) -> None:
        """Show the cursor."""
        self.on_resize()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.on_resize()

    def action_choose(self, step: int) -> None:
        """Select another setting."""
        self._at = (self._at + step) % len(FIELDS)
        self.on_resize()

    def action_step(self, step: int) -> None:
        """Change the setting under the cursor."""
        self.post_message(self.Stepped(FIELDS[self._at].key, step))

    def action_type(self) -> None:
        """Type a value for the setting under the cursor."""
        self.post_message(self.Typed(FIELDS[self._at].key))

    def _field(self, spec: RunSpec, setting: Setting) -> Content:
        name, value = setting.key, getattr(spec, setting.key)
        chosen = self.has_focus and name == FIELDS[self._at].key
        if name == "features" and spec.is_own:
            return Content.styled(spec.network, "bold reverse" if chosen else "bold")
        if name in _ARROWS:
            less, more = (Style.from_meta({"@click": f"app.{name}({step})"}) for step in (-1, 1))
            noun = name if value != 1 else name[:-1]
            return Content.assemble(
                ("◂", less), (f" {value} ", "bold reverse" if chosen else "bold"), f"{noun} ", ("▸", more)
            )
        word = setting.line or setting.short or name
        return Content.styled(f"{word} {setting.in_words(value)}", "bold reverse" if chosen else "$text-muted")

    def on_resize(self) -> None:
        """Show as many whole settings as fit, scrolling so that the one under the cursor is visible."""
        if self._spec is None:
            return
        label = Content.styled("Next run" if self._live else "Settings", "bold")
        several = [f"{self._jobs} in parallel"] if self._jobs > 1 else []
        where = " ".join([*several, *([f"on {self._place}"] if self._place else [])])
        fields = [self._field(self._spec, setting) for setting in self._told(label.cell_length + len(where))]
        first = 0
        while self.has_focus and first < self._at and not self._fits([label, *fields[first : self._at + 1]]):
            first += 1
        if where:
            label = Content.assemble(label, (f"  {where}", "$text-accent"))
        shown = [label]
        for field in fields[first:]:
            if not self._fits([*shown, field]):
                break
            shown.append(field)
        self.update(Content("  ").join(shown), layout=False)

    def _told(self, taken: int) -> list[Setting]:
        """Return the settings to show beside text of some cells: without the focus, rare ones only where changed.

        Where they do not all fit, those with their usual values give way first.
        """
        spec = self._spec
        if self.has_focus or spec is None:
            return list(FIELDS)
        told = [setting for setting in FIELDS if not setting.is_quiet or not setting.is_usual(spec)]
        usual = [setting for setting in told if setting.key not in _ARROWS and setting.is_usual(spec)]
        if len(usual) + len(_ARROWS) == len(told):
            return told
        while usual and not self._fits([Content(" " * taken), *(self._field(spec, setting) for setting in told)]):
            told.remove(usual.pop())
        return told

    def _fits(self, parts: Sequence[Content]) -> bool:
        return sum(part.cell_length + 2 for part in parts) - 2 <= self.size.width - 2
