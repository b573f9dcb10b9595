"""Declares the commands and their options.

argparse and not a larger parser: it is in the standard library, costs 4 ms, and there are only a few commands.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mnist_tui.cli.handing import TOOLS
from mnist_tui.cli.options import add_fallback, add_model, add_open, add_place, add_settings, number, whole
from mnist_tui.core.datasets import as_dataset
from mnist_tui.core.filtering import FIELDS
from mnist_tui.core.orders import KINDS
from mnist_tui.core.ratefinder import HIGHEST, IRRELEVANT, LOWEST, STEPS, TRIES
from mnist_tui.core.search import OBJECTIVE, OBJECTIVES, TRIALS
from mnist_tui.core.spec import DEVICES
from mnist_tui.core.table import FORMATS
from mnist_tui.version import __version__

EPILOG: Final = """\
exit codes: 0 done, 1 crash, 2 usage, 3 data not available, 4 a run failed or diverged,
            5 store locked or damaged, 6 an order was not obeyed, 7 the cluster cannot be reached,
            141 output pipe closed, 130 Ctrl+C, 143 SIGTERM, 128 + number for other signals
places:     MNIST_TUI_HOME   runs, tables and logs
            MNIST_TUI_DATA   a torchvision root that holds MNIST/raw/, FashionMNIST/raw/, ...
            MNIST_TUI_MIRRORS  addresses to download datasets from, comma separated
