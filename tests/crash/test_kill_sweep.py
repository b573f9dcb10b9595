"""The process dies, or the disk fails, at every single write that keeps a run: nothing that was told is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from mnist_tui.core.status import Status
from tests.crash import story
from tests.patience import PATIENCE_S

STRACE = shutil.which("strace") or ""
WATCHED = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "unlinkat")


def record(home, *options):
    """Record the story in a process of its own under strace; return the result and the epochs that were told."""
    # With quick stops, strace 6.1 delivers no signals.
    stops = () if any("signal=" in option for option in options) else quick_stops()
    watch = [STRACE, "-f", *stops, "-o", str(home.with_suffix(".trace")), "-e", f"trace={','.join(WATCHED)}"]
    result = subprocess.run(
        [*watch, *options, sys.executable, "-B", "-m", "tests.crash.story", str(home)],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return result, [int(line) for line in result.stdout.split()]


@cache
def quick_stops():
    """Return the option that stops a process at watched calls only, where strace and the system have it."""
    tried = subprocess.run([STRACE, "-f", "--seccomp-bpf", "true"], capture_output=True, text=True, check=False)
    return ["--seccomp-bpf"] if tried.returncode == 0 and "seccomp" not in tried.stderr else []


def calls(home):
    """Return how often each watched call was made."""
    lines = home.with_suffix(".trace").read_text(errors="replace").splitlines()
    return Counter(found[1] for line in lines if (found := re.match(r"\d+ +(\w+)\(", line)))


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """Return every call of an undisturbed run: its name and its number among those of that name."""
    if not STRACE:
        pytest.skip("strace is not on this machine")
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    result, told = record(home)
    if result.returncode and "ptrace" in result.stderr.lower():
        pytest.skip(f"strace may not trace here: {result.stderr.splitlines()[0]}")
    assert result.returncode == 0, result.stderr
    assert told == [1, 2]
    return [(name, number) for name, count in calls(home).items() for number in range(1, count + 1)]


def sweep(points, tmp_path, fault, check):
    """Try the fault at every point, each in a home of its own; return the points at which something is wrong."""

    def attempt(point):
        name, number = point
        home = tmp_path / f"{name}-{number}"
        return check(home, *record(home, "-e", f"inject={name}:{fault}:when={number}"))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = dict(zip(points, pool.map(attempt, points), strict=True))
    return {point: wrong for point, wrong in found.items() if wrong}


def wrong_after(home, told):
    """Return what is wrong with a home after its process ended, and after the run was brought to its end."""
    kept, _ = story.result(home)
    wrong = [f"epoch {epoch} was told and is lost" for epoch in told if epoch not in [done.epoch for done in kept]]
    wrong += story.problems(home)
    went_on_from, notes = story.go_on(home)
    wrong += notes
    history, done = story.result(home)
    if history != story.epochs() or done is None or done.status is not Status.FINISHED:
        wrong.append("it could not be brought to its end")
    return wrong + story.problems(home), went_on_from


def test_killed_at_any_write_no_told_epoch_is_lost_and_its_checkpoint_is_whole(points, tmp_path):
    def check(home, result, told):
        wrong, went_on_from = wrong_after(home, told)
        if result.returncode != -signal.SIGKILL:
            wrong.append(f"exit code {result.returncode}: {result.stderr}")
        if told and went_on_from < told[-1]:
            wrong.append(f"told {told}, went on from {went_on_from}")
        return wrong

    assert len(points) > 50
    assert not sweep(points, tmp_path, "signal=KILL", check)


def test_a_disk_that_fails_at_any_write_is_told_in_a_sentence_and_loses_no_told_epoch(points, tmp_path):
    def check(home, result, told):
        wrong, _ = wrong_after(home, told)
        if result.returncode not in (0, 5) or "Traceback" in result.stderr:
            wrong.append(f"exit code {result.returncode}: {result.stderr}")
        if result.returncode == 5 and not re.fullmatch(r"\S.*\.\n", result.stderr):
            wrong.append(f"not one sentence: {result.stderr!r}")
        if result.returncode == 0 and told != [1, 2]:
            wrong.append("an epoch went missing without a word")
        return wrong

    # Broken here, full there.
    for error, where in (("EIO", points[::2]), ("ENOSPC", points[1::2])):
        assert not sweep(where, tmp_path, f"error={error}", check)
