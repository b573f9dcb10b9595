"""Responsiveness under load: many queued runs and a thousand events per second."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mnist_tui.bench.measurement import Measurement, percentile_95
from mnist_tui.bench.processes import Terminal
from mnist_tui.bench.screen import KEY_PRESSES, KEY_TO_PAINT_S, LONG_ENOUGH, SETTLE_S, press_keys
from mnist_tui.bench.training import FIRST_FRAME, has_begun
from mnist_tui.core.control import RunControl
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.demo import run_sweep
from mnist_tui.launch import launch
from mnist_tui.runtime.backends import Backends
from mnist_tui.store.database import Store
from mnist_tui.workers.pool import many

QUEUED: Final = 200
STEPS: Final = 250
"""Steps per scripted epoch."""
DELAY_S: Final = 0.001
"""Delay per step; two runs are simulated in parallel."""
EVENTS_PER_S: Final = 1000


def measure_busy(repeats: int, say: Callable[[str], None]) -> Iterator[Measurement]:
    """Measure key latency in an app with two scripted runs in parallel and many more queued."""
    with (
        TemporaryDirectory(prefix="mnist-tui-bench-") as folder,
        Terminal([sys.executable, "-m", "mnist_tui.bench.busy", folder]) as terminal,
    ):
        home = Path(folder)
        terminal.wait_for(FIRST_FRAME)
        terminal.send("J")
        terminal.watch(SETTLE_S)
        terminal.send("n" * QUEUED + "r")
        terminal.wait_until(lambda: has_begun(home))
        terminal.watch(SETTLE_S)
        before, began = _epochs(home), time.perf_counter()
        delays = press_keys(terminal, KEY_PRESSES * repeats)
        rate = (_epochs(home) - before) * _events_per_epoch() / (time.perf_counter() - began)
    what = f"2 of {QUEUED} scripted runs in parallel"
    yield Measurement("busy_events_per_s", f"{what}, events per second", (rate,), reach=EVENTS_PER_S, at_least=True)
    yield Measurement("busy_key_to_paint_s", f"{what}, key to paint", delays)
    p95 = (percentile_95(delays),)
    yield Measurement("busy_key_to_paint_p95_s", "the same, 95th percentile", p95, reach=KEY_TO_PAINT_S)
    say(f"key to paint at {rate:,.0f} events per second: 95th percentile {1000 * p95[0]:.0f} ms")


def _epochs(home: Path) -> int:
    with Store.open_readonly(home) as store:
        return sum(store.run(run.run).epochs_done for run in store.runs())


def _events_per_epoch() -> int:
    def played(epochs: int) -> int:
        return sum(1 for _ in run_sweep(enqueue((RunSpec(epochs=epochs),)), RunControl(), steps=STEPS))

    return played(2) - played(1)


def open_app(home: Path) -> int:
    """Open the app to measure; return its exit code."""
    engine = partial(run_sweep, delay_s=DELAY_S, steps=STEPS)
    return launch(Backends(engine, workers=partial(many, engine=engine)), RunSpec(epochs=LONG_ENOUGH), home)


if __name__ == "__main__":
    raise SystemExit(open_app(Path(sys.argv[1])))
