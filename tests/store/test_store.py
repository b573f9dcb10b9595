"""The store as its readers and writers see it."""

import math
from dataclasses import replace

import pytest

from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Notice,
    Preparing,
    RunPaused,
    RunResumed,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.core.stored import Checkpoint
from mnist_tui.demo.insight import scripted_insight, validation_set
from mnist_tui.errors import UsageError
from mnist_tui.store import checkpoints
from mnist_tui.store.database import Store
from tests.builders import epoch_done, progress, run_events, run_state
from tests.store.helpers import fill, full_disk, listed, read, record


def test_what_was_recorded_is_there_for_another_reader_before_the_store_is_closed(home, store):
    started, *epochs, done = run_events()
    store.record(started)
    assert listed(home) == [("run-1", Status.RUNNING)]
    for number, epoch in enumerate(epochs, start=1):
        store.record(epoch)
        assert read(home).history == epochs[:number]
    store.record(done)
    assert listed(home) == [("run-1", Status.FINISHED)]


def test_an_epoch_is_seen_by_a_reader_that_was_open_before_it(home, store):
    started, epoch, *_ = run_events()
    store.record(started)
    with Store.open_readonly(home) as reader:
        assert reader.run("last").history == []
        store.record(epoch)
        assert reader.run("last").history == [epoch]


def test_a_past_run_is_the_run_that_it_was(home):
    fill(home, "run-1")
    assert read(home) == run_state("run-1")


def test_runs_are_listed_oldest_first_with_their_results(home):
    fill(home, "20260102-000000-bbbbbb", "20260101-000000-aaaaaa", "20260103-000000-cccccc")
    with Store.open_readonly(home) as reader:
        runs = reader.runs()
    assert [run.run[-6:] for run in runs] == ["aaaaaa", "bbbbbb", "cccccc"]
    expected = run_state(runs[0].run)
    assert runs[0].result == expected.result
    assert (runs[0].spec, runs[0].dataset, runs[0].machine) == (expected.spec, expected.dataset, expected.machine)
    assert runs[0].epochs_done == expected.epochs_done


def eventful():
    """Return a run with a pause and a change of epochs, every event in its place."""
    started, first, second, third, done = run_events()
    return [
        started,
        RunPaused(run="run-1", epoch=1),
        RunResumed(run="run-1", epoch=1, paused_s=2.5),
        first,
        EpochsChanged(run="run-1", epoch=2, epochs=5),
        second,
        EpochsChanged(run="run-1", epoch=3, epochs=3),
        third,
        done,
    ]


def test_events_are_replayed_as_they_came(home, store):
    record(store, eventful())
    with Store.open_readonly(home) as reader:
        assert list(reader.events("run-1")) == eventful()


def test_news_are_not_kept(home, store):
    started, first, *rest = run_events()
    news = [Preparing(message="reading"), progress(1), Notice(level="warning", message="hot"), progress(2)]
    sweep = [SweepStarted(sweep="sweep-1", started_at=""), SweepDone(sweep="sweep-1", runs=("run-1",), stopped=False)]
    record(store, [*news, *sweep, started, *news, first, *news, *rest, *sweep])
    assert list(store.events("run-1")) == run_events()


def test_pauses_and_changed_epochs_of_a_live_run_are_seen(home, store):
    events = eventful()
    record(store, events[:2])
    assert listed(home) == [("run-1", Status.PAUSED)]
    record(store, events[2:5])
    run = read(home)
    assert (run.status, run.epochs) == (Status.RUNNING, 5)
    assert run.marks == [events[1], events[2], events[4]]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 5e-324, 1e308, 1 / 3])
def test_numbers_survive_bit_for_bit_also_those_that_are_not_finite(home, store, value):
    numbers = ("train_loss", "val_loss", "images_per_s", "learning_rate")
    epoch = epoch_done(1, val_accuracy=value, **dict.fromkeys(numbers, value))
    started, *_, done = run_events(val_accuracies=[value], test_loss=value)
    record(store, [started, epoch, done])
    run = read(home)
    # As text, since NaN is unlike itself.
    assert repr(run.history) == repr([epoch])
    assert repr(run.result) == repr(done)
    assert [repr(event) for event in store.events("run-1")] == [repr(event) for event in (started, epoch, done)]


