"""The engine on the built-in digits: an epoch takes a fraction of a second."""

import gc
import math
import weakref
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import (
    EpochDone,
    EpochsChanged,
    Notice,
    Progress,
    RunDone,
    RunPaused,
    RunResumed,
    RunStarted,
    SweepDone,
    SweepStarted,
)
from mnist_tui.core.queue import enqueue
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.stored import Checkpoint
from mnist_tui.engine import session
from mnist_tui.engine.data import as_input
from mnist_tui.engine.session import run_sweep
from mnist_tui.engine.train import Trainer
from mnist_tui.engine.trainer import Diverged, Intervals
from mnist_tui.errors import DataError

SPEC = RunSpec(epochs=2, features=4, dataset="digits", device="cpu", threads=1)


def train(*specs, control=None):
    return list(run_sweep(enqueue(specs or (SPEC,)), control or RunControl()))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def numbers(events):
    return [
        (e.epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy, e.error_reduction)
        for e in of(events, EpochDone)
    ] + [(e.test_accuracy, e.test_loss) for e in of(events, RunDone)]


def test_a_run_tells_its_story_in_order():
    events = train()
    story = [e.type for e in events if not isinstance(e, Progress | Checkpoint)]
    assert [kind for kind in story if kind != "preparing"] == [
        "sweep_started", "validation_set", "run_started", "epoch_done", "epoch_done", "run_done", "sweep_done",
    ]  # fmt: skip
    done = of(events, RunDone)[0]
    epochs = of(events, EpochDone)
    assert done.status is Status.FINISHED
    assert done.epochs_done == 2
    assert done.last_epoch_accuracy == epochs[-1].train_accuracy
    assert done.last_val_accuracy == epochs[-1].val_accuracy
    assert done.last_epoch_time_s == epochs[-1].train_s + epochs[-1].val_s
    assert done.total_training_time_s == pytest.approx(sum(e.epoch_s for e in epochs))
    assert of(events, SweepDone)[0].runs == (done.run,)
    assert of(events, RunStarted)[0].dataset.name == "digits"
    assert {p.phase for p in of(events, Progress)} == {Phase.TRAIN, Phase.VALIDATION, Phase.TEST}


def test_improvement_is_the_change_of_validation_accuracy():
    first, second = of(train(), EpochDone)
    assert first.improvement_points is None
    assert second.improvement_points == pytest.approx(100 * (second.val_accuracy - first.val_accuracy))
    assert second.error_reduction == pytest.approx(
        (second.val_accuracy - first.val_accuracy) / (1 - first.val_accuracy)
    )


@pytest.mark.parametrize("features", [1, 2, 3, 4, 8, 32, 64])
def test_every_width_trains_to_the_end(features):
    done = of(train(replace(SPEC, features=features, epochs=1)), RunDone)[0]
    assert done.status is Status.FINISHED


def test_it_learns_and_more_features_learn_more():
    def test_accuracy(features):
        return of(train(replace(SPEC, features=features, epochs=10, batch_size=8, learning_rate=0.003)), RunDone)[
            0
        ].test_accuracy

    narrow, wide = test_accuracy(1), test_accuracy(16)
    assert wide > 0.6
    assert wide > narrow + 0.2


def test_the_same_spec_gives_the_same_numbers_bit_for_bit():
    torch.manual_seed(1)
    first = numbers(train())
    torch.manual_seed(2)
    assert numbers(train()) == first


def test_another_seed_gives_other_numbers():
    assert numbers(train()) != numbers(train(replace(SPEC, seed=1)))


def test_the_order_of_images_differs_between_epochs_and_covers_every_image():
    dataset = _digits()
    trainer = Trainer(SPEC, dataset, torch.device("cpu"), "torch")
    orders = [trainer._order(epoch).tolist() for epoch in (1, 2)]
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(dataset.info.n_train))


def _digits():
    train(replace(SPEC, epochs=1))
    return session._prepared["digits", 0, None]


def test_scores_are_those_of_the_plain_formula():
    dataset = _digits()
    trainer = Trainer(SPEC, dataset, torch.device("cpu"), "torch")
    *_, last = trainer.validate()
    with torch.inference_mode():
        logits = trainer.model(as_input(dataset.validation_images))
    loss = torch.nn.functional.cross_entropy(logits, dataset.validation_labels)
    hits = (logits.argmax(1) == dataset.validation_labels).sum()
    assert last.score is not None
    assert last.score.loss == pytest.approx(float(loss), rel=1e-5)
    assert last.score.accuracy == int(hits) / len(dataset.validation_labels)


def test_train_score_covers_all_images_also_with_a_smaller_last_batch():
    dataset = _digits()
    spec = replace(SPEC, batch_size=1000, learning_rate=1e-30)
    trainer = Trainer(spec, dataset, torch.device("cpu"), "torch")
    with torch.inference_mode():
        logits = trainer.model(as_input(dataset.train_images))
    *steps, last = trainer.train_epoch(1)
    assert [step.done for step in steps] == [1, 2]
    assert last.score is not None
    assert last.score.accuracy == int((logits.argmax(1) == dataset.train_labels).sum()) / dataset.info.n_train


