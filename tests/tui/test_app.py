"""What a person sees and does in the app, with the scripted engine."""

import json
import re
import threading
from pathlib import Path

import pytest
from textual.widgets import DataTable, Input, Static, TabbedContent

from mnist_tui.core.events import Notice, Preparing, Progress, SweepDone, SweepStarted
from mnist_tui.core.status import Phase, Status
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.screens.confirm import ConfirmScreen
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.new_runs import NewRunsScreen
from mnist_tui.tui.screens.number import NumberScreen
from mnist_tui.tui.screens.quit import QuitScreen
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.widgets.epochs import EpochTable
from tests.patience import PATIENCE_S
from tests.tui.helpers import run_to_the_end, screen_text, settle, statuses, until

SLOW_S = 0.02
"""Time of a step where a test needs to act while a run is live."""


def files_in(folder: Path) -> set[str]:
    return {path.suffix for path in folder.iterdir()}


async def test_it_opens_ready_and_calls_no_engine(make_app):
    def never(queue, control):
        raise AssertionError("the engine was called")

    app = make_app(engine=never)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = screen_text(app)
        assert "○ READY" in text
        assert "10 epochs" in text
        assert "2 features" in text
        assert not app.session.active


async def test_one_key_trains_the_report_s_two_runs_and_saves_the_table(make_app, home):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        assert statuses(app) == [Status.FINISHED, Status.FINISHED]
        assert [run.spec.epochs for run in app.state.runs.values()] == [10, 20]
        await until(pilot, lambda: isinstance(app.screen, ResultScreen))
        await settle(pilot)
        text = screen_text(app)
        assert "The queue is done" in text
        assert "Test" in text
        assert "Saved in" in text
        assert files_in(home / "tables") == {".md", ".csv", ".json"}
        saved = json.loads(next((home / "tables").glob("*.json")).read_text())
        assert [row["epochs"] for row in saved["rows"]] == [10, 20]
        await pilot.press("escape")
        assert not isinstance(app.screen, ResultScreen)


async def test_every_epoch_is_in_the_store_before_the_screen_knows_it(make_app, home):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None and len(app.state.run.history) >= 2)
        shown = len(app.state.run.history)
        with Store.open_readonly(home) as store:
            assert len(store.run("last").history) >= shown
        app.session.control.stop()


