import math

import pytest

from mnist_tui.core.events import EpochDone
from mnist_tui.core.status import Status
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


def test_training_is_recorded_with_its_evaluations(fit, home):
    fit()
    found = stored(home, "train")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert all(0 < epoch.value("eval_loss") < 2 for epoch in found.history), "of the epoch it evaluates"
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert not any("runtime" in name or "flos" in name for epoch in found.history for name in epoch.values)
    assert found.primary.name == "eval_loss"
    assert found.script.config["learning_rate"] == 0.1


def test_orders_are_obeyed_as_far_as_the_trainer_allows(fit, home, remote, beside):
    def others():
        remote.hear(EpochDone.type)
        assert "fixed its number of epochs" in remote.tell("epochs", 1_000)
        assert remote.tell("rate", 0.05) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("pause") == ""
        remote.hear("run_paused")
        assert remote.tell("epochs", 20) == ""
        assert remote.tell("resume") == ""

    beside(others)
    trainer = fit(epochs=100, slow_s=0.002)
    found = stored(home)
    assert found.epochs == 20
    assert 20 <= found.epochs_done < 100
    assert found.status is Status.FINISHED
    assert found.rates[0][1] == 0.05
    assert math.isclose(trainer.optimizer.param_groups[0]["lr"], 0.0, abs_tol=0.05)
    assert len(list((home.parent / "out").glob("checkpoint-*"))) == 1


def test_a_stop_ends_training(fit, home, remote, beside):
    beside(lambda: remote.tell("stop"))
    fit(epochs=10_000, slow_s=0.01)
    assert stored(home).status is Status.STOPPED
