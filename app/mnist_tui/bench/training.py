"""The same training four ways, side by side: plain loop, engine, headless command, app."""

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
from mnist_tui.core.events import Status
from mnist_tui.core.numerals import count
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import RunError
from mnist_tui.store.database import Store

TRAINING_PARTS: Final = ("plain", "engine", "headless", "app")
NAMES: Final = {"plain": "plain loop", "engine": "engine", "headless": "headless command", "app": "app"}
FIRST_FRAME: Final = "Settings"
"""A word of the app's first frame, written in one piece."""
PLAIN_TO_ENGINE: Final = {2: 12.0, 8: 5.0, 32: 2.7}
"""How many times faster than the plain loop the engine should be, by features."""
QUICK_UP_TO: Final = 8
"""Up to this width an epoch of all but the plain loop is so short that one alone would tell how a run begins."""
QUICK_EPOCHS: Final = 10
HEADLESS_TO_ENGINE: Final = 1.05
INSIGHT_S: Final = 0.03
"""3 % of an epoch of a second."""
APP_TO_ENGINE: Final = 1.10
"""What store and screen may add, also to epochs of a third of a second."""


@dataclass(frozen=True, slots=True)
class Trained:
    """What one process did.

    Attributes:
        epoch_s: Training and validation, mean over its epochs.
        images_per_s: Training images per second of training.
        peak_bytes: The most memory it held.
        way: How it was trained: `compiled, 2 threads`.
        run_s: The whole run, with test and checkpoints; NaN for the plain loop, which has neither.
    """

    epoch_s: float
    images_per_s: float
    peak_bytes: float
    way: str
    run_s: float = math.nan


def ask_child(what: str, **request: Any) -> tuple[dict[str, Any], int]:
    """Let a child measure; return its answer and its peak memory in bytes. Errors as for `run_to_end`."""
    ended = run_to_end(what, [sys.executable, "-m", "mnist_tui.bench.child", json.dumps(request)])
    return json.loads(ended.out.splitlines()[-1]), ended.peak_bytes


def settings(spec: RunSpec) -> list[str]:
    """Return a run's settings as the command line takes them."""
    chosen = {"epochs": spec.epochs, "features": spec.features, "dataset": spec.dataset, "device": spec.device}
    threads = [] if spec.threads is None else ["--threads", str(spec.threads)]
    return [*(part for name, value in chosen.items() for part in (f"--{name}", str(value))), *threads]


def way_of(machine: Machine) -> str:
    """Return in words how a run was trained."""
    threads = count(machine.threads, "thread")
    return f"{machine.backend}, {threads}" if machine.device == "cpu" else f"{machine.backend}, {machine.device}"


def app_command(spec: RunSpec) -> list[str]:
    """Return the command that opens the app with these settings."""
    return [sys.executable, "-m", "mnist_tui", *settings(spec)]


def has_begun(home: Path) -> bool:
    """Return whether the store of the app holds a run yet."""
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
    """Train every part at every width, the parts taking turns, and say what came out.

    Args:
        parts: Which of `TRAINING_PARTS`.
        features: Widths of the bottleneck.
        repeats: How often.
        spec: The other settings.
        data: The facts of the data set, as the child that found it gave them.
        say: Is told how far it is.
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
    """Measure what a batch costs before anything is computed."""
    answer, _ = ask_child("the cost of a batch", part="limits", spec=to_json_value(spec), **_place(data))
    for name, what in (
        ("plain_loading_ms", "plain loop, loading a batch"),
        ("engine_one_image_step_ms", "engine, step of one image"),
    ):
        yield Measurement(name, what, (answer[name],), spec.features)
    what = "insight: what an epoch of 1 s pays for it"
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
    """Train with one thread and with as many as PyTorch chooses by itself; return the faster one."""
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
    """Return what the only run of a home says of itself."""
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
