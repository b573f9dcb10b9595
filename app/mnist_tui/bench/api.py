"""What recording costs a script: its loop, its disk, the app that follows it, and what a kill loses."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import mnist_tui
from mnist_tui.bench.measurement import Measurement, percentile_95
from mnist_tui.bench.processes import Terminal
from mnist_tui.bench.screen import KEY_PRESSES, KEY_TO_PAINT_S, LOOK_S, SETTLE_S, press_keys
from mnist_tui.bench.training import FIRST_FRAME
from mnist_tui.core.orders import Order
from mnist_tui.errors import RunError
from mnist_tui.report.charts import rasterise
from mnist_tui.report.chartview import ChartView
from mnist_tui.report.curves import charted, quantity_chart
from mnist_tui.runtime.library import Library
from mnist_tui.store.database import Store
from mnist_tui.wire.client import Watch, watches

METRICS: Final = 10
MANY_STEPS: Final = 1_000_000
SCRIPTS: Final = 8
LOGS_PER_S: Final = 100
FOLLOWED_PER_S: Final = 1_000
CALLS: Final = 200_000
PIECE: Final = 1_000
"""Calls that are timed together."""
SLOW_STEPS: Final = 3_000
ORDERS: Final = 20
KILLS: Final = 10
CALL_S: Final = 2e-6
SLOW_CALL_S: Final = 1e-4
DISK_BYTES: Final = 100e6
OPENED_S: Final = 1.0
FOLLOW_SHARE: Final = 0.10
OBEYED_S: Final = 0.2
LOST_S: Final = 0.5
_CHART_CELLS: Final = (76, 12)
_WAIT_S: Final = 60.0


def measure_api(repeats: int, say: Callable[[str], None], steps: int = MANY_STEPS) -> Iterator[Measurement]:
    """Measure what recording costs, with a run of many steps and with several scripts at once.

    Args:
        repeats: How often to repeat what is quick.
        say: Tells how far it is.
        steps: Steps of the long run.
    """
    with TemporaryDirectory(prefix="mnist-tui-bench-") as folder:
        home = Path(folder)
        yield from _calls(home / "calls")
        say("recording a long run")
        yield from _long_run(home / "long", steps)
        say("orders and kills")
        yield from _orders(home / "orders", ORDERS * repeats)
        yield from _kills(home / "kills", KILLS)
        say("an app that follows")
        yield from _following(home / "follow")
        yield from _several(home / "several", KEY_PRESSES * repeats)


def _calls(home: Path) -> Iterator[Measurement]:
    """Measure `steps` and `log` in the loop's thread, in a tight loop and between steps of a millisecond."""
    pieces, slow = [], []
    with mnist_tui.init("calls", home=home) as run:
        began = time.perf_counter()
        for _ in run.steps(CALLS):
            run.log(loss=0.5)
            if run.step % PIECE == 0:
                now = time.perf_counter()
                pieces.append((now - began) / PIECE)
                began = time.perf_counter()
        for _ in run.steps(run.step + SLOW_STEPS):
            time.sleep(0.001)
            began = time.perf_counter()
            run.log(loss=0.5)
            slow.append(time.perf_counter() - began)
    yield Measurement("api_step_s", "run.steps and run.log, per step", (median(pieces),), reach=CALL_S)
    at_99 = sorted(slow)[int(0.99 * len(slow))]
    yield Measurement("api_log_p99_s", "run.log between steps of 1 ms, 99th percentile", (at_99,), reach=SLOW_CALL_S)


def _long_run(home: Path, steps: int) -> Iterator[Measurement]:
    """Measure what a long run takes on disk, and how long it takes to open it and draw two charts."""
    with mnist_tui.init("long", home=home) as run:
        values = {f"metric_{number}/loss": 0.0 for number in range(METRICS)}
        for step in run.steps(range(steps)):
            noise = (step * 7_919 % 1_000) / 1_000
            run.log(dict.fromkeys(values, 1 / (1 + step) + noise))
        name = run.id
    size = sum(path.stat().st_size for path in home.glob("runs.db*"))
    what = f"{METRICS} metrics x {steps:,} steps"
    yield Measurement("api_disk_bytes", f"{what}, on disk", (float(size),), reach=DISK_BYTES)
    began = time.perf_counter()
    library = Library(home, {})
    library.load()
    shown = library.with_epochs(name)
    for quantity in charted(shown)[:2]:
        rasterise(quantity_chart(quantity, shown, ChartView(), {}, lambda of: library.points(shown, of)), *_CHART_CELLS)
    opened_s = time.perf_counter() - began
    yield Measurement("api_opened_s", f"{what}, opened and drawn", (opened_s,), reach=OPENED_S)


