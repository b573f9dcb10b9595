"""Describes where a script's run comes from: its command, its machine, its commit. Never the environment."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mnist_tui.core.conditions import Machine
from mnist_tui.environment import processor_name

_PACKAGES: Final = ("torch", "lightning", "transformers", "keras", "ignite", "sklearn", "jax", "tensorflow", "numpy")
"""Packages whose versions are recorded, if the script has loaded them."""
_LONGEST: Final = 1_000


def is_notebook() -> bool:
    """Return whether this is a notebook, where cells are run again."""
    return "ipykernel" in sys.modules


def command() -> str:
    """Return the script with its arguments, as text for display."""
    if is_notebook():
        return "notebook"
    return shlex.join(sys.argv)[:_LONGEST] or "python"


def path() -> str:
    """Return what identifies the script: its file, or the current directory of a notebook or of `python -c`."""
    script = Path(sys.argv[0] or ".")
    return str(script.resolve() if script.is_file() and not is_notebook() else Path.cwd())


def describe(parts: Iterable[Any]) -> Machine:
    """Return the machine and the software of this process.

    Args:
        parts: Models of the run, to see which device they are on.
    """
    torch = sys.modules.get("torch")
    device = device_of(parts)
    name = torch.cuda.get_device_name(device) if torch is not None and device.startswith("cuda") else processor_name()
    loaded = ((package, getattr(sys.modules.get(package), "__version__", None)) for package in _PACKAGES)
    commit = _commit(Path(sys.argv[0] or ".").absolute().parent)
    return Machine(
        device=device.partition(":")[0],
        device_name=name,
        threads=torch.get_num_threads() if torch is not None else os.cpu_count() or 1,
        backend="script",
        host=platform.node(),
        system=platform.platform(),
        versions={
            "python": platform.python_version(),
            "mnist-tui": version("mnist-tui"),
            **{package: str(found) for package, found in loaded if found is not None},
            **({"commit": commit} if commit else {}),
        },
    )


def device_of(parts: Iterable[Any]) -> str:
    """Return the device of the first model among some parts: `cpu`, `cuda:0`."""
    for part in parts:
        if callable(parameters := getattr(part, "parameters", None)):
            for parameter in parameters():
                return str(getattr(parameter, "device", "cpu"))
    return "cpu"


def _commit(folder: Path) -> str:
    """Return the commit that is checked out in a folder, read from Git's own files; empty outside of a repository."""
    for place in (folder, *folder.parents):
        try:
            head = (place / ".git" / "HEAD").read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        kind, _, reference = head.partition(": ")
        if kind != "ref":
            return head[:12]
        try:
            return (place / ".git" / reference).read_text(encoding="utf-8").strip()[:12]
        except (OSError, UnicodeDecodeError):
            return ""
    return ""
