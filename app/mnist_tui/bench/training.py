"""The same training in four ways, interleaved: plain loop, engine, headless command, app."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from mnist_tui.bench.measurement import Measurement, ratio
from mnist_tui.bench.processes import Ended, Terminal, run_to_end, seconds_between
from mnist_tui.core.codec import to_json_value
from mnist_tui.core.conditions import Machine
from mnist_tui.core.numerals import count
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.errors import RunError
from mnist_tui.store.database import Store

TRAINING_PARTS: Final = ("plain", "engine", "headless", "app")
NAMES: Final = {"plain": "plain loop", "engine": "engine", "headless": "headless command", "app": "app"}
FIRST_FRAME: Final = "Settings"
"""A word in the app's first frame that is written contiguously."""
PLAIN_TO_ENGINE: Final = {2: 12.0, 8: 5.0, 32: 2.7}
"""Target speedup of the engine over the plain loop, by number of features."""
QUICK_UP_TO: Final = 8
"""Up to this width, epochs (except in the plain loop) are so short that one alone would mostly measure startup."""
QUICK_EPOCHS: Final = 10
HEADLESS_TO_ENGINE: Final = 1.05
INSIGHT_S: Final = 0.03
"""3% of a one-second epoch."""
APP_TO_ENGINE: Final = 1.10
"""Maximum overhead of store and screen, even for epochs of a third of a second."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Timings of one process.

    Attributes:
        epoch_s: Mean time per epoch, training and validation.
        images_per_s: Training throughput.
        peak_bytes: Peak memory.
        way: Backend and threads, such as `compiled, 2 threads`.
        run_s: Whole run, with test and checkpoints; NaN for the plain loop, which has neither.
    """

    epoch_s: float
    images_per_s: float
    peak_bytes: float
    way: str
    run_s: float = math.nan


def ask_child(what: str, **request: Any) -> tuple[dict[str, Any], int]:
    """Measure in a child process; return its answer and its peak memory in bytes. Errors as for `run_to_end`."""
    ended = run_to_end(what, [sys.executable, "-m", "mnist_tui.bench.child", json.dumps(request)])
    return json.loads(ended.out.splitlines()[-1]), ended.peak_bytes


def settings(spec: RunSpec) -> list[str]:
    """Return a run's settings as command-line arguments."""
    chosen = {"epochs": spec.epochs, "features": spec.features, "dataset": spec.dataset, "device": spec.device}
    threads = [] if spec.threads is None else ["--threads", str(spec.threads)]
    return [*(part for name, value in chosen.items() for part in (f"--{name}", str(value))), *threads]


def way_of(machine: Machine) -> str:
    """Return how a run was trained, such as `compiled, 2 threads`."""
    threads = count(machine.threads, "thread")
    return f"{machine.backend}, {threads}" if machine.device == "cpu" else f"{machine.backend}, {machine.device}"


def app_command(spec: RunSpec) -> list[str]:
    """Return the command that opens the app with these settings."""
    return [sys.executable, "-m", "mnist_tui", *settings(spec)]


def has_begun(home: Path) -> bool:
    """Return whether the store contains a run yet."""
    with Store.open_readonly(home) as store:
        return bool(store.runs())


def measure_training(
    parts: Sequence[str],
    features: Sequence[int],
    repeats: int,
    spec: RunSpec,
    data: dict[str, Any],
    say: Callable[[str], None],
) -> Iterator[Measurement]:
    """Train with every part at every width, alternating between parts, and yield the measurements.

    Args:
        parts: Which of `TRAINING_PARTS`.
        features: Bottleneck widths.
        repeats: Number of repeats.
        spec: The other settings.
        data: Description of the dataset, as returned by the child process that found it.
        say: Called with progress messages.
    """
    ways: dict[str, Callable[[RunSpec], Trained]] = {
        "plain": partial(_plain, data=data),
        "engine": partial(_engine, data=data),
        "headless": _headless,
        "app": _app,
    }
    found: dict[tuple[str, int], list[Trained]] = {}
    for repeat in range(repeats):
        for width in features:
            first = repeat % len(parts)
            for part in (*parts[first:], *parts[:first]):
                longer = QUICK_EPOCHS if part != "plain" and width <= QUICK_UP_TO else 1
                trained = ways[part](replace(spec, features=width, epochs=longer * spec.epochs))
                found.setdefault((part, width), []).append(trained)
                words = f"{width} features, {NAMES[part]}: {trained.epoch_s:.2f} s per epoch ({trained.way})"
                say(f"repeat {repeat + 1} of {repeats}, {words}")
    for width in features:
        if "plain" in parts or "engine" in parts:
            yield from _limits(replace(spec, features=width), data)
        yield from _measurements({part: found[part, width] for part in parts}, width)


def _limits(spec: RunSpec, data: dict[str, Any]) -> Iterator[Measurement]:
    """Measure the fixed costs: loading a batch, a one-image step, and an insight."""
    answer, _ = ask_child("the cost of a batch", part="limits", spec=to_json_value(spec), **_place(data))
    for name, what in (
        ("plain_loading_ms", "plain loop, loading a batch"),
        ("engine_one_image_step_ms", "engine, one-image step"),
    ):
        yield Measurement(name, what, (answer[name],), spec.features)
    what = "time to compute an insight"
    yield Measurement("insight_s", what, (answer["insight_s"],), spec.features, reach=INSIGHT_S)