def steer(control, spec, act):
    """Run one spec and call `act(event)` on every event, as a listener in the same thread would."""
    events = []
    for event in run_sweep(enqueue(spec), control):
        events.append(event)
        act(event)
    return events


def test_stop_ends_the_run_before_its_next_epoch_and_leaves_the_rest_waiting():
    control = RunControl()
    queue = iter(enqueue([replace(SPEC, epochs=50), SPEC]))
    events = []
    for event in run_sweep(queue, control):
        events.append(event)
        if isinstance(event, EpochDone) and event.epoch == 2:
            control.stop()
    done = of(events, RunDone)
    assert [(d.status, d.epochs_done) for d in done] == [(Status.STOPPED, 2)]
    assert done[0].reason
    assert of(events, SweepDone)[0].stopped
    assert len(list(queue)) == 1


def test_stop_in_the_middle_of_an_epoch_keeps_the_finished_ones():
    control = RunControl()

    def act(event):
        if isinstance(event, Progress) and event.epoch == 3:
            control.stop()

    events = steer(control, [replace(SPEC, epochs=50)], act)
    done = of(events, RunDone)[0]
    assert (done.status, done.epochs_done, done.test_accuracy) == (Status.STOPPED, 2, None)
    assert done.last_val_accuracy == of(events, EpochDone)[-1].val_accuracy


def test_stop_after_the_epoch_finishes_it_and_tests():
    control = RunControl()

    def act(event):
        if isinstance(event, Progress) and event.epoch == 2:
            control.stop(after_epoch=True)

    done = of(steer(control, [replace(SPEC, epochs=50)], act), RunDone)[0]
    assert (done.status, done.epochs_done) == (Status.STOPPED, 2)
    assert done.test_accuracy is not None


def test_skip_goes_on_with_the_next_run():
    control = RunControl()

    def act(event):
        if isinstance(event, EpochDone) and event.epoch == 1:
            control.skip()

    events = steer(control, [replace(SPEC, epochs=50), replace(SPEC, epochs=1)], act)
    assert [d.status for d in of(events, RunDone)] == [Status.STOPPED, Status.FINISHED]


def test_a_pause_is_told_and_enters_no_time_and_no_number():
    reference = numbers(train())
    control = RunControl()

    def act(event):
        if isinstance(event, Progress) and event.epoch == 2 and event.phase is Phase.TRAIN:
            control.pause()
        if isinstance(event, RunPaused):
            control.resume()

    events = steer(control, [SPEC], act)
    assert of(events, RunPaused)
    assert [e.paused_s >= 0 for e in of(events, RunResumed)] == [True] * len(of(events, RunPaused))
    assert numbers(events) == reference


def test_epochs_can_be_raised_and_lowered_while_the_run_is_live():
    control = RunControl()

    def act(event):
        if isinstance(event, EpochDone) and event.epoch == 1:
            control.set_epochs(4)
        if isinstance(event, EpochDone) and event.epoch == 3:
            control.set_epochs(1)

    events = steer(control, [SPEC], act)
    assert [(e.epoch, e.epochs) for e in of(events, EpochsChanged)] == [(1, 4), (3, 3)]
    done = of(events, RunDone)[0]
    assert (done.status, done.epochs_done) == (Status.FINISHED, 3)


def test_epochs_asked_for_while_paused_are_taken_in_at_once_and_a_wish_at_the_last_moment_still_counts():
    control = RunControl()

    def act(event):
        match event:
            case Progress(epoch=1, phase=Phase.TRAIN) if not control.wishes(event.run).epochs:
                control.pause()
                control.set_epochs(3)
            case EpochsChanged(epochs=3):
                control.resume()
            case EpochDone(epoch=3):
                assert control.set_epochs(4)
            case Progress(phase=Phase.TEST):
                assert not control.set_epochs(9), "too late"

    events = steer(control, [SPEC], act)
    assert [type(e) for e in events if isinstance(e, RunPaused | EpochsChanged | RunResumed)] == [
        RunPaused,
        EpochsChanged,
        RunResumed,
        EpochsChanged,
    ]
    done = of(events, RunDone)[0]
    assert (done.status, done.epochs_done) == (Status.FINISHED, 4)


@pytest.mark.parametrize("interval_s", [0.0, math.inf])
@pytest.mark.parametrize("rate", [1e3, 1e9, math.inf])
@pytest.mark.parametrize("backend", ["compiled", "torch"])
def test_a_loss_that_runs_away_ends_the_run_in_the_same_epoch_however_fast_the_machine_is(
    monkeypatch, rate, backend, interval_s
):
    monkeypatch.setattr(session, "INTERVALS", Intervals(progress_s=interval_s))
    events = train(replace(SPEC, learning_rate=rate, epochs=20, backend=backend), replace(SPEC, epochs=1))
    first, second = of(events, RunDone)
    assert (first.status, first.epochs_done) == (Status.DIVERGED, 0)
    assert first.reason.endswith("in epoch 1")
    assert first.total_training_time_s == 0
    assert not [epoch for epoch in of(events, EpochDone) if epoch.run == first.run], "no epoch without its numbers"
    assert second.status is Status.FINISHED


