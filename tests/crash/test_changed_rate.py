"""A learning rate that was changed on the way: recorded, and exact when the run goes on."""

import pytest

from mnist_tui.core.comparison import build_table
from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, Progress, RateChanged, RunContinued, RunPaused
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.status import Phase, Status
from mnist_tui.engine import session
from mnist_tui.engine.trainer import Intervals
from mnist_tui.store.database import Store
from tests.crash.resume.helpers import (
    BATCHES,
    NARROW,
    RUN,
    WIDE,
    WIDE_TORCH,
    Pausing,
    after_epoch,
    go_on,
    kept,
    numbers,
    of,
    train,
)

RATE = 0.0003


def changing(home, spec, *, after=2, until=lambda event: False):
    """Train a run whose learning rate is changed after an epoch, until an event."""
    control = RunControl()

    def watch(event):
        if isinstance(event, EpochDone) and event.epoch == after:
            assert control.set_learning_rate(RATE, RUN)
        return until(event)

    return train(home, QueuedRun(RUN, spec), until=watch, control=control)


@pytest.fixture(scope="module", params=[NARROW, WIDE, WIDE_TORCH], ids=["narrow", "wide", "torch"])
def whole(request, tmp_path_factory):
    """A run with a changed rate that was left alone: its settings and all its numbers."""
    home = tmp_path_factory.mktemp("whole") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "INTERVALS", Intervals(checkpoint_s=0.0))
        changing(home, request.param)
    return request.param, numbers(home)


def test_the_next_epoch_is_trained_with_the_new_rate_and_that_is_recorded(tmp_path):
    events = changing(tmp_path / "home", NARROW)
    (change,) = of(events, RateChanged)
    assert (change.epoch, change.learning_rate) == (3, RATE)
    assert [e.learning_rate for e in of(events, EpochDone)] == [0.001, 0.001, RATE, RATE]
    run = kept(tmp_path / "home")
    assert run.rates == ((3, RATE),)
    assert run.learning_rate == RATE
    with Store.open_readonly(tmp_path / "home") as store:
        assert store.runs()[0].rates == ((3, RATE),), "a list of runs knows it as well"


def test_another_rate_gives_other_numbers_from_that_epoch_on(tmp_path):
    changed = of(changing(tmp_path / "a", NARROW), EpochDone)
    plain = of(train(tmp_path / "b", QueuedRun(RUN, NARROW)), EpochDone)
    assert [e.val_loss for e in changed[:2]] == [e.val_loss for e in plain[:2]]
    assert changed[2].val_loss != plain[2].val_loss


def test_after_a_crash_it_is_the_run_that_was_never_interrupted(tmp_path, whole):
    spec, expected = whole
    home = tmp_path / "home"
    changing(home, spec, until=after_epoch(3))
    go_on(home)
    assert numbers(home) == expected


def test_a_wish_of_a_run_that_goes_on_counts_as_that_of_one_that_was_never_interrupted(tmp_path, whole):
    spec, expected = whole
    home = tmp_path / "home"
    train(home, QueuedRun(RUN, spec), until=after_epoch(1))
    control = RunControl()

    def watch(event):
        if after_epoch(2)(event):
            control.set_learning_rate(RATE, RUN)
        return False

    go_on(home, until=watch, control=control)
    assert numbers(home) == expected


def test_epochs_that_are_trained_again_are_trained_with_the_rate_they_had(tmp_path, whole, monkeypatch):
    spec, expected = whole
    home = tmp_path / "home"
    monkeypatch.setattr(session, "INTERVALS", Intervals(checkpoint_s=3600.0))
    # No epoch has a checkpoint, so all three are trained again.
    changing(home, spec, until=after_epoch(3))
    monkeypatch.setattr(session, "INTERVALS", Intervals(checkpoint_s=0.0))
    events = go_on(home)
    assert [e.learning_rate for e in of(events, EpochDone)] == [0.001, 0.001, RATE, RATE]
    assert not of(events, RateChanged)
    assert numbers(home) == expected


