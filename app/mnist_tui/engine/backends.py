"""Chooses how a run is trained: with the compiled step, or with PyTorch alone."""

from __future__ import annotations

from typing import Final

import torch

from mnist_tui.core.conditions import DatasetInfo
from mnist_tui.core.setting import OFF
from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import kernel_cache
from mnist_tui.engine.compiling import kernel_folder
from mnist_tui.engine.graph import GraphStepper
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.engine.step import Network, Stepper, TorchStepper
from mnist_tui.errors import UsageError

COMPILED_UP_TO: Final = 256
"""Largest number of features for which the compiled step was measured to be faster."""
COMPILED_CLASSES: Final = 64
"""Largest number of classes that the compiled step takes."""
COMPILED_ONLY: Final = (
    "the built-in network with Adam, without weight decay, dropout, augmentation or label smoothing, and grey images "
    f"whose sides are multiples of 4, of up to {COMPILED_CLASSES} classes"
)
"""What the compiled step takes, for a message."""


def choose_backend(wish: str, device: torch.device, features: int) -> str:
    """Return `compiled` or `torch` for the setting `auto`, `compiled` or `torch`.

    Raises:
        UsageError: The compiled step was requested for a device other than the CPU.
    """
    if wish == "compiled" and device.type != "cpu":
        raise UsageError(f"the compiled step runs on the CPU, not on {device.type}", "Choose --device cpu")
    if wish != "auto":
        return wish
    return "compiled" if device.type == "cpu" and features <= COMPILED_UP_TO else "torch"


def compiles(spec: RunSpec, data: DatasetInfo | None = None) -> bool:
    """Return whether the compiled step takes these settings and images; images that are not known yet do not count."""
    takes_data = data is None or (data.channels == 1 and data.side % 4 == 0 and len(data.classes) <= COMPILED_CLASSES)
    is_plain = spec.optimizer == "adam" and not spec.weight_decay and not spec.label_smoothing
    return takes_data and is_plain and not spec.dropout and spec.augment == OFF and not spec.is_own


def make_stepper(
    backend: str,
    model: Network,
    spec: RunSpec,
    device: torch.device,
    side: int,
    threads: int,
    *,
    has_constant_rate: bool | None = None,
) -> Stepper:
    """Return the stepper that trains the network with the settings of the run; loads the compiled loops if needed.

    `has_constant_rate` tells whether all steps have one learning rate; by default, the schedule does.
    """
    if backend == "torch":
        # A captured step has one learning rate, and the same noise every time.
        constant = spec.has_constant_rate if has_constant_rate is None else has_constant_rate
        is_same = compiles(spec) and constant
        graph = device.type == "cuda" and is_same
        if graph and isinstance(model, BottleneckCNN):
            return GraphStepper(model, spec, device)
        return TorchStepper(model, spec, device)
    if not isinstance(model, BottleneckCNN):
        raise TypeError("the compiled step is for the built-in network")
    from mnist_tui.engine.compiled import CompiledStepper

    return CompiledStepper(model, spec, side, threads)


def describe_backend() -> str:
    """Return a description of how runs are trained on this machine's CPU, and why."""
    try:
        is_kept = (kernel_folder() / kernel_cache.SEAL).exists()
    except ImportError as error:
        return f"torch: the compiled step is unavailable ({error})"
    kept = f"cached in {kernel_folder().parent}" if is_kept else "compiled with the first run"
    return f"compiled up to {COMPILED_UP_TO} features ({kept}), torch above"
