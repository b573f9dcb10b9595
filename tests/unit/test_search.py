"""A search: what it may vary, what it proposes, what it gives up, and how it goes on after its process was killed."""

import json
import math
import sys
from dataclasses import replace

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import RunDone
from mnist_tui.core.search import Dimension, Search, SearchSpec, parse_dimension
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Status
from mnist_tui.demo import run_sweep
from mnist_tui.errors import StoreError, UsageError
from mnist_tui.report.listing import Output
from mnist_tui.report.standing import print_standing
from mnist_tui.runtime.search import Director, as_record, importances, need_optuna, standing
from mnist_tui.runtime.searches import held, new_name, read_search, searches, write_search
from mnist_tui.store.claims import Claims
from mnist_tui.store.database import Store

BASE = RunSpec(epochs=10, dataset="digits")
OWN = RunSpec(model="/somewhere/net.py:Net", model_digest="0" * 64, options="depth=2")


@pytest.fixture(autouse=True)
def quiet():
    need_optuna()


def spec_of(*texts, base=BASE, **more):
    return SearchSpec(base=base, dimensions=tuple(parse_dimension(text, base) for text in texts), **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("features=2:64", Dimension(name="features", low=2, high=64, is_whole=True)),
        ("lr=1e-4:1e-1:log", Dimension(name="learning_rate", low=1e-4, high=0.1, log=True)),
        ("--batch-size=16:64:log", Dimension(name="batch_size", low=16, high=64, log=True, is_whole=True)),
        ("optimizer=adam, sgd", Dimension(name="optimizer", choices=("adam", "sgd"))),
        ("dropout=0,0.2", Dimension(name="dropout", choices=("0", "0.2"))),
        ("weight-decay=usual,0.1", Dimension(name="weight_decay", choices=("usual", "0.1"))),
    ],
)
def test_what_is_varied_is_named_like_the_options(text, expected):
    assert parse_dimension(text, BASE) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("features", "does not name any values"),
        ("features=", "does not name any values"),
        ("colour=1:2", "there is no setting 'colour'"),
        ("features=64:2", "must go from low to high"),
        ("features=0:8", "features must be a whole number from 1"),
        ("features=2:8.5", "features must be a whole number"),
        ("lr=0:1:log", "must be a finite number above 0"),
        ("dropout=0:0.5:log", "must start above 0"),
        ("lr=a:b", "not a range of numbers"),
        ("lr=1:2:3", "is not a range"),
        ("optimizer=adam:sgd", "is not a number"),
        ("optimizer=adam", "needs at least two different values"),
        ("optimizer=adam,zen", "optimizer must be one of"),
        ("device=cpu,cuda", "a search does not vary the device"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(text, why):
    with pytest.raises(UsageError, match=why):
        parse_dimension(text, BASE)


def test_settings_of_an_own_network_are_varied_by_their_names():
    spec = spec_of("width=8:32", "kind=wide,deep", base=OWN)
    run = spec.run({"width": 12, "kind": "deep"})
    assert run.options == "depth=2 width=12 kind=deep"
    assert spec.params(run) == {"width": 12, "kind": "deep"}


def test_numbers_have_three_digits_and_stay_within_their_limits():
    spec = spec_of("lr=0.0012345:0.1:log", "features=2:64")
    assert spec.run({"learning_rate": 0.00123456, "features": 7}).learning_rate == 0.0012345
    assert spec.run({"learning_rate": 0.0123456, "features": 7}).learning_rate == 0.0123


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"objective": "test_accuracy"}, "the test set must not be used"),
        ({"objective": "beauty"}, "the objective must be val_accuracy or val_loss"),
        ({"trials": 0}, "--trials must be a whole number"),
    ],
)
def test_what_is_wanted_must_be_honest_and_possible(more, why):
    with pytest.raises(UsageError, match=why):
        spec_of("features=2:64", **more)


def test_settings_that_do_not_go_together_are_told_before_anything_begins():
    with pytest.raises(UsageError, match="not all of these settings can be combined: adam has no momentum"):
        spec_of("optimizer=adam,sgd", "momentum=0,0.9").check()
    with pytest.raises(UsageError, match="features is named twice"):
        spec_of("features=2:4", "features=8:16")
    with pytest.raises(UsageError, match="needs something to vary"):
        SearchSpec(base=BASE, dimensions=())


# A search is trained -----------------------------------------------------------------------------------


def trained(home, search, *, most=math.inf):
    """Train a search with scripted numbers, up to a number of runs; return its director."""
    director, control = Director(home, search), RunControl()
    with Store.open(home) as store:
        ended = 0
        for event in store.recorded(run_sweep(Claims(store, director.queue(store, "one", control)), control)):
            director.hear(event)
            ended += isinstance(event, RunDone)
            if ended >= most:
                break
    return director


def begun(home, *texts, **more):
    search = Search(name=new_name(home), spec=spec_of(*texts, **more))
    write_search(home, search, is_new=True)
    return search


