"""Numbers that are not finite, or beyond all measure, on every screen and in every file."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from mnist_tui.core.events import EpochDone, RunDone
from mnist_tui.core.table import FORMATS
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from tests.tui.helpers import run_to_the_end, screen_text, settle

STORIES = {
    "nan": [math.nan],
    "huge": [1e308, -1e308],
    "all kinds": [0.5, math.nan, 1e308, math.inf, -1e308, -math.inf, 0.0, 5e-324],
}


def telling(values):
    """Return the scripted engine with these numbers in place of its losses and accuracies, over and over."""

    def engine(queue, control):
        before = None
        for event in run_sweep(queue, control):
            if isinstance(event, EpochDone):
                value = values[(event.epoch - 1) % len(values)]
                scores: dict[str, Any] = dict.fromkeys(
                    ("train_loss", "train_accuracy", "val_loss", "val_accuracy"), value
                )
                event = replace(event, values={**event.values, **scores}, val_accuracy_before=before)
                before = value
            elif isinstance(event, RunDone):
                value = values[-1]
                scores = dict.fromkeys(
                    ("last_epoch_accuracy", "last_val_accuracy", "best_val_accuracy", "test_accuracy", "test_loss"),
                    value,
                )
                event = replace(event, **scores)
            yield event

    return engine


@pytest.mark.parametrize("size", [(120, 40), (40, 12)], ids=["large", "small"])
@pytest.mark.parametrize("story", STORIES)
async def test_such_numbers_are_shown_on_every_screen_and_saved_in_every_format(make_app, home, story, size):
    app = make_app(engine=telling(STORIES[story]))
    async with app.run_test(size=size) as pilot:
        await run_to_the_end(pilot, "E", "9", "enter", "n", "f", "n", "r")
        for keys in (["escape"], ["y"], ["c"], ["2", "space", "down", "space"], ["c"], ["y"], ["s", "s", "s", "S"]):
            await pilot.press(*keys)
            await settle(pilot)
            longest = max(map(len, screen_text(app).splitlines()))
            assert longest <= size[0]
        await pilot.press("1", "u")
        await settle(pilot)
        if size == (120, 40):
            assert "9 of 9" in screen_text(app), "no number pushes the card's other lines away"
            assert "1000000" not in screen_text(app)
    saved = {path.suffix.removeprefix(".") for path in (home / "tables").iterdir()}
    assert saved == set(FORMATS)
    for path in (home / "tables").glob("*.json"):
        json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    with Store.open_readonly(home) as store:
        for run in app.state.runs.values():
            assert repr(store.run(run.run).history) == repr(run.history)
