import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core.events import EpochsChanged, Event, Notice, Preparing, RunDone, RunPaused, RunResumed, SweepStarted
from mnist_tui.core.reducer import MAX_STEPS, SessionState, apply_to_run
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import RunState, summarise
from mnist_tui.core.status import Phase, Status
from tests.builders import epoch_done, play, progress, run_events, run_state, sweep_events


def with_progress(events: list[Event]) -> list[Event]:
    """Put news from inside the epochs between the other events."""
    full: list[Event] = []
    for event in events:
        if event.type == "epoch_done":
            full += [progress(event.epoch, batch) for batch in (20, 60, 100)]  # type: ignore[attr-defined]
        full.append(event)
    return full


@settings(deadline=None)
@given(st.data())
def test_merging_progress_does_not_change_what_is_shown_at_the_end(data):
    events = sweep_events(with_progress(run_events()))
    kept = [e for e in events if not e.mergeable or data.draw(st.booleans())]
    assert play(kept) == play(events)


def test_a_session_follows_its_runs():
    state = SessionState()
    state.apply(SweepStarted(sweep="sweep-1", started_at="2026-03-01T12:00:00+00:00"))
    state.apply(Preparing(message="Loading torch"))
    assert state.active
    assert state.preparing is not None
    assert state.run is None
    for event in run_events("a"):
        state.apply(event)
    assert state.preparing is None
    for event in run_events("b", status=Status.STOPPED):
        state.apply(event)
    assert list(state.runs) == ["a", "b"]
    assert state.run is state.runs["b"]
    assert [run.status for run in state.runs.values()] == [Status.FINISHED, Status.STOPPED]


def test_the_end_of_a_sweep_ends_the_session_and_its_preparations():
    state = play([Preparing(message="Fetching MNIST"), *sweep_events()])
    assert not state.active
    assert state.preparing is None
    assert state.finished_sweep is not None


def test_notices_are_kept_in_their_order():
    notices = [Notice(level="warning", message="a"), Notice(level="error", message="b", exit_code=3)]
    assert play(notices).notices == notices


def test_an_epoch_that_is_known_or_out_of_order_is_ignored():
    start = run_events()[0]
    state = play([start, epoch_done(1), epoch_done(1, val_accuracy=0.99), epoch_done(3), epoch_done(2)])
    assert state.run is not None
    assert [e.epoch for e in state.run.history] == [1, 2]
    assert state.run.history[0].val_accuracy == epoch_done(1).val_accuracy


def test_events_of_an_unknown_run_change_nothing():
    assert play([progress(run="elsewhere"), epoch_done(run="elsewhere")]) == SessionState()


def test_an_event_of_an_unknown_kind_is_an_error():
    with pytest.raises(TypeError, match="unknown event"):
        SessionState().apply(Event())


def test_a_pause_shows_and_is_marked():
    start = run_events()[0]
    pause, resume = RunPaused(run="run-1", epoch=1), RunResumed(run="run-1", epoch=1, paused_s=600.0)
    paused, resumed = play([start, pause]).run, play([start, pause, resume]).run
    assert paused is not None
    assert resumed is not None
    assert (paused.status, resumed.status) == (Status.PAUSED, Status.RUNNING)
    assert resumed.marks == [pause, resume]


def test_time_to_go_and_elapsed_time_ignore_pauses():
    start = run_events(spec=RunSpec(epochs=3))[0]
    before = [start, epoch_done(1), progress(2, 50, epoch_elapsed_s=2.0)]
    pause = [RunPaused(run="run-1", epoch=2), RunResumed(run="run-1", epoch=2, paused_s=3600.0)]
    plain, paused = play(before).run, play([*before, *pause]).run
    assert plain is not None
    assert paused is not None
    assert plain.time_to_go_s == paused.time_to_go_s == pytest.approx(6.0)
    assert plain.elapsed_s == paused.elapsed_s == pytest.approx(6.0)


def test_time_to_go_in_the_first_epoch_comes_from_its_share_so_far():
    start = run_events(spec=RunSpec(epochs=2))[0]
    early, later = play([start, progress(1, 5)]).run, play([start, progress(1, 50, epoch_elapsed_s=2.0)]).run
    assert early is not None
    assert later is not None
    assert early.time_to_go_s is None, "too early to tell"
    assert later.time_to_go_s == pytest.approx(6.0)


def test_changed_epochs_move_the_goal():
    state = play([run_events(spec=RunSpec(epochs=4))[0], epoch_done(1)])
    assert state.run is not None
    assert state.run.fraction == pytest.approx(0.25)
    state.apply(EpochsChanged(run="run-1", epoch=2, epochs=2))
    assert state.run.epochs == 2
    assert state.run.fraction == pytest.approx(0.5)


def test_the_share_of_the_run_grows_inside_an_epoch_and_ends_at_one():
    start = run_events(spec=RunSpec(epochs=2))[0]
    shares = []
    for events in (
        [],
        [progress(1, 50)],
        [progress(1, 1, phase=Phase.VALIDATION)],
        [epoch_done(1)],
        [progress(1, 100), epoch_done(1)],
        [epoch_done(1), progress(2, 50)],
    ):
        run = play([start, *events]).run
        assert run is not None
        shares.append(run.fraction)
    assert shares == pytest.approx([0.0, 0.25, 0.5, 0.5, 0.5, 0.75])
    assert run_state().fraction == 1.0