def _orders(home: Path, times: int) -> Iterator[Measurement]:
    """Measure how long an order takes until its effect is confirmed."""
    taken = []
    with _script(home, 1, FOLLOWED_PER_S), closing(_watch(home)) as watch:
        (run,) = watch.runs
        for number in range(times):
            kind, wanted = (("pause", "run_paused"), ("resume", "run_resumed"))[number % 2]
            began = time.perf_counter()
            watch.tell(Order(kind=kind, run=run))
            if not any(record.get("type") == wanted for record in watch.records(_WAIT_S)):
                raise RunError("an order could not be measured: nothing confirmed it")
            taken.append(time.perf_counter() - began)
            time.sleep(0.05)
    yield Measurement("api_order_s", "an order, until its effect is confirmed", tuple(taken), reach=OBEYED_S)


def _kills(home: Path, times: int) -> Iterator[Measurement]:
    """Measure how much a killed script loses: it logs the time, a thousand times per second."""
    lost = []
    for number in range(times):
        with _script(home, 1, FOLLOWED_PER_S) as (process, *_), closing(_watch(home)):
            time.sleep(0.7 + 0.05 * number)
            process.kill()
            killed_at = time.time()
            process.wait()
        with Store.open_readonly(home) as store:
            values = store.points(store.id_of("last"), "m0").series.values
        lost.append(killed_at - values[-1] if values else 0.7)
    yield Measurement("api_lost_s", "steps lost by kill -9", (max(lost),), reach=LOST_S)


def _following(home: Path) -> Iterator[Measurement]:
    """Measure the CPU of an app that follows a script."""
    with _script(home, METRICS, FOLLOWED_PER_S), closing(_watch(home)), _app(home) as terminal:
        terminal.watch(SETTLE_S)
        share = terminal.cpu_share(LOOK_S)
    what = f"CPU of an app that follows {METRICS} metrics, {FOLLOWED_PER_S:,} steps per second"
    yield Measurement("api_follow_share", what, (share,), reach=FOLLOW_SHARE)


def _several(home: Path, presses: int) -> Iterator[Measurement]:
    """Measure key latency, and whether everything is stored, while several scripts log into one home."""
    with _script(home, 1, LOGS_PER_S, SCRIPTS) as processes, _app(home) as terminal:
        terminal.watch(SETTLE_S)
        delays = press_keys(terminal, presses)
        logged = 0
        for process in processes:
            out, _ = process.communicate("stop\n")
            logged += int(out)
    with Store.open_readonly(home) as store:
        kept = sum(len(store.points(run.run, "m0").series.steps) for run in store.runs())
    what = f"{SCRIPTS} scripts, {LOGS_PER_S} logs per second each"
    yield Measurement("api_stored_ratio", f"{what}, stored : logged", (kept / logged,), reach=1.0, at_least=True)
    p95 = (percentile_95(delays),)
    yield Measurement("api_key_to_paint_p95_s", f"{what}, key to paint, 95th percentile", p95, reach=KEY_TO_PAINT_S)


def _app(home: Path) -> Terminal:
    terminal = Terminal([sys.executable, "-m", "mnist_tui"], {"MNIST_TUI_HOME": str(home)})
    terminal.wait_for(FIRST_FRAME)
    return terminal


@contextmanager
def _script(home: Path, metrics: int, per_s: int, scripts: int = 1) -> Iterator[Sequence[subprocess.Popen[str]]]:
    """Run scripts beside; they end when told to, or with the block."""
    # Not with -m: this module is imported by its package.
    start = "import sys; from mnist_tui.bench.api import script; sys.exit(script(*sys.argv[1:]))"
    command = [sys.executable, "-c", start, str(home), str(metrics), str(per_s)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(scripts)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _watch(home: Path) -> Watch:
    """Connect to the script, once it has begun."""
    end = time.monotonic() + _WAIT_S
    while time.monotonic() < end:
        for watch in watches(home):
            if watch.runs:
                return watch
            watch.close()
        time.sleep(0.02)
    raise RunError("a script could not be measured: it did not begin")


def script(home: str, metrics: str, per_s: str) -> int:
    """Log the time under several names until a line comes on standard input; print how often; return the exit code."""
    ends = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        ends.set()

    threading.Thread(target=listen, daemon=True).start()
    names = [f"m{number}" for number in range(int(metrics))]
    with mnist_tui.init("script", home=home) as run:
        for _ in run.steps(sys.maxsize):
            run.log(dict.fromkeys(names, time.time()))
            time.sleep(1 / int(per_s))
            if ends.is_set():
                break
    print(run.step)  # noqa: T201 - for the process that measures
    return 0
