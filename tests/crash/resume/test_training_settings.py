"""Runs with a schedule, another optimizer or noise go on as exactly as plain ones."""

from dataclasses import replace

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, EpochsChanged, Progress, RunPaused
from mnist_tui.core.queue import QueuedRun
from tests.crash.resume.helpers import (
    BATCHES,
    NARROW,
    RUN,
    WIDE,
    Pausing,
    after_epoch,
    begin,
    go_on,
    numbers,
    of,
    train,
    warnings,
)

SPECS = {
    "cosine": replace(NARROW, schedule="cosine", warmup=1),
    "onecycle": replace(WIDE, schedule="onecycle", optimizer="rmsprop", momentum=0.5),
    "noise": replace(
        WIDE, optimizer="sgd", momentum=0.9, dropout=0.3, augment="shift+rotate", label_smoothing=0.1, learning_rate=0.1
    ),
    "adamw": replace(NARROW, optimizer="adamw", schedule="step"),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_after_a_crash_between_epochs_it_is_the_uninterrupted_run_bit_for_bit(home, uninterrupted, spec):
    begin(home, spec, until=after_epoch(2))
    assert not warnings(go_on(home))
    assert numbers(home) == uninterrupted(spec)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("look", [5, BATCHES + 2 + 7])
def test_after_a_crash_within_an_epoch_it_is_the_uninterrupted_run_bit_for_bit(home, uninterrupted, spec, look):
    begin(home, spec, until=lambda event: isinstance(event, RunPaused), control=Pausing(look))
    assert not warnings(go_on(home))
    assert numbers(home) == uninterrupted(spec)


def changing(home, until=lambda event: False):
    """Train a run with a schedule that is to end later from the middle of its second epoch on, until an event."""
    control = RunControl()

    def watch(event):
        if isinstance(event, Progress) and event.epoch == 2:
            control.set_epochs(6)
        return until(event)

    return train(home, QueuedRun(RUN, SPECS["cosine"]), until=watch, control=control)


@pytest.mark.parametrize("epoch", [3, 5])
def test_a_run_whose_epochs_were_changed_keeps_the_rates_that_followed_from_it(tmp_path, epoch):
    whole = changing(tmp_path / "whole")
    (change,) = of(whole, EpochsChanged)
    assert (change.epoch, change.epochs) == (2, 6)
    rates = [event.learning_rate for event in of(whole, EpochDone)]
    plain = [event.learning_rate for event in of(begin(tmp_path / "plain", SPECS["cosine"]), EpochDone)]
    assert rates[:2] == plain[:2], "the epoch in progress keeps its rates"
    assert rates[2] > plain[2], "the schedule is longer from the next one on"
    changing(tmp_path / "cut", until=after_epoch(epoch))
    go_on(tmp_path / "cut")
    assert numbers(tmp_path / "cut") == numbers(tmp_path / "whole")


def test_a_finished_run_that_is_trained_further_goes_on_with_its_schedule_lengthened(home):
    begin(home, SPECS["cosine"])
    told = of(go_on(home, epochs=6), EpochDone)
    assert [event.epoch for event in told] == [5, 6]
    assert told[0].learning_rate > told[1].learning_rate >= 0