"""


_RUN: Final = "its id, a prefix or suffix of it, its name, or `last`"


class _Parser(argparse.ArgumentParser):
    """A parser that accepts no abbreviations: `--epoch` is not `--epochs`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self.commands: Mapping[str, argparse.ArgumentParser] = {}

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments; what a command does not know is answered with the usage of that command."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            parser = self.commands.get(getattr(found, "command", None) or "", self)
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        return found


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
    add_settings(parser, usual="same as last time")
    add_place(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")

    _add_training(commands)
    _add_other_tools(commands)
    _add_runs(commands)
    _add_elsewhere(commands)
    _add_results(commands)
    _add_networks(commands)
    _add_machine(commands)
    parser.commands = commands.choices
    return parser


def _add_training(commands: Any) -> None:
    """Add the commands that train."""
    run = commands.add_parser("run", help="train without the app", description="Train a grid of runs without the app.")
    add_settings(run, grid=True)
    run.add_argument("--preset", choices=("report",), help="the report's runs: 10 and 20 epochs at 2 features")
    add_fallback(run)
    run.add_argument("--dry-run", action="store_true", help="list the runs and the time they need; train nothing")
    run.add_argument("--yes", action="store_true", help="do not ask before starting more than a day of work")
    run.add_argument(
        "--jobs",
        metavar="N",
        help="parallel runs, each a process with one thread; `auto`: one per free core (default: 1; on a cluster auto)",
    )
    add_place(run)
    run.add_argument(
        "--detach",
        action="store_true",
        help="train in a process that outlives the terminal; print the runs' ids",
    )
    run.add_argument("--json", action="store_true", help="one JSON object per line on stdout: events, then the table")

    find = commands.add_parser(
        "find-lr",
        help="find a learning rate",
        description="Train new networks for some batches with a rising learning rate, and suggest one.",
    )
    add_settings(find, without=IRRELEVANT)
    add_fallback(find)
    find.add_argument(
        "--from", dest="low", type=number, default=LOWEST, metavar="X", help="the lowest rate (default: %(default)g)"
    )
    find.add_argument(
        "--to", dest="high", type=number, default=HIGHEST, metavar="X", help="the highest rate (default: %(default)g)"
    )
    find.add_argument(
        "--steps", type=whole, default=STEPS, metavar="N", help="batches, each with its rate (default: %(default)s)"
    )
    find.add_argument(
        "--tries", type=whole, default=TRIES, metavar="N", help="repeat with other weights (default: %(default)s)"
    )
    find.add_argument("--json", action="store_true", help="one JSON object per line: the losses, then the result")

    search = commands.add_parser(
        "search",
        help="search for good settings with Optuna",
        description="Search for good settings: train runs that Optuna proposes, and stop those that are worse than the "
        "median of the others at the same epoch.",
    )
    search.add_argument(
        "vary", metavar="SETTING=VALUES", nargs="*", help="features=2:64, lr=1e-4:1e-1:log, optimizer=adam,sgd ..."
    )
    search.add_argument("--trials", type=whole, metavar="N", help=f"runs to try (default: {TRIALS})")
    search.add_argument("--objective", metavar="NAME", help=f"{' or '.join(OBJECTIVES)} (default: {OBJECTIVE})")
    search.add_argument("--no-prune", action="store_true", help="train every run for all its epochs")
    search.add_argument("--name", metavar="NAME", help="one word, also the tag of its runs (default: search-1 ...)")
    search.add_argument(
        "--resume", nargs="?", const="last", metavar="NAME", help="resume a search (default: the last one)"
    )
    search.add_argument("--show", nargs="?", const="last", metavar="NAME", help="show the results of a search")
    add_settings(search)
    add_fallback(search)
    search.add_argument("--jobs", metavar="N", help="parallel runs, as for `run`")
    add_place(search)
    search.add_argument("--json", action="store_true", help="one JSON object per line: events, then the results")

    resume = commands.add_parser("resume", help="resume a run", description="Resume a run from its last checkpoint.")
    resume.add_argument("run", metavar="RUN", nargs="?", help="default: the newest that was interrupted or stopped")
    resume.add_argument("--epochs", type=whole, metavar="N", help="epochs to reach, also for a finished run")
    add_model(resume)
    resume.add_argument("--waiting", action="store_true", help="train the queued runs whose process was killed")
    resume.add_argument("--jobs", metavar="N", help="with --waiting: how many to train in parallel, or `auto`")
    add_place(resume)
    resume.add_argument(
        "--json", action="store_true", help="one JSON object per line on stdout: events, then the table"
    )

    # Started by `run --detach`; not for users.
    commands.add_parser("work")


def _add_other_tools(commands: Any) -> None:
    """Add the commands for the runs of other tools."""
    opened = commands.add_parser(
        "open",
        help="show the runs of other tools in the app",
        description="Show runs that other tools wrote, and follow them as they grow. Reads the files of TensorBoard, "
        "W&B (offline), MLflow and trackio, and CSV files such as Lightning's and Keras's; changes nothing.",
    )
    opened.add_argument("paths", metavar="PATH", nargs="+", help="files, and folders to search")
    # Started by `open`; not for users.
    commands.add_parser("read-along")
    imported = commands.add_parser(
        "import",
        help="copy the runs of other tools, or packed ones",
        description="Copy runs that other tools wrote, as `open` shows them, or that `pack` packed. Those that were "
        "copied before are brought up to date.",
    )
    imported.add_argument("paths", metavar="PATH", nargs="+", help="files, and folders to search; RUNS.zip")


def _add_runs(commands: Any) -> None:
    """Add the demo, and the commands that list and label runs."""
    demo = commands.add_parser(
        "demo",
        help="the app with scripted numbers",
        description="Open the app with scripted numbers: nothing is learned.",
    )
    demo.add_argument("--keep", action="store_true", help="keep the scripted runs with the real ones")
    demo.add_argument("--delay", type=number, default=0.02, metavar="S", help="seconds per step (default: %(default)s)")

    runs = commands.add_parser("runs", help="list past runs")
    runs.add_argument(
        "--filter",
        default="",
        metavar="TERMS",
        help="only runs that match every term, such as 'features=8 val>90 not failed'; fields: " + ", ".join(FIELDS),
    )
    runs.add_argument(
        "--sort", metavar="FIELD", help="sort by one of these fields instead of by time; accuracies best first"
    )
    runs.add_argument("--reverse", action="store_true", help="reverse the order")
    runs.add_argument("--limit", type=whole, metavar="N", help="show at most N runs")
    runs.add_argument("--deleted", action="store_true", help="list deleted runs that can still be restored")
    runs.add_argument("--json", action="store_true", help="one JSON object per run, each on a line")
    add_open(runs)

    rename = commands.add_parser("rename", help="give a run a name")
    rename.add_argument("run", metavar="RUN", help=_RUN)
    rename.add_argument("name", metavar="NAME", nargs="*", help="omit it to remove the name")
    tag = commands.add_parser("tag", help="tag a run")
    tag.add_argument("run", metavar="RUN", help=_RUN)
    tag.add_argument("tags", metavar="TAG", nargs="+", help="single words")
    tag.add_argument("--remove", action="store_true", help="remove these tags")
    note = commands.add_parser("note", help="write a note about a run")
    note.add_argument("run", metavar="RUN", help=_RUN)
    note.add_argument("text", metavar="TEXT", nargs="*", help="omit it to remove the note")
    rm = commands.add_parser("rm", help="delete runs; they can be restored for a while")
    rm.add_argument("runs", metavar="RUN", nargs="+", help=_RUN)
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask")
    restore = commands.add_parser("restore", help="restore deleted runs")
    restore.add_argument("runs", metavar="RUN", nargs="*", help=f"{_RUN} (default: those deleted last)")


def _add_elsewhere(commands: Any) -> None:
    """Add the commands for runs of other processes, and for browsers."""
    events = commands.add_parser(
        "events",
        help="follow a run of another process",
        description="Follow a run of another process: its events so far, then each new one as it happens.",
    )
    events.add_argument("run", metavar="RUN", nargs="?", help=f"{_RUN} (default: what is in progress)")
    events.add_argument("--json", action="store_true", help="one JSON object per event, each on a line")

    attach = commands.add_parser(
        "attach",
        help="open the app on a run of another process",
        description="Open the app on a run of another process, to watch and control it with the same keys.",
    )
    attach.add_argument("run", metavar="RUN", nargs="?", help=f"{_RUN} (default: what is in progress)")

    web = commands.add_parser(
        "web",
        help="the app in a browser on this machine",
        description="Serve the app to browsers on this machine, and print its address. What is started there trains in "
        "a detached process, so closing a tab ends nothing.",
    )
    web.add_argument("--port", type=whole, default=8000, metavar="N", help="0: any free one (default: %(default)s)")
    web.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="listen to other machines; needs --yes")
    web.add_argument("--yes", action="store_true", help="listen on that address although it is not encrypted")
    # Started by `web`; not for users.
    commands.add_parser("web-tab")

    tell = commands.add_parser(
        "tell",
        help="pause, resume, stop or skip a run in another process, or change its epochs or its learning rate",
        description="Send one order to a run of another process; exits with 0 if it was obeyed, else with 6.",
    )
    tell.add_argument("run", metavar="RUN", help=_RUN)
    tell.add_argument("what", choices=KINDS)
    tell.add_argument("value", metavar="N", nargs="?", help="for epochs and rate: the new value")
    tell.add_argument("--after-epoch", action="store_true", help="for stop and skip: wait for the end of the epoch")


