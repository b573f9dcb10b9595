"""What to train: one run, or a grid of runs."""

from __future__ import annotations

import math
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import product
from typing import Any, Final

from mnist_tui.core.numerals import count
from mnist_tui.errors import UsageError

DATASETS: Final = ("auto", "mnist", "digits")
DEVICES: Final = ("auto", "cpu", "cuda", "mps")
BACKENDS: Final = ("auto", "compiled", "torch")
MAX_EPOCHS: Final = 100_000
MAX_FEATURES: Final = 512
MAX_BATCH_SIZE: Final = 10_000
MAX_SEED: Final = 2**63 - 1
MAX_THREADS: Final = 256
MAX_JOBS: Final = 256
MAX_RUNS: Final = 10_000
"""Runs of one grid."""
MAX_LISTED: Final = 1_000
"""Numbers of one list or range."""
MAX_DIGITS: Final = 19
"""Digits of the largest seed; no other number has more."""
MAX_SHOWN: Final = 40
"""How much of a wrong value a message repeats."""


def _check_int(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UsageError(
            f"{name} must be a whole number from {low} to {high:,}, not {shown(value)}",
            f"Choose another value for {name}",
        )


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")


def check_epochs(epochs: int) -> None:
    """Check a number of epochs.

    Raises:
        UsageError: It is out of range.
    """
    _check_int("epochs", epochs, 1, MAX_EPOCHS)


def check_rate(rate: object) -> None:
    """Raise `UsageError` for a value that is not a learning rate."""
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= sys.float_info.max:
        raise UsageError(
            f"learning rate must be a finite number above 0, not {shown(rate)}", "0.001 is the usual choice"
        )


def shown(value: object) -> str:
    """Return a value as a sentence can hold it, however long it is."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number that long"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The settings of one run; with the device they fix every number that it gives.

    Attributes:
        epochs: Passes over the training images, 1 to 100,000.
        features: Width of the bottleneck and of both convolutions, 1 to 512.
        seed: Seeds the weights and the order of the batches, 0 or more.
        batch_size: Images per step.
        learning_rate: Adam's step size. Infinity is read from stored runs alone: older versions accepted it.
        dataset: `mnist`, `digits`, or `auto`: MNIST where it can be had, else the digits.
        device: `cpu`, `cuda`, `mps`, or `auto`: the fastest that is there.
        backend: `compiled`: loops made for this network on the CPU; `torch`: PyTorch alone; `auto`: the faster one.
        threads: CPU threads of the training; `None` lets the engine choose. With PyTorch alone they change the last
            bits of results.
        patience: Stop after so many epochs without a better validation accuracy; `None` trains them all.
        split_seed: Seeds the choice of validation images; the same for all runs that are compared.
    """

    epochs: int = 10
    features: int = 2
    seed: int = 0
    batch_size: int = 64
    learning_rate: float = 0.001
    dataset: str = "auto"
    device: str = "auto"
    backend: str = "auto"
    threads: int | None = None
    split_seed: int = 0
    patience: int | None = None

    def __post_init__(self) -> None:
        check_epochs(self.epochs)
        _check_int("features", self.features, 1, MAX_FEATURES)
        _check_int("seed", self.seed, 0, MAX_SEED)
        _check_int("batch size", self.batch_size, 1, MAX_BATCH_SIZE)
        _check_int("split seed", self.split_seed, 0, MAX_SEED)
        if self.threads is not None:
            _check_int("threads", self.threads, 1, MAX_THREADS)
        if self.patience is not None:
            _check_int("patience", self.patience, 1, MAX_EPOCHS)
        if self.learning_rate != math.inf:
            check_rate(self.learning_rate)
        _check_choice("dataset", self.dataset, DATASETS)
        _check_choice("device", self.device, DEVICES)
        _check_choice("backend", self.backend, BACKENDS)

    @property
    def title(self) -> str:
        """The settings that people vary, short: `10 epochs x 2 features, seed 0`."""
        return f"{count(self.epochs, 'epoch')} x {count(self.features, 'feature')}, seed {self.seed}"

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values; an infinite learning rate becomes the text `inf`."""
        record = asdict(self)
        if math.isinf(self.learning_rate):
            record["learning_rate"] = "inf"
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> RunSpec:
        """Read what `to_json` wrote; keys of a newer version are left out."""
        known = {f.name for f in fields(cls)}
        values = {key: value for key, value in record.items() if key in known}
        if values.get("learning_rate") == "inf":
            values["learning_rate"] = math.inf
        return cls(**values)


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """A grid of runs: every combination of epochs, features and seeds.

    Attributes:
        epochs: The epoch counts to try.
        features: The bottleneck widths to try.
        seeds: The seeds that each setting is repeated with.
        base: The settings that all runs share.
    """

    epochs: tuple[int, ...] = (10,)
    features: tuple[int, ...] = (2,)
    seeds: tuple[int, ...] = (0,)
    base: RunSpec = field(default_factory=RunSpec)

    def __post_init__(self) -> None:
        for name in ("epochs", "features", "seeds"):
            if not getattr(self, name):
                raise UsageError(f"{name} must name at least one value")
        for epochs in self.epochs:
            check_epochs(epochs)
        for features in self.features:
            _check_int("features", features, 1, MAX_FEATURES)
        for seed in self.seeds:
            _check_int("seed", seed, 0, MAX_SEED)
        if self.n_runs > MAX_RUNS:
            raise UsageError(
                f"a grid may have at most {MAX_RUNS:,} runs, and this one has {self.n_runs:,}",
                "Name fewer epochs, features or seeds",
            )

    @property
    def n_runs(self) -> int:
        """How many runs the grid has."""
        return math.prod(len(set(values)) for values in (self.epochs, self.features, self.seeds))

    def runs(self) -> tuple[RunSpec, ...]:
        """Return the runs, seeds varying slowest so that every setting has a first result early."""
        grid = dict.fromkeys(product(self.seeds, self.features, self.epochs))
        return tuple(replace(self.base, epochs=e, features=f, seed=s) for s, f, e in grid)


REPORT_PRESET: Final = SweepSpec(epochs=(10, 20), features=(2,))
"""The two runs of the report: 10 and 20 epochs at 2 features."""


def new_run_id(now: datetime | None = None) -> str:
    """Return a new id that sorts by time: UTC date and time, then 24 random bits."""
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def parse_number(text: str, name: str, low: int, high: int) -> int:
    """Read one whole number.

    Raises:
        UsageError: The text is something else, or outside of the range.
    """
    digits = text.strip()
    # Longer ones are no number that is allowed anywhere, and Python refuses those of thousands of digits.
    known = digits.isascii() and digits.isdecimal() and len(digits.lstrip("0")) <= MAX_DIGITS
    _check_int(name, int(digits) if known else digits, low, high)
    return int(digits)


def parse_numbers(text: str, name: str) -> tuple[int, ...]:
    """Read a list such as `10,20` or `0-4`, without repeats and in the given order.

    Raises:
        UsageError: The text holds something else than whole numbers, ranges and commas, or too many of them.
    """
    values: list[int] = []
    for part in text.replace(" ", ",").split(","):
        if not part:
            continue
        first, dash, last = part.partition("-")
        if not all(number.isascii() and number.isdecimal() for number in ([first, last] if dash else [first])):
            example = "whole numbers such as 10,20 or a range such as 1-5"
            raise UsageError(f"{name} must be {example}, not {shown(text)}")
        if max(len(first), len(last)) > MAX_DIGITS:
            raise UsageError(f"{name} cannot be as large as {shown(part)}")
        low = int(first)
        high = int(last) if dash else low
        if high < low or high - low >= MAX_LISTED:
            raise UsageError(f"the range {part} for {name} must go upwards and hold at most {MAX_LISTED:,} numbers")
        values.extend(range(low, high + 1))
        if len(values) > MAX_LISTED:
            raise UsageError(f"{name} may name at most {MAX_LISTED:,} values")
    if not values:
        raise UsageError(f"{name} must name at least one value, such as 10,20 or 1-5")
    return tuple(dict.fromkeys(values))
