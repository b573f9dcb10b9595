"""Measurements in a separate process: `python -m mnist_tui.bench.child REQUEST`; request and reply are JSON lines."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, replace
from importlib.metadata import version
from itertools import chain
from statistics import median
from typing import Any, Final

import torch

from mnist_tui.bench.model import train_in_turns
from mnist_tui.bench.processes import seconds_between
from mnist_tui.bench.training import way_of
from mnist_tui.core.codec import from_json_value
from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, Notice, RunDone, RunStarted
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.engine.backends import choose_backend
from mnist_tui.engine.compiling import load_kernels
from mnist_tui.engine.cores import available_cores, free_cores
from mnist_tui.engine.data import Dataset, load_digits, prepare_dataset
from mnist_tui.engine.device import choose_device, describe_machine, prepare_backend
from mnist_tui.engine.session import run_sweep
from mnist_tui.engine.train import Trainer
from mnist_tui.environment import processor_name
from mnist_tui.errors import MnistTuiError, RunError

STEPS: Final = 200
LOOKS: Final = 9


def describe(dataset: str | None, device: str, threads: int | None) -> dict[str, Any]:
    """Return facts about the machine and the data; downloads MNIST if it is requested and missing."""
    chosen = choose_device(device)
    machine = describe_machine(chosen, threads or 1)
    found: dict[str, Any] = {
        "processor": processor_name(),
        "cores": available_cores(),
        "load": os.getloadavg()[0],
        "device": machine.device,
        "device_name": machine.device_name,
        "system": platform.platform(),
        "free_cores": free_cores(),
        "versions": {**machine.versions, "textual": version("textual")},
    }
    if dataset is None:
        return found
    return found | {"dataset": asdict(prepared(dataset, RunSpec().split_seed).info)}


def prepared(name: str, split_seed: int) -> Dataset:
    """Return a dataset; downloads MNIST if it is missing."""
    steps = prepare_dataset(name, split_seed)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Dataset = end.value
            return found


def plain(spec: RunSpec, source: str, n_validation: int) -> dict[str, Any]:
    """Measure the plain loop, with the requested number of threads or PyTorch's default."""
    # Imported here, because the engine does not use torchvision and its memory is measured too.
    from mnist_tui.bench.plain import open_parts, train_plainly

    if spec.threads is not None:
        torch.set_num_threads(spec.threads)
    device = choose_device(spec.device)
    with ExitStack() as resources:
        train, validation = open_parts(spec.dataset, source, n_validation, resources)
        times = train_plainly(spec.features, spec.epochs, train, validation, device)
    return {"times": times, "way": way_of(describe_machine(device, torch.get_num_threads()))}


def plain_loading_ms(spec: RunSpec, source: str, n_validation: int) -> float:
    """Measure how long the plain loop takes to load one batch."""
    from mnist_tui.bench.plain import loading_s, open_parts

    with ExitStack() as resources:
        train, _ = open_parts(spec.dataset, source, n_validation, resources)
        return 1000 * loading_s(train)


def engine(spec: RunSpec) -> dict[str, Any]:
    """Measure the engine without any consumer of its events."""
    times, begin, end, way = [], "", "", ""
    for event in run_sweep(enqueue((spec,)), RunControl()):
        match event:
            case RunStarted():
                begin, way = event.started_at, way_of(event.machine)
            case EpochDone():
                times.append((event.train_s, event.val_s))
            case RunDone(status=Status.FINISHED):
                end = event.ended_at
            case RunDone() | Notice(level="error"):
                raise RunError(event.reason if isinstance(event, RunDone) else event.message.rstrip("."))
            case _:
                pass
    return {"times": times, "run_s": seconds_between(begin, end), "way": way}


def engine_one_image_step_ms(spec: RunSpec) -> float:
    """Measure a step with a single image, which is nearly all fixed cost."""
    device = choose_device(spec.device)
    backend = choose_backend(spec.backend, device, spec.features)
    if backend == "compiled":
        load_kernels()
    prepare_backend(device, 1)
    digits = load_digits(0)
    few = replace(digits, train_images=digits.train_images[:STEPS], train_labels=digits.train_labels[:STEPS])
    trainer = Trainer(replace(spec, batch_size=1), few, device, backend)
    for epoch in (1, 2):
        start = time.perf_counter()
        for _ in trainer.train_epoch(epoch):
            pass
        took = time.perf_counter() - start
    return 1000 * took / STEPS


def insight_s(spec: RunSpec) -> float:
    """Measure what an insight adds to an epoch: computing it from the validation results, and serialising it."""
    device = choose_device(spec.device)
    backend = choose_backend(spec.backend, device, spec.features)
    if backend == "compiled":
        load_kernels()
    prepare_backend(device, 1)
    trainer = Trainer(spec, prepared(spec.dataset, spec.split_seed), device, backend)
    for _ in chain(trainer.train_epoch(1), trainer.validate()):
        pass
    times = []
    for _ in range(LOOKS):
        start = time.perf_counter()
        trainer.look("bench", 1).to_bytes()
        times.append(time.perf_counter() - start)
    return median(times)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run the requested part; the request holds its name and its arguments."""
    part = request.pop("part")
    if part == "describe":
        return describe(**request)
    spec = from_json_value(RunSpec, request.pop("spec"))
    match part:
        case "plain":
            return plain(spec, **request)
        case "engine":
            return engine(spec)
        case "model":
            return train_in_turns(spec, prepared(spec.dataset, spec.split_seed), **request)
        case _:
            return {
                "plain_loading_ms": plain_loading_ms(spec, **request),
                "engine_one_image_step_ms": engine_one_image_step_ms(spec),
                "insight_s": insight_s(spec),
            }


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(answer(json.loads(sys.argv[1]))) + "\n")
    except MnistTuiError as error:
        sys.stderr.write(f"mnist-tui: {error}\n")
        raise SystemExit(error.exit_code) from None
