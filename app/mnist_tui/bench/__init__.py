"""`mnist-tui bench`: measures this machine, compares the engine with a plain loop, and explains the results.

The parent does not import PyTorch: it would raise the peak memory reported for its children and slow down startup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mnist_tui.bench.anywhere import measure_anywhere
from mnist_tui.bench.api import measure_api
from mnist_tui.bench.busy import measure_busy
from mnist_tui.bench.measurement import Measurement
from mnist_tui.bench.model import measure_model
from mnist_tui.bench.report import print_report, write_json
from mnist_tui.bench.screen import measure_charts, measure_commands, measure_screen
from mnist_tui.bench.training import TRAINING_PARTS, ask_child, measure_training
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import UsageError
from mnist_tui.report.listing import unfolded
from mnist_tui.signals import unwinding_on_sigterm

PARTS: Final = (*TRAINING_PARTS, "model", "screen", "charts", "commands", "anywhere", "busy", "api")
MAX_REPEATS: Final = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure.

    Attributes:
        parts: Which of `PARTS`.
        features: Bottleneck widths.
        repeats: Number of repeats of each measurement.
        spec: The other settings of the runs.
    """

    parts: tuple[str, ...]
    features: tuple[int, ...]
    repeats: int
    spec: RunSpec

    def __post_init__(self) -> None:
        unknown = [part for part in self.parts if part not in PARTS]
        if unknown or not self.parts:
            raise UsageError(
                f"unknown part {unknown[0]!r}" if unknown else "no part given",
                f"Choose from {', '.join(PARTS)}",
            )
        if not 1 <= self.repeats <= MAX_REPEATS:
            raise UsageError(f"repeats must be a whole number from 1 to {MAX_REPEATS:,}, not {self.repeats}")
        for width in self.features:
            replace(self.spec, features=width)


def bench(options: Options, *, as_json: bool) -> int:
    """Measure and print a table with an explanation, or stream JSON lines; return the exit code.

    Raises:
        MnistTuiError: Something could not be measured.
    """
    out, err = Console(), unfolded(Console(stderr=True))

    def say(words: str) -> None:
        err.print(Text(words, "dim"))

    with unwinding_on_sigterm():
        machine = _machine(options)
        if as_json:
            write_json({"type": "machine", **machine}, out)
        measurements = []
        for measurement in _measure(options, machine, say):
            measurements.append(measurement)
            if as_json:
                write_json(measurement.to_json(), out)
    if not as_json:
        print_report(machine, measurements, out)
    return 0


def _machine(options: Options) -> dict[str, Any]:
    trains = any(part in options.parts for part in (*TRAINING_PARTS, "model", "screen", "anywhere"))
    dataset = options.spec.dataset if trains else None
    request = {"dataset": dataset, "device": options.spec.device, "threads": options.spec.threads}
    return ask_child("this machine", part="describe", **request)[0]


def _measure(options: Options, machine: dict[str, Any], say: Callable[[str], None]) -> Iterator[Measurement]:
    spec = options.spec
    if "dataset" in machine:
        # Pin the data set that was found, so that all parts train on the same one.
        spec = replace(spec, dataset=machine["dataset"]["name"], features=options.features[0])
    training = tuple(part for part in TRAINING_PARTS if part in options.parts)
    if training:
        yield from measure_training(training, options.features, options.repeats, spec, machine["dataset"], say)
    if "model" in options.parts:
        yield from measure_model(options.repeats, spec, say)
    if "screen" in options.parts:
        yield from measure_screen(options.repeats, spec, say)
    if "anywhere" in options.parts:
        yield from measure_anywhere(options.repeats, spec, say)
    if "busy" in options.parts:
        yield from measure_busy(options.repeats, say)
    if "api" in options.parts:
        yield from measure_api(options.repeats, say)
    if "charts" in options.parts:
        yield from measure_charts()
    if "commands" in options.parts:
        yield from measure_commands(options.repeats)
