"""The standing of a search on the console: its best trials, which settings mattered, and how far to trust that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from mnist_tui.core.metrics import newcombe_interval
from mnist_tui.core.numerals import count
from mnist_tui.core.search import Search, Trial, params_in_words
from mnist_tui.core.setting import in_words
from mnist_tui.core.status import Status
from mnist_tui.report.fitting import TextColumn, print_fitting
from mnist_tui.report.formatting import NOTHING, format_loss, format_percent, printable, short_id

MOST: Final = 10
"""Trials in the table."""
_BAR: Final = 30


def print_standing(search: Search, trials: Sequence[Trial], shares: Mapping[str, float], out: Console) -> None:
    """Print the standing of a search.

    Args:
        search: The search.
        trials: Its trials, the best first.
        shares: How much each setting mattered, as shares of 1; empty if unknown.
        out: Where to print.
    """
    spec, finished = search.spec, [trial for trial in trials if trial.run.status is Status.FINISHED]
    if not trials:
        out.print(Text(f"The search {search.name} has no trials yet."))
        return
    shown = trials[:MOST]
    told = [_told(search, trial) for trial in shown]
    title = "Val accuracy" if spec.is_maximised else "Val loss"
    columns = [
        TextColumn("", [Text(str(number)) for number in range(1, len(shown) + 1)], right=True),
        TextColumn(title, [Text(text) for text in told], right=True),
        *(
            TextColumn(
                one.title, [Text(printable(in_words(one.value(trial.params[one.name])))) for trial in shown], right=True
            )
            for one in spec.dimensions
        ),
        TextColumn("Status", [Text(_status(trial)) for trial in shown], gives_way=1),
        TextColumn("Test accuracy", [Text(_test(trial)) for trial in shown], right=True, gives_way=2),
        TextColumn("Run", [Text(short_id(trial.run.run)) for trial in shown], gives_way=3),
    ]
    print_fitting(columns, out)
    for line in _lines(search, trials, finished):
        out.print(Text(printable(line)))
    if shares:
        out.print(Text(f"\nImportance of each setting, from {count(len(finished), 'finished trial')}", "bold"))
        titles = {one.name: one.title for one in spec.dimensions}
        widest = max(map(len, titles.values()))
        for name, share in sorted(shares.items(), key=lambda item: -item[1]):
            bar = "█" * round(_BAR * share)
            out.print(Text(f"{printable(titles[name]):<{widest}}  {bar:<{_BAR}} {100 * share:3.0f}%"))


def _told(search: Search, trial: Trial) -> str:
    value = trial.value(search.spec.objective)
    return format_percent(value) if search.spec.is_maximised else format_loss(value) if value is not None else NOTHING


def _test(trial: Trial) -> str:
    return format_percent(trial.run.result.test_accuracy if trial.run.result is not None else None)


def _status(trial: Trial) -> str:
    done = f"{trial.run.epochs_done}/{trial.run.epochs}"
    if trial.is_pruned:
        return f"pruned at {done}"
    return str(trial.run.status) if trial.run.status is Status.FINISHED else f"{trial.run.status} at {done}"


def _lines(search: Search, trials: Sequence[Trial], finished: Sequence[Trial]) -> list[str]:
    spec = search.spec
    pruned = sum(trial.is_pruned for trial in trials)
    lines = [
        f"{search.name}: {count(len(trials), 'trial')} of {spec.trials:,}, {len(finished)} finished, {pruned} pruned. "
        f"List them: mnist-tui runs --filter tag={search.name}"
    ]
    if not finished:
        return lines
    best = finished[0]
    lines.append(
        f"The best trial ({params_in_words(spec, best.params)}) was selected by its validation results, which are "
        f"therefore optimistic. Its test accuracy, which was not used for selection, is {_test(best)}."
    )
    if near := _near(search, finished):
        lines.append(
            f"With this many validation images, {count(near, 'other trial')} cannot be distinguished from it. "
            "Train the best ones with several --seeds before you choose."
        )
    return lines


def _near(search: Search, finished: Sequence[Trial]) -> int:
    """Return how many trials are not worse than the first one beyond the noise of the validation images."""
    if not search.spec.is_maximised or finished[0].run.dataset is None:
        return 0
    images = finished[0].run.dataset.n_validation
    best = finished[0].value(search.spec.objective)
    others = [value for trial in finished[1:] if (value := trial.value(search.spec.objective)) is not None]
    return 0 if best is None else sum(newcombe_interval(best, value, images)[0] <= 0 for value in others)
