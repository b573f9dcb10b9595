"""Commands for past runs: they read the store, and load neither PyTorch nor the app."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mnist_tui.core.labels import KEPT_DAYS, Labels, as_name, as_tags, as_text, now
from mnist_tui.core.numerals import count
from mnist_tui.core.setting import check_int
from mnist_tui.errors import UsageError
from mnist_tui.streams import say


def runs_command(args: argparse.Namespace) -> int:
    """List the past runs that match the filter, in the requested order."""
    from mnist_tui.core.filtering import parse_filter, sort_runs
    from mnist_tui.opening import shown
    from mnist_tui.report.formatting import still_waiting
    from mnist_tui.report.listing import NO_RUNS, print_runs
    from mnist_tui.store.database import Store

    fits = parse_filter(args.filter)
    with shown(args.open) as place, Store.open_readonly(place) as store:
        # Read everything before printing: a damaged store must give a single error message.
        known, waiting = store.runs(deleted=args.deleted), store.orphans
        runs = [run for run in known if fits(run)]
        if args.sort is not None:
            runs = sort_runs(runs, args.sort, reverse=args.reverse)
        elif args.reverse:
            runs.reverse()
        if args.limit is not None:
            check_int("--limit", args.limit, 1, sys.maxsize)
            # Sorted by time, the newest come last, right above the prompt.
            runs = runs[: args.limit] if args.sort or args.reverse else runs[max(0, len(runs) - args.limit) :]
        if known and not runs and not args.json:
            say(f"None of {len(known)} runs matches the filter.")
        else:
            print_runs(runs, as_json=args.json, nothing="No deleted runs." if args.deleted else NO_RUNS)
        for run, reason in store.unreadable:
            say(f"mnist-tui: run {run} cannot be read: {reason}")
        if waiting:
            say(f"{still_waiting(waiting)}: `mnist-tui resume --waiting` trains them, and so can the app.")
    return 0


def show_command(args: argparse.Namespace) -> int:
    """Show one run."""
    from mnist_tui.opening import shown
    from mnist_tui.report.listing import print_run
    from mnist_tui.store.database import Store

    with shown(args.open) as place, Store.open_readonly(place) as store:
        print_run(store.run(args.run), as_json=args.json)
    return 0


def insight_command(args: argparse.Namespace) -> int:
    """Show which classes a network confuses."""
    from mnist_tui.report.insights import print_insight
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        run = store.run(args.run)
        epochs = store.insight_epochs(run.run)
        if not epochs:
            raise UsageError(
                f"the run {run.run} has no insight",
                "Only epochs finished by this version or a newer one have an insight",
            )
        insight = store.insight(run.run, args.epoch or epochs[-1])
    if insight is None:
        near = min(epochs, key=lambda epoch: abs(epoch - args.epoch))
        raise UsageError(f"epoch {args.epoch} of the run {run.run} has no insight", f"The nearest is --epoch {near}")
    print_insight(run, insight, epochs, as_json=args.json)
    return 0


def rename_command(args: argparse.Namespace) -> int:
    """Set or remove the name of a run."""

    def name(labels: Labels) -> Labels:
        return replace(labels, name=as_name(" ".join(args.name)))

    for run, labels in _relabelled([args.run], name).items():
        say(f"The run {run} is now called {labels.name!r}." if labels.name else f"The run {run} no longer has a name.")
    return 0


def note_command(args: argparse.Namespace) -> int:
    """Set or remove the note of a run."""

    def note(labels: Labels) -> Labels:
        return replace(labels, note=as_text(" ".join(args.text)))

    for run, labels in _relabelled([args.run], note).items():
        say(f"Saved the note of the run {run}." if labels.note else f"The run {run} no longer has a note.")
    return 0


def tag_command(args: argparse.Namespace) -> int:
    """Add or remove tags of a run."""

    def tag(labels: Labels) -> Labels:
        tags = as_tags(args.tags)
        kept = tuple(known for known in labels.tags if known not in tags)
        return replace(labels, tags=kept if args.remove else as_tags((*labels.tags, *tags)))

    for run, labels in _relabelled([args.run], tag).items():
        say(f"Tags of the run {run}: {', '.join(labels.tags)}." if labels.tags else f"The run {run} has no tags.")
    return 0


def rm_command(args: argparse.Namespace) -> int:
    """Delete runs after a question; they can be restored for a while."""
    runs = _ids(args.runs)
    if not (args.yes or _agreed(f"Delete {count(len(runs), 'run')}: {', '.join(runs)}?")):
        say("Nothing was deleted.")
        return 0
    for run in _relabelled(runs, lambda labels: replace(labels, deleted_at=now())):
        say(f"Deleted {run}; `mnist-tui restore {run}` restores it within {KEPT_DAYS} days.")
    return 0


def restore_command(args: argparse.Namespace) -> int:
    """Restore deleted runs: the named ones, or those that were deleted last."""
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as reader:
        runs = [reader.id_of(name, deleted=True) for name in args.runs] or reader.last_deleted()
    if not runs:
        raise UsageError("no run is deleted", "`mnist-tui runs --deleted` lists them")
    with Store.open(home()) as store:
        for run in store.relabel(runs, lambda labels: replace(labels, deleted_at="")):
            say(f"Restored {run}.")
    return 0


def _agreed(question: str) -> bool:
    """Ask a yes-or-no question on the terminal.

    Raises:
        UsageError: Stdin or stderr is not a terminal.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("this command needs a confirmation, and there is no terminal to ask on", "Add --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _ids(names: Sequence[str]) -> list[str]:
    """Return the ids of the named runs, each once."""
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as reader:
        return list(dict.fromkeys(map(reader.id_of, names)))


def _relabelled(names: Sequence[str], change: Callable[[Labels], Labels]) -> Mapping[str, Labels]:
    """Change the labels of all these runs, or of none if one is not found; return their new labels by id."""
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    runs = _ids(names)
    with Store.open(home()) as store:
        return store.relabel(runs, change)
