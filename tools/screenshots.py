"""Makes the pictures of the README: the app on real MNIST, drawn cell by cell. Takes a few minutes.

Run it from the root of the repository, with MNIST_TUI_DATA naming a folder with MNIST: `python -m tools.screenshots`.
The names of some parts make only these: `open`, `others`, `script`, `data`, `search`, `app`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from textual.pilot import Pilot
from textual.widgets import DataTable

from mnist_tui.core.spec import RunSpec
from mnist_tui.engine import layers_of, load_classifier, run_sweep
from mnist_tui.formats.writing import first_record, scalar_records
from mnist_tui.runtime.backends import Backends
from mnist_tui.runtime.finder import Finding
from mnist_tui.runtime.opening import Opened
from mnist_tui.store.database import Store
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.screens.find_rate import FindRateScreen
from tools.made_data import make_clothing, make_shapes
from tools.picture import screen_picture

FOLDER: Final = Path(__file__).parents[1] / "screenshots"
EXAMPLES: Final = Path(__file__).parents[1] / "examples"
LARGE: Final = (120, 40)
HUGE: Final = (200, 60)
SMALL: Final = ((80, 24), (60, 18), (40, 12))
SPEC: Final = RunSpec(epochs=30, dataset="mnist")
WIDTHS: Final = (4, 8, 16)
"""Features of the runs; the last one is watched."""

TWO: Final = 2
MANY: Final = 14
THREE: Final = (
    *["up"] * 9, *["left"] * 5, "space", *["right"] * 8, *["down", "right"] * 2, *["down"] * 3, *["down", "left"] * 2,
    *["left"] * 4, *["right"] * 4, *["down", "right"] * 3, *["down"] * 4, *["down", "left"] * 3, *["left"] * 8, "space",
)  # fmt: skip
"""Keys that draw a three, in one stroke."""


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.2)


async def _take(pilot: Pilot[None], name: str, theme: str = "textual-dark", size: tuple[int, int] = LARGE) -> None:
    app = pilot.app
    app.theme = theme
    await pilot.resize_terminal(*size)
    await pilot.pause(1.5)
    screen_picture(app, FOLDER / f"{name}.png")
    print(f"screenshots/{name}.png")


async def make_picture_of_others() -> None:
    """Train two runs in parallel in another process and take a picture of an app that is attached to them."""
    home = Path("other-home")
    command = [
        sys.executable,
        "-m",
        "mnist_tui",
        "run",
        "--epochs",
        "30",
        "--features",
        "16,8",
        "--jobs",
        "2",
        "--json",
    ]
    trainer = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "MNIST_TUI_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    app = MnistTuiApp(Backends(run_sweep, load_classifier), home, SPEC)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await _until(lambda: sum(run.epochs_done >= TWO for run in app.work.remote_runs.runs.values()) == TWO)
        await pilot.press("escape", "2", "space", "down", "space", "enter")
        await _until(lambda: any(run.epochs_done >= MANY for run in app.work.remote_runs.runs.values()))
        await _take(pilot, "attached-dark")
        await pilot.press("2")
        await _take(pilot, "attached-runs-dark")
        trainer.send_signal(signal.SIGINT)
        await trainer.wait()


async def make_pictures_of_a_script() -> None:
    """Train the built-in network, then take pictures of a script that trains in another process."""
    home = Path("script-home")
    environment = {**os.environ, "MNIST_TUI_HOME": str(home)}
    trained = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mnist_tui", "run", "--epochs", "20", "--features", "8", "--json"),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await trained.wait()
    script = await asyncio.create_subprocess_exec(
        *(sys.executable, str(EXAMPLES / "plain_loop.py"), "--epochs", "40", "--sleep", "0.01"), env=environment
    )
    app = MnistTuiApp(Backends(run_sweep, load_classifier), home, SPEC)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await _until(lambda: any(run.epochs_done >= MANY for run in app.work.remote_runs.runs.values()))
        await pilot.press("R", *"0.02", "enter")
        await pilot.pause(6)
        await _take(pilot, "script-dark")
        await _take(pilot, "script-80x24", "textual-light", SMALL[0])
        await pilot.press("2", "space", "down", "space", "up")
        await _take(pilot, "script-runs-dark")
        script.send_signal(signal.SIGINT)
        await script.wait()


async def make_pictures_of_other_data() -> None:
    """Train on clothing and on coloured shapes, and take pictures of the errors and of the layers."""
    folder = Path.cwd()
    for name, make, theme in (("clothing", make_clothing, "textual-dark"), ("colour", make_shapes, "textual-light")):
        spec = RunSpec(epochs=12, features=12, dataset=str(make(folder)), learning_rate=0.003)
        backends = Backends(run_sweep, load_classifier, layers=layers_of)
        app = MnistTuiApp(backends, Path(f"{name}-home"), spec)
        async with app.run_test(size=LARGE, notifications=True) as pilot:
            await pilot.press("r")
            await _until(lambda: app.state.finished_sweep is not None and len(app.screen_stack) > 1)  # noqa: B023 - at once
            await pilot.press("escape", "3")
            await pilot.pause(1.0)
            # Not the path of a temporary folder.
            app.work.spec = SPEC
            app.redraw()
            await _take(pilot, f"errors-{name}", theme)
            await pilot.press("I")
            await _until(lambda: len(app.screen_stack) > 1)  # noqa: B023 - at once
            if name == "colour":
                await _take(pilot, "layers-light", theme)


async def make_pictures_of_a_search() -> None:
    """Search for settings, and take pictures of its runs and of the search for a learning rate."""
    home = Path("search-home")
    search = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mnist_tui", "search", "--dataset", "digits", "--epochs", "20", "--trials", "40"),
        *("--jobs", "2", "--json", "features=2:64:log", "lr=1e-4:1e-1:log", "batch=16,32,64"),
        env={**os.environ, "MNIST_TUI_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await search.wait()
    app = MnistTuiApp(Backends(run_sweep, load_classifier, find_rate=Finding), home, replace(SPEC, features=8))
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await pilot.press("2", "V", *["tab"] * 2, *"-val", "enter")
        app.query_one("#runs", DataTable).move_cursor(row=0)
        await pilot.press("space", "down", "space", "A", "A")
        await _take(pilot, "search-dark")
        await pilot.press("V", "tab", *"batch", *["tab"] * 3, *["backspace"] * 8, *"scatter", "tab", *"lr", "enter")
        await _take(pilot, "scatter-light", "textual-light")
        await pilot.press("M")
        await _until(lambda: isinstance(app.screen, FindRateScreen) and app.screen.is_over)
        await _take(pilot, "find-rate-dark")


async def make_pictures_of_the_app() -> None:
    """Train three runs in the app and take pictures on the way."""
    app = MnistTuiApp(Backends(run_sweep, load_classifier), Path("mnist-tui-home"), SPEC)
    async with app.run_test(size=LARGE, notifications=True) as pilot:
        await _take(pilot, "ready-dark")
        for features in WIDTHS:
            await pilot.press("F", *str(features), "enter", "n")
        await pilot.press("r")

        def watched() -> bool:
            run = app.state.run
            return run is not None and getattr(run.spec, "features", 0) == WIDTHS[-1] and run.epochs_done >= 12

        await _until(watched)
        await pilot.pause(1.0)
        await _take(pilot, "live-dark")
        await _take(pilot, "live-light", "textual-light")
        for width, height in SMALL:
            await _take(pilot, f"live-{width}x{height}", "nord", (width, height))
        await _until(lambda: app.state.finished_sweep is not None)
        await _take(pilot, "result-dark")
        await pilot.press("escape", "2", "space", "down", "space", "down", "space")
        await _take(pilot, "runs-light", "textual-light")
        await _take(pilot, "runs-80x24", "gruvbox", SMALL[0])
        await pilot.press("C")
        await _take(pilot, "compare-dark")
        await pilot.press("escape", "1", *["left"] * 4)
        await _take(pilot, "live-200x60", size=HUGE)
        await pilot.press("0", "N")
        await _take(pilot, "form-dark")
        await pilot.press("escape", "3")
        await _take(pilot, "errors-dark")
        await pilot.press("4")
        await _take(pilot, "features-light", "textual-light")
        # The report's own width, where the map shows the network's two numbers themselves.
        await pilot.press("F", "2", "enter", "r")
        await _until(lambda: app.state.run is not None and getattr(app.state.run.spec, "features", 0) == TWO)
        # The result's dialog, which opens a moment after training has ended.
        await _until(lambda: not app.session.active and len(app.screen_stack) > 1)
        await pilot.press("escape", "4")
        await _take(pilot, "features-dark")
        await pilot.press("5", *THREE)
        await pilot.pause(2.0)
        await _take(pilot, "draw-dark")


async def make_picture_of_other_tools() -> None:
    """Show runs in the files of other tools, as they were made for the tests, beside longer ones."""
    for number, rate in enumerate((0.3, 0.1, 0.03, 0.01)):
        _write_events(Path("logs") / f"lr={rate:g}", rate, number)
    shutil.copytree(Path(__file__).parents[1] / "tests" / "formats" / "data", "others")
    with Store.open(Path("copies"), is_durable=False) as store:
        for _ in Opened(store, [Path("logs"), Path("others")], follows=False).look():
            pass
    app = MnistTuiApp(Backends(run_sweep, opened=Path("copies").absolute()), Path("home"))
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause(1.5)
        # The oldest ones first.
        await pilot.press("S", "ctrl+home")
        for _ in range(4):
            await pilot.press("space", "down")
        await _take(pilot, "open-dark")


def _write_events(folder: Path, rate: float, seed: int) -> None:
    """Write an event file with curves such as a training has."""
    noise, steps = np.random.default_rng(seed), np.arange(400)
    falls = 2.3 * np.exp(-steps * rate / 8) + 0.15 + noise.normal(0, 0.01, 400)
    rises = 1.0 - falls / 2.6
    folder.mkdir(parents=True)
    times = 1_790_000_000.0 + 60 * seed + steps / 4
    parts = [scalar_records(tag, steps, values, times) for tag, values in (("train/loss", falls), ("val/acc", rises))]
    (folder / f"events.out.tfevents.{1_790_000_000 + 60 * seed}.host").write_bytes(
        first_record(times[0]) + b"".join(parts)
    )


PARTS: Final = {
    "open": make_picture_of_other_tools,
    "others": make_picture_of_others,
    "script": make_pictures_of_a_script,
    "data": make_pictures_of_other_data,
    "search": make_pictures_of_a_search,
    "app": make_pictures_of_the_app,
}


async def make_pictures(parts: Sequence[str]) -> None:
    """Make the pictures of some parts."""
    for part in parts:
        await PARTS[part]()


def main() -> None:
    """Work in an empty folder, so that no path of this machine gets into a picture."""
    if not (data := os.environ.get("MNIST_TUI_DATA")):
        raise SystemExit("Set MNIST_TUI_DATA to a folder with MNIST: the pictures show runs on it.")
    os.environ["MNIST_TUI_DATA"] = str(Path(data).absolute())
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        asyncio.run(make_pictures(sys.argv[1:] or tuple(PARTS)))
        os.chdir("/")


if __name__ == "__main__":
    main()
