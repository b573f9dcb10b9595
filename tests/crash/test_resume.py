"""A run that goes on is the run that was never interrupted, on the built-in digits."""

import io
import json
import os
import pickle
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from itertools import chain

import pytest
import torch

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import (
    EpochDone,
    Notice,
    Phase,
    Progress,
    RunContinued,
    RunDone,
    RunPaused,
    Status,
)
from mnist_tui.core.queue import QueuedRun
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.state import SessionState
from mnist_tui.engine import session
from mnist_tui.engine.session import run_sweep
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.store import checkpoints
from mnist_tui.store.connection import DATABASE
from mnist_tui.store.database import Store, continuing
from tests.e2e.conftest import COMMAND

RUN = "run-1"
NARROW = RunSpec(epochs=4, features=2, dataset="digits", device="cpu", threads=1)
WIDE = replace(NARROW, features=8)
WIDE_TORCH = replace(WIDE, backend="torch")  # From 8 on its channels lie innermost.


def train(home, queued, until=lambda event: False, control=None):
    """Train until an event, then die: nothing more is done than the system does for a dead process."""
    told = []
    with Store.open(home) as store:
        events = store.recorded(run_sweep(store.ready([queued]), control or RunControl()))
        for event in events:
            told.append(event)
            if until(event):
                break
        del events
    return told


def begin(home, spec, **options):
    return train(home, QueuedRun(RUN, spec), **options)


def go_on(home, epochs=None, **options):
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN, epochs)
    return train(home, queued, **options)


def kept(home):
    with Store.open_readonly(home) as store:
        return store.run(RUN)


def after_epoch(number):
    return lambda event: isinstance(event, EpochDone) and event.epoch == number


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def warnings(events):
    return [notice.message for notice in of(events, Notice)]


def rows(home, query, *values):
    with closing(sqlite3.connect(home / DATABASE)) as database, database:
        return database.execute(query, values).fetchall()


def newest_checkpoints(home):
    """Return the files of a run's checkpoints, the newest first."""
    found = rows(home, "SELECT file FROM checkpoints WHERE run = ? ORDER BY epoch DESC, batch DESC", RUN)
    return [checkpoints.folder_of(home, RUN) / file for (file,) in found]


def tensors(value, name=""):
    """Return all tensors and numbers of a checkpoint by their names."""
    if isinstance(value, dict):
        return dict(chain.from_iterable(tensors(item, f"{name}/{key}").items() for key, item in value.items()))
    return {name: value.tolist() if isinstance(value, torch.Tensor) else value}


def weights(home):
    """Return what the newest checkpoint holds: weights and the optimizer's moments."""
    state = torch.load(newest_checkpoints(home)[0], weights_only=True)
    return tensors({"model": state["model"], "optimizer": state["optimizer"], "epoch": state["epoch"]})


def numbers(home):
    """Return all of a run that does not depend on a clock."""
    run = kept(home)
    epochs = [
        (e.epoch, e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy, e.improvement_points, e.error_reduction)
        for e in run.history
    ]
    end = run.result
    return epochs, (end.status, end.epochs_done, end.best_epoch, end.test_loss, end.test_accuracy), weights(home)


@pytest.fixture(autouse=True)
def _checkpoint_after_every_epoch(monkeypatch):
    monkeypatch.setattr(session, "CHECKPOINT_INTERVAL_S", 0.0)


