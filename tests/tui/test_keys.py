"""What the bottom line offers, where keys lead, and what is said where one does nothing."""

import re
import threading
from dataclasses import replace

import pytest
from textual.widgets import TabbedContent

from mnist_tui.core.events import Progress
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.runtime.backends import Backends
from mnist_tui.tui.app import MnistTuiApp
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.widgets.settings import SettingsBar
from tests.patience import PATIENCE_S
from tests.tui.helpers import run_to_the_end, screen_text, settle, statuses, until

SLOW_S = 0.03


def footer(app) -> str:
    return screen_text(app).splitlines()[-1]


async def test_the_footer_offers_what_can_be_done_in_the_tab_and_now(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "r Start" in footer(app)
        assert "p Pause" not in footer(app)
        assert "e/w Epochs" in footer(app)
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await settle(pilot)
        assert "p Pause  x Stop" in footer(app)
        assert "r Start" not in footer(app)
        await pilot.press("2")
        await settle(pilot)
        assert "Enter Open  Space Mark" in footer(app)
        await pilot.press("n", "2", "shift+tab")
        await settle(pilot)
        assert "Del Delete" in footer(app)
        await pilot.press("question_mark")
        await settle(pilot)
        assert "Pause" not in footer(app)
        assert "Esc Back" in screen_text(app)
        app.session.control.stop()


async def test_both_keys_of_a_pair_in_the_footer_can_be_clicked(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        column = footer(app).index("e/w")
        await pilot.click(offset=(column, 39))
        assert app.work.spec.epochs == 15
        await pilot.click(offset=(column + 2, 39))
        await pilot.click(offset=(column + 2, 39))
        assert app.work.spec.epochs == 5


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("s", "s (Sort) works in the Runs tab (2)."),
        ("comma", ", (Earlier epoch) works in the Errors tab (3) and the Features tab (4)."),
        ("p", "No run is in progress. Press r to start one."),
        ("g", "There is no run to resume yet. Press r to start one."),
    ],
)
async def test_a_key_that_does_nothing_here_says_why(make_app, key, said):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press(key)
        await settle(pilot)
        assert said in screen_text(app)


async def test_the_line_of_settings_is_changed_with_the_arrows(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("b", "up", "right", "up", "up", "right", "up", "right", "down", "right", "up")
        spec = app.work.spec
        assert (spec.epochs, spec.features, spec.seed, spec.batch_size) == (15, 8, 1, 128)
        assert spec.learning_rate == pytest.approx(3e-4)
        await pilot.press("escape")
        assert not app.query_one(SettingsBar).has_focus
        await pilot.press("up")
        assert app.work.spec == spec


async def test_brackets_step_epochs_and_features_and_the_last_step_is_told(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("right_square_bracket", "greater_than_sign", "greater_than_sign", "less_than_sign")
        assert (app.work.spec.epochs, app.work.spec.features) == (15, 4)
        await pilot.press("d", "d")
        await settle(pilot)
        assert "2 is the lowest preset. Press F to type any number." in screen_text(app)


async def test_escape_leads_back_to_the_row_that_was_opened(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("escape", "2", "j", "enter")
        await settle(pilot)
        assert "PAST RUN" in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.query_one(TabbedContent).active == "runs-pane"
        assert app.query_one("#runs").cursor_row == 1


async def test_the_last_run_is_shown_at_the_start_and_the_run_under_the_cursor_in_the_runs_tab(make_app):
    first = make_app()
    async with first.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
    second = make_app()
    async with second.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = screen_text(second)
        assert "○ READY" in text
        assert "last run: 20 epochs x 2 features, seed 0" in text
        assert "20 of 20" in text
        await pilot.press("2")
        await settle(pilot)
        assert "epochs    20" in screen_text(second)
        await pilot.press("j")
        await settle(pilot)
        assert "epochs    10" in screen_text(second)


async def test_stopping_asks_where_much_of_an_epoch_would_be_lost(make_app):
    def long_epochs(queue, control):
        for event in run_sweep(queue, control, delay_s=SLOW_S):
            if isinstance(event, Progress):
                event = replace(event, epoch_elapsed_s=30.0)
            yield event

    app = make_app(engine=long_epochs)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None and 0 < app.state.run.epoch_fraction < 1)
        await pilot.press("p")
        await until(pilot, lambda: statuses(app) == [Status.PAUSED] and 0 < app.state.run.epoch_fraction < 1)
        await pilot.press("x")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert "30 s of epoch" in screen_text(app)
        await pilot.press("escape")
        assert statuses(app) == [Status.PAUSED]
        await pilot.press("x", "y")
        await until(pilot, lambda: statuses(app) == [Status.STOPPED])


async def test_what_training_needs_is_loaded_behind_the_first_frame_and_that_is_shown(home):
    loaded = threading.Event()

    def warm_up():
        loaded.wait(PATIENCE_S)

    app = MnistTuiApp(Backends(run_sweep, warm_up=warm_up), home)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "loading PyTorch" in screen_text(app))
        loaded.set()
        await until(pilot, lambda: "loading PyTorch" not in screen_text(app))


async def test_theme_scale_and_settings_are_as_they_were_left(make_app, home):
    first = make_app()
    async with first.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "E", "1", "enter", "f", "r")
        await pilot.press("escape", "v", "y", "m", "X")
        theme = first.theme
        first.remembering.keep()
    second = make_app()
    async with second.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert second.theme == theme
        assert (second.work.spec.epochs, second.work.spec.features) == (1, 4)
        assert second.work.charts.look == first.work.charts.look.whole() != type(second.work.charts.look)()
        assert "Error (log)" in screen_text(second)


