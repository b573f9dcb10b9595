import pytest

from mnist_tui.core.events import EpochDone, EpochsChanged
from mnist_tui.core.status import Status
from tests.api.conftest import Optimizer, Weights, points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_a_trainer_does_is_recorded(fit, home):
    fit()
    found = stored(home, "run")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert [epoch.value("val/accuracy") for epoch in found.history] == [0.5, 0.5, 0.5]
    assert points(home, "loss") == [(step, 1 / step) for step in range(1, 16)]


def test_orders_are_obeyed(fit, home, remote, beside):
    optimizer = Optimizer(0.1)

    def others():
        remote.hear(EpochDone.type)
        assert remote.tell("epochs", 1_000) == ""
        assert remote.hear(EpochsChanged.type).epochs == 1_000
        assert remote.tell("rate", 0.05) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("stop") == ""

    beside(others)
    trainer = fit(epochs=500, slow_s=0.01, state={"optimizer": optimizer, "weights": Weights()})
    assert stored(home).status is Status.STOPPED
    assert trainer.state.max_epochs == 1_000
    assert optimizer.param_groups[0]["lr"] == 0.05


def test_an_error_of_the_step_is_the_reason(fit, home):
    with pytest.raises(ValueError, match="oops"):
        fit(fails=True)
    assert (stored(home).status, stored(home).result.reason) == (Status.FAILED, "ValueError: oops")
