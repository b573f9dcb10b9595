"""Chooses the device and the threads to train with, and describes the machine."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import Final

import torch

from mnist_tui.core.conditions import Machine
from mnist_tui.environment import processor_name
from mnist_tui.errors import UsageError

MAX_USEFUL_THREADS: Final = 4
"""A network this small gains nothing from more threads than this."""
THREADS_GAIN_FROM: Final = 8
"""Smallest number of features for which sharing a batch between threads pays off."""


def choose_device(choice: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda` or `mps`.

    Raises:
        UsageError: That device is not available.
    """
    # Not torch.accelerator: there, a CUDA build without a GPU reports `cuda`.
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if choice == "auto":
        return torch.device(next(name for name, available in there.items() if available))
    if not there.get(choice, False):
        raise UsageError(f"there is no {choice} device that this PyTorch can use", "Choose --device auto or cpu")
    return torch.device(choice)


def choose_threads(wish: int | None, features: int, free: int) -> int:
    """Return the number of CPU threads: as requested, else as many as are useful and have an idle core.

    With more threads than idle cores, threads wait for each other: an epoch was measured to take four times as long
    as with one thread.

    Args:
        wish: The requested number, or `None`.
        features: Width of the network; a narrow one does not benefit from threads.
        free: Idle cores, as `free_cores` counted them when the queue started, so that all its runs use the same number.
    """
    if wish is not None:
        return wish
    return min(free, MAX_USEFUL_THREADS) if features >= THREADS_GAIN_FROM else 1


def prepare_backend(device: torch.device, threads: int) -> None:
    """Make training on this thread reproducible; the thread count affects the result."""
    torch.set_num_threads(threads)
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True


def synchronize(device: torch.device) -> None:
    """Wait for the device to finish, so that times measured afterwards are correct."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def describe_machine(device: torch.device, threads: int, backend: str = "torch") -> Machine:
    """Return what is recorded with a run so that its numbers can be understood later."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name()
    return Machine(
        device=device.type,
        device_name=name,
        threads=threads,
        backend=backend,
        host=platform.node(),
        system=platform.platform(),
        versions={
            "python": platform.python_version(),
            "mnist-tui": version("mnist-tui"),
            # A plain str, not PyTorch's own subclass, which could not be unpickled without PyTorch.
            "torch": str(torch.__version__),
            "torchvision": version("torchvision"),
            **({"numba": version("numba")} if backend == "compiled" else {}),
        },
    )
