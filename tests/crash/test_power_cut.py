"""The power goes at any moment: what was told is on the disk, on the strictest of disks too."""

import pytest

from tests.crash import story
from tests.crash.power_cut import CALLS, Disk
from tests.crash.test_kill_sweep import STRACE, record, wrong_after


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """Return the home of an undisturbed run that was recorded with every byte it wrote."""
    if not STRACE:
        pytest.skip("strace is not on this machine")
    home = tmp_path_factory.mktemp("traced") / "home"
    result, told = record(home, "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}")
    if result.returncode and "ptrace" in result.stderr.lower():
        pytest.skip(f"strace may not trace here: {result.stderr.splitlines()[0]}")
    assert (result.returncode, told) == (0, [1, 2]), result.stderr
    return home


def test_the_replay_ends_with_what_lies_on_the_disk(traced, tmp_path):
    disk = Disk(str(traced), names_at_once=True)
    moments = list(disk.replay(traced.with_suffix(".trace")))
    assert moments[-1] == [1, 2]
    disk.leave(tmp_path / "home")
    assert (tmp_path / "home" / "runs.db").read_bytes() == (traced / "runs.db").read_bytes()
    assert story.result(tmp_path / "home") == story.result(traced)


@pytest.mark.parametrize("names_at_once", [False, True], ids=["strict", "names at once"])
def test_a_power_cut_at_any_moment_loses_no_told_epoch_and_no_checkpoint(traced, tmp_path, names_at_once):
    disk = Disk(str(traced), names_at_once=names_at_once)
    wrong = {}
    for number, told in enumerate(disk.replay(traced.with_suffix(".trace"))):
        home = tmp_path / str(number)
        disk.leave(home)
        found, went_on_from = wrong_after(home, told)
        if told and went_on_from < told[-1]:
            found.append(f"told {told}, went on from {went_on_from}")
        if found:
            wrong[number] = found
    assert not wrong
    assert number > 50
