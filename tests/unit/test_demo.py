"""The scripted engine keeps the real engine's promises."""

import math
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Progress,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    SweepDone,
)
from mnist_tui.core.parsing import event_from_json
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.demo import run_sweep

SPEC = RunSpec(epochs=3)


def queue(*specs):
    return iter([QueuedRun(f"run-{number}", spec) for number, spec in enumerate(specs or (SPEC,), start=1)])


def play(*specs, control=None, **options):
    return list(run_sweep(queue(*specs), control or RunControl(), **options))


def play_and(act, *specs, control=None, **options):
    """Play, and call `act` with every event before the next one is made."""
    events = []
    for event in run_sweep(queue(*specs), control or RunControl(), **options):
        events.append(event)
        act(event)
    return events


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_a_run_tells_its_story_in_the_engines_order():
    story = [event.type for event in play(SPEC, replace(SPEC, epochs=1)) if not isinstance(event, Progress)]
    assert story == [
        "sweep_started", "preparing",
        "run_started", "epoch_done", "epoch_done", "epoch_done", "run_done",
        "run_started", "epoch_done", "run_done",
        "sweep_done",
    ]  # fmt: skip


def test_progress_goes_through_training_validation_and_the_final_test():
    news = of(play(replace(SPEC, epochs=1), steps=4), Progress)
    assert [p.phase for p in news] == [Phase.TRAIN] * 4 + [Phase.VALIDATION, Phase.TEST]
    assert [p.batch for p in news if p.phase is Phase.TRAIN] == [195, 391, 586, 782]
    assert all(p.batches == 782 for p in news if p.phase is Phase.TRAIN)


def test_large_batches_give_no_more_news_than_batches():
    news = [p for p in of(play(replace(SPEC, epochs=1, batch_size=10_000)), Progress) if p.phase is Phase.TRAIN]
    assert [p.batch for p in news] == [1, 2, 3, 4, 5]


def test_the_same_settings_give_the_same_events():
    assert play(SPEC, replace(SPEC, seed=1)) == play(SPEC, replace(SPEC, seed=1))


@pytest.mark.parametrize("change", [{"features": 3}, {"seed": 1}, {"learning_rate": 0.002}])
def test_other_settings_give_other_curves(change):
    accuracies = [[e.val_accuracy for e in of(play(spec), EpochDone)] for spec in (SPEC, replace(SPEC, **change))]
    assert accuracies[0] != accuracies[1]


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = (of(play(replace(SPEC, epochs=n)), EpochDone) for n in (3, 6))
    assert long[:3] == short


@pytest.mark.parametrize(("features", "accuracy"), [(2, 0.48), (32, 0.96)])
@pytest.mark.parametrize("seed", range(5))
def test_the_width_decides_where_the_curve_ends(features, accuracy, seed):
    done = of(play(RunSpec(epochs=20, features=features, seed=seed)), RunDone)[0]
    for value in (done.last_val_accuracy, done.last_epoch_accuracy, done.test_accuracy):
        assert value == pytest.approx(accuracy, abs=0.025)


@pytest.mark.parametrize("features", [1, 2, 16, 512])
@pytest.mark.parametrize("learning_rate", [1e-9, 0.001, 0.999])
def test_accuracies_are_shares_of_whole_images(features, learning_rate):
    for epoch in of(play(RunSpec(epochs=30, features=features, learning_rate=learning_rate)), EpochDone):
        assert 0 <= epoch.val_accuracy <= 1
        assert epoch.val_accuracy * 10_000 == pytest.approx(round(epoch.val_accuracy * 10_000))
        assert epoch.val_loss > 0


def test_improvement_follows_from_the_epoch_before():
    first, second, _ = of(play(), EpochDone)
    assert first.improvement_points is None
    assert second.improvement_points == pytest.approx(100 * (second.val_accuracy - first.val_accuracy))


@pytest.mark.parametrize("learning_rate", [1.0, math.inf])
def test_a_huge_learning_rate_diverges_and_the_queue_goes_on(learning_rate):
    events = play(replace(SPEC, learning_rate=learning_rate), SPEC)
    bad, good = of(events, RunDone)
    assert bad.status is Status.DIVERGED
    assert bad.reason == "the loss was no longer a finite number in epoch 2"
    assert bad.test_accuracy is None
    assert [epoch.epoch for epoch in of(events, EpochDone) if epoch.run == bad.run] == [1]
    assert good.status is Status.FINISHED


def test_nobody_can_mistake_the_numbers_for_measured_ones():
    started = of(play(), RunStarted)[0]
    assert started.dataset.label == "demo, scripted numbers"
    assert started.machine.device_name == "scripted"


