"""What a person does at the screen, and what stands on it."""

import asyncio
import re

from mnist_tui.core.status import Status
from tests.patience import PATIENCE_S


async def until(pilot, condition, *, patience_s: float = PATIENCE_S) -> None:
    """Wait until the condition holds; only how long it may take at most is limited."""
    steps = int(patience_s / 0.02)
    for _ in range(steps):
        if condition():
            await pilot.pause()
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing came of it; {pilot.app.state.notices}; the screen:\n{screen_text(pilot.app)}")


def screen_text(app, screen=None) -> str:
    """Return a screen, or else the one in front, as text, one line per row, without spaces at the ends."""
    lines = (screen or app.screen)._compositor.render_strips()
    text = "\n".join("".join(segment.text for segment in strip).rstrip() for strip in lines)
    return re.sub(r"comparison-\d{8}-\d{6}", "comparison-YYYYMMDD-HHMMSS", text)


async def settle(pilot) -> None:
    """Let the app draw what it knows."""
    await pilot.pause(0.24)
    while pilot.app.is_running and hasattr(pilot.app, "watching") and pilot.app.watching.feed.is_behind:
        await asyncio.sleep(0.02)
    await pilot.pause(0.12)


async def run_to_the_end(pilot, *keys: str) -> None:
    """Press keys that start something and wait until the training thread is gone and told."""
    await pilot.press(*keys)
    app = pilot.app
    await until(pilot, lambda: app.state.finished_sweep is not None and not app.session.active)
    await settle(pilot)


def statuses(app) -> list[Status]:
    return [run.status for run in app.state.runs.values()]


SLOW_S = 0.02
"""Time of a step where a test needs to act while a run is live."""
