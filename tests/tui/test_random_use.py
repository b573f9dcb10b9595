"""Whatever a person does, in whatever order and at whatever size, training goes on and nothing is lost."""

import asyncio
import json
import random
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import asynccontextmanager

import pytest
from textual import events
from textual.geometry import Size

from mnist_tui.core.events import EpochDone, RunContinued
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from mnist_tui.tui.commands import COMMANDS
from tests.patience import PATIENCE_S
from tests.tui.helpers import statuses, until

ACTIONS_PER_SEED = 80
"""With each of four seeds."""
STEP_S = 0.002
"""Time of a step of training: slow enough that a run is live most of the time."""
# Without the palette: it is Textual's own, and breaks when it is closed while it searches.
COMMAND_KEYS = [key for c in COMMANDS if c.action != "command_palette" for key in c.key.split(",")] + ["r"] * 3
TYPED = [*"0123456789", "comma", "backspace", "enter", *["escape"] * 5, "tab", "shift+tab"]
ARROWS = ["up", "down", "left", "right", "pageup", "pagedown", "home", "end"]
SIGNS = {"comma": ",", "plus": "+", "minus": "-", "space": " ", "question_mark": "?"}


class Recorder:
    """The scripted engine, and all epochs it has told of: ever, and since each run last began or went on."""

    def __init__(self, delay_s=STEP_S):
        self._delay_s = delay_s
        self.ever: dict[str, dict[int, EpochDone]] = defaultdict(dict)
        self.now: dict[str, list[EpochDone]] = defaultdict(list)

    def __call__(self, queue, control):
        for event in run_sweep(queue, control, delay_s=self._delay_s, insights=True):
            if isinstance(event, RunContinued):
                self.now[event.run] = [past for past in event.story if isinstance(past, EpochDone)]
            elif isinstance(event, EpochDone):
                self.ever[event.run][event.epoch] = event
                self.now[event.run].append(event)
            yield event

    def of(self, runs):
        return {run: self.now[run] for run in runs}


class Hands:
    """Does one thing after the other, chosen by a seed; all that was done is kept for the report of a failure."""

    def __init__(self, seed):
        self._random = random.Random(seed)
        self.done = []

    def choose(self):
        kind = self._random.choices(("command", "typed", "arrow", "click", "wheel", "size"), (8, 5, 3, 4, 2, 2))[0]
        match kind:
            case "command":
                return "key", self._random.choice(COMMAND_KEYS)
            case "typed":
                return "key", self._random.choice(TYPED)
            case "arrow":
                return "key", self._random.choice(ARROWS)
            case "size":
                return "size", self._random.choice(((1, 1), (200, 60), self._place(200, 60), self._place(80, 24)))
        return self._random.choice(("up", "down")) if kind == "wheel" else "click", self._place(1000, 1000)

    def _place(self, width, height):
        return self._random.randint(1, width), self._random.randint(1, height)

    async def act(self, pilot):
        action = self.choose()
        self.done.append(action)
        what, value = action
        if what == "key":
            send(pilot.app, events.Key(value, SIGNS.get(value, value if len(value) == 1 else None)))
        elif what == "size":
            resize(pilot.app, value)
        else:
            # Textual breaks on a button pressed over what is being taken off the screen.
            await pilot.pause(0.02)
            point = [part % room for part, room in zip(value, pilot.app.size, strict=True)]
            for message in mouse_messages(what, point):
                send(pilot.app, message)


def send(app, event):
    event.set_sender(app)
    app._driver.send_message(event)


def resize(app, size):
    app._driver._size = Size(*size)
    app.post_message(events.Resize(Size(*size), Size(*size)))


def mouse_messages(what: str, point: list[int]) -> Iterator[events.MouseEvent]:
    kinds: dict[str, tuple[type[events.MouseEvent], ...]] = {
        "click": (events.MouseMove, events.MouseDown, events.MouseUp),
        "up": (events.MouseScrollUp,),
        "down": (events.MouseScrollDown,),
    }
    x, y = point
    for kind in kinds[what]:
        button = 1 if kind in (events.MouseDown, events.MouseUp) else 0
        yield kind(None, x, y, 0, 0, button, False, False, False, screen_x=x, screen_y=y)


@asynccontextmanager
async def told(hands):
    """Add to a failure what led to it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"actions: {json.dumps(hands.done)}")
        raise


def training_threads():
    return [thread for thread in threading.enumerate() if thread.name == "training"]


def check_store(home, recorder):
    with Store.open_readonly(home) as store:
        for run, epochs in recorder.ever.items():
            kept = {epoch.epoch: epoch for epoch in store.run(run).history}
            assert kept == epochs


async def use(app, recorder, hands, actions):
    """Use the app until it is left or has seen so many actions; return how many are left."""
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        # Something to lose from the start; what follows is chance.
        await pilot.press("r")
        while actions and app.is_running:
            await hands.act(pilot)
            actions -= 1
            # With a delay it does not wait until the processor idles, and it trains.
            await pilot.pause(0.002)
            assert len(training_threads()) <= 1
        if app.is_running:
            await come_to_rest(app, pilot)
            assert {run: state.history for run, state in app.state.runs.items()} == recorder.of(app.state.runs)
            await leave(app, pilot)
    app.session.stop()
    assert app.session.join(PATIENCE_S)
    app.session.close()
    assert app.return_code == 0
    return actions


async def come_to_rest(app, pilot):
    resize(app, (120, 40))
    await pilot.pause(0.1)
    app.session.stop()
    await until(pilot, lambda: not app.session.active and not app.state.active)


async def leave(app, pilot):
    """Leave as a person does: out of all dialogs, then q."""
    for _ in range(10):
        if not app.is_running:
            return
        await pilot.press("escape")
    await pilot.press("q")
    await until(pilot, lambda: not app.is_running)


@pytest.mark.parametrize("seed", range(2))
async def test_no_sequence_of_keys_clicks_and_sizes_breaks_the_app_or_loses_an_epoch(make_app, home, seed):
    hands, recorder = Hands(seed), Recorder()
    actions = ACTIONS_PER_SEED
    async with told(hands):
        while actions:
            app = make_app(engine=recorder)
            actions = await use(app, recorder, hands, actions)
            check_store(home, recorder)
    assert recorder.ever, "nothing was trained, so nothing was tried"


async def test_fifty_sizes_while_training_keep_every_epoch(make_app, home):
    recorder = Recorder()
    sizes = random.Random(0)
    app = make_app(engine=recorder)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "3", "0", "enter", "r")
        for _ in range(50):
            resize(app, (sizes.randint(1, 200), sizes.randint(1, 60)))
            await asyncio.sleep(0.02)
            assert len(training_threads()) <= 1
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: statuses(app) == [Status.FINISHED])
        (run,) = app.state.runs.values()
        assert len(run.history) == 30
        assert run.history == recorder.now[run.run]
        assert app.query_one("#epochs").row_count == 30
    check_store(home, recorder)