def test_what_follows_from_the_epoch_before_is_read_as_it_was_told(home, store):
    events = run_events(val_accuracies=[0.4, 0.5, 0.5])
    record(store, events)
    told = [event for event in events if isinstance(event, EpochDone)]
    for found in (read(home).history, [event for event in store.events("run-1") if isinstance(event, EpochDone)]):
        assert [(e.improvement_points, e.error_reduction) for e in found] == [
            (e.improvement_points, e.error_reduction) for e in told
        ]
    assert [epoch.improvement_points for epoch in told] == [None, pytest.approx(10), 0]


def test_settings_and_texts_of_every_kind_survive(home, store):
    spec = RunSpec(epochs=100_000, features=512, seed=2**63 - 1, learning_rate=math.inf, threads=None)
    reason = 'it\'s "broken"; DROP TABLE runs --\n\u2028ü🙂 100%'
    record(store, run_events(spec=spec, status=Status.FAILED, reason=reason))
    run = read(home)
    assert run.spec == spec
    assert run.result is not None
    assert run.result.reason == reason


# Names ---------------------------------------------------------------------------------------------


@pytest.fixture
def three(home):
    fill(home, "20260101-aa", "20260101-ab", "20260102-aa")
    with Store.open_readonly(home) as reader:
        yield reader


@pytest.mark.parametrize(
    ("name", "run"),
    [("20260101-ab", "20260101-ab"), ("20260102", "20260102-aa"), ("last", "20260102-aa")],
)
def test_a_run_is_found_by_its_id_its_beginning_and_as_the_last_one(three, name, run):
    assert three.run(name).run == run
    assert next(three.events(name)).run == run


def test_a_whole_id_is_found_although_another_one_begins_with_it(home):
    fill(home, "run-1", "run-10")
    assert read(home, "run-1").run == "run-1"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("2026", "'2026' matches 3 runs"),
        ("20260101-a", "'20260101-a' matches 2 runs"),
        ("20260103", "no run '20260103'"),
        ("0101", "no run '0101'"),
        ("%", "no run '%'"),
        ("LAST", "no run 'LAST'"),
    ],
)
def test_a_name_that_fits_no_run_or_several_is_a_usage_error(three, name, sentence):
    for ask in (three.run, lambda name: next(three.events(name))):
        with pytest.raises(UsageError, match=sentence) as caught:
            ask(name)
        assert caught.value.exit_code == 2
        assert caught.value.next_step


# Checkpoints ---------------------------------------------------------------------------------------


def test_checkpoints_that_failed_for_a_moment_come_back_and_both_are_said_once(home, store, monkeypatch):
    start, *epochs = run_events(val_accuracies=(0.1, 0.2, 0.3, 0.4, 0.5))
    write = checkpoints.write
    told = [*store.recorded([start])]
    for done in (event for event in epochs if isinstance(event, EpochDone)):
        broken = done.epoch in (2, 3)
        monkeypatch.setattr(checkpoints, "write", full_disk if broken else write)
        data = f"weights {done.epoch}".encode()
        told += store.recorded([replace(done, checkpoint=data)])
    notices = [event.message for event in told if isinstance(event, Notice)]
    assert [("cannot" in text, "again" in text) for text in notices] == [(True, False), (False, True)]
    kept = sorted(path.name for path in checkpoints.folder_of(home, "run-1").iterdir())
    assert kept == ["epoch-000004-batch-000000.ckpt", "epoch-000005-batch-000000.ckpt"]


def test_what_is_for_the_store_alone_goes_no_further(store):
    start, *_ = run_events()
    epoch = epoch_done(1)
    insight = scripted_insight("run-1", RunSpec(), 1, 4_600, 10_000)
    events = [validation_set("digest", 0, 10), start, replace(epoch, insight=insight, checkpoint=b"weights")]
    told = list(store.recorded([*events, Checkpoint(run="run-1", epoch=1, batch=3, data=b"weights")]))
    assert told == [start, epoch]
    assert (told[1].insight, told[1].checkpoint) == (None, None)
    assert store.insight("run-1", 1).confusion == insight.confusion
    assert store.newest_checkpoint("run-1")[::2] == (1, b"weights")