def test_times_follow_the_script_and_not_the_clock():
    done = of(play(SPEC, SPEC, started_at="2026-05-01T08:00:00.000+00:00"), RunDone)
    # Per run 3 epochs of 2.36 s and 0.25 s, then a test of 0.25 s.
    assert [d.ended_at for d in done] == ["2026-05-01T08:00:08.080+00:00", "2026-05-01T08:00:16.160+00:00"]
    assert done[0].total_training_time_s == pytest.approx(3 * 2.61)


def test_stop_ends_the_run_between_batches_and_leaves_the_queue():
    control = RunControl()

    def stop_early_in_epoch_2(event):
        if isinstance(event, Progress) and (event.epoch, event.batch) == (2, 195):
            control.stop()

    events = play_and(stop_early_in_epoch_2, SPEC, SPEC, control=control, steps=4)
    done = of(events, RunDone)
    assert [(d.status, d.reason, d.epochs_done, d.test_accuracy) for d in done] == [
        (Status.STOPPED, "stopped by request", 1, None)
    ]
    assert max(p.batch for p in of(events, Progress) if p.epoch == 2) == 195
    assert of(events, SweepDone)[0].runs == ("run-1",)
    assert of(events, SweepDone)[0].stopped


def test_skip_after_the_epoch_completes_it_and_takes_the_next_run():
    control = RunControl()

    def skip_at_once(event):
        if isinstance(event, RunStarted) and event.run == "run-1":
            control.skip(after_epoch=True)

    first, second = of(play_and(skip_at_once, SPEC, SPEC, control=control), RunDone)
    assert (first.status, first.epochs_done) == (Status.STOPPED, 1)
    assert first.test_accuracy is not None
    assert (second.status, second.epochs_done) == (Status.FINISHED, 3)


def test_a_queue_that_is_stopped_before_it_starts_runs_nothing():
    control = RunControl()
    control.stop()
    events = play(control=control)
    assert not of(events, RunStarted)
    assert of(events, SweepDone)[0].stopped


def test_a_run_holds_while_it_is_paused():
    control = RunControl()

    def pause_then_resume_from_outside(event):
        if isinstance(event, Progress) and (event.epoch, event.batch) == (2, 782) and event.phase is Phase.TRAIN:
            control.pause()
        if isinstance(event, RunPaused):
            threading.Timer(0.05, control.resume).start()

    events = play_and(pause_then_resume_from_outside, control=control)
    at = [type(event) for event in events].index(RunPaused)
    assert isinstance(events[at + 1], RunResumed)
    assert events[at + 1].paused_s > 0
    calm = [event for event in events if not isinstance(event, RunPaused | RunResumed)]
    assert calm == play()


def test_the_number_of_epochs_can_be_changed_on_the_way():
    control = RunControl()

    def lengthen_then_cut(event):
        if isinstance(event, Progress) and event.epoch == 1:
            control.set_epochs(5)
        if isinstance(event, EpochDone) and event.epoch == 4:
            control.set_epochs(1)

    events = play_and(lengthen_then_cut, control=control)
    assert [(e.epoch, e.epochs) for e in of(events, EpochsChanged)] == [(1, 5), (4, 4)]
    assert (of(events, RunDone)[0].status, of(events, RunDone)[0].epochs_done) == (Status.FINISHED, 4)


def test_a_run_that_was_stopped_after_its_epoch_takes_no_more_wishes_while_it_is_tested():
    control, taken = RunControl(), []

    def wish(event):
        if isinstance(event, RunStarted):
            control.stop(after_epoch=True)
        if isinstance(event, Progress) and event.phase is Phase.TEST:
            taken.extend([control.set_epochs(9), control.set_learning_rate(0.5)])

    play_and(wish, control=control)
    assert taken == [False, False]


def test_runs_added_while_others_play_are_played():
    waiting = [QueuedRun("run-1", SPEC)]
    runs = iter(lambda: waiting.pop(0) if waiting else None, None)
    events = []
    for event in run_sweep(runs, RunControl()):
        events.append(event)
        if isinstance(event, RunStarted) and event.run == "run-1":
            waiting.append(QueuedRun("run-2", SPEC))
    assert of(events, SweepDone)[0].runs == ("run-1", "run-2")


def test_state_and_json_take_every_event():
    state = SessionState()
    for event in play(SPEC, replace(SPEC, learning_rate=2.0)):
        state.apply(event)
        assert repr(event_from_json(event.to_json())) == repr(event)
    assert [run.status for run in state.runs.values()] == [Status.FINISHED, Status.DIVERGED]
    assert not state.active


def test_the_demo_needs_neither_pytorch_nor_numpy():
    script = (
        "import sys, mnist_tui.demo; print([name for name in ('torch', 'numpy', 'textual') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
