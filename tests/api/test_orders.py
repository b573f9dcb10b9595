"""Orders from another terminal are obeyed by a loop that this program knows nothing of."""

import time

import pytest

import mnist_tui
from mnist_tui.api.snapshot import restore
from mnist_tui.core.events import EpochDone, EpochsChanged, Progress, RateChanged, RunPaused, RunResumed
from mnist_tui.core.status import Status
from mnist_tui.store.database import Store
from tests.api.conftest import Optimizer, Weights, stored
from tests.patience import PATIENCE_S


def marks(home, kind):
    return [mark for mark in stored(home).marks if isinstance(mark, kind)]


def for_ever():
    """Yield until the test runs out of patience, with a little work between."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        time.sleep(0.001)
        yield
    raise AssertionError("nobody stopped this")


def test_the_time_of_a_run_stands_still_while_it_is_paused(begin, remote, beside):
    def others():
        assert remote.tell("pause") == ""
        remote.hear(RunPaused.type)
        # The first may have been told before the pause.
        _, one, later = (event.epoch_elapsed_s for event in remote.hear_all(Progress.type, 3))
        assert remote.tell("stop") == ""
        assert one == later

    beside(others)
    with begin(epochs=1) as run:
        for _ in run.epochs():
            for _ in run.steps(for_ever()):
                run.log(loss=1.0)


def test_a_run_is_paused_and_resumed_between_two_steps(begin, home, remote, beside):
    def others():
        assert remote.tell("pause") == ""
        paused = remote.hear(RunPaused.type)
        at = stored(home).run
        time.sleep(0.1)
        with Store.open_readonly(home) as store:
            before = list(store.points(at, "loss").series.steps)
            time.sleep(0.6)
            assert list(store.points(at, "loss").series.steps) == before, "a paused loop takes no step"
        assert remote.tell("resume") == ""
        assert remote.hear(RunResumed.type).epoch == paused.epoch
        assert remote.tell("stop") == ""

    beside(others)
    with begin(epochs=1) as run:
        for _ in run.epochs():
            for _ in run.steps(for_ever()):
                run.log(loss=1.0)
    assert stored(home).status is Status.STOPPED
    assert marks(home, RunResumed)[0].paused_s >= 0.6
    assert stored(home).result.total_training_time_s < PATIENCE_S


def test_a_stop_ends_the_loop_and_is_no_error_of_the_script(begin, home, remote, beside):
    beside(lambda: remote.tell("stop"))
    after = []
    with begin(epochs=3) as run:
        for _ in run.epochs():
            for _ in run.steps(for_ever()):
                try:
                    run.log(loss=1.0)
                except Exception:  # noqa: BLE001 - what careless loops do
                    raise AssertionError("a stop is no Exception") from None
        after.append("not reached")
    assert after == []
    assert (stored(home).status, stored(home).epochs_done) == (Status.STOPPED, 0)
    beside(lambda: remote.tell("stop"))
    with pytest.raises(mnist_tui.Stopped):
        for _ in begin(epochs=1).steps(for_ever()):
            pass


def test_a_stop_after_the_epoch_lets_it_end(begin, home, remote, beside):
    def others():
        remote.hear(EpochDone.type)
        assert remote.tell("stop", after_epoch=True) == ""

    beside(others)
    with begin(epochs=1_000) as run:
        for _ in run.epochs():
            for _ in run.steps(20):
                time.sleep(0.001)
        reached = True
    assert reached, "the script goes on after its loop"
    assert stored(home).status is Status.STOPPED
    assert 1 <= stored(home).epochs_done < 1_000


def test_more_and_fewer_epochs(begin, home, remote, beside):
    def others():
        assert remote.tell("epochs", 3) == ""
        assert remote.hear(EpochsChanged.type).epochs == 3

    beside(others)
    with begin(epochs=1_000) as run:
        for _ in run.epochs():
            for _ in run.steps(20):
                time.sleep(0.001)
            run.log(loss=1.0)
    found = stored(home)
    assert found.status is Status.FINISHED
    assert found.epochs == found.epochs_done >= 3


def test_a_rate_that_is_set_in_a_pause_is_stored_in_the_pause(begin, home, remote, beside):
    optimizer = Optimizer(0.1)

    def others():
        assert remote.tell("pause") == ""
        remote.hear(RunPaused.type)
        assert remote.tell("rate", 0.2) == ""
        assert remote.hear(RateChanged.type).learning_rate == 0.2
        assert [mark.learning_rate for mark in marks(home, RateChanged)] == [0.2]
        assert marks(home, RunResumed) == [], "it is still paused"
        assert remote.tell("stop") == ""

    beside(others)
    with begin(epochs=1, state={"optimizer": optimizer}) as run:
        for _ in run.steps(for_ever()):
            pass
    assert optimizer.param_groups[0]["lr"] == 0.2


def test_a_new_rate_reaches_the_optimizer_at_the_next_step(begin, home, remote, beside):
    optimizer, seen = Optimizer(0.1, 0.01), []

    def others():
        assert remote.tell("rate", 0.2) == ""
        assert remote.hear(RateChanged.type).learning_rate == 0.2
        assert remote.tell("stop") == ""

    beside(others)
    with begin(epochs=1, state={"optimizer": optimizer}) as run:
        for _ in run.steps(for_ever()):
            seen += [[group["lr"] for group in optimizer.param_groups]]
    assert seen[0] == [0.1, 0.01]
    assert seen[-1] == pytest.approx([0.2, 0.02]), "other groups keep their proportion"
    assert stored(home).rates == ((1, 0.2),)


def test_a_rate_can_be_given_to_a_function(begin, home, remote, beside):
    rates: list[float] = []

    def others():
        assert remote.tell("rate", 0.5) == ""
        assert remote.tell("stop") == ""

    beside(others)
    with begin(set_rate=rates.append) as run:
        for _ in for_ever():
            run.log(loss=1.0)
    assert rates == [0.5]
    assert stored(home).status is Status.STOPPED, "a loop that only logs obeys as well"


def test_a_save_is_made_at_the_next_step(begin, home, remote, beside):
    weights = Weights()

    def others():
        assert remote.tell("save") == ""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with Store.open_readonly(home) as store:
                if store.newest_checkpoint(store.id_of("last")) is not None:
                    break
        assert remote.tell("stop") == ""

    beside(others)
    with begin(state={"weights": weights}) as run:
        for _ in run.steps(for_ever()):
            weights.value += 1.0
    assert stored(home).status is Status.STOPPED


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("skip", 0, "a script has no queue"),
        ("rate", 0.1, "knows no optimizer"),
        ("save", 0, "has nothing to save"),
    ],
)
def test_what_a_loop_cannot_obey_is_refused_with_the_reason(begin, home, remote, beside, kind, value, why):
    with begin(epochs=1) as run:
        for _ in run.epochs():
            assert why in remote.tell(kind, value)
            assert remote.tell("pause") == "", "the connection of a refused order is not closed"
            assert remote.tell("resume") == ""
    assert run.epoch == 1
    assert kind not in stored(home).script.can


def test_a_framework_names_what_it_obeys(begin, home, remote):
    with begin(epochs=1, can=("pause", "resume", "stop")):
        assert "cannot change its number of epochs" in remote.tell("epochs", 5)


def test_the_state_is_saved_at_the_ends_of_epochs_and_where_the_run_ends(begin, home):
    weights = Weights()
    with begin(epochs=3, state={"weights": weights}) as run:
        for epoch in run.epochs():
            weights.value = epoch
    with Store.open_readonly(home) as store:
        found = store.newest_checkpoint(store.id_of("last"))
    assert found is not None
    assert found[0] == 3
    other = Weights()
    restore({"weights": other}, found[2])
    assert other.value == 3
