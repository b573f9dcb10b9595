"""Orders cross a process and come out as they went in; what is none is refused in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_tui.core.checks import MAX_EPOCHS
from mnist_tui.core.control import RunControl
from mnist_tui.core.orders import BUILT_IN, KINDS, Order, order_from_json
from mnist_tui.errors import UsageError
from mnist_tui.wire.lines import line, read_line


@pytest.mark.parametrize("kind", BUILT_IN)
def test_an_order_comes_out_as_it_went_in(kind):
    value = {"epochs": 20.0, "rate": 0.0003}.get(kind, 0.0)
    order = Order(kind=kind, run="run-1", value=value, after_epoch=kind == "stop")
    assert order_from_json(read_line(line(order.to_json()))) == order


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"type": "order"},
        {"type": "order", "kind": "explode", "run": "run-1"},
        {"type": "order", "kind": "pause", "run": 7},
        {"type": "order", "kind": "pause", "run": "run-1", "after_epoch": 1},
        {"type": "order", "kind": "epochs", "run": "run-1"},
        {"type": "order", "kind": "epochs", "run": "run-1", "value": 0},
        {"type": "order", "kind": "epochs", "run": "run-1", "value": 2.5},
        {"type": "order", "kind": "epochs", "run": "run-1", "value": MAX_EPOCHS + 1},
        {"type": "order", "kind": "epochs", "run": "run-1", "value": "nan"},
        {"type": "order", "kind": "epochs", "run": "run-1", "value": 10**401},
        {"type": "order", "kind": "rate", "run": "run-1", "value": 10**401},
        {"type": "order", "kind": "rate", "run": "run-1", "value": "inf"},
        {"type": "order", "kind": "rate", "run": "run-1", "value": -1},
        {"type": "order", "kind": "rate", "run": "run-1", "value": [1]},
    ],
)
def test_what_is_no_order_is_refused(record):
    with pytest.raises((ValueError, UsageError)):
        order_from_json(record)


NAMES = st.sampled_from(["type", "kind", "run", "value", "after_epoch"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.sampled_from(["order", *KINDS]) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)


@given(ANYTHING)
def test_anything_is_an_order_or_refused(record):
    try:
        order = order_from_json(record)
    except (ValueError, UsageError):
        return
    assert order.kind in KINDS


def begun(run="run-1"):
    control = RunControl()
    control.requests.begin_run(run)
    return control


@pytest.mark.parametrize("kind", BUILT_IN)
def test_an_order_for_another_run_or_one_that_is_over_does_nothing(kind):
    control = begun("run-2")
    order = Order(kind=kind, run="run-1", value=20.0)
    assert not control.give(order)
    control.requests.end_run()
    assert not control.give(Order(kind=kind, run="run-2", value=20.0))
    assert not control.requests.paused
    assert not control.requests.stopping
    assert control.requests.epochs(10, 0) == 10
    assert control.requests.take_rate() is None


def test_each_order_does_what_it_says():
    control = begun()
    assert control.give(Order(kind="pause", run="run-1"))
    assert control.requests.paused
    assert control.give(Order(kind="resume", run="run-1"))
    assert not control.requests.paused
    assert control.give(Order(kind="epochs", run="run-1", value=20.0))
    assert control.requests.epochs(10, 0) == 20
    assert control.give(Order(kind="rate", run="run-1", value=0.5))
    assert control.requests.take_rate() == 0.5
    assert control.give(Order(kind="skip", run="run-1", after_epoch=True))
    assert not control.requests.stops_now
    assert control.requests.stopping
    assert not control.queue_stopped
    assert control.give(Order(kind="stop", run="run-1"))
    assert control.requests.stops_now
    assert control.queue_stopped
