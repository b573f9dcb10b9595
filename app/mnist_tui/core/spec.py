"""Run settings: one run, or a grid of runs."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import product
from typing import Final

from mnist_tui.core.datasets import DATASETS, MAX_SIDE, as_dataset, check_dataset
from mnist_tui.core.numerals import count
from mnist_tui.core.setting import MAX_DIGITS, check_int, check_rate, setting, settings_of, shown
from mnist_tui.errors import UsageError

DEVICES: Final = ("auto", "cpu", "cuda", "mps")
BACKENDS: Final = ("auto", "compiled", "torch")
HIDDEN: Final = 1024
"""Width of the hidden layer of the report's network."""
MAX_EPOCHS: Final = 100_000
MAX_FEATURES: Final = 512
MAX_BATCH_SIZE: Final = 10_000
MAX_SEED: Final = 2**63 - 1
MAX_THREADS: Final = 256
MAX_JOBS: Final = 256
MAX_RUNS: Final = 10_000
"""Maximum number of runs in a grid."""
MAX_LISTED: Final = 1_000
"""Maximum number of values in a list or range."""


def check_epochs(epochs: int) -> None:
    """Check a number of epochs.

    Raises:
        UsageError: It is out of range.
    """
    check_int("epochs", epochs, 1, MAX_EPOCHS)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The settings of one run; together with the device they determine its results.

    Attributes:
        epochs: Passes over the training images, 1 to 100,000.
        features: Width of the bottleneck and of both convolutions, 1 to 512.
        seed: Seeds the weights and the order of the batches, 0 or more.
        batch_size: Images per step.
        learning_rate: Adam's step size. Infinity is accepted only from stored runs: older versions allowed it.
        dataset: One of `DATASETS`; `auto` is MNIST if available, else the digits. Or the user's own data:
            `folder:PATH`, with one folder of images per class, or `FILE.npz`, with arrays.
        side: Width and height that images are resized to; `None` to keep them as they are.
        device: `cpu`, `cuda`, `mps`, or `auto`: the fastest one available.
        backend: `compiled`: loops compiled for this network on the CPU; `torch`: PyTorch alone; `auto`: the faster one.
        threads: CPU threads used for training; `None` lets the engine choose. With PyTorch alone, their number changes
            the last bits of results.
        patience: Stop after this many epochs without a better validation accuracy; `None` trains all epochs.
        split_seed: Seeds the choice of validation images; the same for all runs that are compared.
    """

    epochs: int = setting(
        10,
        name="Epochs",
        meaning="Passes over the training images.",
        option="--epochs",
        low=1,
        high=MAX_EPOCHS,
        steps=(1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000),
        example="10,20",
        is_remembered=True,
    )
    features: int = setting(
        2,
        name="Features",
        meaning="Width of the bottleneck.",
        option="--features",
        low=1,
        high=MAX_FEATURES,
        steps=(2, 4, 8, 16, 32, 64),
        example="2,4,8",
        is_remembered=True,
    )
    seed: int = setting(
        0,
        name="Seed",
        meaning="Seed of the weights and the batch order.",
        option="--seed",
        high=MAX_SEED,
        example="0-4",
        is_remembered=True,
        separates=False,
    )
    learning_rate: float = setting(
        0.001,
        name="Learning rate",
        meaning="Adam's step size.",
        title="Learning Rate",
        short="lr",
        option="--lr",
        check=check_rate,
        stored=(math.inf,),
        steps=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
        example="0.001",
        is_remembered=True,
    )
    batch_size: int = setting(
        64,
        name="Batch size",
        meaning="Images per step.",
        title="Batch",
        short="batch",
        option="--batch-size",
        low=1,
        high=MAX_BATCH_SIZE,
        steps=(8, 16, 32, 64, 128, 256, 512, 1024),
        example="64",
        is_remembered=True,
    )
    patience: int | None = setting(
        None,
        name="Patience",
        meaning="Epochs allowed without a better validation accuracy.",
        option="--patience",
        help="end a run after N epochs without a better validation accuracy",
        low=1,
        high=MAX_EPOCHS,
        is_optional=True,
        steps=(0, 2, 3, 5, 10, 20, 50),
        example="off",
        is_remembered=True,
    )
    dataset: str = setting(
        "auto",
        name="Dataset",
        meaning="The dataset trained on.",
        line="data",
        option="--dataset",
        help="one of " + ", ".join(DATASETS) + ", folder:PATH with a folder per class, or FILE.npz",
        choices=DATASETS,
        check=check_dataset,
        read=as_dataset,
        example="mnist or folder:PATH",
        is_remembered=True,
    )
    side: int | None = setting(
        None,
        name="Side",
        meaning="Width and height that images are resized to.",
        option="--side",
        help="resize images to N x N pixels (default: keep their size)",
        low=4,
        high=MAX_SIDE,
        is_optional=True,
        steps=(0, 8, 12, 16, 20, 24, 28, 32, 48, 64, 96, 128),
        example="off",
        is_remembered=True,
        is_quiet=True,
    )
    device: str = setting(
        "auto",
        name="Device",
        meaning="The device trained on.",
        option="--device",
        choices=DEVICES,
        is_remembered=True,
    )
    backend: str = setting(
        "auto",
        name="Backend",
        meaning="Compiled loops, or PyTorch alone.",
        option="--backend",
        help="compiled loops (CPU), PyTorch alone, or the faster one (default: auto)",
        choices=BACKENDS,
    )
    threads: int | None = setting(
        None,
        name="Threads",
        meaning="CPU threads used for training.",
        option="--threads",
        help="CPU threads (default: up to 4 idle cores, where the network is wide enough to benefit)",
        low=1,
        high=MAX_THREADS,
        is_optional=True,
    )
    split_seed: int = setting(
        0, name="Split seed", meaning="Seed of the choice of validation images.", title="Split Seed", high=MAX_SEED
    )

    def __post_init__(self) -> None:
        for one in SETTINGS:
            one.validate(getattr(self, one.key))

    @property
    def title(self) -> str:
        """The settings varied most often, in short: `10 epochs x 2 features, seed 0`."""
        return f"{count(self.epochs, 'epoch')} x {self.brief}"

    @property
    def brief(self) -> str:
        """What distinguishes the run, without its epochs: `2 features, seed 0`."""
        return f"{count(self.features, 'feature')}, seed {self.seed}"


SETTINGS: Final = settings_of(RunSpec)
"""All settings, in display order."""
FALLBACK_SPEC: Final = RunSpec(epochs=20, features=8, learning_rate=0.01, batch_size=16, dataset="digits")
"""Settings that reach about 60 % on the digits in two seconds; the defaults stay near the level of guessing."""


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """A grid of runs: every combination of epochs, features and seeds.

    Attributes:
        epochs: The epoch counts to try.
        features: The bottleneck widths to try.
        seeds: The seeds to repeat each setting with.
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
            check_int("features", features, 1, MAX_FEATURES)
        for seed in self.seeds:
            check_int("seed", seed, 0, MAX_SEED)
        if self.n_runs > MAX_RUNS:
            raise UsageError(
                f"a grid may have at most {MAX_RUNS:,} runs, and this one has {self.n_runs:,}",
                "Name fewer epochs, features or seeds",
            )

    @property
    def n_runs(self) -> int:
        """The number of runs in the grid."""
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


def parse_numbers(text: str, name: str) -> tuple[int, ...]:
    """Parse a list such as `10,20` or `0-4`; return its values in order, without duplicates.

    Raises:
        UsageError: The text contains anything but integers, ranges and commas, or too many values.
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
            raise UsageError(f"the range {part} for {name} must be ascending and have at most {MAX_LISTED:,} values")
        values.extend(range(low, high + 1))
        if len(values) > MAX_LISTED:
            raise UsageError(f"{name} may name at most {MAX_LISTED:,} values")
    if not values:
        raise UsageError(f"{name} must name at least one value, such as 10,20 or 1-5")
    return tuple(dict.fromkeys(values))
