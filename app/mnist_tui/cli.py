"""The command line: reads arguments, opens one front end. Each branch imports what it needs, and only then.

argparse and not a larger parser: it is in the standard library, costs 4 ms, and the commands are few.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from mnist_tui import __version__
from mnist_tui.core.spec import BACKENDS, DATASETS, DEVICES, REPORT_PRESET, RunSpec, SweepSpec, parse_numbers, shown
from mnist_tui.errors import DataError, MnistTuiError, UsageError
from mnist_tui.signals import nothing_to_lose
from mnist_tui.streams import BROKEN_PIPE, give_up_what_cannot_be_written, prepare_streams, say

EXPORT_FORMATS: Final = ("md", "csv", "json", "tex", "html")
EPILOG: Final = """\
exit codes: 0 done, 1 crash, 2 usage, 3 data not to be had, 4 a run failed or diverged,
            5 store locked or damaged, 141 nobody reads the output any more,
            130 Ctrl+C, 143 SIGTERM, 128 + number for other signals
places:     MNIST_TUI_HOME   runs, tables and logs
            MNIST_TUI_DATA   a torchvision root that holds MNIST/raw/
            MNIST_TUI_MIRRORS  addresses to download MNIST from, comma separated
"""


class _Parser(argparse.ArgumentParser):
    """A parser that takes no option for another: `--epoch` is not `--epochs`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)


def _int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no whole number") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shown(text)} is no number") from None


