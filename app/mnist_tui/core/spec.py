"""The settings of a run of the built-in network."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mnist_tui.core.checks import CHANGES, MAX_EPOCHS, as_augment, check_augment, check_digest
from mnist_tui.core.datasets import DATASETS, MAX_SIDE, as_dataset, check_dataset
from mnist_tui.core.numerals import count
from mnist_tui.core.own import BUILT_IN, as_model, check_model, check_options, split_model
from mnist_tui.core.setting import OFF, Setting, check_rate, setting, settings_of
from mnist_tui.errors import UsageError

DEVICES: Final = ("auto", "cpu", "cuda", "mps")
BACKENDS: Final = ("auto", "compiled", "torch")
OPTIMIZERS: Final = ("adam", "adamw", "sgd", "rmsprop")
WITH_MOMENTUM: Final = ("sgd", "rmsprop")
SCHEDULES: Final = ("constant", "cosine", "step", "onecycle")
HIDDEN: Final = 1024
"""Width of the hidden layer of the report's network."""
MAX_FEATURES: Final = 512
MAX_BATCH_SIZE: Final = 10_000
MAX_SEED: Final = 2**63 - 1
MAX_THREADS: Final = 256
MAX_JOBS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """The settings of one run; together with the device they determine its results.

    Attributes:
        epochs: Passes over the training images, 1 to 100,000.
        features: Width of the bottleneck and of both convolutions, 1 to 512.
        seed: Seeds the weights and the order of the batches, 0 or more.
        batch_size: Images per step.
        optimizer: One of `OPTIMIZERS`, with PyTorch's usual options.
        momentum: Of `sgd` and `rmsprop`, from 0.
        weight_decay: `None` for PyTorch's default: 0.01 with `adamw`, else 0.
        schedule: One of `SCHEDULES`, see `engine.schedule`.
        warmup: Epochs in which the rate rises to its value; with `onecycle` it has its own rise.
        dropout: Share of the hidden units that are left out in training.
        augment: `off`, or names of `CHANGES` joined by `+`.
        label_smoothing: Share of the target that is spread over all classes. Losses are shown without it.
        learning_rate: The optimizer's step size, which a schedule scales. Infinity is accepted only from stored runs:
            older versions allowed it.
        dataset: One of `DATASETS`; `auto` is MNIST if available, else the digits. Or the user's own data:
            `folder:PATH`, with one folder of images per class, or `FILE.npz`, with arrays.
        side: Width and height that images are resized to; `None` to keep them as they are.
        device: `cpu`, `cuda`, `mps`, or `auto`: the fastest one available.
        backend: `compiled`: loops compiled for this network on the CPU; `torch`: PyTorch alone; `auto`: the faster one.
        threads: CPU threads used for training; `None` lets the engine choose. With PyTorch alone, their number changes
            the last bits of results.
        model: `cnn` for the built-in network, or `/PATH/FILE.py:CLASS`.
        model_digest: SHA-256 of that file.
        options: Settings of that class, such as `width=16 depth=2`.
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
        several="seeds",
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
        meaning="The optimizer's step size.",
        title="Learning Rate",
        short="lr",
        option="--lr",
        is_float=True,
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
    optimizer: str = setting(
        "adam",
        name="Optimizer",
        meaning="The rule that changes the weights.",
        option="--optimizer",
        choices=OPTIMIZERS,
        example="adam,sgd",
        is_remembered=True,
        is_quiet=True,
    )
    momentum: float = setting(
        0.0,
        name="Momentum",
        meaning="Share of the last step in the next one, for sgd and rmsprop.",
        option="--momentum",
        high=0.999,
        is_float=True,
        steps=(0.0, 0.5, 0.8, 0.9, 0.95, 0.99),
        example="0.9",
        is_remembered=True,
        is_quiet=True,
    )
    weight_decay: float | None = setting(
        None,
        name="Weight decay",
        meaning="Pull of the weights towards 0.",
        title="Decay",
        short="decay",
        option="--weight-decay",
        help="pull of the weights towards 0 (default: PyTorch's: 0.01 for adamw, else 0)",
        high=10.0,
        is_float=True,
        is_optional=True,
        unset="usual",
        steps=(1e-5, 1e-4, 1e-3, 1e-2, 0.1),
        example="0.0001",
        is_remembered=True,
        is_quiet=True,
    )
    schedule: str = setting(
        "constant",
        name="Schedule",
        meaning="How the learning rate changes during the run.",
        option="--schedule",
        choices=SCHEDULES,
        example="cosine",
        is_remembered=True,
        is_quiet=True,
    )
    warmup: int = setting(
        0,
        name="Warm-up",
        meaning="Epochs in which the learning rate rises to its value.",
        option="--warmup",
        high=MAX_EPOCHS,
        steps=(0, 1, 2, 3, 5, 10),
        example="1",
        is_remembered=True,
        is_quiet=True,
    )
    dropout: float = setting(
        0.0,
        name="Dropout",
        meaning="Share of the hidden units that are left out at each training step.",
        option="--dropout",
        high=0.95,
        is_float=True,
        steps=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
        example="0.2",
        is_remembered=True,
        is_quiet=True,
    )
    augment: str = setting(
        "off",
        name="Augmentation",
        meaning="How training images are changed at random each time they are shown.",
        title="Augment",
        short="augment",
        option="--augment",
        help=f"{', '.join(CHANGES)}, or several such as shift+rotate (default: off)",
        choices=(OFF, *CHANGES),
        check=check_augment,
        read=as_augment,
        example="shift+rotate",
        is_remembered=True,
        is_quiet=True,
    )
    label_smoothing: float = setting(
        0.0,
        name="Label smoothing",
        meaning="Share of the target that is spread over all classes.",
        title="Smoothing",
        short="smoothing",
        option="--label-smoothing",
        high=0.9,
        is_float=True,
        steps=(0.0, 0.05, 0.1, 0.2),
        example="0.1",
        is_remembered=True,
        is_quiet=True,
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
    model: str = setting(
        BUILT_IN,
        name="Model",
        meaning="The network: the built-in one, or a class in a Python file.",
        option="--model",
        help="FILE.py:CLASS, a network of your own (default: the built-in one)",
        check=check_model,
        read=as_model,
        is_swept=False,
        is_quiet=True,
    )
    model_digest: str = setting(
        "",
        name="Model digest",
        meaning="SHA-256 of the model's file.",
        title="Model Digest",
        check=check_digest,
        read=str,
    )
    options: str = setting(
        "",
        name="Options",
        meaning="Settings of the model.",
        check=check_options,
        read=str,
        is_quiet=True,
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
        is_swept=False,
    )
    backend: str = setting(
        "auto",
        name="Backend",
        meaning="Compiled loops, or PyTorch alone.",
        option="--backend",
        help="compiled loops (CPU), PyTorch alone, or the faster one (default: auto)",
        choices=BACKENDS,
        is_swept=False,
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
        is_swept=False,
    )
    split_seed: int = setting(
        0, name="Split seed", meaning="Seed of the choice of validation images.", title="Split Seed", high=MAX_SEED
    )

    def __post_init__(self) -> None:
        for one in SETTINGS:
            one.validate(getattr(self, one.key))
        if self.momentum and self.optimizer not in WITH_MOMENTUM:
            raise UsageError(
                f"{self.optimizer} has no momentum", f"Choose --optimizer {' or '.join(WITH_MOMENTUM)}, or leave it out"
            )
        if self.is_own and self.dropout:
            raise UsageError("dropout is a setting of the built-in network", "Give your own one such a setting")
        if self.options and not self.is_own:
            raise UsageError("--set is for a network of your own", "Name it with --model FILE.py:CLASS")
        if self.warmup >= self.epochs:
            raise UsageError(
                f"the warm-up of {count(self.warmup, 'epoch')} must be shorter than the run",
                "Choose a shorter --warmup",
            )
        if self.warmup and self.schedule == "onecycle":
            raise UsageError("the schedule onecycle has its own warm-up", "Leave --warmup out, or choose cosine")

    @property
    def title(self) -> str:
        """The settings varied most often, in short: `10 epochs x 2 features, seed 0`."""
        return f"{count(self.epochs, 'epoch')} x {self.brief}"

    @property
    def brief(self) -> str:
        """What distinguishes the run, without its epochs: `2 features, seed 0`, or `2 features, sgd, seed 0`."""
        told = (one for one in SETTINGS if one.is_quiet or one.key in ("learning_rate", "batch_size"))
        special = [in_brief(one, self) for one in told if not one.is_usual(self) and one.key not in _OWN]
        return ", ".join([self.network, *special, f"seed {self.seed}"])

    @property
    def network(self) -> str:
        """The network in words: `2 features`, or of the user's own `Net width=16`."""
        if self.is_own:
            return " ".join(filter(None, (split_model(self.model)[1], self.options)))
        return count(self.features, "feature")

    @property
    def has_constant_rate(self) -> bool:
        """True if the learning rate changes only when the user changes it."""
        return self.schedule == "constant" and not self.warmup

    @property
    def is_own(self) -> bool:
        """True if the network is the user's own."""
        return self.model != BUILT_IN


def in_brief(one: Setting, spec: RunSpec) -> str:
    """Return a setting and its value in a few letters: `dropout 0.2`, `cosine`."""
    value = one.in_words(getattr(spec, one.key))
    return value if one.choices else f"{one.short or one.key} {value}"


SETTINGS: Final = settings_of(RunSpec)
"""All settings, in display order."""
BY_KEY: Final = {one.key: one for one in SETTINGS}
_OWN: Final = frozenset({"model", "options"})
FALLBACK_SPEC: Final = RunSpec(epochs=20, features=8, learning_rate=0.01, batch_size=16, dataset="digits")
"""Settings that reach about 60 % on the digits in two seconds; the defaults stay near the level of guessing."""


def new_run_id(now: datetime | None = None) -> str:
    """Return a new id that sorts by time: UTC date and time, then 24 random bits."""
    return f"{now or datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
