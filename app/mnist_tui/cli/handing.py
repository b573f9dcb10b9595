"""Commands that hand runs on: as reports, tables, charts, other tools' files, or packed in one file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from mnist_tui.core.numerals import count
from mnist_tui.core.state import RunState
from mnist_tui.core.table import FORMATS
from mnist_tui.errors import UsageError
from mnist_tui.streams import say

if TYPE_CHECKING:
    from mnist_tui.core.points import PointSeries
    from mnist_tui.report.sheet import Sheet
    from mnist_tui.store.database import Store

NO_RUNS: Final = "Train one with mnist-tui or mnist-tui run"
TOOLS: Final = ("tensorboard", "mlflow")
"""Other tools that `export` writes for."""


def report_command(args: argparse.Namespace) -> int:
    """Write a report on runs."""
    from mnist_tui.opening import shown
    from mnist_tui.runtime.reports import evidence, report_text
    from mnist_tui.store.database import Store

    suffix = args.output.suffix.lower() if args.output else ".md"
    if suffix not in (".html", ".htm", ".md"):
        what = suffix or "a file without a suffix"
        raise UsageError(f"a report is HTML or Markdown, not {what}", "Try -o report.html")
    with shown(args.open) as place, Store.open_readonly(place) as store:
        runs = evidence(store, args.runs or [run.run for run in store.runs()])
    if not runs:
        raise UsageError("there is no run to report on yet", NO_RUNS)
    _write(report_text(runs, as_html=suffix != ".md"), args)
    return 0


def export_command(args: argparse.Namespace) -> int:
    """Write the comparison table, the curves, or the files of another tool."""
    from mnist_tui.opening import shown
    from mnist_tui.store.database import Store

    if args.curves and args.format not in (None, "csv"):
        raise UsageError(f"--curves writes CSV, not {args.format}", "Leave out --format")
    if args.decimal_comma and args.format in TOOLS:
        raise UsageError("--decimal-comma is for CSV", f"Leave it out with --format {args.format}")
    if args.format == "tensorboard" and args.output is None:
        raise UsageError("TensorBoard's files need a folder", "Name it with -o")
    with shown(args.open) as place, Store.open_readonly(place) as store:
        runs = _runs(store, args.runs)
        if args.format in TOOLS:
            return _for_tool(store, runs, args)
        text = _curves(store, runs, args) if args.curves else _table(runs, args)
    _write(text, args)
    return 0


def _runs(store: Store, names: Sequence[str]) -> list[RunState]:
    """Return the runs of these names, each once, or all of them; with their epochs."""
    runs = {run.run: run for run in map(store.run, names or [run.run for run in store.runs()])}
    if not runs:
        raise UsageError("there is no run to export yet", NO_RUNS)
    return list(runs.values())


def _table(runs: Sequence[RunState], args: argparse.Namespace) -> str:
    from mnist_tui.core.scripttable import build_tables
    from mnist_tui.report.export import render_all

    format_name = args.format or (args.output.suffix[1:].lower() if args.output else "md")
    if format_name not in FORMATS:
        endings = ", ".join(f".{name}" for name in FORMATS)
        raise UsageError(
            f"a table cannot be saved as {args.output.suffix or 'a file without an ending'}",
            f"End the name of the file with {endings}, or give --format",
        )
    tables = build_tables(runs)
    if not tables:
        raise UsageError("there is no run to export yet", NO_RUNS)
    return render_all(tables, format_name, decimal_comma=_comma(args, format_name))


def _curves(store: Store, runs: Sequence[RunState], args: argparse.Namespace) -> str:
    from mnist_tui.report.curvetable import curve_rows
    from mnist_tui.report.spreadsheet import as_csv
    from mnist_tui.runtime.handing import curves_of

    if args.output is not None and args.output.suffix.lower() != ".csv":
        raise UsageError(f"curves are saved as CSV, not as {args.output.name}", "End the name of the file with .csv")
    return as_csv(curve_rows(curves_of(store, runs)), decimal_comma=_comma(args, "csv"))


def _comma(args: argparse.Namespace, format_name: str) -> bool:
    if args.decimal_comma and format_name != "csv":
        raise UsageError("--decimal-comma is for CSV", "Add --format csv, or end the name of the file with .csv")
    return bool(args.decimal_comma)


def _for_tool(store: Store, runs: Sequence[RunState], args: argparse.Namespace) -> int:
    from mnist_tui.runtime.handing import curves_of, to_mlflow, to_tensorboard

    curves = curves_of(store, runs)
    if args.format == "tensorboard":
        places = to_tensorboard(curves, args.output, force=args.force)
        say(f"Saved {count(len(places), 'run')} in {args.output}: `tensorboard --logdir {args.output}` shows them.")
    else:
        if args.output is not None and not args.output.absolute().parent.is_dir():
            raise UsageError(f"the folder {args.output.parent} does not exist", "Create it first")
        added = to_mlflow(curves, None if args.output is None else f"sqlite:///{quote(str(args.output.absolute()))}")
        left = f"; {len(runs) - added} were there already" if added < len(runs) else ""
        say(f"Added {count(added, 'run')} to MLflow{left}.")
    return 0


def _write(text: str, args: argparse.Namespace) -> None:
    from mnist_tui.report.files import write_atomically

    if args.output is None:
        sys.stdout.write(text)
    else:
        write_atomically(args.output, text, force=args.force)
        say(f"Saved {args.output}")


def plot_command(args: argparse.Namespace) -> int:
    """Draw the curves of runs into a file."""
    from mnist_tui.opening import shown
    from mnist_tui.report.files import check_new, write_bytes_atomically
    from mnist_tui.store.database import Store

    kind = args.output.suffix.lower()
    if kind not in (".svg", ".png"):
        raise UsageError(f"a chart is SVG or PNG, not {kind or 'a file without an ending'}", "Try -o chart.svg")
    check_new(args.output, force=args.force)
    with shown(args.open) as place, Store.open_readonly(place) as store:
        sheet = _drawn(store, _runs(store, args.runs), args)
    write_bytes_atomically(args.output, sheet.svg().encode() if kind == ".svg" else sheet.png(), force=args.force)
    say(f"Saved {args.output}")
    return 0


def _drawn(store: Store, runs: Sequence[RunState], args: argparse.Namespace) -> Sheet:
    from functools import partial

    from mnist_tui.report.chartpicture import DARK, LIGHT, Panel, draw_charts
    from mnist_tui.report.chartview import ChartView, Scale, Smoothing, XAxis
    from mnist_tui.report.curves import charted, quantity_chart
    from mnist_tui.report.groups import MOST, comparable, groups_of, groups_panel

    def points(run: RunState, name: str) -> PointSeries | None:
        return store.points(run.run, name).series if run.network is None else None

    scale = {"linear": Scale.LINEAR, "error": Scale.ERROR_LOG, "log": Scale.LOG, "full": Scale.FULL}[args.scale]
    smoothing = Smoothing[args.smooth.upper()]
    look = ChartView(scale=scale, x=XAxis[args.x.upper()], smoothing=smoothing)
    asked = [_quantity(name, runs) for name in args.metric or ()]
    if len(runs) == 1:
        names = asked or charted(runs[0])[:2]
        panels = [Panel(quantity_chart(name, runs[0], look, points=partial(points, runs[0]))) for name in names]
    else:
        panels = []
        for name in asked or [""]:
            quantity, shown = comparable(runs, look, name)
            groups = [[run] for run in shown] if args.each else groups_of(shown)
            if len(groups) > MOST:
                raise UsageError(f"a chart has room for {MOST} curves, not {len(groups)}", "Name fewer runs")
            if len(shown) < len(runs):
                say(f"{count(len(runs) - len(shown), 'run')} without {quantity or 'numbers'} on this axis left out.")
            panels += [groups_panel(groups, look, quantity, points)] if groups else []
    if not panels:
        raise UsageError("these runs have logged no numbers to draw", "Name others; `mnist-tui runs` lists them")
    return draw_charts(panels, DARK if args.dark else LIGHT)


def _quantity(name: str, runs: Sequence[RunState]) -> str:
    """Return the quantity of that name, or the one that a metric of that name measures."""
    known = [one for run in runs for one in run.metrics]
    found = next((one.quantity for one in known if name in (one.quantity, one.name)), None)
    if found is None:
        names = ", ".join(dict.fromkeys(one.quantity for one in known)) or "none"
        raise UsageError(f"these runs have no metric {name!r}", f"They have: {names}")
    return found


def pack_command(args: argparse.Namespace) -> int:
    """Pack runs into one file."""
    from io import BytesIO

    from mnist_tui.report.files import check_new, write_bytes_atomically
    from mnist_tui.store.database import Store
    from mnist_tui.store.home import home
    from mnist_tui.store.packing import pack

    if args.output.suffix.lower() != ".zip":
        raise UsageError(f"runs are packed as .zip, not as {args.output.name}", "Try -o runs.zip")
    check_new(args.output, force=args.force)
    out = BytesIO()
    with Store.open_readonly(home()) as store:
        runs = [run.run for run in _runs(store, args.runs)]
        pack(store, runs, out)
    write_bytes_atomically(args.output, out.getvalue(), force=args.force)
    say(f"Packed {count(len(runs), 'run')} in {args.output}: `mnist-tui import {args.output}` unpacks it.")
    return 0