def build_parser() -> argparse.ArgumentParser:
    """Return the parser for all commands."""
    parser = _Parser(
        prog="mnist-tui",
        description="Train a small CNN on MNIST in the terminal: watch it live, compare runs, export the table.\n"
        "Without a command the app opens.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mnist-tui {__version__}")
    _add_settings(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    run = commands.add_parser("run", help="train without the app", description="Train a grid of runs without the app.")
    _add_settings(run, grid=True)
    run.add_argument("--preset", choices=("report",), help="the report's runs: 10 and 20 epochs at 2 features")
    run.add_argument(
        "--allow-fallback", action="store_true", help="with --dataset auto: train on the digits where MNIST is missing"
    )
    run.add_argument("--yes", action="store_true", help="start what will take longer than a day without being asked")
    run.add_argument("--json", action="store_true", help="one JSON object per line on stdout: events, then the table")

    resume = commands.add_parser(
        "resume", help="go on with a run", description="Go on with a run where its last checkpoint is."
    )
    resume.add_argument("run", metavar="RUN", nargs="?", help="default: the newest that was interrupted or stopped")
    resume.add_argument("--epochs", type=_int, metavar="N", help="epochs to reach, also for a finished run")
    resume.add_argument(
        "--waiting", action="store_true", help="train the runs that still wait after their process was killed"
    )
    resume.add_argument(
        "--json", action="store_true", help="one JSON object per line on stdout: events, then the table"
    )

    demo = commands.add_parser(
        "demo",
        help="the app with scripted numbers",
        description="Open the app with scripted numbers: nothing is learned.",
    )
    demo.add_argument("--keep", action="store_true", help="keep the scripted runs with the real ones")
    demo.add_argument("--delay", type=_float, default=0.02, metavar="S", help="seconds per step (default: %(default)s)")

    runs = commands.add_parser("runs", help="list past runs")
    runs.add_argument("--json", action="store_true", help="one JSON object per run and line")
    show = commands.add_parser("show", help="show one run with its epochs")
    show.add_argument("run", metavar="RUN", help="its id, the beginning of it, or `last`")
    show.add_argument("--json", action="store_true", help="one JSON object per event and line")

    insight = commands.add_parser("insight", help="show what a run's network confuses, after its last epoch or another")
    insight.add_argument("run", metavar="RUN", help="its id, the beginning of it, or `last`")
    insight.add_argument("--epoch", type=_int, metavar="N", help="default: the last one that has an insight")
    insight.add_argument("--json", action="store_true", help="the event itself, one JSON object")

    report = commands.add_parser("report", help="write a report on runs: data, network, protocol, curves, confusions")
    report.add_argument("runs", metavar="RUN", nargs="*", help="ids, beginnings of ids, or `last` (default: all runs)")
    report.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="FILE.html, or FILE.md (default: Markdown on stdout)"
    )
    report.add_argument("--force", action="store_true", help="replace FILE if it exists")

    export = commands.add_parser("export", help="write the comparison table of past runs")
    export.add_argument("runs", metavar="RUN", nargs="*", help="ids, beginnings of ids, or `last` (default: all runs)")
    export.add_argument("--format", choices=EXPORT_FORMATS, default=None, help="default: from the file name, else md")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here instead of stdout")
    export.add_argument("--force", action="store_true", help="replace FILE if it exists")

    data = commands.add_parser("data", help="MNIST on this machine: status, fetch, verify")
    data.add_argument("what", choices=("status", "fetch", "verify"))
    data.add_argument("--json", action="store_true", help="one JSON object per line")

    bench = commands.add_parser(
        "bench",
        help="measure what this machine does, and say what limits it",
        description="Train side by side: a plain PyTorch loop, the engine, the headless command and the app; "
        "measure what a person waits for; say what limits it. Takes minutes; runs are kept nowhere.",
    )
    bench.add_argument("--dataset", choices=DATASETS, default="auto", help="default: %(default)s")
    bench.add_argument("--device", choices=DEVICES, default="auto", help="default: %(default)s")
    bench.add_argument("--features", default="2,8,32", metavar="N,N", help="bottleneck widths (default: %(default)s)")
    bench.add_argument("--repeats", type=_int, default=3, metavar="N", help="default: %(default)s")
    bench.add_argument(
        "--epochs", type=_int, default=1, metavar="N", help="epochs of the plain loop (default: %(default)s)"
    )
    bench.add_argument("--threads", type=_int, default=None, metavar="N", help="CPU threads of all but the plain loop")
    bench.add_argument(
        "--only", metavar="PART,PART", help="of plain, engine, headless, app, screen, charts, commands (default: all)"
    )
    bench.add_argument("--json", action="store_true", help="one JSON object per measurement and line")

    doctor = commands.add_parser("doctor", help="say what is on this machine and whether all is well")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _add_settings(parser: argparse.ArgumentParser, *, grid: bool = False) -> None:
    usual = RunSpec()
    settings = parser.add_argument_group("settings")
    if grid:
        settings.add_argument("--epochs", metavar="N,N", help="epochs, a list or a range (default: 10)")
        settings.add_argument("--features", metavar="N,N", help="bottleneck widths, 1 to 512 (default: 2)")
        settings.add_argument("--seeds", default="0", metavar="N,N", help="seeds, a list or a range (default: 0)")
    else:
        settings.add_argument("--epochs", type=_int, default=usual.epochs, metavar="N", help="default: %(default)s")
        settings.add_argument("--features", type=_int, default=usual.features, metavar="N", help="default: %(default)s")
        settings.add_argument("--seed", type=_int, default=usual.seed, metavar="N", help="default: %(default)s")
    settings.add_argument("--dataset", choices=DATASETS, default=usual.dataset, help="default: %(default)s")
    settings.add_argument("--device", choices=DEVICES, default=usual.device, help="default: %(default)s")
    settings.add_argument(
        "--backend",
        choices=BACKENDS,
        default=usual.backend,
        help="compiled loops (CPU), PyTorch alone, or the faster one (default: %(default)s)",
    )
    settings.add_argument("--batch-size", type=_int, default=usual.batch_size, metavar="N", help="default: %(default)s")
    settings.add_argument("--lr", type=_float, default=usual.learning_rate, metavar="X", help="default: %(default)s")
    settings.add_argument(
        "--threads",
        type=_int,
        default=None,
        metavar="N",
        help="CPU threads (default: what gains and is free, at most 4)",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    prepare_streams()
    code = 0
    try:
        code = _answer(argv)
        # Here and not at the end of the process, where an error would be a traceback.
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Before training began, or after it ended: nothing is left to write down.
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone, as `| head` does; nothing is left to say to it.
        code = code or BROKEN_PIPE
    except OSError as error:
        _complain(MnistTuiError(f"{error.filename or 'the output'} cannot be used: {error.strerror or error}"))
        code = code or MnistTuiError.exit_code
    give_up_what_cannot_be_written()
    return code


def _answer(argv: Sequence[str] | None) -> int:
    try:
        args = build_parser().parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    try:
        return _COMMANDS[args.command](args)
    except MnistTuiError as error:
        _complain(error)
        return error.exit_code


def _complain(error: MnistTuiError) -> None:
    say(f"mnist-tui: {error}")


def _base_spec(args: argparse.Namespace) -> RunSpec:
    return RunSpec(
        dataset=args.dataset,
        device=args.device,
        backend=args.backend,
        batch_size=args.batch_size,
        learning_rate=args.lr,
        threads=args.threads,
    )


def _app(args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.engine import load_classifier, run_sweep, warm_up
        from mnist_tui.store.home import home
        from mnist_tui.tui.launch import launch

    spec = replace(_base_spec(args), epochs=args.epochs, features=args.features, seed=args.seed)
    return launch(run_sweep, spec, home(), load_classifier, warm_up)


def _demo(args: argparse.Namespace) -> int:
    from functools import partial
    from tempfile import TemporaryDirectory

    from mnist_tui.demo import load_classifier, run_sweep
    from mnist_tui.store.home import home
    from mnist_tui.tui.launch import launch

    engine = partial(run_sweep, delay_s=args.delay, insights=True)
    if args.keep:
        return launch(engine, RunSpec(), home(), load_classifier)
    with TemporaryDirectory(prefix="mnist-tui-demo-") as folder:
        return launch(engine, RunSpec(), Path(folder), load_classifier)


def _run(args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.headless import train

    if args.preset and (args.epochs or args.features):
        raise UsageError("--preset fixes epochs and features", "Leave out --preset, or --epochs and --features")
    preset = REPORT_PRESET if args.preset else SweepSpec()
    sweep = SweepSpec(
        epochs=parse_numbers(args.epochs, "epochs") if args.epochs else preset.epochs,
        features=parse_numbers(args.features, "features") if args.features else preset.features,
        seeds=parse_numbers(args.seeds, "seeds"),
        base=_base_spec(args),
    )
    strict = args.dataset == "auto" and not args.allow_fallback
    if strict:
        # Nobody watches: numbers of other data must not pass for those of MNIST.
        sweep = replace(sweep, base=replace(sweep.base, dataset="mnist"))
    code = train(sweep, as_json=args.json, sure=args.yes)
    if strict and code == DataError.exit_code:
        say("--allow-fallback trains on the digits of scikit-learn where MNIST cannot be had.")
    return code


def _resume(args: argparse.Namespace) -> int:
    with nothing_to_lose():
        from mnist_tui.headless import resume, resume_waiting

    if args.waiting:
        if args.run or args.epochs:
            raise UsageError("--waiting takes all runs that wait, as they are", "Leave out RUN and --epochs")
        return resume_waiting(as_json=args.json)
    if args.epochs is not None:
        replace(RunSpec(), epochs=args.epochs)
    return resume(args.run, args.epochs, as_json=args.json)


def _runs(args: argparse.Namespace) -> int:
    from mnist_tui.report.listing import print_runs
    from mnist_tui.report.words import still_waiting
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        # All is asked before anything is said: a store that is damaged gets one sentence.
        runs, waiting = store.runs(), store.orphans
        print_runs(runs, as_json=args.json)
        for run, reason in store.unreadable:
            say(f"mnist-tui: run {run} cannot be read: {reason}")
        if waiting:
            say(f"{still_waiting(waiting)}: `mnist-tui resume --waiting` trains them, the app offers them.")
    return 0


def _show(args: argparse.Namespace) -> int:
    from mnist_tui.report.listing import print_run
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        print_run(store.run(args.run), as_json=args.json)
    return 0


def _insight(args: argparse.Namespace) -> int:
    from mnist_tui.report.insights import print_insight
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        run = store.run(args.run)
        epochs = store.insight_epochs(run.run)
        if not epochs:
            raise UsageError(f"the run {run.run} has no insight", "Only finished epochs have, from this version on")
        insight = store.insight(run.run, args.epoch or epochs[-1])
    if insight is None:
        near = min(epochs, key=lambda epoch: abs(epoch - args.epoch))
        raise UsageError(f"epoch {args.epoch} of the run {run.run} has no insight", f"The nearest is --epoch {near}")
    print_insight(run, insight, epochs, as_json=args.json)
    return 0


def _report(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from mnist_tui.report.document import Told, write_report
    from mnist_tui.report.files import write_atomically
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    suffix = args.output.suffix.lower() if args.output else ".md"
    if suffix not in (".html", ".htm", ".md"):
        raise UsageError(f"a report is HTML or Markdown, not {suffix or 'a file without an ending'}", "-o report.html")
    with Store.open_readonly(home()) as store:
        runs = [store.run(name) for name in args.runs or [run.run for run in store.runs()]]
        told = []
        for run in {run.run: run for run in runs}.values():
            epochs = store.insight_epochs(run.run)
            insight = store.insight(run.run, epochs[-1]) if epochs else None
            told.append(Told(run, insight, store.validation_set(run)))
    if not told:
        raise UsageError("there is no run to report on yet", "Train one with mnist-tui or mnist-tui run")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = write_report(told, as_html=suffix != ".md", generated_at=now)
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.output, text, force=args.force)
        say(f"Saved {args.output}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from mnist_tui.core.table import build_table
    from mnist_tui.report.export import render
    from mnist_tui.report.files import write_atomically
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home

    with Store.open_readonly(home()) as store:
        runs = [store.run(name) for name in args.runs] or store.runs()
    table = build_table({run.run: run for run in runs}.values())
    if not table.rows:
        raise UsageError("there is no run to export yet", "Train one with mnist-tui or mnist-tui run")
    suffix = args.output.suffix[1:].lower() if args.output else ""
    text = render(table, args.format or (suffix if suffix in EXPORT_FORMATS else "md"))
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.output, text, force=args.force)
        say(f"Saved {args.output}")
    return 0


def _data(args: argparse.Namespace) -> int:
    from mnist_tui.headless import fetch_data, print_data_status, verify_data

    return {"status": print_data_status, "fetch": fetch_data, "verify": verify_data}[args.what](as_json=args.json)


def _bench(args: argparse.Namespace) -> int:
    from mnist_tui.bench import PARTS, Options, bench

    options = Options(
        parts=PARTS if args.only is None else tuple(args.only.replace(",", " ").split()),
        features=parse_numbers(args.features, "features"),
        repeats=args.repeats,
        spec=RunSpec(epochs=args.epochs, dataset=args.dataset, device=args.device, threads=args.threads),
    )
    return bench(options, as_json=args.json)


def _doctor(args: argparse.Namespace) -> int:
    from mnist_tui.doctor import examine

    return examine(as_json=args.json)


_COMMANDS: Final = {
    None: _app,
    "run": _run,
    "resume": _resume,
    "demo": _demo,
    "runs": _runs,
    "show": _show,
    "insight": _insight,
    "report": _report,
    "export": _export,
    "data": _data,
    "bench": _bench,
    "doctor": _doctor,
}