def test_in_the_middle_of_an_epoch_with_a_new_rate_it_can_be_paused_and_lost(tmp_path, whole):
    spec, expected = whole
    home = tmp_path / "home"
    control = RunControl()

    def watch(event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.set_learning_rate(RATE, RUN)
        if isinstance(event, Progress) and event.epoch == 3 and event.phase is Phase.TRAIN:
            control.pause()
        return isinstance(event, RunPaused)

    train(home, QueuedRun(RUN, spec), until=watch, control=control)
    go_on(home)
    assert numbers(home) == expected


@pytest.mark.parametrize("moment", [RunPaused, Progress], ids=["paused", "training"])
def test_a_rate_is_recorded_as_soon_as_it_is_asked_for_and_outlives_a_crash(tmp_path, whole, monkeypatch, moment):
    spec, expected = whole
    home = tmp_path / "home"
    monkeypatch.setattr(session, "INTERVALS", Intervals(progress_s=0.0, checkpoint_s=0.0))
    control = RunControl()

    def watch(event):
        if isinstance(event, Progress) and event.epoch == 2 and moment is RunPaused:
            control.pause()
        if isinstance(event, moment) and event.epoch == 2:
            control.set_learning_rate(RATE, RUN)
        return isinstance(event, RateChanged)

    events = train(home, QueuedRun(RUN, spec), until=watch, control=control)
    assert events[-1] == RateChanged(run=RUN, epoch=3, learning_rate=RATE)
    assert len(of(events, EpochDone)) == 1
    assert kept(home).rates == (), "it was in use in no epoch"
    go_on(home)
    assert numbers(home) == expected


def test_a_rate_that_was_taken_back_before_its_epoch_is_no_change(tmp_path):
    control = RunControl()

    def watch(event):
        if isinstance(event, RunPaused):
            control.set_learning_rate(RATE, RUN)
        if isinstance(event, RateChanged) and event.learning_rate == RATE:
            control.set_learning_rate(NARROW.learning_rate, RUN)
        elif isinstance(event, RateChanged):
            control.resume()
        elif isinstance(event, EpochDone) and event.epoch == 2:
            control.pause()
        return False

    train(tmp_path / "home", QueuedRun(RUN, NARROW), until=watch, control=control)
    run = kept(tmp_path / "home")
    assert {epoch.learning_rate for epoch in run.history} == {NARROW.learning_rate}
    assert run.rates == ()


def test_a_rate_replaces_those_that_were_asked_for_later_epochs(tmp_path, monkeypatch):
    """After a crash, epochs are trained again, and a new rate may come before one that was asked for."""
    monkeypatch.setattr(session, "INTERVALS", Intervals(progress_s=0.0, checkpoint_s=0.0))
    home, control = tmp_path / "home", RunControl()

    def ask(rate, epoch):
        def watch(event):
            if isinstance(event, Progress) and event.epoch == epoch:
                control.set_learning_rate(rate, RUN)
            return isinstance(event, RateChanged)

        return watch

    train(home, QueuedRun(RUN, NARROW), until=ask(0.1, 3), control=control)
    control = RunControl()
    (first,) = [mark.epoch for mark in kept(home).marks if isinstance(mark, RateChanged)]
    assert first == 4

    def again(event):
        if isinstance(event, RunContinued):
            control.set_learning_rate(RATE, RUN)
        return False

    go_on(home, until=again, control=control)
    run = kept(home)
    assert [epoch.learning_rate for epoch in run.history] == [0.001, 0.001, RATE, RATE]
    assert run.rates == ((3, RATE),)


def test_an_epoch_that_was_begun_before_the_resume_ends_with_its_rate(tmp_path):
    home = tmp_path / "home"
    middle = Pausing(BATCHES + 10)
    train(home, QueuedRun(RUN, NARROW), until=lambda event: isinstance(event, RunPaused), control=middle)
    paused = kept(home).begun
    control = RunControl()

    def ask(event):
        if isinstance(event, RunContinued):
            control.set_learning_rate(RATE, RUN)
        return False

    events = go_on(home, until=ask, control=control)
    assert [change.epoch for change in of(events, RateChanged)] == [paused + 1]
    assert [epoch.learning_rate for epoch in kept(home).history][:paused] == [0.001] * paused


def test_a_rate_that_ended_the_run_is_told(tmp_path):
    home, control = tmp_path / "home", RunControl()

    def watch(event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.set_learning_rate(1e30, RUN)
        return False

    train(home, QueuedRun(RUN, NARROW), until=watch, control=control)
    run = kept(home)
    assert (run.status, run.epochs_done) == (Status.DIVERGED, 2)
    assert run.rate_changes == "1e+30 from epoch 3"


def test_a_rate_that_was_accepted_with_the_last_epoch_is_kept_for_more_epochs(tmp_path):
    home = tmp_path / "home"
    changing(home, NARROW, after=NARROW.epochs)
    run = kept(home)
    assert run.status is Status.FINISHED
    assert run.rates == ()
    go_on(home, NARROW.epochs + 1)
    assert kept(home).history[-1].learning_rate == RATE


def test_runs_with_a_changed_rate_are_not_averaged_with_others(tmp_path):
    changing(tmp_path / "a", NARROW)
    train(tmp_path / "b", QueuedRun("run-2", NARROW))
    with Store.open_readonly(tmp_path / "b") as store:
        plain = store.run("run-2")
    table = build_table([kept(tmp_path / "a"), plain])
    assert len(table.rows) == 2
    assert {row.values["rate_changes"] for row in table.rows} == {None, "0.0003 from epoch 3"}


def test_a_wish_that_comes_when_the_run_is_over_is_refused(tmp_path):
    control = RunControl()
    train(tmp_path / "home", QueuedRun(RUN, NARROW), control=control)
    assert not control.set_learning_rate(RATE, RUN)
    assert kept(tmp_path / "home").status is Status.FINISHED