async def test_keys_of_the_settings_file_work_and_are_the_ones_offered(make_app, home):
    home.mkdir()
    (home / "settings.toml").write_text('[keys]\nstart = "ctrl+r"\nhelp = "h"\n')
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "h Help" in footer(app)
        assert "Ctrl+R Start" in footer(app)
        await pilot.press("r")
        await settle(pilot)
        assert not app.session.active
        await pilot.press("ctrl+r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("h")
        await settle(pilot)
        assert "Ctrl+R" in screen_text(app)
        app.session.control.stop()


async def test_a_broken_settings_file_is_told_and_left_alone(make_app, home):
    home.mkdir()
    (home / "settings.toml").write_text("[look\n")
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert "settings.toml cannot be read" in screen_text(app)
        await pilot.press("v")
        app.remembering.keep()
    assert (home / "settings.toml").read_text() == "[look\n"


async def test_the_learning_rate_of_the_run_in_progress_is_changed_marked_and_shown(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("p")
        await until(pilot, lambda: statuses(app) == [Status.PAUSED])
        await pilot.press("R", *"fast", "enter")
        await settle(pilot)
        assert "A learning rate is a number above 0" in screen_text(app)
        await pilot.press("escape", "R", *"0.0003", "enter")
        await settle(pilot)
        assert "lr → 0.0003" in screen_text(app)
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.rates != ())
        assert app.state.run.rates[0][1] == pytest.approx(0.0003)
        await settle(pilot)
        assert "lr 0.001→0.0003" in screen_text(app)
        await until(pilot, lambda: statuses(app) == [Status.FINISHED])
        await pilot.press("escape")
        await settle(pilot)
        assert "λ" in screen_text(app)


async def test_the_queue_says_how_long_it_still_takes(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 1)
        await until(pilot, lambda: "to go" in screen_text(app).splitlines()[-2])
        line = screen_text(app).splitlines()[-2]
        assert re.search(r"queue .* 0/2, (\d+ s|\d+m.*) to go", line)
        app.session.control.stop()


async def test_a_tab_can_be_asked_for_before_the_first_frame(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("escape", "5", "4", "3")
        await settle(pilot)
        assert app.query_one(TabbedContent).active == "errors"
        assert app.query_one("#matrix").has_focus


async def test_a_learning_rate_that_no_epoch_would_be_trained_with_is_refused(make_app):
    app = make_app(0.3)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("E", "1", "enter", "r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.progress is not None)
        await pilot.press("p")
        await until(pilot, lambda: statuses(app) == [Status.PAUSED])
        await pilot.press("R")
        await settle(pilot)
        assert "This is the last epoch." in screen_text(app)
        assert app.session.control.wishes(app.state.current).rate is None
        app.session.control.stop()


async def test_escape_leaves_the_settings_also_while_a_notice_is_there(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("p", "b", "escape")
        assert not app.query_one(SettingsBar).has_focus
        await settle(pilot)
        assert "No run is in progress." in screen_text(app)
        await pilot.press("escape")
        await settle(pilot)
        assert "No run is in progress." not in screen_text(app)


async def test_the_next_run_is_looked_at_without_the_cursor_of_the_one_before(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", *"8", "enter", "n", "f", "n", "r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 3)
        await pilot.press("left", "left")
        first = app.state.run.run
        assert app.work.charts.look.cursor is not None
        await until(pilot, lambda: app.state.run.run != first and app.state.run.epochs_done >= 2)
        await settle(pilot)
        assert app.work.charts.look.cursor is None
        app.session.control.stop()


async def test_help_and_palette_begin_with_the_commands_of_the_tab(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "question_mark")
        await settle(pilot)
        lines = screen_text(app).splitlines()
        title = next(number for number, line in enumerate(lines) if "Keys and glossary" in line)
        assert "│ Runs tab" in lines[title + 1]
        await pilot.press("escape", "ctrl+p")
        await until(pilot, lambda: "Mark (Space)" in screen_text(app))
        text = screen_text(app)
        assert "Open (Enter)" in text
        assert "Pause (p)" not in text


async def test_a_colon_opens_the_palette_as_people_are_used_to(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("colon")
        await until(pilot, lambda: "Search for commands" in screen_text(app))
