"""A view of the runs: which are shown, grouped and sorted how, in which columns, under which plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.core.facets import Facet
from mnist_tui.core.filtering import parse_filter
from mnist_tui.core.setting import check_choice, shown
from mnist_tui.core.units import Unit
from mnist_tui.errors import UsageError

SEEDS: Final = "seeds"
"""Groups the runs that differ in nothing but their seed."""
PLOTS: Final = ("curves", "scatter", "parallel")
MAX_NAME: Final = 30
MAX_VIEWS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view of the runs. Properties are named by the words of filters.

    Attributes:
        filter: The filter, as typed.
        group: `seeds`, or the property to group by; empty for none.
        sort: The property to sort by, with a minus to reverse it; empty for the newest first.
        columns: The properties to show; empty for those that differ.
        plot: One of `PLOTS`.
        x, y: The properties that a scatter plot shows; empty for the first setting that differs, and for the result.
    """

    filter: str = ""
    group: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
    plot: str = PLOTS[0]
    x: str = ""
    y: str = ""

    def __post_init__(self) -> None:
        check_choice("plot", self.plot, PLOTS)

    def check(self, known: dict[str, Facet]) -> None:
        """Raise `UsageError` if runs have no such properties."""
        parse_filter(self.filter)
        if self.y in known and known[self.y].unit is Unit.TEXT:
            raise UsageError(f"{self.y} is text and cannot be the vertical axis", "Choose a number, such as val")
        groups = [self.group] if self.group != SEEDS else []
        for word in (*groups, self.sort.removeprefix("-"), self.x, self.y, *self.columns):
            if word and word not in known:
                raise UsageError(f"these runs have no {shown(word)}", f"Available: {', '.join(known)}")


def as_name(text: str) -> str:
    """Return the name of a view as it is stored.

    Raises:
        UsageError: It is too long, or cannot be shown.
    """
    name = " ".join(text.split())
    if len(name) > MAX_NAME or not name.isprintable():
        raise UsageError(f"a view name may have at most {MAX_NAME} printable characters")
    return name


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list, separated by commas or spaces."""
    return tuple(dict.fromkeys(part for part in text.replace(",", " ").split() if part))


def joined(parts: Sequence[str]) -> str:
    """Return a list as text, as `words` reads it."""
    return ", ".join(parts)