def test_the_outputs_are_looked_at_after_fixed_batches():
    def batches_until_it_diverges(*, looks: bool) -> list[int]:
        trainer, seen = Trainer(spec, _digits(), torch.device("cpu"), "torch"), []
        with suppress(Diverged):
            for step in trainer.train_epoch(1):
                seen.append(step.done)
                assert not looks or trainer.is_finite in (True, False)
        return seen

    spec = replace(SPEC, learning_rate=1e9, batch_size=8)
    seen = batches_until_it_diverges(looks=False)
    assert 0 < len(seen) < 1_197 // 8
    assert seen == batches_until_it_diverges(looks=True)


def test_the_network_of_a_run_is_let_go_before_the_next_one_is_built(monkeypatch):
    alive, most = weakref.WeakSet[Trainer](), []
    original = Trainer.__init__

    def counted(self, *arguments):
        gc.collect()
        alive.add(self)
        most.append(len(alive))
        original(self, *arguments)

    monkeypatch.setattr(Trainer, "__init__", counted)
    train(*(replace(SPEC, epochs=1, seed=seed) for seed in range(3)))
    assert most == [1, 1, 1]


def test_a_failure_ends_the_run_with_its_reason_and_the_queue_goes_on(monkeypatch):
    calls = []
    original = Trainer.train_epoch

    def broken(self, epoch, first_batch):
        calls.append(epoch)
        if len(calls) == 2:
            raise ValueError("the flux capacitor is empty")
        return original(self, epoch, first_batch)

    monkeypatch.setattr(Trainer, "train_epoch", broken)
    events = train(SPEC, replace(SPEC, epochs=1))
    first, second = of(events, RunDone)
    assert (first.status, first.epochs_done) == (Status.FAILED, 1)
    assert "the flux capacitor is empty" in first.reason
    assert second.status is Status.FINISHED


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_told_with_the_next_step():
    events = train(replace(SPEC, device="cuda"))
    notice = of(events, Notice)[0]
    assert notice.exit_code == 2
    assert "--device" in notice.message
    assert isinstance(events[-1], SweepDone)
    assert isinstance(events[0], SweepStarted)


def test_progress_never_goes_backwards_within_a_phase():
    progress = of(train(replace(SPEC, batch_size=1, epochs=1)), Progress)
    training = [p.batch for p in progress if p.phase is Phase.TRAIN]
    assert training == sorted(training)
    assert all(a.epoch_elapsed_s <= b.epoch_elapsed_s for a, b in pairwise(progress) if a.phase is b.phase)


def test_inside_an_epoch_the_loss_of_the_newest_batches_is_told(monkeypatch):
    monkeypatch.setattr(session, "INTERVALS", Intervals(progress_s=0))
    events = train()
    losses: dict[int, list[float | None]] = {}
    for event in of(events, Progress):
        if event.phase is Phase.TRAIN:
            losses.setdefault(event.epoch, []).append(event.loss)
        else:
            assert event.loss is None
    for done in of(events, EpochDone):
        told = [loss for loss in losses[done.epoch] if loss is not None]
        # The last batch has fewer images, so the mean over batches is not quite the mean over images.
        assert sum(told) / len(told) == pytest.approx(done.train_loss, rel=0.02)


def test_a_run_ends_when_its_patience_does_and_is_finished_and_tested():
    spec = replace(SPEC, epochs=200, features=1, patience=3, learning_rate=0.0001)
    events = train(spec)
    (done,) = of(events, RunDone)
    history = of(events, EpochDone)
    best = max(history, key=lambda e: (e.val_accuracy, -e.epoch))
    assert done.status is Status.FINISHED
    assert done.epochs_done == len(history) == best.epoch + 3 < 200
    assert done.reason == "no better validation accuracy for 3 epochs"
    assert done.test_accuracy is not None
    assert history[-1].checkpoint
    assert history[-1].insight


def test_without_patience_every_epoch_is_trained():
    assert of(train(replace(SPEC, epochs=8, features=1, learning_rate=1e-9)), RunDone)[0].epochs_done == 8


def test_own_data_that_cannot_be_used_end_only_the_runs_on_them(tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    bad = RunSpec(epochs=1, dataset=str(tmp_path / "bad.npz"), device="cpu")
    specs = [bad, replace(bad, seed=1), RunSpec(epochs=1, dataset="digits", device="cpu", threads=1)]
    events = list(run_sweep(enqueue(specs), RunControl()))
    (notice,) = [event for event in events if isinstance(event, Notice) and event.level == "error"]
    assert "bad.npz" in notice.message
    assert notice.exit_code == DataError.exit_code
    (done,) = [event for event in events if isinstance(event, RunDone)]
    assert done.status is Status.FINISHED
