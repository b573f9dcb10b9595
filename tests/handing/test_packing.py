"""Archives: everything of a run comes to another machine, once, and nothing hostile does."""

import hashlib
import json
import zipfile
from contextlib import suppress
from dataclasses import replace

import pytest

from mnist_tui.core.events import EpochDone
from mnist_tui.core.status import Status
from mnist_tui.errors import UsageError
from mnist_tui.store.database import Store
from mnist_tui.store.packing import MANIFEST, unpack


def everything(home):
    """Return all that a home knows of its runs."""
    with Store.open_readonly(home) as store:
        found = {}
        for run in store.runs():
            state = store.run(run.run)
            points = {name: store.points(run.run, name).series for name in store.point_names(run.run)}
            found[run.run] = (
                list(store.events(run.run)),
                state.labels,
                {name: (list(one.steps), [value.hex() for value in one.values]) for name, one in points.items()},
                [store.insight(run.run, epoch) for epoch in store.insight_epochs(run.run)],
                [(one.epoch, one.batch, one.data) for one in store.saved(run.run)],
                store.validation_set(state),
            )
        return found


def test_an_archive_brings_everything_to_another_machine_once(command, home, rich_run, tmp_path, monkeypatch):
    said = command("pack", "-o", "runs.zip").err
    assert said == "Packed 5 runs in runs.zip: `mnist-tui import runs.zip` unpacks it.\n"
    before = everything(home)
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "other"))
    assert command("import", "runs.zip").err == "Imported 5 runs from runs.zip.\n"
    after = everything(tmp_path / "other")
    assert after.keys() == before.keys()
    for run, known in before.items():
        assert after[run] == known or (run == "script" and after[run][1:] == known[1:])
    assert after["rich"][3] == [rich_run]
    assert len(after["rich"][4]) == 2
    assert command("import", "runs.zip").err == "Imported 0 runs from runs.zip; 5 were here already.\n"


def test_a_run_that_has_come_further_here_is_not_set_back(command, home):
    command("pack", "narrow", "-o", "old.zip")
    with Store.open(home) as store:
        state = store.run("narrow")
        fourth = EpochDone(run="narrow", epoch=4, train_s=1.0, val_s=0.0, values=state.history[-1].values)
        end = replace(state.ended(Status.FINISHED, ended_at=""), epochs_done=4)
        store.put([*list(store.events("narrow"))[:-1], fourth, end], {})
    assert "1 were here already" in command("import", "old.zip").err
    with Store.open_readonly(home) as store:
        assert store.run("narrow").epochs_done == 4


def test_the_same_runs_give_the_same_archive(command, tmp_path):
    command("pack", "-o", "a.zip")
    command("pack", "-o", "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def changed(path, change):
    """Rewrite an archive: `change` maps names to contents, and gets and returns them."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files = change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)


def manifest_with(**changes):
    def change(files):
        return {**files, MANIFEST: json.dumps({**json.loads(files[MANIFEST]), **changes}).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda files: {**files, "runs/narrow/events.jsonl": b"{}\n"}, "events.jsonl is damaged"),
        (lambda files: {name: data for name, data in files.items() if name != MANIFEST}, "missing or damaged"),
        (lambda files: {name: data for name, data in files.items() if "points" not in name}, "missing or damaged"),
        (manifest_with(format=99), "a newer version"),
        (manifest_with(tool="other"), "another program's"),
        (manifest_with(runs=["../../narrow"]), "the id of a run is damaged"),
        (manifest_with(runs=["wide-0"]), "missing or damaged"),
        (manifest_with(runs=7), "missing or damaged"),
        (lambda files: {**files, MANIFEST: b"[" * 100_000}, "nested"),
    ],
)
def test_a_damaged_or_hostile_archive_is_refused_in_a_sentence_and_changes_nothing(
    command, home, tmp_path, change, reason
):
    command("pack", "narrow", "-o", "runs.zip")
    changed(tmp_path / "runs.zip", change)
    before, files = everything(home), sorted(tmp_path.rglob("*"))
    said = command("import", "runs.zip", code=2).err
    assert "runs.zip cannot be imported" in said
    assert said.count("\n") == 1
    assert reason in said
    assert everything(home) == before or len(everything(home)) == len(before)
    assert sorted(tmp_path.rglob("*")) == files


def test_names_in_an_archive_never_become_paths(command, tmp_path, monkeypatch):
    command("pack", "narrow", "-o", "runs.zip")
    changed(tmp_path / "runs.zip", lambda files: {**files, "../outside": b"x", "/tmp/outside-too": b"x"})
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "other"))
    command("import", "runs.zip")
    assert not list(tmp_path.rglob("outside*"))


def test_an_archive_that_is_cut_anywhere_is_refused(command, tmp_path):
    command("pack", "narrow", "-o", "runs.zip")
    whole = (tmp_path / "runs.zip").read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 20)):
        (tmp_path / "cut.zip").write_bytes(whole[:length])
        assert "cannot be imported" in command("import", "cut.zip", code=2).err


def test_bytes_that_flip_are_noticed(command, tmp_path):
    command("pack", "narrow", "-o", "runs.zip")
    whole = (tmp_path / "runs.zip").read_bytes()
    (good,) = unpack(tmp_path / "runs.zip")
    for at in range(0, len(whole), max(1, len(whole) // 60)):
        data = bytearray(whole)
        data[at] ^= 0x55
        (tmp_path / "flipped.zip").write_bytes(data)
        with suppress(UsageError):
            # If it is taken, what flipped says nothing: a date or a comment.
            assert [one.events for one in unpack(tmp_path / "flipped.zip")] == [good.events]


def test_a_run_in_progress_is_not_packed(command, home):
    with Store.open(home) as store:
        store.put(list(store.events("narrow"))[:-1], {})
        assert "is in progress" in command("pack", "narrow", "-o", "runs.zip", code=2).err


def test_steps_and_epochs_that_are_none_are_refused_before_anything_is_stored(command, home, tmp_path, monkeypatch):
    command("pack", "script", "narrow", "-o", "runs.zip")
    points = json.dumps({"loss": {"steps": [2**70], "values": [1.0]}}).encode()

    def change(files):
        manifest = json.loads(files[MANIFEST])
        manifest["runs"] = ["narrow", "script"]
        manifest["files"]["runs/script/points.json"] = hashlib.sha256(points).hexdigest()
        return {**files, MANIFEST: json.dumps(manifest).encode(), "runs/script/points.json": points}

    changed(tmp_path / "runs.zip", change)
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "other"))
    assert "a step or an epoch is damaged" in command("import", "runs.zip", code=2).err
    assert not everything(tmp_path / "other")


def test_an_imported_run_comes_back_from_the_deleted_ones(command):
    command("pack", "narrow", "-o", "runs.zip")
    command("rm", "--yes", "narrow")
    assert command("import", "runs.zip").err == "Imported 1 run from runs.zip.\n"
    assert "narrow" in command("runs", "--json").out
