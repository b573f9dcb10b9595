"""Runs in other processes: throughput in runs per hour, time to hand a run over, delay to attached apps."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mnist_tui.bench.measurement import Measurement, ratio
from mnist_tui.bench.processes import Terminal, run_to_end
from mnist_tui.bench.screen import LONG_ENOUGH, SETTLE_S
from mnist_tui.bench.training import FIRST_FRAME, app_command, has_begun, settings
from mnist_tui.core.orders import Order
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import RunError
from mnist_tui.wire.client import Watch, watches

RUNS: Final = 4
JOBS: Final = 2
EPOCHS: Final = 20
"""Long enough that loading PyTorch in each process does not dominate."""
FEATURES: Final = 8
PAUSES: Final = 4
"""Pauses per repeat."""
JOBS_RATIO: Final = 1.8
ELSEWHERE: Final = "IN ANOTHER PROCESS"


def measure_anywhere(repeats: int, spec: RunSpec, say: Callable[[str], None]) -> Iterator[Measurement]:
    """Measure runs per hour (serial and two in parallel), the hand-over time, and the delay to an attached app."""
    grid = replace(spec, features=FEATURES, epochs=EPOCHS * spec.epochs, threads=1)
    hours: dict[int, list[float]] = {1: [], JOBS: []}
    for repeat in range(repeats):
        for jobs, found in hours.items():
            found.append(_runs_per_hour(grid, jobs))
            say(f"repeat {repeat + 1} of {repeats}, {jobs} in parallel: {found[-1]:.0f} runs per hour")
    what = f"runs of {grid.epochs} epochs per hour, one thread each"
    each = {
        n: Measurement(f"jobs_{n}_runs_per_h", f"{what}, {n} in parallel", tuple(found), FEATURES)
        for n, found in hours.items()
    }
    yield from each.values()
    yield ratio("jobs_ratio", f"the same, {JOBS} in parallel : 1", each[JOBS], each[1], JOBS_RATIO, at_least=True)
    long = replace(spec, epochs=LONG_ENOUGH)
    yield Measurement(
        "hand_over_s", "from D until the other process trains", tuple(_hand_over_s(long) for _ in range(repeats))
    )
    yield Measurement("event_to_attached_s", "from event to attached app", _delays_s(long, PAUSES * repeats))


def _runs_per_hour(spec: RunSpec, jobs: int) -> float:
    with TemporaryDirectory(prefix="mnist-tui-bench-") as home:
        command = [sys.executable, "-m", "mnist_tui", "run", *settings(spec)]
        more = ["--seeds", f"0-{RUNS - 1}", "--jobs", str(jobs), "--json"]
        return RUNS * 3600 / run_to_end(f"{jobs} in parallel", [*command, *more], {"MNIST_TUI_HOME": home}).wall_s


@contextmanager
def _training_app(spec: RunSpec) -> Iterator[tuple[Terminal, Path]]:
    """Yield an app that is training a run, and its home folder."""
    with (
        TemporaryDirectory(prefix="mnist-tui-bench-") as home,
        Terminal(app_command(spec), {"MNIST_TUI_HOME": home}) as terminal,
    ):
        terminal.wait_for(FIRST_FRAME)
        terminal.send("r")
        terminal.wait_until(lambda: has_begun(Path(home)))
        yield terminal, Path(home)


def _hand_over_s(spec: RunSpec) -> float:
    with _training_app(spec) as (terminal, home):
        terminal.watch(SETTLE_S)
        start = time.perf_counter()
        terminal.send("D")
        try:
            took = terminal.wait_for(ELSEWHERE) - start
        finally:
            _end(home)
        return took


def _delays_s(spec: RunSpec, pauses: int) -> tuple[float, ...]:
    """Return the delays from a pause event until an attached app shows it."""
    with (
        _training_app(spec) as (_, home),
        Terminal(app_command(spec), {"MNIST_TUI_HOME": str(home)}) as attached,
    ):
        attached.wait_for(ELSEWHERE)
        attached.watch(SETTLE_S)
        with closing(_watch(home)) as watch:
            return tuple(_delay_s(watch, attached, number) for number in range(pauses))


def _delay_s(watch: Watch, attached: Terminal, number: int) -> float:
    (run,) = watch.runs
    attached.send("")
    watch.tell(Order(kind="pause", run=run))
    told = _until(watch, "run_paused")
    delay = attached.wait_for("paused") - told
    watch.tell(Order(kind="resume", run=run))
    _until(watch, "run_resumed")
    # Vary the wait, so that it does not synchronise with the app's timer.
    attached.watch(0.5 + 0.013 * number)
    return delay


def _until(watch: Watch, kind: str) -> float:
    for record in watch.records(30.0):
        if record.get("type") == kind:
            return time.perf_counter()
    raise RunError("the run did not respond")


def _watch(home: Path) -> Watch:
    for watch in watches(home):
        return watch
    raise RunError("the run's process cannot be reached")


def _end(home: Path) -> None:
    """Stop the detached process: nothing may outlive the benchmark."""
    with closing(_watch(home)) as watch:
        for run in watch.runs:
            watch.tell(Order(kind="stop", run=run))
        for _ in watch.records(30.0):
            pass
