"""Chooses how the runs are shown: a saved view, or what to filter, group, sort, list and plot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from mnist_tui.core.facets import Facet
from mnist_tui.core.units import Direction
from mnist_tui.core.view import PLOTS, SEEDS, View, as_name, joined, words
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import printable
from mnist_tui.tui.screens.dialog import Dialog, field

_AROUND: Final = 7


@dataclass(frozen=True, slots=True)
class ViewAnswer:
    """What to do with a view.

    Attributes:
        view: The view to show; `None` to leave the present one.
        save_as: Save it by this name; empty for not.
        forget: Name of a saved view to forget; empty for none.
    """

    view: View | None = None
    save_as: str = ""
    forget: str = ""


class ViewScreen(Dialog[ViewAnswer]):
    """Saved views, and the parts of the present one.

    Args:
        view: The present view.
        saved: The saved ones, by name.
        known: The properties that the runs have, by word.
    """

    KEYS: tuple[tuple[str, str], ...] = (("Enter", "Show"), ("Tab", "Next field"), ("Esc", "Back"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("delete", "forget", "Forget", show=False)]
    DEFAULT_CSS = """
    ViewScreen Label { width: 10; }
    ViewScreen OptionList { height: auto; max-height: 5; background: $panel; border: none; padding: 0; }
    ViewScreen VerticalScroll { height: auto; }
    """

    def __init__(self, view: View, saved: Mapping[str, View], known: Mapping[str, Facet]) -> None:
        super().__init__()
        self._view, self._saved, self._known = view, saved, known
        if saved:
            self.KEYS = (*self.KEYS[:2], ("Del", "Forget a view"), *self.KEYS[2:])

    def box(self) -> ComposeResult:
        """The saved views, one line per part, and a name to save by."""
        view, every = self._view, tuple(self._known)
        numbers = [word for word, one in self._known.items() if one.goal is not Direction.NONE]
        # The usual result comes first, as the example.
        numbers.sort(key=lambda word: word != "val")
        fields = (
            ("filter", "Filter", view.filter, "features=8 val>90", ()),
            ("group", "Group by", view.group, joined((SEEDS, *every[:3])), (SEEDS, *every)),
            ("sort", "Sort by", view.sort, "val, or -val", (*every, *(f"-{word}" for word in every))),
            ("columns", "Columns", joined(view.columns), joined(every[:3]), ()),
            ("plot", "Plot", view.plot, ", ".join(PLOTS), PLOTS),
            ("across", "Across", view.x, next(iter(every), ""), every),
            ("up", "Up", view.y, next(iter(numbers), ""), numbers),
            ("name", "Save as", "", "wide nets", tuple(self._saved)),
        )
        with Vertical(classes="dialog") as box:
            box.border_title = "View of the runs"
            if self._saved:
                # Not as text: a name may contain what Textual takes for markup.
                yield OptionList(*(Option(Content(printable(name))) for name in self._saved))
            with VerticalScroll(can_focus=False):
                for key, title, value, example, choices in fields:
                    yield from field(key, title, value, example, framed=False, choices=choices)
                hint = f"Properties: {', '.join(map(printable, every))}" if every else "There are no runs yet."
                yield Static(hint, classes="hint", markup=False)
            yield Static("", id="error", classes="error", markup=False)

    def on_resize(self) -> None:
        """Leave room for the frame: the fields scroll."""
        for fields in self.query(VerticalScroll):
            fields.styles.max_height = max(3, self.app.size.height - _AROUND - 5 * bool(self._saved))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(ViewAnswer(list(self._saved.values())[event.option_index]))

    def action_forget(self) -> None:
        """Forget the saved view under the cursor."""
        for listed in self.query(OptionList):
            if listed.has_focus and listed.highlighted is not None:
                self.dismiss(ViewAnswer(forget=list(self._saved)[listed.highlighted]))

    @on(Input.Submitted)
    def _show(self) -> None:
        def typed(key: str) -> str:
            return self.query_one(f"#{key}", Input).value.strip()

        try:
            view = View(
                filter=typed("filter"),
                group=typed("group"),
                sort=typed("sort"),
                columns=words(typed("columns")),
                plot=typed("plot") or PLOTS[0],
                x=typed("across"),
                y=typed("up"),
            )
            view.check(dict(self._known))
            name = as_name(typed("name"))
        except UsageError as error:
            self.say(str(error))
        else:
            self.dismiss(ViewAnswer(view, name))
