"""The command that searches for good settings."""

from __future__ import annotations

import time
from dataclasses import replace

from mnist_tui.core.codec import dumps
from mnist_tui.core.numerals import count
from mnist_tui.core.search import Search
from mnist_tui.headless import train_search
from mnist_tui.report.formatting import format_duration
from mnist_tui.report.listing import Output, unfolded
from mnist_tui.report.standing import print_standing
from mnist_tui.runtime.search import Director, as_record, importances, need_optuna, standing
from mnist_tui.runtime.searches import check_name, forget_search, held, name_of, read_search, write_search
from mnist_tui.store.home import home
from mnist_tui.streams import say


def new_search(search: Search, *, jobs: int = 1, on: str = "", as_json: bool) -> int:
    """Begin a search; arguments and result as for `_run`."""
    need_optuna()
    check_name(search.name)
    search.spec.check()
    with held(home(), search.name):
        write_search(home(), search, is_new=True)
        return _run(search, jobs, on, as_json=as_json)


def resume_search(name: str, trials: int | None, *, jobs: int = 1, on: str = "", as_json: bool) -> int:
    """Go on with a search.

    Args:
        name: Its name, or `last`.
        trials: How many trials it is to have; `None` for as many as before.
        jobs: As for `_run`.
        on: Likewise.
        as_json: Likewise.
    """
    need_optuna()
    name = name_of(home(), name)
    with held(home(), name):
        search = read_search(home(), name)
        if trials is not None:
            search = replace(search, spec=replace(search.spec, trials=trials))
            write_search(home(), search)
        return _run(search, jobs, on, as_json=as_json)


def _run(search: Search, jobs: int, on: str, *, as_json: bool) -> int:
    """Train what a search proposes until it has its trials, and show how they stand; return the exit code.

    Args:
        search: What to look for.
        jobs: Parallel runs, as for `headless.train`.
        on: The cluster to train on.
        as_json: Write JSON lines.
    """
    begun = time.perf_counter()
    spec = search.spec
    varied = " ".join(one.in_words for one in spec.dimensions)
    say(f"{search.name}: {count(spec.trials, 'trial')} of up to {count(spec.most_epochs, 'epoch')}, {varied}")
    director = Director(home(), search, max(1, jobs))
    director.own_s = time.perf_counter() - begun
    code = train_search(director, jobs, on, as_json=as_json)
    trials = standing(home(), director.search)
    if not trials:
        forget_search(home(), search.name)
        say(f"No trial has started, so {search.name} was discarded.")
        return code
    show_search(director.search, as_json=as_json)
    whole_s = time.perf_counter() - begun
    own = f"{format_duration(director.own_s)} of {format_duration(whole_s)}"
    say(f"The search itself took {own}, {100 * director.own_s / whole_s:.1f}%.")
    if any(trial.is_open for trial in trials) or (len(director.search.runs) < spec.trials and code):
        say(f"`mnist-tui search --resume {search.name}` continues it.")
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