@pytest.fixture
def sparse(monkeypatch):
    """Let no epoch be slow enough for a checkpoint of its own; return a function that changes this."""

    def every(seconds):
        monkeypatch.setattr(session, "CHECKPOINT_INTERVAL_S", seconds)

    every(3600.0)
    return every


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Give the numbers of runs that were left alone, each trained once."""
    found = {}

    def train_alone(spec):
        if spec not in found:
            home = tmp_path_factory.mktemp("alone") / "home"
            begin(home, spec)
            found[spec] = numbers(home)
        return found[spec]

    return train_alone


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


# Where it ended ------------------------------------------------------------------------------------


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
    assert warnings(told) == ["The last 2 epochs are trained again, from the checkpoint before."]
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


class Pausing(RunControl):
    """Asks for a pause once the loop has looked so often between batches."""

    def __init__(self, look):
        super().__init__()
        self._looks = look

    @property
    def paused(self):
        self._looks -= 1
        return self._looks == 0


BATCHES = 19  # 1,197 images to train, 64 at a time; 300 to validate, 250 at a time.


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
        self._looks = after

    @property
    def handing_over(self):
        self._looks -= 1
        if self._looks == 0:
            self.hand_over()
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
    with pytest.raises(UsageError, match="has 2 epochs already"):
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


# Other conditions -----------------------------------------------------------------------------------


def rewrite_start(home, change):
    """Change what was written down of the run's beginning, as if it had begun elsewhere."""
    ((text,),) = rows(home, "SELECT started FROM runs")
    record = json.loads(text)
    change(record)
    rows(home, "UPDATE runs SET started = ?", json.dumps(record))


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (lambda machine: machine["versions"].update(torch="1.0"), f"torch: 1.0, now {torch.__version__}"),
        (lambda machine: machine.update(device_name="Other CPU"), "device: Other CPU, now"),
        (lambda machine: machine.update(device="mps", threads=7), "threads: 7, now 1"),
    ],
    ids=["version", "processor", "threads"],
)
def test_other_conditions_are_said_and_stay_with_the_run(home, change, difference):
    begin(home, replace(NARROW, backend="torch"), until=after_epoch(2))
    rewrite_start(home, lambda record: change(record["machine"]))
    told = go_on(home)
    (continued,) = of(told, RunContinued)
    assert any(difference in text for text in continued.differs)
    assert any(difference in text for text in warnings(told))
    assert kept(home).differs == continued.differs
    with Store.open_readonly(home) as store:
        (listed,) = store.runs()
    assert listed.differs == continued.differs


def test_a_run_goes_on_with_the_threads_it_began_with_and_then_nothing_differs(home):
    begin(home, NARROW, until=after_epoch(2))
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN)
    told = train(home, replace(queued, spec=replace(queued.spec, threads=None)))
    assert not warnings(told)
    assert kept(home).differs == ()
    assert torch.get_num_threads() == 1


def test_the_compiled_step_gives_the_same_bits_with_more_threads_so_nothing_differs(home, uninterrupted):
    begin(home, WIDE, until=after_epoch(2))
    rewrite_start(home, lambda record: record["machine"].update(threads=2))
    assert not warnings(go_on(home))
    assert kept(home).differs == ()
    assert numbers(home) == uninterrupted(WIDE)