def test_speed_is_that_of_now_or_of_the_last_epoch():
    start = run_events()[0]
    cases = {
        None: [start],
        500.0: [start, progress(1, images_per_s=500.0)],
        800.0: [start, epoch_done(1, images_per_s=800.0), progress(2, 0, images_per_s=0.0)],
    }
    for speed, events in cases.items():
        run = play(events).run
        assert run is not None
        assert run.images_per_s == speed


def test_a_result_stands_for_the_finished_epochs():
    history = [epoch_done(1, val_accuracy=0.4), epoch_done(2, val_accuracy=0.6), epoch_done(3, val_accuracy=0.6)]
    done = summarise("run-1", history, status=Status.STOPPED, ended_at="2026-03-01T12:00:00+00:00", reason="asked")
    assert done.epochs_done == 3
    assert done.last_epoch_accuracy == history[-1].train_accuracy
    assert done.last_epoch_time_s == 4.0
    assert done.total_training_time_s == 12.0
    assert (done.best_val_accuracy, done.best_epoch) == (0.6, 2), "the first of equal epochs is the best"
    assert done.test_accuracy is None


def test_a_run_in_progress_has_the_result_of_one_that_ends_now():
    run = RunState("run-1", RunSpec())
    assert run.so_far is None
    for number, accuracy in enumerate([0.4, math.nan, 0.6, 0.6], start=1):
        apply_to_run(run, epoch_done(number, val_accuracy=accuracy))
        assert run.so_far == summarise("run-1", run.history, status=run.status, ended_at="")


def test_a_run_without_a_finished_epoch_has_an_empty_result():
    done = summarise("run-1", [], status=Status.FAILED, ended_at="2026-03-01T12:00:00+00:00")
    names = [f.name for f in dataclasses.fields(RunDone)]
    values = [getattr(done, name) for name in names if "accuracy" in name or name == "best_epoch"]
    assert set(values) == {None}
    assert (done.epochs_done, done.total_training_time_s) == (0, 0.0)


def test_a_lost_accuracy_is_never_the_best():
    run = run_state(val_accuracies=(0.2, math.nan), status=Status.DIVERGED)
    assert run.best is run.history[0]
    assert run_state(val_accuracies=(math.nan,), status=Status.DIVERGED).best is None


def test_a_past_run_without_its_epochs_still_knows_how_many_there_were():
    done = run_state().result
    listed = RunState(run="run-1", spec=RunSpec(epochs=3), status=Status.FINISHED, result=done)
    assert listed.epochs_done == 3
    assert listed.time_to_go_s is None


def test_the_best_epoch_and_the_time_follow_a_history_that_grows_and_one_that_is_another():
    def best_and_time():
        return run.best.epoch if run.best else None, round(run.elapsed_s, 6)

    run = run_state(val_accuracies=(0.3, 0.5, 0.4))
    assert best_and_time() == (2, 12.0)
    apply_to_run(run, epoch_done(4, val_accuracy=0.5))
    assert best_and_time() == (2, 16.0), "the first of two equal ones"
    apply_to_run(run, epoch_done(5, val_accuracy=0.6))
    apply_to_run(run, epoch_done(6, val_accuracy=math.nan))
    assert best_and_time() == (5, 24.0)
    run.history = run.history[:1]
    assert best_and_time() == (1, 4.0)


def test_the_loss_inside_an_epoch_is_known_until_its_end():
    run = run_state(val_accuracies=(), status=Status.RUNNING, spec=RunSpec(epochs=3))
    for batch, loss in ((25, 2.0), (50, 1.5)):
        apply_to_run(run, progress(1, batch, loss=loss))
    apply_to_run(run, progress(1, 100, phase=Phase.VALIDATION))
    assert run.steps == [(0.25, 2.0), (0.5, 1.5)]
    apply_to_run(run, epoch_done(1))
    assert run.steps == []
    # Late news of an epoch that is over.
    apply_to_run(run, progress(1, 75, loss=1.0))
    assert run.steps == []
    apply_to_run(run, progress(2, 10, loss=1.0))
    assert run.steps == [(1.1, 1.0)]


def test_of_very_many_news_inside_an_epoch_only_some_are_kept():
    run = run_state(val_accuracies=(), status=Status.RUNNING)
    for batch in range(10 * MAX_STEPS):
        apply_to_run(run, progress(1, batch, batches=10 * MAX_STEPS, loss=1.0))
    assert MAX_STEPS / 3 < len(run.steps) <= MAX_STEPS
    places = [place for place, _ in run.steps]
    assert places == sorted(places)
    assert places[-1] > 0.99


def test_numbers_that_no_training_gives_end_nothing():
    state = SessionState()
    state.apply(run_events()[0])
    state.apply(progress(1, 0, batches=0, loss=1.0))
    state.apply(EpochsChanged(run="run-1", epoch=1, epochs=0))
    run = state.runs["run-1"]
    assert (run.epoch_fraction, run.fraction, run.steps) == (0.0, 0.0, [])
