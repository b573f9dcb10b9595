"""The commands that look for good settings."""

from __future__ import annotations

import argparse
from dataclasses import replace

from mnist_tui.cli.own import allow_model, own_settings
from mnist_tui.cli.parser import settings_of
from mnist_tui.cli.where import jobs_of, place_of
from mnist_tui.core.ratefinder import RangeTest
from mnist_tui.core.search import TRIALS
from mnist_tui.core.spec import RunSpec
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
    from mnist_tui.runtime.search import new_name, read_search
    from mnist_tui.searching import new_search, resume_search, show_search
    from mnist_tui.store.home import home

    if (args.show is not None or args.resume is not None) and (args.vary or set(settings_of(args)) - {"model"}):
        told = " ".join(args.vary) or ", ".join(sorted(set(settings_of(args)) - {"model"}))
        raise UsageError("a search goes on as it began", f"Leave out {told}")
    if args.show is not None:
        return show_search(read_search(home(), args.show), as_json=args.json)
    on = place_of(args)
    jobs = jobs_of(args.jobs, on)
    if args.resume is not None:
        allow_model(args.model)
        return resume_search(args.resume, args.trials, jobs=jobs, on=on, as_json=args.json)
    base = _spec_of(args)
    spec = SearchSpec(
        base=base,
        dimensions=tuple(parse_dimension(text, base) for text in args.vary),
        objective=args.objective,
        trials=TRIALS if args.trials is None else args.trials,
        prunes=not args.no_prune,
    )
    search = Search(name=args.name or new_name(home()), spec=spec)
    return new_search(search, jobs=jobs, on=on, as_json=args.json)
