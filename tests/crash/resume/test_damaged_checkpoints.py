"""Checkpoints that are damaged, that lead elsewhere, that hold code; and which are kept."""

import io
import os
import pickle
from dataclasses import replace
from hashlib import sha256

import pytest
import torch

from mnist_tui.core.events import EpochDone, Notice, RunContinued, RunPaused
from mnist_tui.errors import StoreError
from mnist_tui.store import checkpoints
from tests.crash.resume.helpers import (
    BATCHES,
    NARROW,
    RUN,
    WIDE,
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


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


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
    assert "the checkpoint was not written by this version" in notice.message
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


# Files ---------------------------------------------------------------------------------------------


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
