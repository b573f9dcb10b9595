"""A run that goes on is the run that was never interrupted, on the built-in digits."""

from dataclasses import replace

import pytest
import torch

from mnist_tui.core.control import Requests, RunControl
from mnist_tui.core.events import EpochDone, Progress, RunDone, RunPaused
from mnist_tui.core.orders import HAND_OVER, Order
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.status import Phase, Status
from mnist_tui.errors import UsageError
from tests.crash.resume.helpers import (
    BATCHES,
    NARROW,
    WIDE,
    WIDE_TORCH,
    Pausing,
    after_epoch,
    begin,
    go_on,
    kept,
    newest_checkpoints,
    numbers,
    of,
    remove,
    rows,
    warnings,
)


@pytest.mark.parametrize("spec", [NARROW, WIDE, WIDE_TORCH], ids=["narrow", "wide", "wide, torch"])
@pytest.mark.parametrize("epoch", [1, 2, 3, 4])
def test_a_run_that_goes_on_after_any_epoch_is_the_uninterrupted_one_bit_for_bit(home, uninterrupted, spec, epoch):
    begin(home, spec, until=after_epoch(epoch))
    assert kept(home).status is Status.INTERRUPTED
    told = go_on(home)
    assert not warnings(told)
    assert [e.epoch for e in of(told, EpochDone)] == list(range(epoch + 1, 5))
    assert numbers(home) == uninterrupted(spec)


def test_a_run_that_died_before_its_first_epoch_starts_over(home, uninterrupted):
    begin(home, NARROW, until=lambda event: isinstance(event, Progress))
    assert not warnings(go_on(home))
    assert numbers(home) == uninterrupted(NARROW)


def test_a_run_that_dies_after_every_epoch_still_gets_there(home, uninterrupted):
    begin(home, WIDE, until=after_epoch(1))
    for epoch in (2, 3):
        go_on(home, until=after_epoch(epoch))
    go_on(home)
    assert numbers(home) == uninterrupted(WIDE)


def val_losses(events):
    return [event.val_loss for event in of(events, EpochDone)]


def until_checkpoint(sparse, epoch):
    """Give the epoch after this one a checkpoint, and then no more."""

    def look(event):
        if isinstance(event, EpochDone):
            sparse(0.0 if event.epoch == epoch else 3600.0)
        return False

    return look


def test_epochs_without_a_checkpoint_of_their_own_are_kept_and_trained_again_to_the_same_numbers(
    home, uninterrupted, sparse
):
    look = until_checkpoint(sparse, 1)
    begun = begin(home, NARROW, until=lambda event: look(event) or after_epoch(4)(event))
    # The last one has a checkpoint, since it ends the run; without that the newest is the second's.
    assert [path.name for path in newest_checkpoints(home)] == [
        f"epoch-{epoch:06}-batch-000000.ckpt" for epoch in (4, 2)
    ]
    remove(newest_checkpoints(home)[0])
    rows(home, "DELETE FROM checkpoints WHERE epoch = 4")
    assert [e.val_loss for e in kept(home).history] == val_losses(begun)
    told = go_on(home)
    assert warnings(told) == ["The last 2 epochs are trained again from the previous checkpoint."]
    assert val_losses(told) == val_losses(begun)[2:]
    assert numbers(home)[:2] == uninterrupted(NARROW)[:2]


def test_a_run_that_ends_early_while_it_trains_epochs_again_still_has_them_all(home, sparse):
    begun = begin(home, NARROW, until=after_epoch(3))
    control = RunControl()

    def stop(event):
        if isinstance(event, Progress):
            control.set_epochs(1)
            control.stop()
        return False

    told = go_on(home, until=stop, control=control)
    assert not of(told, EpochDone)
    run = kept(home)
    assert run.result is not None
    assert (run.status, run.result.epochs_done) == (Status.STOPPED, 3)
    assert [e.val_loss for e in run.history] == val_losses(begun)
    assert run.result.last_val_accuracy == run.history[-1].val_accuracy


def test_a_stop_and_the_end_of_a_run_always_leave_a_checkpoint(home, sparse):
    control = RunControl()

    def stop(event):
        if isinstance(event, Progress) and event.epoch == 2:
            control.stop(after_epoch=True)
        return False

    begin(home, NARROW, until=stop, control=control)
    assert newest_checkpoints(home)[0].name == "epoch-000002-batch-000000.ckpt"
    go_on(home)
    assert newest_checkpoints(home)[0].name == "epoch-000004-batch-000000.ckpt"


def test_fewer_epochs_asked_for_at_the_last_moment_leave_a_checkpoint_too(home, sparse):
    control = RunControl()

    def fewer(event):
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.set_epochs(2)
        return False

    begin(home, NARROW, until=fewer, control=control)
    assert newest_checkpoints(home)[0].name == "epoch-000002-batch-000000.ckpt"
    assert kept(home).status is Status.FINISHED


