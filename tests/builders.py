"""Events and runs made by hand, and the comparison with golden files."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.events import EpochDone, Event, Progress, RunDone, RunStarted, SweepDone, SweepStarted
from mnist_tui.core.reducer import SessionState, apply_to_run, start_run
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState, summarise
from mnist_tui.core.status import Phase, Status
from mnist_tui.store.database import Store

GOLDENS = Path(__file__).parent / "goldens"

MNIST = DatasetInfo(
    name="mnist",
    label="MNIST",
    n_train=50_000,
    n_validation=10_000,
    n_test=10_000,
    sha256="a" * 64,
    source="/data/MNIST/raw",
    classes=tuple("0123456789"),
    side=28,
)
DIGITS = DatasetInfo(
    name="digits",
    label="8x8 digits (not MNIST)",
    n_train=1_197,
    n_validation=300,
    n_test=300,
    sha256="b" * 64,
    source="scikit-learn",
    note="MNIST is not here; fetch it with mnist-tui data fetch",
)
CPU = Machine(
    device="cpu",
    device_name="Example CPU",
    threads=2,
    host="example",
    system="Linux",
    versions={"torch": "2.14.0", "torchvision": "0.29.2"},
)
ACCURACIES = (0.30, 0.42, 0.46)
"""Validation accuracies of a run with three epochs, rising."""


def epoch_done(epoch: int = 1, *, run: str = "run-1", previous: float | None = None, **changes: Any) -> EpochDone:
    """Return an epoch of 4 s; `previous` is the validation accuracy of the epoch before."""
    val_accuracy = changes.pop("val_accuracy", 0.30 + 0.01 * epoch)
    values: dict[str, float] = {
        "train_loss": 1.9 - 0.1 * epoch,
        "train_accuracy": val_accuracy - 0.01,
        "val_loss": 1.8 - 0.1 * epoch,
        "val_accuracy": val_accuracy,
        "images_per_s": 13_333.0,
        "learning_rate": 0.001,
    }
    values |= {name: changes.pop(name) for name in values if name in changes}
    times = {"train_s": 3.75, "val_s": 0.25, "val_accuracy_before": previous}
    return EpochDone(run=run, epoch=epoch, values=values, **(times | changes))


def progress(epoch: int = 1, batch: int = 10, *, run: str = "run-1", **changes: Any) -> Progress:
    """Return news from inside an epoch of 100 batches."""
    values: dict[str, Any] = {
        "phase": Phase.TRAIN,
        "batches": 100,
        "epoch_elapsed_s": 0.04 * batch,
        "images_per_s": 13_333.0,
    }
    return Progress(run=run, epoch=epoch, batch=batch, **(values | changes))


def run_events(
    run: str = "run-1",
    *,
    spec: RunSpec | None = None,
    val_accuracies: Sequence[float] = ACCURACIES,
    status: Status = Status.FINISHED,
    reason: str = "",
    test_accuracy: float | None = 0.45,
    test_loss: float | None = 1.5,
    dataset: DatasetInfo = MNIST,
    machine: Machine = CPU,
    epoch_s: float = 4.0,
    started_at: str = "2026-03-01T12:00:00+00:00",
) -> list[Event]:
    """Return the events of one run: its start, one epoch per validation accuracy, its end."""
    spec = spec or RunSpec(epochs=max(1, len(val_accuracies)))
    events: list[Event] = [
        RunStarted(
            run=run,
            sweep="sweep-1",
            spec=spec,
            dataset=dataset,
            machine=machine,
            parameters=13_392,
            started_at=started_at,
        )
    ]
    history = [
        epoch_done(
            epoch,
            run=run,
            previous=val_accuracies[epoch - 2] if epoch > 1 else None,
            val_accuracy=accuracy,
            train_s=epoch_s - 0.25,
        )
        for epoch, accuracy in enumerate(val_accuracies, start=1)
    ]
    finished = status is Status.FINISHED
    done = summarise(
        run,
        history,
        status=status,
        ended_at="2026-03-01T12:01:00+00:00",
        reason=reason,
        test_accuracy=test_accuracy if finished else None,
        test_loss=test_loss if finished else None,
    )
    return [*events, *history, done]


def sweep_events(*runs: Iterable[Event]) -> list[Event]:
    """Return the events of a whole sweep from those of its runs."""
    events = [event for run in runs for event in run]
    names = tuple(event.run for event in events if isinstance(event, RunStarted))
    return [
        SweepStarted(sweep="sweep-1", started_at="2026-03-01T11:59:00+00:00"),
        *events,
        SweepDone(sweep="sweep-1", runs=names, stopped=False),
    ]


def play(events: Iterable[Event]) -> SessionState:
    """Return what a session shows after these events."""
    state = SessionState()
    for event in events:
        state.apply(event)
    return state


def keep(home: Path, events: Iterable[Event]) -> None:
    """Record events in the store of a home."""
    with Store.open(home) as store:
        for event in events:
            store.record(event)


def run_state(run: str = "run-1", **changes: Any) -> RunState:
    """Return a past run; `changes` as in `run_events`."""
    start, *rest = run_events(run, **changes)
    assert isinstance(start, RunStarted)
    state = start_run(start)
    for event in rest:
        assert isinstance(event, EpochDone | RunDone)
        apply_to_run(state, event)
    return state


def check_golden(name: str, text: str) -> None:
    """Compare with the file of that name; with UPDATE_GOLDENS=1 in the environment write it instead."""
    path = GOLDENS / name
    if os.environ.get("UPDATE_GOLDENS") == "1":
        path.write_bytes(text.encode())
    assert path.exists(), f"{path.name} is missing: run again with UPDATE_GOLDENS=1"
    golden = path.read_bytes().decode()
    difference = "\n".join(difflib.unified_diff(golden.splitlines(), text.splitlines(), name, "now", lineterm=""))
    assert text == golden, difference
