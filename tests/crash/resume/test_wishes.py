"""What ends a run, and what was asked of it, is decided again from the store: patience, epochs, learning rate."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from mnist_tui.core.control import RunControl
from mnist_tui.core.events import EpochDone, EpochsChanged, Progress, RateChanged, RunDone
from mnist_tui.core.status import Phase, Status
from mnist_tui.errors import UsageError
from tests.crash.resume.helpers import NARROW, begin, go_on, kept, numbers, of

IMPATIENT = replace(NARROW, epochs=200, features=1, patience=3, learning_rate=0.0001)


@pytest.fixture
def uncut(tmp_path):
    """Return the numbers of the run that nobody interrupts, and how many epochs it has."""
    begin(tmp_path / "uncut", IMPATIENT)
    return numbers(tmp_path / "uncut"), kept(tmp_path / "uncut").epochs_done


def in_test(event):
    return isinstance(event, Progress) and event.phase is Phase.TEST


@pytest.mark.parametrize("cut", ["killed before its test", "killed in it", "stopped", "skipped", "handed over"])
def test_a_run_that_was_over_when_it_was_cut_off_trains_no_further(home, uncut, cut):
    expected, epochs = uncut
    control = RunControl()
    orders: dict[str, Callable[[], object]] = {
        "stopped": control.stop,
        "skipped": control.skip,
        "handed over": control.hand_over,
    }
    order = orders.get(cut)

    def until(event):
        if order is not None and isinstance(event, EpochDone) and event.epoch == epochs:
            order()
        if cut == "killed before its test":
            return isinstance(event, EpochDone) and event.epoch == epochs
        return cut == "killed in it" and in_test(event)

    begin(home, IMPATIENT, until=until, control=control)
    if kept(home).status is not Status.FINISHED:
        assert not of(go_on(home), EpochDone)
    assert numbers(home) == expected


def test_a_run_that_its_patience_ended_does_not_go_on(home):
    begin(home, IMPATIENT)
    before = kept(home)
    for epochs in (None, 300):
        with pytest.raises(UsageError, match="patience of 3 ran out"):
            go_on(home, epochs)
    assert kept(home) == before


def test_a_run_whose_patience_was_over_with_its_last_epoch_does_not_go_on_either(home, uncut):
    _, epochs = uncut
    begin(home, replace(IMPATIENT, epochs=epochs))
    before = kept(home)
    assert before.epochs_done == before.epochs
    with pytest.raises(UsageError, match="patience of 3 ran out"):
        go_on(home, epochs + 5)
    assert kept(home) == before


@pytest.mark.parametrize("end", ["hand_over", "stop", "skip"])
def test_what_was_accepted_before_a_run_ends_here_holds_where_it_goes_on(home, end):
    control = RunControl()

    def ask(event):
        if isinstance(event, Progress) and event.epoch == 2 and not asked:
            asked.append(control.set_epochs(3) and control.set_learning_rate(0.004))
            getattr(control, end)()
        return False

    asked: list[bool] = []
    told = begin(home, NARROW, until=ask, control=control)
    assert asked == [True]
    assert not control.set_epochs(9), "too late: nobody would obey it"
    assert [event.epochs for event in of(told, EpochsChanged)] == [3]
    assert [(event.epoch, event.learning_rate) for event in of(told, RateChanged)] == [(3, 0.004)]
    (done,) = of(go_on(home), RunDone)
    assert (done.status, done.epochs_done) == (Status.FINISHED, 3)
    assert [epoch.learning_rate for epoch in kept(home).history] == [0.001, 0.001, 0.004]
