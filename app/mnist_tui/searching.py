"""The command that searches for good settings."""

from __future__ import annotations

import time

from mnist_tui.core.codec import dumps
from mnist_tui.core.numerals import count
from mnist_tui.core.search import Search
from mnist_tui.headless import train_search
from mnist_tui.report.formatting import format_duration
from mnist_tui.report.listing import Output, unfolded
from mnist_tui.report.standing import print_standing
from mnist_tui.runtime.search import Director, as_record, importances, need_optuna, standing, write_search
from mnist_tui.store.home import home
from mnist_tui.streams import say


def run_search(search: Search, *, is_new: bool, jobs: int = 1, on: str = "", as_json: bool) -> int:
    """Train what the search proposes until it has its trials, and show how they stand; return the exit code.

    Args:
        search: What to look for.
        is_new: It must not be there yet.
        jobs: Parallel runs, as for `headless.train`.
        on: The cluster to train on.
        as_json: Write JSON lines.
    """
    begun = time.perf_counter()
    need_optuna()
    spec = search.spec
    spec.check()
    write_search(home(), search, is_new=is_new)
    varied = " ".join(one.in_words for one in spec.dimensions)
    say(f"{search.name}: {count(spec.trials, 'trial')} of up to {count(spec.base.epochs, 'epoch')}, {varied}")
    director = Director(home(), search)
    director.own_s = time.perf_counter() - begun
    code = train_search(director, jobs, on, as_json=as_json)
    show_search(director.search, as_json=as_json)
    whole_s = time.perf_counter() - begun
    own = f"{format_duration(director.own_s)} of {format_duration(whole_s)}"
    say(f"The search itself took {own}, {100 * director.own_s / whole_s:.1f}%.")
    if len(director.search.runs) < spec.trials or code:
        say(f"`mnist-tui search --resume {search.name}` goes on with it.")
    return code


def show_search(search: Search, *, as_json: bool) -> int:
    """Print how a search stands."""
    need_optuna()
    trials = standing(home(), search)
    shares = importances(search, trials)
    if as_json:
        print(dumps(as_record(search, trials, shares)), flush=True)
    else:
        out = Output()
        print_standing(search, trials, shares, out if out.is_terminal else unfolded(out))
    return 0