async def test_epochs_and_features_change_with_single_keys_for_the_next_run(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("e", "f")
        await settle(pilot)
        assert (app.work.spec.epochs, app.work.spec.features) == (15, 4)
        assert "15 epochs" in screen_text(app)
        await pilot.press("w", "w", "d", "d")
        assert (app.work.spec.epochs, app.work.spec.features) == (5, 2)
        await pilot.press("d")
        assert app.work.spec.features == 2


async def test_any_number_can_be_typed_and_a_bad_one_changes_nothing(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "3", "enter")
        await pilot.press("F", "7", "enter")
        assert (app.work.spec.epochs, app.work.spec.features) == (3, 7)
        await pilot.press("F", "6", "0", "0", "enter")
        await settle(pilot)
        assert isinstance(app.screen, NumberScreen)
        assert "from 1 to 512" in screen_text(app)
        await pilot.press("escape")
        assert app.work.spec.features == 7


async def test_a_changed_setting_says_that_it_is_for_the_next_run(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("f")
        await settle(pilot)
        assert "Next run" in screen_text(app)
        assert app.state.run.spec.features == 2
        app.session.control.stop()


async def test_the_arrows_beside_the_settings_can_be_clicked(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        line = next(i for i, text in enumerate(screen_text(app).splitlines()) if "◂ 10 epochs ▸" in text)
        column = screen_text(app).splitlines()[line].index("▸")
        await pilot.click(offset=(column, line))
        assert app.work.spec.epochs == 15


async def test_queued_runs_wait_until_they_are_started_and_can_be_removed(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "f", "n", "2")
        await settle(pilot)
        assert "10 epochs x 4 features" in screen_text(app)
        assert not app.session.active
        app.query_one("#queue", DataTable).focus()
        await pilot.press("delete")
        await settle(pilot)
        assert [queued.spec.features for queued in app.session.queue.waiting] == [4]
        await run_to_the_end(pilot, "r")
        assert [run.spec.features for run in app.state.runs.values()] == [4]


async def test_pause_holds_the_run_and_resume_lets_it_go_on(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("p")
        await until(pilot, lambda: statuses(app) == [Status.PAUSED])
        await settle(pilot)
        assert "‖ paused" in screen_text(app)
        done = app.state.run.epochs_done
        await settle(pilot)
        assert app.state.run.epochs_done == done
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.epochs_done > done)
        assert statuses(app) == [Status.RUNNING]
        app.session.control.stop()


async def test_stop_keeps_finished_epochs_and_leaves_the_queue_waiting(make_app, home):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done >= 1)
        await pilot.press("x")
        await until(pilot, lambda: not app.session.active and not app.state.active)
        await settle(pilot)
        assert statuses(app) == [Status.STOPPED]
        assert len(app.session.queue.waiting) == 1
        with Store.open_readonly(home) as store:
            assert store.run("last").epochs_done == app.state.run.epochs_done
        await pilot.press("r")
        await until(pilot, lambda: len(app.state.runs) == 2)
        app.session.control.stop()


async def test_skip_goes_on_with_the_next_run(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("t")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("K")
        await until(pilot, lambda: len(app.state.runs) == 2)
        assert statuses(app) == [Status.STOPPED, Status.RUNNING]
        app.session.control.stop()


async def test_the_run_in_progress_can_be_made_longer_and_shorter(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("plus")
        await until(pilot, lambda: app.state.run.epochs == 11)
        await settle(pilot)
        assert "/11" in screen_text(app)
        await pilot.press("minus")
        await until(pilot, lambda: app.state.run.epochs == 10)
        app.session.control.stop()


async def test_presses_add_up_from_the_last_wish_at_any_speed_and_the_status_line_shows_it_at_once(make_app):
    # So slow that no machine trains 16 epochs before all keys are pressed.
    app = make_app(20 * SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", *"30", "enter", "r")
        await until(pilot, lambda: app.state.run is not None and app.state.run.progress is not None)
        await pilot.press(*["minus"] * 14, *["plus"] * 9)
        await until(pilot, lambda: app.state.run.epochs == 25)
        await pilot.press("p")
        await until(pilot, lambda: app.state.run.status is Status.PAUSED)
        await pilot.press("plus", "plus", "minus")
        assert "→ 26" in screen_text(app) or "/26" in screen_text(app)
        await until(pilot, lambda: app.state.run.epochs == 26)
        assert app.state.run.status is Status.PAUSED
        await settle(pilot)
        assert "/26" in screen_text(app)
        assert "→" not in screen_text(app).splitlines()[0]
        app.session.control.stop()


async def test_a_wish_for_epochs_that_comes_during_the_test_is_told_to_be_too_late(make_app):
    app = make_app()
    testing, go_on = threading.Event(), threading.Event()

    def slow_at_the_test(queue, control):
        for event in run_sweep(queue, control):
            yield event
            if isinstance(event, Progress) and event.phase is Phase.TEST:
                testing.set()
                go_on.wait(PATIENCE_S)

    app = make_app(engine=slow_at_the_test)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("E", *"2", "enter", "r")
        await until(pilot, testing.is_set)
        await until(pilot, lambda: app.state.run is not None and app.state.run.epochs_done == 2)
        await pilot.press("plus")
        await until(pilot, lambda: "Too late" in screen_text(app))
        go_on.set()
        await until(pilot, lambda: statuses(app) == [Status.FINISHED])
        assert app.state.run.epochs_done == app.state.run.epochs == 2


@pytest.mark.parametrize("typed", ["1e9", "1_000", "2.5", "-3", "", "9" * 5000])
async def test_what_is_no_whole_number_is_told_and_changes_nothing(make_app, typed):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E")
        app.screen.query_one(Input).value = typed
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, NumberScreen)
        assert "must be a whole number from 1 to 100,000, not" in " ".join(screen_text(app).split())
        await pilot.press("escape")
        assert app.work.spec.epochs == 10


async def test_a_run_stopped_before_it_began_waits_again(make_app):
    def downloading(queue, control):
        yield SweepStarted(sweep="sweep", started_at="2026-03-01T12:00:00+00:00")
        next(iter(queue))
        while not control.queue_stopped:
            yield Preparing(message="downloading", fraction=0.43)
        yield SweepDone(sweep="sweep", runs=(), stopped=True)

    app = make_app(engine=downloading)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.preparing is not None)
        assert not app.session.queue.waiting
        await until(pilot, lambda: "downloading 43%" in screen_text(app))
        assert "getting ready █" in screen_text(app)
        await pilot.press("x")
        await until(pilot, lambda: not app.session.active)
        await settle(pilot)
        assert len(app.session.queue.waiting) == 1
        assert not app.session.active


async def test_starting_twice_never_makes_two_training_threads(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r", "r", "r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("r")
        await settle(pilot)
        assert len(app.state.runs) == 1
        assert not app.session.start()
        app.session.control.stop()


async def test_a_run_added_while_another_is_live_follows_it(make_app):
    app = make_app(SLOW_S)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "5", "enter", "r", "n")
        await until(pilot, lambda: statuses(app) == [Status.FINISHED, Status.FINISHED])


async def test_the_form_makes_a_grid_and_refuses_what_it_cannot_use(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        form = app.screen
        assert isinstance(form, NewRunsScreen)
        form.query_one("#epochs", Input).value = "1,2"
        form.query_one("#features", Input).value = "2,4,8"
        form.query_one("#seed", Input).value = "0-1"
        await settle(pilot)
        assert re.search(r"12 runs, about \d+ s|12 runs, about \dm", screen_text(app))
        form.query_one("#features", Input).value = "0"
        await settle(pilot)
        assert "from 1 to 512" in screen_text(app)
        await pilot.click("#start")
        assert app.screen is form
        form.query_one("#features", Input).value = "4"
        await settle(pilot)
        await pilot.click("#start")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        await settle(pilot)
        assert len(app.state.runs) == 4
        text = screen_text(app)
        assert "±" in text
        assert "mean ± sample standard deviation" in text


async def test_a_grid_of_any_size_is_answered_at_once_and_one_of_days_is_asked_about(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        form = app.screen
        for field, text in (("epochs", "1-1000"), ("features", "1-512"), ("seed", "0-999")):
            form.query_one(f"#{field}", Input).value = text
        await settle(pilot)
        assert "at most 10,000 runs, and this one has 512,000,000" in str(form.query_one("#error", Static).render())
        form.query_one("#epochs", Input).value = "9" * 5000
        await settle(pilot)
        assert "Epochs cannot be as large as" in str(form.query_one("#epochs-error", Static).render())
        form.query_one("#epochs", Input).value = "5000"
        form.query_one("#features", Input).value = "2-101"
        form.query_one("#seed", Input).value = "0"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert "100 runs will take about" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert not app.session.queue.waiting
        assert not app.session.active


async def test_the_form_can_be_filled_by_keys_alone(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("N", *"1,2", "tab", "4", "tab", *"0-1", "enter")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        specs = [run.spec for run in app.state.runs.values()]
        assert {(spec.epochs, spec.features, spec.seed) for spec in specs} == {
            (1, 4, 0),
            (2, 4, 0),
            (1, 4, 1),
            (2, 4, 1),
        }


async def test_a_diverged_run_is_told_and_the_next_one_runs(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("N")
        app.screen.query_one("#learning-rate", Input).value = "5"
        await pilot.click("#start")
        await until(pilot, lambda: app.state.finished_sweep is not None)
        await settle(pilot)
        assert statuses(app) == [Status.DIVERGED]
        text = screen_text(app)
        assert "diverged" in text


async def test_past_runs_are_there_after_a_restart_and_open_as_they_were(make_app):
    first = make_app()
    async with first.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        curves = [run.history for run in first.state.runs.values()]
    second = make_app()
    async with second.run_test(size=(120, 40)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        assert [line.split()[1] for line in screen_text(second).splitlines()[4:6]] == ["✔", "✔"]
        await pilot.press("enter")
        await settle(pilot)
        text = screen_text(second)
        assert "PAST RUN" in text
        assert second.query_one(TabbedContent).active == "live"
        assert f"{100 * curves[1][-1].val_accuracy:.2f}%" in text
        await pilot.press("escape")
        await settle(pilot)
        assert "PAST RUN" not in screen_text(second)


async def test_marked_runs_share_the_chart_and_the_comparison(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("escape", "2", "space", "down", "space")
        await settle(pilot)
        text = screen_text(app)
        assert "●1 20 ep x 2 f s0" in text
        assert "●2 10 ep x 2 f s0" in text
        assert "Comparison of 2 marked runs" in text
        await pilot.press("space", "c")
        await settle(pilot)
        assert "Comparison of 1 marked run" in screen_text(app)


async def test_the_table_of_runs_sorts_by_key_and_by_heading(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("escape", "2")
        table = app.query_one("#runs", DataTable)

        def epochs():
            return [table.get_row_at(i)[1].plain for i in range(table.row_count)]

        assert epochs() == ["20", "10"]
        await pilot.press("s", "s")
        assert epochs() == ["10", "20"]
        await pilot.press("S")
        assert epochs() == ["20", "10"]


async def test_export_writes_all_formats_and_says_where(make_app, home):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("u")
        await settle(pilot)
        assert "no finished run" in screen_text(app)
        await run_to_the_end(pilot, "t")
        await pilot.press("escape", "u")
        await settle(pilot)
        assert files_in(home / "tables") == {".md", ".csv", ".json", ".tex", ".html"}
        assert "Saved in" in screen_text(app)


async def test_quit_leaves_at_once_when_nothing_runs(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("q")
    assert app.return_code == 0


@pytest.mark.parametrize("answer", ["f", "s"])
async def test_quit_asks_while_a_run_is_live_and_keeps_what_is_finished(make_app, home, answer):
    app = make_app(SLOW_S)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        await pilot.press("q")
        assert isinstance(app.screen, QuitScreen)
        await pilot.press("escape")
        assert not isinstance(app.screen, QuitScreen)
        assert app.session.active
        await pilot.press("q", answer)
        await until(pilot, lambda: not app.is_running)
    assert app.return_code == 0
    with Store.open_readonly(home) as store:
        run = store.run("last")
        assert run.status is Status.STOPPED
        assert run.epochs_done >= (1 if answer == "f" else 0)


async def test_keys_that_make_no_sense_now_do_nothing(make_app):
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("p", "x", "K", "plus", "minus", "space", "enter", "s", "S", "delete", "escape", "c")
        await settle(pilot)
        assert "○ READY" in screen_text(app)


async def test_an_engine_that_breaks_is_told_and_the_app_lives_on(make_app):
    calls = []

    def breaking(queue, control):
        calls.append(1)
        if len(calls) > 1:
            yield from run_sweep(queue, control)
            return
        next(queue)
        yield SweepStarted(sweep="s", started_at="2026-01-01T12:00:00+00:00")
        raise RuntimeError("no more [bold]magic")

    app = make_app(engine=breaking)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: bool(app.state.notices))
        await settle(pilot)
        assert "no more [bold]magic" in screen_text(app)
        assert not app.session.active
        await run_to_the_end(pilot, "r")
        assert statuses(app) == [Status.FINISHED]


async def test_data_that_is_not_to_be_had_is_told_with_the_next_step(make_app):
    def no_data(queue, control):
        yield SweepStarted(sweep="s", started_at="2026-01-01T12:00:00+00:00")
        yield Notice(level="error", message="MNIST could not be downloaded. Check the network.", exit_code=3)

    app = make_app(engine=no_data)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: bool(app.state.notices))
        await settle(pilot)
        assert "Check the network" in screen_text(app)


async def test_a_damaged_store_is_told_and_nothing_is_lost(make_app, home):
    home.mkdir()
    (home / "runs.db").write_bytes(b"this is no database, whatever its name says" * 100)
    before = (home / "runs.db").read_bytes()
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        assert "damaged" in screen_text(app)
        await pilot.press("r")
        await until(pilot, lambda: bool(app.state.notices))
    assert (home / "runs.db").read_bytes() == before


async def test_scale_theme_and_zoom(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "r")
        await pilot.press("escape")
        assert "Accuracy  " in screen_text(app)
        await pilot.press("y")
        await settle(pilot)
        assert "Error (log)" in screen_text(app)
        before = app.theme
        await pilot.press("v")
        assert app.theme != before
        app.query_one("#chart").focus()
        await pilot.press("z")
        await settle(pilot)
        assert app.screen.maximized is app.query_one("#chart")
        await pilot.press("z")
        assert app.screen.maximized is None


async def test_small_screens_show_the_other_chart_by_key(make_app):
    app = make_app()
    async with app.run_test(size=(60, 18)) as pilot:
        await run_to_the_end(pilot, "r")
        await pilot.press("escape")
        await settle(pilot)
        assert "Accuracy" in screen_text(app)
        assert "Loss" not in screen_text(app).split("Epochs")[0]
        await pilot.press("c")
        await settle(pilot)
        assert "Loss" in screen_text(app).split("Epochs")[0]


async def test_resizing_while_training_keeps_every_epoch(make_app):
    app = make_app(0.003)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("r")
        await until(pilot, lambda: app.state.run is not None)
        for size in ((80, 24), (60, 18), (40, 12), (20, 5), (1, 1), (200, 60), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.05)
        await until(pilot, lambda: not app.session.active)
        await settle(pilot)
        assert statuses(app) == [Status.FINISHED]
        assert app.query_one("#epochs", EpochTable).row_count == 10


async def test_the_newest_epoch_stays_in_view_as_the_table_outgrows_its_room_until_somebody_scrolls(make_app):
    app = make_app(0.01)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("E", "6", "0", "enter", "r")
        table = app.query_one("#epochs", EpochTable)
        await until(pilot, lambda: table.row_count >= 15)
        await settle(pilot)
        assert table.scroll_offset.y > 0
        assert table.is_vertical_scroll_end
        for size in ((120, 30), (120, 50)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert table.is_vertical_scroll_end
        table.focus()
        await pilot.press("home")
        await settle(pilot)
        seen = table.row_count
        await until(pilot, lambda: table.row_count >= seen + 2)
        assert table.scroll_offset.y == 0
        await pilot.press("end", "x")
        await until(pilot, lambda: not app.session.active)
        await settle(pilot)
        assert table.is_vertical_scroll_end


async def test_help_names_every_command_and_the_palette_has_them(make_app):
    app = make_app()
    async with app.run_test(size=(120, 200)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot)
        assert isinstance(app.screen, HelpScreen)
        # Inside the box: the chart behind it goes on at its sides.
        inside = [max(line.split("│"), key=len) for line in screen_text(app).splitlines()]
        text = " ".join(" ".join(inside).split())
        for command in COMMANDS:
            assert command.help in text
        await pilot.press("escape")
        titles = {entry.title for entry in app.get_system_commands(app.screen)}
        assert {f"{c.title} ({c.label})" for c in COMMANDS if c.action != "command_palette"} <= titles


async def test_tabs_can_be_clicked(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.click("#--content-tab-runs-pane")
        await settle(pilot)
        assert "╭─ Runs ─" in screen_text(app)
