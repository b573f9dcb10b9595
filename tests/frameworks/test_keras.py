import pytest

from mnist_tui.core.events import EpochDone
from mnist_tui.core.status import Status
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_fit_is_recorded(fit, home):
    fit()
    found = stored(home, "fit")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert all(0 <= epoch.value("val_accuracy") <= 1 for epoch in found.history)
    assert found.primary.name == "val_accuracy"
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert "rate" in found.script.can


def test_orders_are_obeyed_as_far_as_keras_allows(fit, home, remote, beside):
    def others():
        remote.hear(EpochDone.type)
        assert "fixed its number of epochs" in remote.tell("epochs", 1_000)
        assert remote.tell("rate", 0.05) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("epochs", 3) == ""

    beside(others)
    model = fit(epochs=500, slow_s=0.01)
    found = stored(home)
    assert found.epochs == 3
    assert 3 <= found.epochs_done < 500
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert (home.parent / "mnist-tui" / f"{found.run}.keras").exists()


def test_a_rate_under_a_schedule_is_refused(framework, fit, home, remote, beside):
    def others():
        assert "knows no optimizer" in remote.tell("rate", 0.1)
        assert remote.tell("stop") == ""

    beside(others)
    fit(epochs=500, rate=framework.keras.optimizers.schedules.CosineDecay(0.1, 100), slow_s=0.01)
    assert stored(home).status is Status.STOPPED
