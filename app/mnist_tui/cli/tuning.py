"""The commands that look for good settings."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mnist_tui.cli.options import settings_of
from mnist_tui.cli.own import allow_model, own_settings
from mnist_tui.cli.where import jobs_of, place_of
from mnist_tui.core.ratefinder import RangeTest
from mnist_tui.core.search import OBJECTIVE, TRIALS
from mnist_tui.core.spec import BY_KEY, RunSpec
from mnist_tui.errors import UsageError


def _spec_of(args: argparse.Namespace) -> RunSpec:
    """Return the settings of a command that trains on nothing but the data that were asked for."""
    spec = RunSpec(**settings_of(args) | own_settings(args, args.model))
    return replace(spec, dataset="mnist") if spec.dataset == "auto" and not args.allow_fallback else spec


def find_command(args: argparse.Namespace) -> int:
    """Find a learning rate."""
    from mnist_tui.finding import find_rate

    test = RangeTest(args.low, args.high, args.steps, args.tries)
    return find_rate(_spec_of(args), test, as_json=args.json)


def search_command(args: argparse.Namespace) -> int:
    """Search for good settings, go on with a search, or show how one stands."""
    from mnist_tui.core.search import Search, SearchSpec, parse_dimension
    from mnist_tui.runtime.searches import new_name, read_search
    from mnist_tui.searching import new_search, resume_search, show_search
    from mnist_tui.store.home import home

    if args.show is not None or args.resume is not None:
        _check_nothing_new(args)
    if args.show is not None:
        return show_search(read_search(home(), args.show), as_json=args.json)
    on = place_of(args)
    jobs = jobs_of(args.jobs, on)
    if args.resume is not None:
        allow_model(args.model)
        return resume_search(args.resume, args.trials, jobs=jobs, on=on, as_json=args.json)
    base = _spec_of(args)
    dimensions = tuple(parse_dimension(text, base) for text in args.vary)
    if both := [one.title.lower() for one in dimensions if one.name in settings_of(args)]:
        raise UsageError(f"{both[0]} is both fixed and varied", "Leave out one of them")
    spec = SearchSpec(
        base=base,
        dimensions=dimensions,
        objective=args.objective or OBJECTIVE,
        trials=TRIALS if args.trials is None else args.trials,
        prunes=not args.no_prune,
    )
    search = Search(name=args.name or new_name(home()), spec=spec)
    return new_search(search, jobs=jobs, on=on, as_json=args.json)


def _check_nothing_new(args: argparse.Namespace) -> None:
    """Raise `UsageError` if a search that exists is given what only a new one takes."""
    given = [*args.vary, *(BY_KEY[key].option for key in settings_of(args) if key != "model")]
    given += ["--objective"] * (args.objective is not None) + ["--no-prune"] * args.no_prune
    given += ["--name"] * (args.name is not None)
    if args.show is not None:
        given += ["--resume"] * (args.resume is not None) + ["--trials"] * (args.trials is not None)
        given += ["--jobs"] * (args.jobs is not None) + ["--on"] * bool(args.on)
    if given:
        raise UsageError("some of these options only apply to a new search", f"Leave out {' '.join(given)}")