def test_a_search_makes_ordinary_runs_with_its_name_as_a_tag(tmp_path):
    search = begun(tmp_path, "features=2:64:log", "batch=32,64", trials=12)
    director = trained(tmp_path, search)
    with Store.open_readonly(tmp_path) as store:
        runs = store.runs()
        assert len(runs) == 12
        assert {run.labels.tags for run in runs} == {("search-1",)}
        tried = [search.spec.params(run.network) for run in runs if run.network is not None]
        assert len({params["features"] for params in tried}) > 5
        assert {params["batch_size"] for params in tried} == {"32", "64"}
        assert store.orphans == 0
    assert read_search(tmp_path, "last") == director.search
    assert director.own_s > 0


def test_what_is_worse_than_the_median_is_stopped_early_and_says_by_whom(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2:64:log", trials=20))
    pruned = [trial for trial in standing(tmp_path, director.search) if trial.is_pruned]
    assert pruned
    for trial in pruned:
        assert trial.run.status is Status.STOPPED
        assert 2 <= trial.run.epochs_done < 10
        assert trial.run.result is not None
        assert "pruned by search-1" in trial.run.result.reason
    unpruned = trained(tmp_path, begun(tmp_path, "features=2:64:log", trials=20, prunes=False))
    assert not unpruned.search.pruned


def test_the_best_come_first_and_what_was_stopped_competes_with_nobody(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2:64:log", trials=20))
    trials = standing(tmp_path, director.search)
    finished = [trial.value("val_accuracy") or 0.0 for trial in trials if trial.run.status is Status.FINISHED]
    assert finished == sorted(finished, reverse=True)
    assert [trial.run.status for trial in trials[: len(finished)]] == [Status.FINISHED] * len(finished)
    losses = trained(tmp_path, begun(tmp_path, "features=2:64:log", trials=8, prunes=False, objective="val_loss"))
    values = [trial.value("val_loss") or 0.0 for trial in standing(tmp_path, losses.search)]
    assert values == sorted(values)


def test_a_search_that_was_killed_goes_on_with_the_run_it_was_at(tmp_path):
    search = begun(tmp_path, "features=2:64:log", trials=6, prunes=False)
    director, control = Director(tmp_path, search), RunControl()
    with Store.open(tmp_path) as store:
        events = store.recorded(run_sweep(Claims(store, director.queue(store, "one", control)), control))
        for event in events:
            director.hear(event)
            if getattr(event, "epoch", 0) == 4 and len(director.search.runs) == 3:
                break
    before = read_search(tmp_path, "search-1").runs
    after = trained(tmp_path, read_search(tmp_path, "search-1")).search
    assert after.runs[:3] == before
    assert len(after.runs) == 6
    with Store.open_readonly(tmp_path) as store:
        assert [run.status for run in store.runs()] == [Status.FINISHED] * 6
        assert [run.epochs_done for run in store.runs()] == [10] * 6


def test_what_was_proposed_but_never_begun_is_proposed_again(tmp_path):
    search = begun(tmp_path, "features=2:64:log", trials=4)
    director = Director(tmp_path, search)
    with Store.open(tmp_path) as store:
        next(director.queue(store, "one", RunControl()))
    assert len(read_search(tmp_path, "search-1").runs) == 1
    after = trained(tmp_path, read_search(tmp_path, "search-1")).search
    with Store.open_readonly(tmp_path) as store:
        assert sorted(run.run for run in store.runs()) == sorted(after.runs)
        assert len(after.runs) == 4


def test_two_processes_do_not_work_on_one_search(tmp_path):
    begun(tmp_path, "features=2:64", trials=2)
    with held(tmp_path, "search-1"):
        with pytest.raises(StoreError, match="search-1 is in progress in another process"), held(tmp_path, "search-1"):
            pass
        with held(tmp_path, "search-2"):
            assert new_name(tmp_path) == "search-3"
    with held(tmp_path, "search-1"):
        pass


def test_the_same_search_with_one_job_proposes_the_same(tmp_path):
    tried = []
    for home in (tmp_path / "one", tmp_path / "two"):
        director = trained(home, begun(home, "features=2:64:log", "lr=1e-4:1e-1:log", trials=14))
        with Store.open_readonly(home) as store:
            tried.append([director.search.spec.params(run.network) for run in store.runs() if run.network])
    assert tried[0] == tried[1]


# How it is shown -----------------------------------------------------------------------------------------


def shown(home, search, capsys, width=120):
    trials = standing(home, search)
    print_standing(search, trials, importances(search, trials), Output(width=width))
    return capsys.readouterr().out


def test_the_standing_names_the_best_what_mattered_and_what_to_doubt(tmp_path, capsys):
    director = trained(tmp_path, begun(tmp_path, "features=2:64:log", "batch=32,64", trials=20))
    out = shown(tmp_path, director.search, capsys)
    assert "Val accuracy" in out
    assert "20 trials of 20" in out
    assert "mnist-tui runs --filter tag=search-1" in out
    assert "selected by its validation results" in out
    assert "Importance of each setting" in out
    shares = importances(director.search, standing(tmp_path, director.search))
    assert set(shares) == {"features", "batch_size"}
    assert sum(shares.values()) == pytest.approx(1)
    # The scripted numbers depend on the features alone.
    assert shares["features"] > shares["batch_size"]


def test_a_search_without_a_trial_is_shown_as_that(tmp_path, capsys):
    assert "has no trials yet" in shown(tmp_path, begun(tmp_path, "features=2:64"), capsys)


def test_the_record_for_programs_is_plain_json(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2:64", trials=3))
    record = as_record(director.search, standing(tmp_path, director.search), {})
    assert json.loads(json.dumps(record))["trials"][0]["params"].keys() == {"features"}


# Its file ------------------------------------------------------------------------------------------------


def test_names_are_counted_on_or_given_and_taken_ones_refused(tmp_path):
    begun(tmp_path, "features=2:64")
    begun(tmp_path, "features=2:64")
    assert searches(tmp_path) == ["search-1", "search-2"]
    with pytest.raises(UsageError, match=r"the search search-1 already exists\. Continue it with --resume search-1"):
        write_search(tmp_path, Search(name="search-1", spec=spec_of("features=2:8")), is_new=True)
    for name in ("../evil", "two words", "", "a,b"):
        with pytest.raises(UsageError, match="is not a valid search name"):
            write_search(tmp_path, Search(name=name, spec=spec_of("features=2:8")))


def test_a_search_that_is_missing_or_damaged_is_told_in_a_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"no search is named 'last'\. No search has been started yet"):
        read_search(tmp_path, "last")
    begun(tmp_path, "features=2:64")
    with pytest.raises(UsageError, match=r"no search is named 'x'\. Existing searches: search-1"):
        read_search(tmp_path, "x")
    path = tmp_path / "searches" / "search-1.json"
    for damage in ("{", "[]", path.read_text().replace('"val_accuracy"', "3"), path.read_text().replace("64", '"x"')):
        path.write_text(damage)
        with pytest.raises(StoreError, match="cannot be read"):
            read_search(tmp_path, "search-1")


def test_deleted_runs_still_count(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2:64", trials=4))
    with Store.open(tmp_path) as store:
        store.relabel(director.search.runs[:2], lambda labels: replace(labels, deleted_at="2026-01-01T00:00:00+00:00"))
    assert len(trained(tmp_path, director.search).search.runs) == 4


def test_without_optuna_the_way_to_get_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UsageError, match="a search needs Optuna"):
        need_optuna()


def test_deleted_runs_that_were_not_at_their_end_are_not_gone_on_with_and_not_shown(tmp_path):
    search = begun(tmp_path, "features=2:64:log", trials=3, prunes=False)
    director, control = Director(tmp_path, search), RunControl()
    with Store.open(tmp_path) as store:
        for event in store.recorded(run_sweep(Claims(store, director.queue(store, "one", control)), control)):
            director.hear(event)
            if getattr(event, "epoch", 0) == 4:
                break
    with Store.open(tmp_path) as store:
        store.relabel(director.search.runs, lambda labels: replace(labels, deleted_at="2026-01-01T00:00:00+00:00"))
    after = trained(tmp_path, read_search(tmp_path, "search-1")).search
    assert len(after.runs) == 3
    assert len(standing(tmp_path, after)) == 2
    with Store.open_readonly(tmp_path) as store:
        (deleted,) = store.runs(deleted=True)
        assert deleted.epochs_done < 10


def test_no_combination_is_trained_twice_and_the_search_ends_when_all_were(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2,4,8", "batch=32,64", trials=20, prunes=False))
    assert len(director.search.runs) == 6
    trials = standing(tmp_path, director.search)
    assert len({tuple(sorted(trial.params.items())) for trial in trials}) == 6
    more = replace(director.search, spec=replace(director.search.spec, trials=30))
    assert len(trained(tmp_path, more).search.runs) == 6


def test_data_and_seeds_are_the_same_for_all_runs_of_a_search():
    for text in ("seed=0:9", "dataset=mnist,digits", "side=8:28"):
        with pytest.raises(UsageError, match="a search does not vary"):
            parse_dimension(text, BASE)


def test_a_search_whose_trials_cannot_begin_ends_soon(tmp_path):
    director, control = Director(tmp_path, begun(tmp_path, "features=2:64", trials=50)), RunControl()
    with Store.open(tmp_path) as store:
        claims = Claims(store, director.queue(store, "one", control))
        # An engine that reports an error for each run, and starts none.
        assert sum(1 for _ in claims) <= 5


def test_a_run_that_finished_before_it_heard_the_order_is_finished(tmp_path):
    director = trained(tmp_path, begun(tmp_path, "features=2:64", trials=3, prunes=False))
    search = replace(director.search, pruned=director.search.runs[:1])
    assert not any(trial.is_pruned for trial in standing(tmp_path, search))