def _add_results(commands: Any) -> None:
    """Add the commands that show runs and hand them on."""
    show = commands.add_parser("show", help="show one run with its epochs")
    show.add_argument("run", metavar="RUN", help=_RUN)
    show.add_argument("--json", action="store_true", help="one JSON object per event, each on a line")
    add_open(show)

    insight = commands.add_parser("insight", help="show which classes a run's network confuses, after any epoch")
    insight.add_argument("run", metavar="RUN", help=_RUN)
    insight.add_argument("--epoch", type=whole, metavar="N", help="default: the last one that has an insight")
    insight.add_argument("--json", action="store_true", help="one JSON object")

    report = commands.add_parser("report", help="write a report on runs: data, network, protocol, curves, confusions")
    report.add_argument("runs", metavar="RUN", nargs="*", help="ids, prefixes of ids, or `last` (default: all runs)")
    report.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="FILE.html, or FILE.md (default: Markdown on stdout)"
    )
    report.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_open(report)

    export = commands.add_parser("export", help="write the comparison table of past runs")
    export.add_argument("runs", metavar="RUN", nargs="*", help="ids, prefixes of ids, or `last` (default: all runs)")
    export.add_argument(
        "--format",
        choices=(*FORMATS, *TOOLS),
        default=None,
        help="a table (default: from the file name, else md); tensorboard: event files in the folder -o; mlflow: runs "
        "in the database -o, or in the store that MLflow is set up for",
    )
    export.add_argument("--curves", action="store_true", help="every epoch and step of the runs as CSV, not the table")
    export.add_argument("--decimal-comma", action="store_true", help="CSV with 0,5 instead of 0.5, and semicolons")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write here instead of stdout")
    export.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_open(export)

    plot = commands.add_parser(
        "plot",
        help="draw the curves of runs",
        description="Draw the curves of runs into a file. Of one run, both splits of its first two metrics; of several "
        "the validation curves, where runs that differ in their seeds alone become their mean and deviation.",
    )
    plot.add_argument("runs", metavar="RUN", nargs="*", help="ids, prefixes of ids, or `last` (default: all runs)")
    plot.add_argument("-o", "--output", type=Path, metavar="FILE", required=True, help="CHART.svg or CHART.png")
    plot.add_argument("--metric", action="append", metavar="NAME", help="what to draw, such as loss; may be repeated")
    plot.add_argument(
        "--scale", choices=("linear", "error", "log", "full"), default="linear", help="error: 1 - accuracy"
    )
    plot.add_argument("--x", choices=("epochs", "seconds", "steps"), default="epochs", help="the x axis")
    plot.add_argument("--smooth", choices=("none", "light", "strong"), default="none", help="a moving average")
    plot.add_argument("--each", action="store_true", help="a curve per run, without means")
    plot.add_argument("--dark", action="store_true", help="light curves on black")
    plot.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_open(plot)

    pack = commands.add_parser(
        "pack",
        help="pack runs into one file",
        description="Pack runs with their epochs, checkpoints, names and notes into one file, which `import` unpacks.",
    )
    pack.add_argument("runs", metavar="RUN", nargs="*", help="ids, prefixes of ids, or `last` (default: all runs)")
    pack.add_argument("-o", "--output", type=Path, metavar="FILE", required=True, help="RUNS.zip")
    pack.add_argument("--force", action="store_true", help="replace FILE if it exists")


