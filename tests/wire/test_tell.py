"""What `mnist-tui tell` answers, whatever else happens to the run meanwhile."""

from typing import cast

import pytest

from mnist_tui.core.events import EpochsChanged, RateChanged
from mnist_tui.core.orders import Order
from mnist_tui.core.reducer import SessionState
from mnist_tui.core.spec import RunSpec
from mnist_tui.errors import OrderError
from mnist_tui.remote import _wait
from mnist_tui.wire.client import Watch
from tests.builders import run_events


class Said:
    """A connection on which this is said."""

    def __init__(self, *said):
        self._said = said

    def records(self, within_s):
        for each in self._said:
            yield each if isinstance(each, dict) else each.to_json()


ANSWER = {"type": "answer", "obeyed": True, "reason": ""}


def rate_changed(rate, epoch=3):
    return RateChanged(run="run-1", epoch=epoch, learning_rate=rate)


def epochs_changed(epochs):
    return EpochsChanged(run="run-1", epoch=2, epochs=epochs)


@pytest.mark.parametrize(
    ("kind", "value", "said", "told"),
    [
        (
            "rate",
            0.003,
            (rate_changed(0.003), ANSWER, rate_changed(0.013), rate_changed(0.003)),
            "0.003 from epoch 3 on",
        ),
        ("rate", 0.003, (ANSWER, rate_changed(0.003, 11)), "0.003 from epoch 11 on, if it gets that many"),
        ("epochs", 902, (epochs_changed(802), ANSWER, epochs_changed(802), epochs_changed(902)), "to 902 epochs"),
        ("epochs", 2, (ANSWER, epochs_changed(2)), "to 2 epochs"),
        ("stop", 0, (ANSWER, run_events("run-1")[-1]), "finished after"),
    ],
)
def test_what_another_terminal_asks_for_is_not_taken_for_the_own_order(kind, value, said, told):
    state = SessionState()
    state.apply(run_events("run-1", spec=RunSpec(epochs=10))[0])
    assert told in _wait(cast("Watch", Said(*said)), Order(kind=kind, run="run-1", value=value), state)


@pytest.mark.parametrize(("kind", "value"), [("rate", 0.003), ("epochs", 99), ("pause", 0)])
def test_a_run_that_ends_before_it_obeys_is_an_error(kind, value):
    state = SessionState()
    events = run_events("run-1", spec=RunSpec(epochs=10))
    state.apply(events[0])
    with pytest.raises(OrderError, match="before it could obey"):
        _wait(cast("Watch", Said(ANSWER, events[-1])), Order(kind=kind, run="run-1", value=value), state)
