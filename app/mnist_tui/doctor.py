"""`mnist-tui doctor`: describes this machine, and reports what would keep a run from working."""

from __future__ import annotations

import platform
import shutil
import sqlite3
from importlib.metadata import version
from typing import Any, Final

from mnist_tui.core.codec import dumps
from mnist_tui.errors import DataError, MnistTuiError
from mnist_tui.runtime.preferences import FILE, load
from mnist_tui.store.database import Store
from mnist_tui.store.home import home
from mnist_tui.streams import say
from mnist_tui.terminal import capabilities
from mnist_tui.tui.keymap import rebound

PACKAGES: Final = ("mnist-tui", "torch", "torchvision", "textual", "rich", "plotext", "scikit-learn")
LITTLE_SPACE_BYTES: Final = 200 * 1024**2


def examine(*, as_json: bool) -> int:
    """Print every finding; return 0 when all is well, else the exit code of the first problem."""
    findings, problems, code = _examine()
    if as_json:
        print(dumps({"type": "doctor", **findings, "problems": problems}))
        return code
    names = {name: _spelled(name) for name in findings}
    width = max(map(len, names.values()))
    for name, value in findings.items():
        say(f"{names[name]:<{width}}  {value}", out=True)
    for problem in problems:
        say(f"problem: {problem}")
    if not problems:
        say("All is well.", out=True)
    return code


def _spelled(name: str) -> str:
    """Return the name of a finding as people write it."""
    packages = {package.replace("-", "_"): package for package in PACKAGES}
    words = name.replace("mnist_tui_data", "MNIST_TUI_DATA").replace("mnist_in_", "MNIST in ")
    return packages.get(name) or (words if "MNIST_TUI_DATA" in words else words.replace("_", " "))


def _examine() -> tuple[dict[str, Any], list[str], int]:
    from mnist_tui.data.places import data_status
    from mnist_tui.engine.backends import describe_backend
    from mnist_tui.engine.cores import available_cores
    from mnist_tui.engine.device import choose_device
    from mnist_tui.environment import processor_name

    findings: dict[str, Any] = {"python": platform.python_version(), "system": platform.platform()}
    problems: list[str] = []
    code = 0
    for package in PACKAGES:
        findings[package.replace("-", "_")] = version(package)
    findings["processor"] = f"{processor_name()}, {available_cores()} cores usable"
    findings["device"] = str(choose_device("auto"))
    findings["backend"] = describe_backend()
    findings["sqlite"] = sqlite3.sqlite_version
    try:
        place = home()
        findings["home"] = str(place)
        findings["logs"] = str(place / "logs")
        settings, complaints = load(place)
        findings["settings"] = str(place / FILE) + ("" if (place / FILE).exists() else ", not written yet")
        problems += complaints + rebound(settings.keys)[1]
        free = shutil.disk_usage(next(folder for folder in (place, *place.parents) if folder.is_dir())).free
        findings["free_space"] = f"{free / 1024**3:.1f} GiB"
        with Store.open_readonly(place) as store:
            findings["runs"] = len(store.runs())
            problems += [f"run {run} cannot be read: {reason}" for run, reason in store.unreadable]
        if free < LITTLE_SPACE_BYTES:
            problems.append(f"the disk of {place} is almost full.")
    except MnistTuiError as error:
        problems.append(str(error))
        code = error.exit_code
    for found in data_status():
        findings[f"mnist_in_{found.place.origin.replace(' ', '_').lower()}"] = f"{found.state}, {found.place.folder}"
        if found.state == "damaged":
            problems.append(f"MNIST in {found.place.folder} is damaged: {found.detail}")
            code = code or DataError.exit_code
    terminal = capabilities()
    findings["terminal"] = str(terminal)
    return findings, problems, code
