"""What can be done with the result of a queue, from the dialog that shows it."""

from textual.widgets import TabbedContent

from mnist_tui.tui.screens.compare import CompareScreen
from mnist_tui.tui.screens.result import ResultScreen
from mnist_tui.tui.widgets.errors import MatrixView
from tests.tui.helpers import run_to_the_end, screen_text, settle, until


async def test_the_result_offers_what_comes_next_and_does_it(make_app, home):
    app = make_app(insights=True)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await run_to_the_end(pilot, "t")
        assert isinstance(app.screen, ResultScreen)
        assert screen_text(app).splitlines()[-1].strip() == "Enter Open  u Export  C Compare  W Report  Esc Close"
        await pilot.press("W")
        await until(pilot, lambda: list((home / "tables").glob("report-*.html")))
        (report,) = (home / "tables").glob("report-*.html")
        await until(pilot, lambda: report.name in screen_text(app))
        text = report.read_text(encoding="utf-8")
        assert all(run in text for run in app.state.runs)


async def test_the_result_leads_to_the_comparison_and_to_the_run_under_the_cursor(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("C")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        await pilot.press("escape", "E", "2", "enter", "n", "f", "n")
        await run_to_the_end(pilot, "r")
        await pilot.press("down", "enter")
        await settle(pilot)
        assert app.query_one(TabbedContent).active == "live"
        assert app.work.shown.spec.features == 4


async def test_the_result_is_exported_in_all_formats_however_the_list_is_filtered(make_app, home):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("u")
        await until(pilot, lambda: list((home / "tables").glob("*.tex")))
        (table,) = (home / "tables").glob("*.tex")
        assert len([line for line in table.read_text().splitlines() if "2.61" in line]) == 2


async def test_a_report_is_written_on_the_run_under_the_cursor_from_the_list(make_app, home):
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("escape", "2", "W")
        await until(pilot, lambda: list((home / "tables").glob("report-*.html")))
        (report,) = (home / "tables").glob("report-*.html")
        older, newer = app.state.runs
        assert newer in report.read_text()
        assert older not in report.read_text()


async def test_a_large_screen_has_the_confusion_matrix_and_says_of_which_epoch(make_app):
    app = make_app(insights=True)
    async with app.run_test(size=(170, 44)) as pilot:
        await run_to_the_end(pilot, "t")
        await pilot.press("escape")
        await settle(pilot)
        text = screen_text(app)
        assert "Confusion after epoch 20" in text
        assert "rows 1-" not in text, "all classes are in view"
        assert not app.query_one("#live-matrix", MatrixView).can_focus
        assert not app.query_one("#live-map").display
        await pilot.resize_terminal(200, 60)
        await settle(pilot)
        assert app.query_one("#live-map").display
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "val 47.62%" in screen_text(app).splitlines()[2], "the number people look for first"
