import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_tui.core.codec import dumps, to_json_value
from mnist_tui.core.conditions import DatasetInfo, Machine
from mnist_tui.core.events import SCHEMA, EpochDone, Event, Notice, RunStarted
from mnist_tui.core.insight import Mistake
from mnist_tui.core.parsing import EVENT_TYPES, event_from_json
from mnist_tui.core.script import ScriptSpec
from mnist_tui.core.spec import RunSpec
from mnist_tui.core.status import Phase, Status
from mnist_tui.core.units import Direction, Unit
from tests.builders import CPU, MNIST, epoch_done, run_events

texts = st.text(max_size=20)
numbers = st.floats()
wholes = st.integers(-(2**63), 2**63)
moments = st.datetimes().map(lambda moment: moment.isoformat())
specs = st.builds(
    RunSpec,
    epochs=st.integers(1, 100),
    features=st.integers(1, 512),
    seed=st.integers(0, 2**63 - 1),
    learning_rate=st.one_of(st.just(math.inf), st.floats(1e-9, 1e9)),
    threads=st.one_of(st.none(), st.integers(1, 256)),
)


def tuples(items):
    return st.lists(items, max_size=5).map(tuple)


datasets = st.builds(
    DatasetInfo,
    name=texts,
    label=texts,
    source=texts,
    note=texts,
    n_train=wholes,
    n_validation=wholes,
    n_test=wholes,
    classes=tuples(texts),
    side=wholes,
)
by_type = {
    str: texts,
    int: wholes,
    float: numbers,
    bool: st.booleans(),
    float | None: st.one_of(st.none(), numbers),
    int | None: st.one_of(st.none(), wholes),
    tuple[str, ...]: st.lists(texts).map(tuple),
    tuple[int, ...]: tuples(wholes),
    tuple[float, ...]: tuples(numbers),
    tuple[float | None, ...]: tuples(st.one_of(st.none(), numbers)),
    tuple[tuple[int, ...], ...]: tuples(tuples(wholes)),
    tuple[tuple[float, ...], ...]: tuples(tuples(numbers)),
    tuple[Mistake, ...]: tuples(
        st.builds(Mistake, image=wholes, label=wholes, predicted=wholes, probabilities=tuples(numbers))
    ),
    Status: st.sampled_from(Status),
    Phase: st.sampled_from(Phase),
    RunSpec | ScriptSpec: st.one_of(
        specs,
        st.builds(
            ScriptSpec,
            config=st.dictionaries(texts, st.one_of(st.none(), texts, wholes, st.booleans(), st.floats(-1e9, 1e9))),
            epochs=wholes,
            name=texts,
            can=tuples(texts),
        ),
    ),
    Mapping[str, float]: st.dictionaries(texts, numbers),
    Direction | None: st.one_of(st.none(), st.sampled_from(Direction)),
    Unit | None: st.one_of(st.none(), st.sampled_from(Unit)),
    DatasetInfo | None: st.none() | datasets,
    DatasetInfo: datasets,
    Machine: st.builds(Machine, device_name=texts, host=texts, threads=wholes, versions=st.dictionaries(texts, texts)),
}
by_name = {"started_at": moments, "ended_at": moments, "level": st.sampled_from(["information", "warning", "error"])}


EPOCH = epoch_done(1).to_json()
START = run_events()[0].to_json()
NOTICE = Notice(level="warning", message="x").to_json()


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    hints = get_type_hints(cls)
    return st.builds(
        cls,
        **{
            f.name: by_name[f.name] if f.name in by_name else by_type[hints[f.name]]
            for f in fields(cls)
            if f.metadata.get("json", True)
        },
    )


def same(first: object, second: object) -> bool:
    """Compare values where a NaN equals a NaN and kinds of numbers count."""
    return type(first) is type(second) and repr(first) == repr(second)


@settings(deadline=None)
@given(st.sampled_from(list(EVENT_TYPES.values())).flatmap(events_of))
def test_every_event_survives_strict_json_on_one_line(event):
    line = dumps(event.to_json())
    assert "\n" not in line
    record = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert record["type"] == event.type
    assert record["schema"] == SCHEMA
    assert same(event_from_json(record), event)


@pytest.mark.parametrize(("number", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
def test_numbers_that_json_cannot_hold_become_texts_and_come_back(number, text):
    record = json.loads(dumps(epoch_done(val_loss=number).to_json()))
    assert record["values"]["val_loss"] == text
    event = event_from_json(record)
    assert isinstance(event, EpochDone)
    assert same(event.val_loss, number)


@pytest.mark.parametrize("word", ["nan", "inf", "-inf"])
def test_such_a_word_stays_a_word_where_a_text_is_meant(word):
    notice = Notice(level="warning", message=word)
    assert event_from_json(notice.to_json()) == notice


def test_keys_of_a_newer_version_are_left_out():
    event = epoch_done()
    assert event_from_json({**event.to_json(), "weather": 0.5}) == event


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"type": "weather"},
        {"type": None},
        {"type": "epoch_done", "run": "r"},
        {"type": "run_done", "status": "odd"},
        [],
        "text",
        {**NOTICE, "message": 5},
        {**NOTICE, "level": "shout"},
        {**NOTICE, "exit_code": "3"},
        {**EPOCH, "values": {"train_loss": "much"}},
        {**EPOCH, "values": {"train_loss": None}},
        {**EPOCH, "values": {"train_loss": [1.0]}},
        {**EPOCH, "values": {"val_accuracy": True}},
        {**EPOCH, "train_s": 10**400},
        {**EPOCH, "epoch": "1"},
        {**EPOCH, "epoch": 1.5},
        {**EPOCH, "epoch": 10**30},
        {**START, "machine": {"device": "cpu", "threads": "many"}},
        {**START, "machine": {**START["machine"], "threads": "many"}},
        {**START, "machine": {**START["machine"], "versions": {"torch": 2}}},
        {**START, "machine": 5},
        {**START, "spec": {"epochs": "ten"}},
        {**START, "spec": []},
    ],
)
def test_a_record_that_is_no_event_is_refused(record):
    with pytest.raises(ValueError, match=r"not a known event:|cannot be read|is not a valid Status|expected"):
        event_from_json(record)


def test_parts_of_events_become_plain_objects():
    start = run_events(spec=RunSpec(epochs=3, learning_rate=math.inf))[0]
    assert isinstance(start, RunStarted)
    record = start.to_json()
    assert record["spec"]["learning_rate"] == "inf"
    assert record["dataset"]["n_train"] == MNIST.n_train
    assert record["machine"]["versions"] == dict(CPU.versions)
    assert to_json_value({"phase": Phase.TEST, "pair": (1, math.nan)}) == {"phase": "test", "pair": [1, "nan"]}


def test_the_time_of_an_epoch_is_training_plus_validation():
    assert epoch_done(train_s=3.75, val_s=0.25).epoch_s == 4.0


@pytest.mark.parametrize("status", list(Status))
def test_only_queued_running_and_paused_runs_can_still_make_epochs(status):
    assert status.is_over == (status not in {"queued", "running", "paused"})
