"""What a person sees and does in the app, with the scripted engine."""

import json
from pathlib import Path

import pytest
from textual.widgets import DataTable, Input, TabbedContent

from mnist_tui.core.events import Notice, SweepStarted
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.store.database import Store
from mnist_tui.tui.commands import COMMANDS
from mnist_tui.tui.screens.help import HelpScreen
from mnist_tui.tui.screens.quit import QuitScreen
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.widgets.epochs import EpochTable
from tests.tui.helpers import SLOW_S, run_to_the_end, screen_text, settle, statuses, until


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