@pytest.mark.parametrize("spec", [NARROW, WIDE_TORCH], ids=["narrow", "wide, torch"])
@pytest.mark.parametrize(
    ("look", "trained"),
    [(1, 1), (7, 7), (BATCHES, BATCHES), (BATCHES + 1, BATCHES), (BATCHES + 2, BATCHES), (BATCHES + 2 + 5, 5)],
    ids=["first batch", "a batch", "last batch", "validation begins", "validation ends", "second epoch"],
)
def test_a_run_that_died_while_it_was_paused_goes_on_from_that_batch(home, uninterrupted, spec, look, trained):
    told = begin(home, spec, until=lambda event: isinstance(event, RunPaused), control=Pausing(look))
    place = rows(home, "SELECT epoch, batch FROM checkpoints ORDER BY epoch DESC, batch DESC LIMIT 1")
    assert place == [(len(of(told, EpochDone)), trained)]
    first = of(go_on(home), Progress)[0]
    assert (first.phase, first.batch) == ((Phase.TRAIN, trained + 1) if trained < BATCHES else (Phase.VALIDATION, 1))
    assert numbers(home) == uninterrupted(spec)


class HandingOver(RunControl):
    """Hands the run over after so many looks between two batches."""

    def __init__(self, after):
        super().__init__()
        self.requests = HandingOverRequests(after)


class HandingOverRequests(Requests):
    def __init__(self, after):
        super().__init__()
        self._looks = after

    @property
    def handing_over(self):
        self._looks -= 1
        if self._looks == 0:
            self.take(Order(kind=HAND_OVER))
        return super().handing_over


@pytest.mark.parametrize("spec", [NARROW, WIDE_TORCH], ids=["narrow", "wide, torch"])
@pytest.mark.parametrize("look", [1, 7, BATCHES, BATCHES + 1, BATCHES + 2, BATCHES + 2 + 5])
def test_a_run_that_was_handed_over_is_the_uninterrupted_one(home, uninterrupted, spec, look):
    (done,) = of(begin(home, spec, control=HandingOver(look)), RunDone)
    assert done.status is Status.STOPPED
    assert done.test_accuracy is None
    trained = look - BATCHES - 2 if look > BATCHES + 2 else min(look, BATCHES)
    first = of(go_on(home), Progress)[0]
    assert (first.phase, first.batch) == ((Phase.TRAIN, trained + 1) if trained < BATCHES else (Phase.VALIDATION, 1))
    assert numbers(home) == uninterrupted(spec)


def test_a_run_that_is_being_tested_is_not_handed_over(home, uninterrupted):
    (done,) = of(begin(home, NARROW, control=HandingOver(4 * (BATCHES + 2) + 1)), RunDone)
    assert done.status is Status.FINISHED
    assert numbers(home) == uninterrupted(NARROW)


def test_a_pause_in_a_run_that_goes_on_is_exact_too(home, uninterrupted):
    begin(home, NARROW, until=lambda event: isinstance(event, RunPaused), control=Pausing(5))
    go_on(home, until=lambda event: isinstance(event, RunPaused), control=Pausing(6))
    assert rows(home, "SELECT max(batch) FROM checkpoints") == [(11,)]
    go_on(home)
    assert numbers(home) == uninterrupted(NARROW)


def test_a_run_stopped_inside_an_epoch_goes_on_after_its_last_whole_one(home, uninterrupted):
    control = RunControl()

    def second_epoch(event):
        if isinstance(event, Progress) and event.epoch == 2:
            control.stop()
        return False

    begin(home, NARROW, until=second_epoch, control=control)
    assert (kept(home).status, kept(home).epochs_done) == (Status.STOPPED, 1)
    go_on(home)
    assert numbers(home) == uninterrupted(NARROW)


def test_the_total_time_is_the_sum_of_all_epoch_times_of_both_parts(home):
    first = of(begin(home, NARROW, until=after_epoch(2)), EpochDone)
    told = go_on(home)
    (done,) = of(told, RunDone)
    assert len(first) == len(of(told, EpochDone)) == 2
    assert done.total_training_time_s == pytest.approx(sum(e.epoch_s for e in [*first, *of(told, EpochDone)]))


def test_the_time_spent_before_a_pause_is_part_of_its_epoch(home):
    told = begin(home, NARROW, until=lambda event: isinstance(event, RunPaused), control=Pausing(BATCHES))
    before_s = torch.load(newest_checkpoints(home)[0], weights_only=True)["elapsed_s"]
    assert before_s >= of(told, Progress)[-1].epoch_elapsed_s
    epoch = of(go_on(home), EpochDone)[0]
    assert epoch.train_s > before_s > 0


def test_more_epochs_for_a_finished_run_make_it_the_longer_run(home, uninterrupted):
    begin(home, replace(NARROW, epochs=2))
    with pytest.raises(UsageError, match="already has 2 epochs"):
        go_on(home)
    go_on(home, epochs=4)
    assert numbers(home) == uninterrupted(NARROW)


def test_what_is_shown_is_the_whole_run_also_its_first_part(home):
    begin(home, NARROW, until=after_epoch(2))
    state = SessionState()
    for event in go_on(home):
        state.apply(event)
    assert state.run is not None
    assert [e.epoch for e in state.run.history] == [1, 2, 3, 4]
    assert state.run.history == kept(home).history
    assert state.run.result == kept(home).result
