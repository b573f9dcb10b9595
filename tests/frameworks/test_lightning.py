import pytest
import torch

from mnist_tui.core.events import EpochsChanged
from mnist_tui.core.status import Status
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_fit_is_recorded_with_what_the_module_logs(fit, home):
    fit()
    found = stored(home, "fit")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert [epoch.value("late") for epoch in found.history] == [1.0, 2.0, 3.0], "what hooks log late is of its epoch"
    assert all(0 < epoch.value("val_loss") < 2 for epoch in found.history)
    assert found.script.config["lr"] == 0.1
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert points(home, "lr")[0][1] == pytest.approx(0.1)
    assert points(home, "lr")[-1][1] < 0.1


def test_orders_are_obeyed(fit, home, remote, beside, tmp_path):
    def others():
        assert remote.tell("epochs", 1_000) == ""
        assert remote.hear(EpochsChanged.type).epochs == 1_000
        assert remote.tell("rate", 0.08) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("pause") == ""
        remote.hear("run_paused")
        assert remote.tell("resume") == ""
        assert remote.tell("stop", after_epoch=True) == ""

    beside(others)
    trainer = fit(epochs=500, slow_s=0.01, folder=tmp_path)
    found = stored(home)
    assert found.status is Status.STOPPED
    assert found.epochs == 1_000
    assert trainer.fit_loop.max_epochs == 1_000
    assert found.rates[0][1] == 0.08
    assert torch.load(tmp_path / "mnist-tui" / f"{found.run}.ckpt", weights_only=True)["epoch"] >= 0


def test_a_stop_ends_the_fit(fit, home, remote, beside):
    beside(lambda: remote.tell("stop"))
    fit(epochs=10_000, slow_s=0.01)
    assert stored(home).status is Status.STOPPED


def test_an_error_of_the_module_is_the_reason(fit, home):
    with pytest.raises(ValueError, match="oops"):
        fit(fails=True)
    assert (stored(home).status, stored(home).result.reason) == (Status.FAILED, "ValueError: oops")
