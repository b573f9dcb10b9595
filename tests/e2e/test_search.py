"""A search from the command line, with two workers."""

import json
import subprocess

from tests.e2e.conftest import COMMAND
from tests.patience import PATIENCE_S

BASE = ["--dataset", "digits", "--device", "cpu", "--batch-size", "32"]


def told(places, *arguments):
    return subprocess.run(
        [COMMAND, *arguments], env=places, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_search_is_trained_shown_and_gone_on_with(places):
    search = told(places, "search", *BASE, "--epochs", "2", "--trials", "3", "--jobs", "2", "--json", "features=2:8")
    assert search.returncode == 0, search.stderr
    *events, standing = map(json.loads, search.stdout.splitlines())
    assert standing["type"] == "search"
    assert [trial["status"] for trial in standing["trials"]] == ["finished"] * 3
    assert {event["run"] for event in events if event["type"] == "run_done"} == {t["run"] for t in standing["trials"]}
    assert "The search itself took" in search.stderr
    more = told(places, "search", "--resume", "--trials", "4")
    assert "4 trials of 4, 4 finished" in more.stdout
    assert "[1/4]" in more.stderr
    shown = told(places, "search", "--show", "search-1")
    assert shown.stdout == more.stdout
    runs = told(places, "runs", "--filter", "tag=search-1", "--json").stdout.splitlines()
    assert len(runs) == 4


def test_what_cannot_be_searched_is_told_before_anything_begins(places):
    for arguments, why in (
        (["features=1:2:3"], "is not a range"),
        (["--show"], "no search is named"),
        (["--resume", "x", "features=2:4"], "only apply to a new search. Leave out features=2:4"),
        (["--resume", "--epochs", "3"], "Leave out --epochs"),
        (["--objective", "test_accuracy", "features=2:4"], "must not be used to choose"),
        (["--name", "a b", "features=2:4"], "is not a valid search name"),
    ):
        done = told(places, "search", *arguments)
        assert done.returncode == 2, done.stderr
        assert why in done.stderr
        assert "Traceback" not in done.stderr
