"""Interactive latency: the first frame, a key press, charts, a list of many runs, `--help`."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mnist_tui.bench.measurement import Measurement, percentile_95, ratio
from mnist_tui.bench.processes import Terminal, run_to_end
from mnist_tui.bench.training import FIRST_FRAME, app_command, has_begun
from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState
from mnist_tui.demo import run_sweep
from mnist_tui.report.charts import rasterise
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.curves import quantity_chart
from mnist_tui.runtime.library import Library
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store

BARE_FRAME: Final = "first-frame"
BARE_APP: Final = f"""\
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static({BARE_FRAME!r})
Bare().run()
"""
HELP_TITLE: Final = "Keys and glossary"
KEY_PRESSES: Final = 10
"""Key presses per repeat."""
SETTLE_S: Final = 2.0
LOOK_S: Final = 8.0
LONG_ENOUGH: Final = 100_000
"""Enough epochs that the run does not end before all keys are pressed."""
CHART_CELLS: Final = (76, 12)
DRAWINGS: Final = 10
TIMES_AT_LEAST: Final = 5
STORED_RUNS: Final = 1000
STORED_EPOCHS: Final = 20

WARM_UP_S: Final = 120
"""Maximum time for loading PyTorch and compiling."""
BUSY: Final = 0.2
"""CPU share above which something is still loading."""
FIRST_FRAME_TO_BARE: Final = 1.5
KEY_TO_PAINT_S: Final = 0.1
IDLE_SHARE: Final = 0.01
SCREEN_SHARE: Final = 0.1
LONG_TO_SHORT_CHART: Final = 2.0
HELP_S: Final = 0.3
MANY_RUNS_S: Final = 0.5


def measure_screen(repeats: int, spec: RunSpec, say: Callable[[str], None]) -> Iterator[Measurement]:
    """Measure the first frame of the app and of a bare Textual app in turn, CPU use, and key latency in training."""
    ours, bare = [], []
    for repeat in range(repeats):
        with TemporaryDirectory(prefix="mnist-tui-bench-") as home:
            ours.append(_first_frame_s(app_command(spec), FIRST_FRAME, home))
            bare.append(_first_frame_s([sys.executable, "-c", BARE_APP], BARE_FRAME, home))
        say(f"repeat {repeat + 1} of {repeats}, first frame: {ours[-1]:.2f} s, bare app {bare[-1]:.2f} s")
    app = Measurement("first_frame_s", "app, first frame", tuple(ours))
    textual = Measurement("bare_first_frame_s", "bare Textual app, first frame", tuple(bare))
    yield app
    yield textual
    yield ratio("first_frame_ratio", "first frame, app : bare", app, textual, FIRST_FRAME_TO_BARE)
    idle = tuple(_idle_share(spec) for _ in range(repeats))
    yield Measurement("idle_cpu_share", "CPU of the idle app, share of a core", idle, reach=IDLE_SHARE)
    share, delays = _while_training(spec, KEY_PRESSES * repeats)
    what = "CPU of the screen while training, share of a core"
    yield Measurement("screen_cpu_share", what, (share,), spec.features, reach=SCREEN_SHARE)
    say(f"key to paint while training: 95th percentile {1000 * percentile_95(delays):.0f} ms")
    yield Measurement("key_to_paint_s", "key to paint while training", delays)
    p95 = (percentile_95(delays),)
    yield Measurement("key_to_paint_p95_s", "key to paint, 95th percentile", p95, reach=KEY_TO_PAINT_S)


def _first_frame_s(command: list[str], text: str, home: str) -> float:
    with Terminal(command, {"MNIST_TUI_HOME": home}) as terminal:
        return terminal.wait_for(text) - terminal.started_s


def _idle_share(spec: RunSpec) -> float:
    """Return the CPU share of the idle app."""
    with (
        TemporaryDirectory(prefix="mnist-tui-bench-") as home,
        Terminal(app_command(spec), {"MNIST_TUI_HOME": home}) as terminal,
    ):
        terminal.wait_for(FIRST_FRAME)
        terminal.watch(SETTLE_S)
        # PyTorch loads in the background after the first frame.
        for _ in range(WARM_UP_S):
            if terminal.cpu_share(1.0) < BUSY:
                break
        return terminal.cpu_share(LOOK_S)


def _while_training(spec: RunSpec, presses: int) -> tuple[float, tuple[float, ...]]:
    """Return the CPU share of the screen while training, and the key latencies."""
    with (
        TemporaryDirectory(prefix="mnist-tui-bench-") as home,
        Terminal(app_command(replace(spec, epochs=LONG_ENOUGH)), {"MNIST_TUI_HOME": home}) as terminal,
    ):
        terminal.wait_for(FIRST_FRAME)
        terminal.send("r")
        terminal.wait_until(lambda: has_begun(Path(home)))
        terminal.watch(SETTLE_S)
        share = terminal.cpu_share(LOOK_S, screen_alone=True)
        return share, press_keys(terminal, presses)


def press_keys(terminal: Terminal, presses: int) -> tuple[float, ...]:
    """Return how long each press of `?` took to show the help."""
    delays = []
    for press in range(presses):
        start = time.perf_counter()
        terminal.send("?")
        delays.append(terminal.wait_for(HELP_TITLE) - start)
        terminal.send("\x1b")
        # Long enough for the help to close, and varied, so that it does not synchronise with the app's timer.
        terminal.watch(0.6 + 0.013 * (press % 30))
    return tuple(delays)


def measure_charts() -> Iterator[Measurement]:
    """Measure how long the two charts of the Live tab take to draw, for a short and a long run."""
    short, long = _played(20), _played(2000)
    times: dict[int, list[float]] = {20: [], 2000: []}
    for _ in range(DRAWINGS):
        for run in (short, long):
            times[run.epochs].append(_timed(partial(_draw, run)))
    drawn = {n: Measurement(f"charts_{n}_epochs_s", f"charts of {n:,} epochs", tuple(t)) for n, t in times.items()}
    yield from drawn.values()
    yield ratio("charts_ratio", "charts, 2,000 : 20 epochs", drawn[2000], drawn[20], LONG_TO_SHORT_CHART)


def _draw(run: RunState) -> None:
    for chart in [quantity_chart(name, run, ChartView()) for name in ("accuracy", "loss")]:
        rasterise(chart, *CHART_CELLS)


def _played(epochs: int) -> RunState:
    """Return a scripted run."""
    state = SessionState()
    for event in run_sweep(enqueue((RunSpec(epochs=epochs),)), RunControl(), steps=1):
        state.apply(event)
    (run,) = state.runs.values()
    return run


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure_commands(repeats: int) -> Iterator[Measurement]:
    """Measure `--help`, and how long the app and `mnist-tui runs --json` take to read a store with many runs."""
    times = max(repeats, TIMES_AT_LEAST)
    with TemporaryDirectory(prefix="mnist-tui-bench-") as folder:
        home = Path(folder)
        _fill(home)
        helped, read, listed = [], [], []
        for _ in range(times):
            helped.append(_command_s("--help", home))
            read.append(_timed(Library(home, {}).load))
            listed.append(_command_s("runs --json", home))
    yield Measurement("help_s", "mnist-tui --help", tuple(helped), reach=HELP_S)
    what = f"a store of {STORED_RUNS:,} runs x {STORED_EPOCHS} epochs"
    yield Measurement("read_1000_runs_s", f"{what}, read", tuple(read), reach=MANY_RUNS_S)
    yield Measurement("runs_json_s", f"{what}, mnist-tui runs --json", tuple(listed), reach=MANY_RUNS_S)


def _command_s(arguments: str, home: Path) -> float:
    command = [sys.executable, "-m", "mnist_tui", *arguments.split()]
    return run_to_end(f"mnist-tui {arguments}", command, {"MNIST_TUI_HOME": str(home)}).wall_s


def _fill(home: Path) -> None:
    """Record one scripted run and copy it in SQL: recording 1,000 runs would take 20,000 disk syncs."""
    with Store.open(home) as store:
        for _ in store.recorded(run_sweep(enqueue((RunSpec(epochs=STORED_EPOCHS),)), RunControl())):
            pass
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        ((first,),) = database.execute("SELECT run FROM runs").fetchall()
        for table in ("runs", "epochs"):
            columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})").fetchall()]
            copied = ["replace(r.run, ?1, ?2)", *(_renamed(name) for name in columns[1:])]
            copy = f"INSERT INTO {table} SELECT {', '.join(copied)} FROM {table} r WHERE r.run = ?1"  # noqa: S608
            database.executemany(copy, [(first, f"{first}-{number}") for number in range(1, STORED_RUNS)])


def _renamed(column: str) -> str:
    """Return the SQL that copies a column; columns with whole events contain the run id, so it is replaced there."""
    return f"replace(r.{column}, ?1, ?2)" if column in ("started", "done") else f"r.{column}"
