"""Homes with more runs and epochs than anyone reads."""

import pytest
from textual.widgets import DataTable

from mnist_tui.core.events import RunStarted
from mnist_tui.core.labels import Labels
from mnist_tui.core.parsing import event_from_json
from mnist_tui.core.reducer import start_run
from mnist_tui.core.spec import RunSpec
from mnist_tui.runtime.library import Library
from mnist_tui.store import reading
from mnist_tui.store.database import Store
from mnist_tui.tui.widgets.epochs import EpochTable
from mnist_tui.tui.widgets.tables import MAX_ROWS
from tests.builders import keep, run_events
from tests.tui.helpers import screen_text, settle, until

MANY = MAX_ROWS + 20


def fill(home, runs, *, accuracies=(0.5,)):
    with Store.open(home) as store:
        for number in range(runs):
            spec = RunSpec(epochs=len(accuracies), seed=number)
            for event in run_events(f"run-{number:05}", spec=spec, val_accuracies=accuracies, epoch_s=1.0 + number):
                store.record(event)


@pytest.fixture
def quick_commits(monkeypatch):
    """Let what is recorded stay in memory: thousands of synced transactions are not what is tried here."""
    monkeypatch.setattr("os.fsync", lambda fd: None)


async def test_many_runs_are_counted_and_sorted_as_a_whole_though_only_some_are_drawn(make_app, home, quick_commits):
    fill(home, MANY)
    app = make_app()
    async with app.run_test(size=(160, 50)) as pilot:
        await pilot.press("2")
        await settle(pilot)
        assert f"the first {MAX_ROWS} of {MANY:,} shown" in screen_text(app)
        table = app.query_one("#runs", DataTable)
        assert table.row_count == MAX_ROWS
        # By total training time: the shortest is the oldest run, which was not among those drawn.
        oldest = "run-00000"
        assert oldest not in table.rows
        # Alone, it has room for all columns.
        await pilot.press("z")
        await settle(pilot)
        keys = [key.value for key in table.columns]
        await pilot.press(*["s"] * (1 + keys.index("total_training_time_s")))
        await settle(pilot)
        assert oldest in table.rows
        await pilot.press("u")
        await until(pilot, lambda: "Saved in" in screen_text(app))
        (saved,) = (home / "tables").glob("*.csv")
        assert len(saved.read_text().splitlines()) == 2, "one setting, all its seeds in one row"
        assert f",{MANY}," in saved.read_text()


def drawn(app):
    """Return the first word of every line of the table of epochs."""
    table = app.query_one(EpochTable)
    lines = screen_text(app).splitlines()[table.content_region.y : table.content_region.bottom]
    return [line.strip("│ ").split()[0] for line in lines]


async def test_a_run_of_many_epochs_opens_at_its_newest_and_can_be_walked_through(make_app, home, quick_commits):
    epochs = 2_000
    rising = [0.1 + i / 10_000 for i in range(epochs)]
    keep(home, run_events(spec=RunSpec(epochs=epochs), val_accuracies=rising))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("2", "enter")
        await settle(pilot)
        assert app.query_one(EpochTable).row_count == epochs
        assert drawn(app)[0] == "Epoch"
        assert drawn(app)[-1] == str(epochs)
        app.query_one(EpochTable).focus()
        await pilot.press("home")
        await settle(pilot)
        assert drawn(app)[:3] == ["Epoch", "1", "2"]


def test_runs_that_are_over_are_read_once(home, monkeypatch):
    fill(home, 3)
    library = Library(home, {})
    library.load()
    read = []

    def noted(record):
        read.append(record["run"])
        return event_from_json(record)

    monkeypatch.setattr(reading, "event_from_json", noted)
    library.load()
    assert read == []
    with Store.open(home) as store:
        for event in run_events("run-9")[:2]:
            store.record(event)
        library.load()
        assert set(read) == {"run-9"}
        assert len(library.runs()) == 4
        store.record(run_events("run-9")[-1])
    library.load()
    assert [run.status for run in library.runs() if run.run == "run-9"] == ["finished"]


def test_a_run_that_is_followed_is_not_read_again_with_each_look(home, monkeypatch):
    began, *epochs = run_events("run-9")
    assert isinstance(began, RunStarted)
    live = start_run(began)
    with Store.open(home) as store:
        for event in (began, *epochs[:1]):
            store.record(event)
        monkeypatch.setattr(reading, "event_from_json", lambda _: pytest.fail("a run was read"))
        library = Library(home, {"run-9": live})
        library.load()
        assert library.runs() == [live]
        store.relabel(["run-9"], lambda _: Labels(name="mine"))
        assert library.has_changed
        library.load()
        assert library.runs()[0].labels.name == "mine"
