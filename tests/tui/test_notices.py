"""What the app says beside its panes: one notice per subject, in nobody's way."""

import pytest

from mnist_tui.tui.screens.new_runs import NewRunsScreen
from mnist_tui.tui.widgets import notices
from mnist_tui.tui.widgets.notices import Notices
from tests.tui.helpers import screen_text, settle

LONG = "The first sentence says what matters. " + "The second one says more and more. " * 9


async def test_the_same_subject_is_said_once_and_the_newest_word_counts(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("n", "n", "n")
        await settle(pilot)
        text = screen_text(app)
        assert "3 runs are waiting. Press r to start them." in text
        assert text.count("Press r to start them.") == 1
        app.tell("Saved.", subject="export")
        await settle(pilot)
        assert "3 runs are waiting." in screen_text(app)
        assert "Saved." in screen_text(app)


async def test_escape_or_a_click_takes_them_away_and_only_then_goes_back(make_app):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        for take_away in (lambda: pilot.press("escape"), lambda: pilot.click(Notices)):
            app.tell("A notice.", long=True)
            await settle(pilot)
            assert "A notice." in screen_text(app)
            await take_away()
            await settle(pilot)
            assert "A notice." not in screen_text(app)


async def test_a_notice_goes_by_itself_but_not_under_a_dialog(make_app, monkeypatch):
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("N")
        app.query_one(Notices).tell("answer", "A notice.", "information", 0.05)
        await settle(pilot)
        assert isinstance(app.screen, NewRunsScreen)
        await pilot.press("escape")
        await pilot.pause()
        await settle(pilot)
        assert "A notice." not in screen_text(app)


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 18), (40, 12)])
async def test_a_notice_covers_no_dialog_no_settings_and_no_keys(make_app, size):
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        before = screen_text(app).splitlines()
        app.tell(LONG, severity="error")
        await settle(pilot)
        after = screen_text(app).splitlines()
        assert "✖ The first sentence" in "\n".join(after)
        assert (after[0], after[1]) == (before[0], before[1])
        assert after[-2:] == before[-2:]
        changed = [line for line, old in zip(after, before, strict=True) if line != old]
        assert 1 <= len(changed) <= notices.LINES
        assert ("The second one" in " ".join(changed)) == (size[1] > 22), "small screens have room for one sentence"
        await pilot.press("N")
        await settle(pilot)
        dialog = app.screen.query_one(".dialog").region

        def box():
            return [line[dialog.x : dialog.right] for line in screen_text(app).splitlines()[dialog.y : dialog.bottom]]

        form = box()
        app.tell("Another notice.")
        await settle(pilot)
        assert box() == form
