"""Which device trains, and what is written down about it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

import torch

from mnist_tui.core.events import Machine
from mnist_tui.errors import UsageError

MAX_USEFUL_THREADS: Final = 4
"""A network this small gains nothing from more threads than this; they only spin."""


def choose_device(choice: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: That device is not on this machine.
    """
    # Not torch.accelerator: a CUDA build without a GPU answers `cuda` there.
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if choice == "auto":
        return torch.device(next(name for name, available in there.items() if available))
    if not there.get(choice, False):
        raise UsageError(f"there is no {choice} device that this PyTorch can use", "Choose --device auto or cpu")
    return torch.device(choice)


def available_cores() -> int:
    """Return the CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_threads(wish: int | None) -> int:
    """Return the number of CPU threads: the wish, else all usable cores but one, up to the useful maximum.

    One core is left to the screen and to others: where threads outnumber free cores, those that wait for each other
    spin, and an epoch was measured to take four times as long as with one thread.
    """
    return wish if wish is not None else min(max(1, available_cores() - 1), MAX_USEFUL_THREADS)


def prepare_backend(device: torch.device, threads: int) -> None:
    """Make training on this thread reproducible; the thread count is part of the result."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def synchronize(device: torch.device) -> None:
    """Wait for the device, so that a clock read afterwards is honest."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def describe_machine(device: torch.device, threads: int) -> Machine:
    """Return what is recorded with a run so that its numbers can be understood later."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    return Machine(
        device=device.type,
        device_name=name,
        threads=threads,
        host=platform.node(),
        system=platform.platform(),
        versions={
            "python": platform.python_version(),
            "mnist-tui": version("mnist-tui"),
            "torch": torch.__version__,
            "torchvision": version("torchvision"),
        },
    )


def processor_name() -> str:
    """Return the processor's name as the system gives it, else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
