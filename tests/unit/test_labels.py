"""What runs are called, and how they are deleted: nothing of it touches a number."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mnist_tui.core.labels import MAX_NAME, Labels, as_name, as_tags, now, too_old
from mnist_tui.errors import UsageError
from mnist_tui.report.formatting import printable
from mnist_tui.store import checkpoints
from mnist_tui.store.database import Store
from tests.builders import keep, run_events


@pytest.fixture
def home(tmp_path):
    for run in ("20260101-120000-aaaaaa", "20260102-120000-bbbbbb"):
        keep(tmp_path / "home", run_events(run))
    return tmp_path / "home"


FIRST, SECOND = "20260101-120000-aaaaaa", "20260102-120000-bbbbbb"


def label(home, run, **changes):
    with Store.open(home) as store:
        store.relabel([run], lambda labels: replace(labels, **changes))


def ids(home, **options):
    with Store.open_readonly(home) as store:
        return [run.run for run in store.runs(**options)]


def find(home, name):
    with Store.open_readonly(home) as store:
        return store.run(name).run


def test_names_tags_and_notes_are_kept_and_change_nothing_else(home):
    with Store.open_readonly(home) as store:
        before = store.run(FIRST)
    label(home, FIRST, name="the first", tags=("good", "paper"), note="two features")
    with Store.open_readonly(home) as store:
        after, listed = store.run(FIRST), store.runs()
    assert after.labels == Labels("the first", ("good", "paper"), "two features")
    assert [run.labels for run in listed] == [after.labels, Labels()]
    after.labels = before.labels
    assert after == before


def test_the_last_run_is_the_one_begun_last_whatever_the_clock_said(home):
    keep(home, run_events("20200101-120000-cccccc", started_at="2020-01-01T12:00:00+00:00"))
    assert find(home, "last") == "20200101-120000-cccccc"


def test_labels_that_are_changed_at_the_same_moment_are_all_kept(home):
    def tag(word: str) -> None:
        with Store.open(home) as store:
            store.relabel([FIRST], lambda labels: replace(labels, tags=(*labels.tags, word)))

    words = [f"tag-{number:02}" for number in range(20)]
    with ThreadPoolExecutor(5) as threads:
        list(threads.map(tag, words))
    with Store.open_readonly(home) as store:
        assert sorted(store.run(FIRST).labels.tags) == words


def test_several_runs_are_relabelled_or_none(home):
    def refuse_the_second(labels: Labels) -> Labels:
        if labels.name == "second":
            raise UsageError("not this one")
        return replace(labels, name="changed")

    label(home, SECOND, name="second")
    with Store.open(home) as store, pytest.raises(UsageError):
        store.relabel([FIRST, SECOND], refuse_the_second)
    with Store.open_readonly(home) as store:
        assert [run.labels.name for run in store.runs()] == ["", "second"]


def test_a_run_is_found_by_its_name_and_by_both_ends_of_its_id(home):
    label(home, FIRST, name="the first")
    assert find(home, "the first") == find(home, "20260101") == find(home, "aaaaaa") == FIRST
    assert find(home, "last") == SECOND
    with pytest.raises(UsageError, match="'2026' matches 2 runs: 20260102-120000-bbbbbb, 20260101-120000-aaaaaa"):
        find(home, "2026")
    for unknown in ("", "nobody", "ünknown", "the"):
        with pytest.raises(UsageError, match="there is no run"):
            find(home, unknown)


def test_a_deleted_run_is_out_of_sight_until_it_is_brought_back(home):
    label(home, SECOND, deleted_at=now())
    assert ids(home) == [FIRST]
    assert ids(home, deleted=True) == [SECOND]
    assert find(home, "last") == FIRST
    with pytest.raises(UsageError, match="was deleted"):
        find(home, "bbbbbb")
    label(home, SECOND, deleted_at="")
    assert ids(home) == [FIRST, SECOND]


def test_only_what_was_deleted_long_ago_is_removed_for_good_with_its_checkpoints(home):
    for run in (FIRST, SECOND):
        checkpoints.write(checkpoints.folder_of(home, run), "epoch-000001-batch-000000.ckpt", b"weights")
    label(home, FIRST, deleted_at="2020-01-01T00:00:00+00:00")
    label(home, SECOND, deleted_at=now())
    with Store.open(home) as store:
        assert store.purge(too_old()) == 1
        assert store.purge(too_old()) == 0
    assert ids(home) == []
    assert ids(home, deleted=True) == [SECOND]
    assert not checkpoints.folder_of(home, FIRST).exists()
    assert checkpoints.folder_of(home, SECOND).exists()


def test_a_run_in_progress_cannot_be_deleted(home):
    with Store.open(home) as store:
        (start, *_) = run_events("20260103-120000-cccccc")
        store.record(start)
        with pytest.raises(UsageError, match="is in progress"):
            store.relabel(["20260103-120000-cccccc"], lambda _: Labels(deleted_at=now()))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "x" * (MAX_NAME + 1)}, "at most 60 characters"),
        ({"name": "a\x1b[31mb"}, "must not contain control characters"),
        ({"tags": ("two words",)}, "one word"),
        ({"tags": ("a>b",)}, "one word"),
        ({"tags": tuple(map(str, range(21)))}, "at most 20 tags"),
        ({"note": "y" * 1001}, "at most 1,000 characters"),
    ],
)
def test_what_would_spoil_a_table_is_refused(values, said):
    with pytest.raises(UsageError, match=said):
        Labels(**values)


def test_tags_are_words_without_repeats():
    assert as_tags(["good, paper", "#good", " "]) == ("good", "paper")


@pytest.mark.parametrize("name", ["Läufe", "学習", "می‌خواهم", "👩‍🔬 run", "a\u00a0b", "a\u3000b"])
def test_a_name_may_be_of_any_script_and_every_space_is_a_plain_one(name):
    labels = Labels(name=as_name(name))
    assert printable(labels.name) == labels.name
    assert "\u00a0" not in labels.name
    assert "\u3000" not in labels.name


def test_a_word_that_means_a_run_already_is_no_name():
    with pytest.raises(UsageError, match="cannot be named 'last'"):
        as_name(" last ")


def test_a_name_that_is_the_short_id_of_another_run_is_not_guessed(home):
    label(home, SECOND, name="aaaaaa")
    with pytest.raises(UsageError, match="matches 2 runs"):
        find(home, "aaaaaa")
    assert find(home, FIRST) == FIRST