def _place(data: dict[str, Any]) -> dict[str, Any]:
    return {"source": data["source"], "n_validation": data["n_validation"]}


def _trained(answer: dict[str, Any], peak_bytes: int, n_train: int) -> Trained:
    times = answer["times"]
    train_s = math.fsum(train for train, _ in times) / len(times)
    return Trained(
        epoch_s=math.fsum(train + validation for train, validation in times) / len(times),
        images_per_s=n_train / train_s,
        peak_bytes=peak_bytes,
        way=answer["way"],
        run_s=answer.get("run_s", math.nan),
    )


def _plain(spec: RunSpec, data: dict[str, Any]) -> Trained:
    """Train with one thread and with PyTorch's default number; return the faster result."""
    tried = []
    for threads in (1, None) if spec.device in ("auto", "cpu") else (None,):
        request = {"spec": to_json_value(replace(spec, threads=threads)), **_place(data)}
        answer, peak_bytes = ask_child("the plain loop", part="plain", **request)
        tried.append(_trained(answer, peak_bytes, data["n_train"]))
    return min(tried, key=lambda trained: trained.epoch_s)


def _engine(spec: RunSpec, data: dict[str, Any]) -> Trained:
    answer, peak_bytes = ask_child("the engine", part="engine", spec=to_json_value(spec))
    return _trained(answer, peak_bytes, data["n_train"])


def _headless(spec: RunSpec) -> Trained:
    with TemporaryDirectory(prefix="mnist-tui-bench-") as home:
        command = [sys.executable, "-m", "mnist_tui", "run", *settings(spec), "--json"]
        ended: Ended = run_to_end("the headless command", command, {"MNIST_TUI_HOME": home})
        return _from_store(Path(home), ended.peak_bytes)


def _app(spec: RunSpec) -> Trained:
    with TemporaryDirectory(prefix="mnist-tui-bench-") as home:
        with Terminal(app_command(spec), {"MNIST_TUI_HOME": home}) as terminal:
            terminal.wait_for(FIRST_FRAME)
            terminal.send("r")
            terminal.wait_until(lambda: _is_over(Path(home)))
        return _from_store(Path(home), terminal.peak_bytes)


def _is_over(home: Path) -> bool:
    with Store.open_readonly(home) as store:
        return any(run.status.is_over for run in store.runs())


def _from_store(home: Path, peak_bytes: int) -> Trained:
    """Return the timings of the only run in a home folder."""
    with Store.open_readonly(home) as store:
        run = store.run("last")
    if run.status is not Status.FINISHED or run.result is None or run.dataset is None:
        raise RunError(f"the run ended as {run.status}" + (f": {run.result.reason}" if run.result else ""))
    times = [(epoch.train_s, epoch.val_s) for epoch in run.history]
    run_s = seconds_between(run.started_at, run.result.ended_at)
    way = way_of(run.machine) if run.machine is not None else ""
    return _trained({"times": times, "run_s": run_s, "way": way}, peak_bytes, run.dataset.n_train)


def _measurements(found: dict[str, list[Trained]], features: int) -> Iterator[Measurement]:
    epochs: dict[str, Measurement] = {}
    runs: dict[str, Measurement] = {}
    peaks: dict[str, Measurement] = {}
    for part, trained in found.items():
        name = NAMES[part]
        way = "; ".join(dict.fromkeys(t.way for t in trained))
        epochs[part] = Measurement(
            f"{part}_epoch_s", f"{name} ({way}), epoch", tuple(t.epoch_s for t in trained), features
        )
        yield epochs[part]
        rates = tuple(t.images_per_s for t in trained)
        yield Measurement(f"{part}_images_per_s", f"{name}, training", rates, features)
        if part != "plain":
            runs[part] = Measurement(f"{part}_run_s", f"{name}, whole run", tuple(t.run_s for t in trained), features)
            yield runs[part]
        most = peaks["plain"].median if "plain" in peaks else None
        memory = tuple(t.peak_bytes for t in trained)
        peaks[part] = Measurement(f"{part}_peak_bytes", f"{name}, peak memory", memory, features, most)
        yield peaks[part]
    if "engine" not in epochs:
        return
    engine = epochs["engine"]
    if "plain" in epochs:
        least = PLAIN_TO_ENGINE.get(features)
        yield ratio("plain_to_engine_ratio", "plain loop : engine", epochs["plain"], engine, least, at_least=True)
    for part, reach in (("headless", HEADLESS_TO_ENGINE), ("app", APP_TO_ENGINE)):
        if part in epochs:
            yield ratio(f"{part}_to_engine_ratio", f"{NAMES[part]} : engine", epochs[part], engine, reach)
            what = f"{NAMES[part]} : engine, whole run"
            yield ratio(f"{part}_to_engine_run_ratio", what, runs[part], runs["engine"])