@pytest.mark.parametrize("spec", [NARROW, WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize(("first", "second"), [("compiled", "torch"), ("torch", "compiled")])
def test_a_run_goes_on_with_the_other_backend_and_says_so(home, uninterrupted, monkeypatch, spec, first, second):
    begin(home, replace(spec, backend=first), until=after_epoch(2))
    monkeypatch.setattr(session, "choose_backend", lambda *_: second)
    told = go_on(home)
    (continued,) = of(told, RunContinued)
    assert f"backend: {first}, now {second}" in continued.differs
    epochs, _, _ = numbers(home)
    for ours, alone in zip(epochs, uninterrupted(replace(spec, backend=first))[0], strict=True):
        assert ours[1:5] == pytest.approx(alone[1:5], rel=0.02, abs=0.02)


def test_a_run_begun_on_other_data_is_refused_and_loses_nothing(home):
    begin(home, NARROW, until=after_epoch(2))
    rewrite_start(home, lambda record: record["dataset"].update(sha256="0" * 64, label="other digits"))
    before, files = kept(home), newest_checkpoints(home)
    (notice,) = of(go_on(home), Notice)
    assert "other digits" in notice.message
    assert notice.exit_code == 3
    assert kept(home) == before
    assert newest_checkpoints(home) == files
    assert all(path.exists() for path in files)


def test_a_run_that_diverged_is_refused(home):
    begin(home, replace(NARROW, learning_rate=float("inf")))
    before = kept(home)
    assert before.status is Status.DIVERGED
    with pytest.raises(UsageError, match="diverged"):
        go_on(home)
    assert kept(home) == before


def test_a_run_in_progress_cannot_go_on_in_another_process(home, tmp_path):
    begin(home, NARROW, until=after_epoch(1))
    with Store.open_readonly(home) as store:
        queued = continuing(store, RUN)
    with Store.open(home) as first:
        events = first.recorded(run_sweep(first.ready([queued]), RunControl()))
        next(event for event in events if isinstance(event, RunContinued))
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "MNIST_TUI_HOME": str(home)}
        second = subprocess.run(
            [COMMAND, "resume", RUN], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert second.returncode == 2
        assert "in progress" in second.stderr
        # And one that looked a moment earlier, before the first one began.
        (notice,) = of(train(home, queued), Notice)
        assert "in progress in another process" in notice.message
        assert notice.exit_code == 5
        rest = list(events)
    assert of(rest, RunDone)[0].status is Status.FINISHED
    assert [e.epoch for e in kept(home).history] == [1, 2, 3, 4]


# Damage ----------------------------------------------------------------------------------------------


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


def lead_nowhere(path):
    path.unlink()
    path.symlink_to(path.with_name("nothing"))


DAMAGES = [cut, flip, empty, remove, lead_nowhere]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_is_said_and_the_one_before_used(home, uninterrupted, damage):
    begin(home, WIDE, until=after_epoch(3))
    damage(newest_checkpoints(home)[0])
    told = go_on(home)
    assert warnings(told) == ["The checkpoint of epoch 3 is damaged or missing; an earlier one is used."]
    assert of(told, RunContinued)[0].epoch == 2
    assert numbers(home) == uninterrupted(WIDE)


def test_a_damaged_checkpoint_of_a_pause_is_said_and_that_of_the_epoch_used(home, uninterrupted):
    begin(home, NARROW, until=lambda event: isinstance(event, RunPaused), control=Pausing(BATCHES + 2 + 5))
    flip(newest_checkpoints(home)[0])
    told = go_on(home)
    assert warnings(told) == ["The checkpoint of epoch 1, batch 5 is damaged or missing; an earlier one is used."]
    assert numbers(home) == uninterrupted(NARROW)


@pytest.mark.parametrize("damage", DAMAGES)
def test_with_all_checkpoints_damaged_it_starts_over_and_gets_there(home, uninterrupted, damage):
    begin(home, NARROW, until=after_epoch(3))
    files = newest_checkpoints(home)
    for path in files:
        damage(path)
    told = go_on(home)
    assert len(warnings(told)) == len(files) >= 2
    assert [e.epoch for e in of(told, EpochDone)] == [1, 2, 3, 4]
    assert numbers(home) == uninterrupted(NARROW)


def test_finished_epochs_are_still_there_while_a_damaged_run_catches_up(home):
    begin(home, NARROW, until=after_epoch(3))
    before = kept(home).history
    for path in newest_checkpoints(home):
        remove(path)
    go_on(home, until=after_epoch(1))
    assert [e.val_loss for e in kept(home).history] == [e.val_loss for e in before]


class Code:
    def __reduce__(self):
        return os.system, ("touch was-run",)


def as_pickle():
    return pickle.dumps(Code())


def as_torch_file():
    stream = io.BytesIO()
    torch.save({"format": 1, "epoch": 2, "batch": 0, "elapsed_s": 0.0, "model": Code()}, stream)
    return stream.getvalue()


@pytest.mark.parametrize("make", [as_pickle, as_torch_file])
def test_code_in_a_checkpoint_is_never_run_although_its_hash_is_right(home, tmp_path, monkeypatch, make):
    begin(home, NARROW, until=after_epoch(2))
    newest_checkpoints(home)[0].write_bytes(make())
    rows(home, "UPDATE checkpoints SET sha256 = ? WHERE epoch = 2", sha256(make()).hexdigest())
    before = kept(home)
    monkeypatch.chdir(tmp_path)
    told = go_on(home)
    assert not (tmp_path / "was-run").exists()
    (notice,) = of(told, Notice)
    assert "the checkpoint is not one of this version" in notice.message
    assert notice.exit_code == 4
    assert kept(home) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"batch": "3"}, "its place in the run is damaged"),
        ({"batch": 10**9}, "its place in the run is damaged"),
        ({"batch": True}, "its place in the run is damaged"),
        ({"epoch": -1}, "its place in the run is damaged"),
        ({"elapsed_s": "0"}, "its time is damaged"),
        ({"elapsed_s": float("nan")}, "its time is damaged"),
        ({"batch": 2}, "the outputs of another number of images"),
        ({"lr": 0.5}, "it was trained with another learning rate"),
        ({"exp_avg": torch.zeros(3)}, "its optimizer belongs to another network"),
    ],
    ids=str,
)
def test_a_checkpoint_that_would_give_other_numbers_is_refused_although_its_hash_is_right(home, change, reason):
    begin(home, NARROW, until=after_epoch(2))
    path = newest_checkpoints(home)[0]
    state = torch.load(path, weights_only=True)
    for name, value in change.items():
        if name == "lr":
            state["optimizer"]["param_groups"][0]["lr"] = value
        elif name == "exp_avg":
            state["optimizer"]["state"][0]["exp_avg"] = value
        else:
            state[name] = value
    torch.save(state, path)
    rows(home, "UPDATE checkpoints SET sha256 = ? WHERE epoch = 2", sha256(path.read_bytes()).hexdigest())
    before = kept(home)
    (notice,) = of(go_on(home), Notice)
    assert reason in notice.message
    assert notice.exit_code == 4
    assert kept(home) == before


