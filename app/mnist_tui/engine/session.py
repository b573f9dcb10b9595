"""The engine: a queue of runs in, a stream of events out. A plain generator without threads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, cast

import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.datasets import own_path
from mnist_tui.core.events import Event, Notice, RunStarted, SweepDone, SweepStarted, now
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import MAX_FEATURES, RunSpec, new_run_id
from mnist_tui.engine.backends import COMPILED_ONLY, choose_backend, compiles
from mnist_tui.engine.compiling import compilation
from mnist_tui.engine.cores import free_cores
from mnist_tui.engine.data import Dataset, prepare_dataset, validation_set
from mnist_tui.engine.device import choose_device, choose_threads, describe_machine, prepare_backend
from mnist_tui.engine.loop import RunLoop, Setup
from mnist_tui.engine.train import Trainer, in_one_line
from mnist_tui.engine.trainer import Intervals
from mnist_tui.errors import DataError, MnistTuiError, RunError, UsageError

INTERVALS: Final = Intervals()

_prepared: dict[tuple[str, int, int | None], Dataset] = {}
"""The cached dataset of this process, read and verified only once. Used only by the training thread."""


def run_sweep(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[Event]:
    """Train runs one after another and report what happens.

    Args:
        queue: Pulled one run at a time, so runs may be added while others train.
        control: Requests from the user, checked between batches.

    Yields:
        `SweepStarted`, then per run `RunStarted`, `Progress`, `EpochDone` and `RunDone`, then `SweepDone`.
        A run that fails ends as `failed` and the next one starts. Data or a device that is not available ends
        the sweep with a `Notice` that carries the exit code; data of the user's own that cannot be used ends only
        their runs.
    """
    sweep = new_run_id()
    done: list[str] = []
    shown: set[tuple[str, int]] = set()
    free, lost = cache(free_cores), set[str]()
    yield SweepStarted(sweep=sweep, started_at=now())
    try:
        for queued in _until_stopped(queue, control):
            control.requests.begin_run(queued.run, paused=queued.paused)
            past = queued.continuation.started if queued.continuation is not None else None
            data_before = past.dataset if past is not None else None
            spec = queued.spec if past is None else as_before(queued.spec, past)
            if spec.dataset in lost:
                continue
            try:
                found = yield from ready(spec, control, free)
            except DataError as error:
                # A network may be back later, but what is wrong with the user's own data concerns their runs alone.
                if own_path(spec.dataset) is None:
                    raise
                lost.add(spec.dataset)
                yield Notice(level="error", message=str(error), exit_code=error.exit_code)
                continue
            if found is None:
                break
            dataset = found.dataset
            if data_before is not None and data_before.sha256 != dataset.info.sha256:
                message = (
                    f"The run {queued.run} cannot be resumed: it was started on different data ({data_before.label})."
                )
                yield Notice(level="error", message=message, exit_code=DataError.exit_code)
                continue
            if (key := (dataset.info.sha256, spec.split_seed)) not in shown:
                shown.add(key)
                if (pictures := validation_set(dataset, spec.split_seed)) is not None:
                    yield pictures
            done.append(queued.run)
            machine = describe_machine(found.device, found.threads, found.backend)
            setup = Setup(spec=spec, sweep=sweep, dataset=dataset.info, machine=machine)
            yield from _trained(queued, setup, dataset, found.device, control)
            control.requests.end_run()
    except MnistTuiError as error:
        yield Notice(level="error", message=str(error), exit_code=error.exit_code)
    yield SweepDone(sweep=sweep, runs=tuple(done), stopped=control.queue_stopped)


@dataclass(frozen=True, slots=True)
class Ready:
    """What training needs: the data, and what it runs on. PyTorch is set up for it."""

    dataset: Dataset
    device: torch.device
    backend: str
    threads: int


def ready(
    spec: RunSpec, control: RunControl, free: Callable[[], int] = free_cores
) -> Generator[Event, None, Ready | None]:
    """Prepare to train with some settings; return `None` if the queue was stopped meanwhile.

    Args:
        spec: The settings.
        control: Requests from the user.
        free: Returns the number of idle cores.

    Raises:
        DataError: The data are not available, or cannot be used.
        UsageError: The device is not available.
    """
    device = choose_device(spec.device)
    backend = choose_backend(spec.backend, device, spec.features)
    if backend == "compiled" and compiles(spec):
        compilation().begin()
    dataset = yield from _dataset(spec, control)
    if dataset is None:
        return None
    if backend == "compiled" and not compiles(spec, dataset.info):
        backend = "torch"
        if spec.backend == "compiled":
            yield Notice(level="warning", message=f"PyTorch trains: the compiled step takes {COMPILED_ONLY}.")
    if backend == "compiled":
        yield from _unless_stopped(compilation().wait(), control)
        if control.queue_stopped:
            return None
        backend = backend if compilation().usable else "torch"
    # Of a network of the user, nobody knows whether it is narrow.
    threads = choose_threads(spec.threads, MAX_FEATURES if spec.is_own else spec.features, free())
    prepare_backend(device, threads)
    return Ready(dataset, device, backend, threads)


def _trained(
    queued: QueuedRun, setup: Setup, dataset: Dataset, device: torch.device, control: RunControl
) -> Iterator[Event]:
    """Train one run. Its memory is freed with this generator, before the next run is built."""
    try:
        trainer = Trainer(setup.spec, dataset, device, setup.machine.backend, setup.machine.threads)
    except RunError as error:
        yield Notice(level="error", message=str(error), exit_code=error.exit_code)
        return
    except Exception as error:  # noqa: BLE001 - of a network of the user, and of memory that is full
        message = f"The network could not be built: {in_one_line(error)}"
        yield Notice(level="error", message=message, exit_code=RunError.exit_code)
        return
    yield from RunLoop(queued, setup, trainer, control.requests, intervals=INTERVALS).events()


def _until_stopped(queue: Iterable[QueuedRun], control: RunControl) -> Iterator[QueuedRun]:
    runs = iter(queue)
    while not control.queue_stopped and (queued := next(runs, None)) is not None:
        yield queued


def _unless_stopped(events: Iterator[Event], control: RunControl) -> Iterator[Event]:
    """Pass events on until the queue is stopped."""
    with closing(cast("Generator[Event]", events)):
        for event in events:
            yield event
            if control.queue_stopped:
                return


def _dataset(spec: RunSpec, control: RunControl) -> Generator[Event, None, Dataset | None]:
    """Find or download the data; return `None` if the queue was stopped meanwhile."""
    key = (spec.dataset, spec.split_seed, spec.side)
    if key not in _prepared:
        _prepared.clear()
        steps = prepare_dataset(*key)
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                _prepared[key] = end.value
                break
            yield event
            if control.queue_stopped:
                steps.close()
                return None
    return _prepared[key]


def as_before(spec: RunSpec, past: RunStarted) -> RunSpec:
    """Return the settings with the dataset, device, backend and threads that the run started with, where available."""
    if spec.dataset == "auto" and past.dataset is not None:
        spec = replace(spec, dataset=past.dataset.name)
    try:
        choose_device(past.machine.device)
    except UsageError:
        return spec
    machine = past.machine
    return replace(spec, device=machine.device, backend=machine.backend, threads=machine.threads)