def _add_networks(commands: Any) -> None:
    """Add the commands that use a trained network."""
    save = commands.add_parser(
        "save",
        help="save the network of a run as a file",
        description="Save the network of a run with its classes and the form of its images, and try the file.",
    )
    save.add_argument("run", metavar="RUN", help=_RUN)
    save.add_argument(
        "-o", "--output", type=Path, metavar="FILE", required=True, help="NET.safetensors, NET.pt or NET.onnx"
    )
    save.add_argument("--force", action="store_true", help="replace FILE if it exists")
    add_model(save)

    predict = commands.add_parser(
        "predict",
        help="classify images with the network of a run",
        description="Classify images with the network of a run, framed as its training images were.",
    )
    predict.add_argument("run", metavar="RUN", help=_RUN)
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="image files, folders of them, or - for stdin")
    add_model(predict)
    predict.add_argument("--json", action="store_true", help="one JSON object per image, each on a line")

    layers = commands.add_parser("layers", help="show the layers of a run's network")
    layers.add_argument("run", metavar="RUN", help=_RUN)
    add_model(layers)
    layers.add_argument("--json", action="store_true", help="one JSON object per layer, each on a line")


def _add_machine(commands: Any) -> None:
    """Add the commands about this machine."""
    data = commands.add_parser("data", help="a dataset on this machine: status, fetch, verify")
    data.add_argument("what", choices=("status", "fetch", "verify"))
    data.add_argument(
        "dataset", metavar="DATA", nargs="?", type=as_dataset, default="mnist", help="as for --dataset (default: mnist)"
    )
    data.add_argument("--side", type=whole, metavar="N", help="as for `run`, for data of your own")
    data.add_argument("--json", action="store_true", help="one JSON object per line")

    bench = commands.add_parser(
        "bench",
        help="benchmark this machine and name the bottleneck",
        description="Train side by side: a plain PyTorch loop, the engine, the headless command and the app; "
        "measure response times; report the bottleneck. Takes minutes; no runs are saved.",
    )
    bench.add_argument("--dataset", type=as_dataset, default="auto", metavar="DATA", help="default: %(default)s")
    bench.add_argument("--device", choices=DEVICES, default="auto", help="default: %(default)s")
    bench.add_argument("--features", default="2,8,32", metavar="N,N", help="bottleneck widths (default: %(default)s)")
    bench.add_argument("--repeats", type=whole, default=3, metavar="N", help="default: %(default)s")
    bench.add_argument(
        "--epochs", type=whole, default=1, metavar="N", help="epochs of the plain loop (default: %(default)s)"
    )
    bench.add_argument("--threads", type=whole, default=None, metavar="N", help="CPU threads of all but the plain loop")
    bench.add_argument(
        "--only",
        metavar="PART,PART",
        help="of plain, engine, headless, app, model, screen, charts, commands, anywhere, busy, api (default: all)",
    )
    bench.add_argument("--json", action="store_true", help="one JSON object per measurement, each on a line")

    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands in a shell",
        description="Print a completion script. Save it for bash as ~/.local/share/bash-completion/completions/"
        "mnist-tui, for zsh as _mnist-tui in a folder of $fpath.",
    )
    completion.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"))
    doctor = commands.add_parser("doctor", help="check this machine and report problems")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