def test_the_code_in_these_files_would_run_if_it_were_let(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(as_pickle())
    assert (tmp_path / "was-run").exists()


# Files -----------------------------------------------------------------------------------------------


def test_at_most_the_last_two_checkpoints_and_the_best_are_kept(home):
    seen = []

    def look(event):
        if isinstance(event, EpochDone):
            best = kept(home).best
            assert best is not None
            names = {path.name for path in checkpoints.folder_of(home, RUN).iterdir()}
            wanted = {event.epoch, event.epoch - 1, best.epoch} - {0}
            seen.append((names, {f"epoch-{epoch:06}-batch-000000.ckpt" for epoch in wanted}))
        return False

    # A rate at which the best epoch is not among the last.
    begin(home, replace(NARROW, epochs=8, learning_rate=0.1), until=look)
    assert len(seen) == 8
    assert all(names == wanted for names, wanted in seen)
    assert {len(names) for names, _ in seen} == {1, 2, 3}
    assert {path.name for path in newest_checkpoints(home)} == seen[-1][0]


def test_the_checkpoint_of_a_pause_is_gone_once_its_epoch_is_done(home):
    begin(home, NARROW, until=lambda event: isinstance(event, RunPaused), control=Pausing(5))
    go_on(home, until=after_epoch(1))
    assert [path.name for path in checkpoints.folder_of(home, RUN).iterdir()] == ["epoch-000001-batch-000000.ckpt"]


@pytest.mark.parametrize("run", ["../../x", "..", ".", "", "a/b", "/etc", "a\0b", "-rf", "a\n", "x" * 101])
def test_a_run_id_that_would_lead_elsewhere_is_refused(home, run):
    with pytest.raises(StoreError, match="damaged"):
        checkpoints.folder_of(home, run)


def test_a_checkpoint_row_cannot_lead_to_a_file_elsewhere(home, tmp_path, uninterrupted):
    begin(home, NARROW, until=after_epoch(2))
    outside = tmp_path / "outside.ckpt"
    outside.write_bytes(newest_checkpoints(home)[0].read_bytes())
    rows(home, "UPDATE checkpoints SET file = ? WHERE epoch = 2", str(outside))
    told = go_on(home)
    assert len(warnings(told)) == 1
    assert outside.exists()
    assert numbers(home) == uninterrupted(NARROW)
