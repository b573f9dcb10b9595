"""Which keys the footer shows: those of the tab first, then those that apply now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mnist_tui.core.orders import SAVE
from mnist_tui.core.state import RunState
from mnist_tui.tui.command import Command
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.tabs import why_not_opened


def _places(words: str) -> tuple[tuple[str, ...], ...]:
    """Return the places of the footer, one per word; actions joined by a slash share one."""
    return tuple(tuple(word.split("/")) for word in words.split())


_ALWAYS: Final = _places("help quit")
_COUNTS: Final = "epochs(1)/epochs(-1) features(1)/features(-1)"
_FILM: Final = "epoch(-1)/epoch(1) film"
_CURVES: Final = "cursor(-1)/cursor(1) scale"
_IDLE: Final = _places(f"start report_preset {_COUNTS} settings enqueue new_runs {_CURVES} export zoom")
_CHANGES: Final = "live_epochs(1)/live_epochs(-1) live_rate"
_LIVE: Final = _places(f"pause stop skip {_CHANGES} {_COUNTS} {_CURVES} enqueue zoom")
_SCRIPT: Final = _places(f"pause stop {_CHANGES} save next_chart {_CURVES} smooth x_axis zoom")
"""While a script's run is shown and in progress."""
_PAST_SCRIPT: Final = (*_SCRIPT[5:], *_places("export start"))
"""While the run of a script that has ended is shown."""
_KINDS: Final = {
    "pause": "pause",
    "stop": "stop",
    "skip": "skip",
    "live_epochs": "epochs",
    "live_rate": "rate",
    "save": SAVE,
}
"""The kind of order that a command gives."""
_OF_TAB: Final = {
    "runs-pane": _places(
        "open mark filter compare resume sort label remove next_chart export report plot view group retry"
    ),
    "errors": _places(f"matrix_view {_FILM} next_chart zoom"),
    "features": _places(f"{_FILM} next_chart zoom"),
    "draw": _places("next_chart open_image"),
}
_QUEUE: Final = _places("remove advance(-1) advance(1)")


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the footer.

    Attributes:
        title: What it does, in a word or two.
        keys: Label and action of each key; a pair if one goes up and the other down.
        works: The run shown can obey it; if not, the key is grey and says why.
    """

    title: str
    keys: tuple[tuple[str, str], ...]
    works: bool = True

    @property
    def label(self) -> str:
        """Display names of the keys."""
        return "/".join(label for label, _ in self.keys)


def offers(
    tab: str,
    *,
    live: bool,
    in_queue: bool = False,
    script: RunState | None = None,
    commands: Sequence[Command] = COMMANDS,
    is_opened: bool = False,
) -> Iterator[Offer]:
    """Yield the entries of the footer, most important first.

    Args:
        tab: The visible tab.
        live: A run is in progress.
        in_queue: The cursor is on a queued run.
        script: The run shown, if it belongs to a script.
        commands: All commands, with their keys.
        is_opened: The runs are other tools', which are only looked at.
    """
    by_action = {command.action: command for command in commands}
    own = _OF_TAB.get(tab, ())
    own = (*_QUEUE, *own[1:]) if in_queue else own
    now: tuple[tuple[str, ...], ...] = _LIVE if live else _IDLE
    if script is not None:
        now = _SCRIPT if live else _PAST_SCRIPT
    for actions in dict.fromkeys((*_ALWAYS, *own, *now)):
        entry = [by_action[action] for action in actions]
        kind = _KINDS.get(entry[0].name, "")
        works = script is None or not kind or not script.cannot(kind)
        works = works and not (is_opened and why_not_opened(entry[0].name))
        yield Offer(entry[0].short or entry[0].title, tuple((c.label, c.action) for c in entry), works)
