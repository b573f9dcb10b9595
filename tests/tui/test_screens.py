"""Every screen at every size, compared with golden files made by the scripted engine."""

import time

import pytest
from textual.widgets import Button

from mnist_tui.core.comparison import build_table
from mnist_tui.core.events import Progress
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase
from mnist_tui.core.table import ComparisonTable
from mnist_tui.demo import run_sweep
from mnist_tui.report.chartview import ChartView
from mnist_tui.tui.screens.compare import CompareScreen
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.new_runs import NewRunsScreen
from mnist_tui.tui.screens.quit import QuitScreen
from mnist_tui.tui.screens.result import Next, ResultScreen
from tests.builders import check_golden, run_state
from tests.tui.helpers import run_to_the_end, screen_text, settle, until

SIZES = [(120, 40), (80, 24), (60, 18), (40, 12)]


def holds_in_epoch_12(queue, control):
    """Play until the middle of epoch 12, then stand still until the test ends the run."""
    for event in run_sweep(queue, control):
        yield event
        if isinstance(event, Progress) and (event.epoch, event.phase) == (12, Phase.TRAIN) and event.batch > 390:
            while not control.requests.stopping:
                time.sleep(0.01)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_first_start(make_app, width, height):
    app = make_app()
    async with app.run_test(size=(width, height)) as pilot:
        await settle(pilot)
        check_golden(f"screens/ready-{width}x{height}.txt", screen_text(app))


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_live_run(make_app, width, height):
    app = make_app(engine=holds_in_epoch_12)
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done == 11)
        await settle(pilot)
        check_golden(f"screens/live-{width}x{height}.txt", screen_text(app))
        app.session.stop()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_end_of_a_queue_and_past_runs(make_app, width, height):
    app = make_app()
    async with app.run_test(size=(width, height)) as pilot:
        await run_to_the_end(pilot, "t")
        check_golden(f"screens/result-{width}x{height}.txt", screen_text(app))
        await pilot.press("escape", "2", "space", "down", "space")
        await settle(pilot)
        check_golden(f"screens/runs-{width}x{height}.txt", screen_text(app))
        await pilot.press("c")
        await settle(pilot)
        check_golden(f"screens/runs-next-{width}x{height}.txt", screen_text(app))


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: ResultScreen(ComparisonTable((), (), frozenset(), (), ()), []),
        lambda: CompareScreen({}, ChartView()),
        lambda: NewRunsScreen(RunSpec()),
        HelpScreen,
    ],
)
async def test_a_dialog_that_is_closed_before_it_is_built_breaks_nothing(make_app, dialog):
    app = make_app()
    async with app.run_test() as pilot:
        app.push_screen(dialog())
        # In the same turn of the loop, as when the app is left just when a queue ends.
        await app.pop_screen()
        await pilot.pause()
        assert app.is_running
        app.push_screen(dialog())
        app.exit()
    assert app.return_code == 0


@pytest.mark.parametrize(
    ("make_screen", "answers"),
    [
        (QuitScreen, ["finish", "stop", "detach", None]),
        (lambda: ConfirmScreen("Title", "Question?", "Do it"), [None, True]),
        (
            lambda: ResultScreen(build_table([run_state()]), ()),
            [*(Next(step, "run-1") for step in ("open", "export", "compare", "report")), None],
        ),
    ],
    ids=["quit", "confirm", "result"],
)
async def test_each_button_gives_its_answer_to_a_click(make_app, make_screen, answers):
    app = make_app()
    given: list[object] = []
    async with app.run_test(size=(80, 24)) as pilot:
        for at in range(len(answers)):
            app.push_screen(make_screen(), given.append)
            await settle(pilot)
            await pilot.click(app.screen.query(Button)[at])
            await until(pilot, lambda expected=at + 1: len(given) == expected)
    assert given == answers
