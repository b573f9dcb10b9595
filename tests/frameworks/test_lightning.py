import logging
import time
import warnings

import pytest

pytest.importorskip("lightning", reason="lightning is not installed: uv pip install --group frameworks")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl

import torch
from torch.utils.data import DataLoader, TensorDataset

from mnist_tui.core.events import EpochsChanged
from mnist_tui.core.status import Status
from mnist_tui.lightning import Monitor
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


class Net(pl.LightningModule):
    def __init__(self, lr=0.1, slow_s=0.0, fails=False):
        super().__init__()
        self.save_hyperparameters()
        self.lr, self.slow_s, self.fails = lr, slow_s, fails
        self.net = torch.nn.Linear(8, 2)

    def loss(self, batch):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.net(x), y)

    def training_step(self, batch, _):
        time.sleep(self.slow_s)
        if self.fails and self.global_step == 3:
            raise ValueError("oops")
        return self.loss(batch)

    def validation_step(self, batch, _):
        self.log("val_loss", self.loss(batch))

    def on_train_epoch_end(self):
        self.log("late", 1.0 + self.current_epoch)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), self.lr)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]


def fit(epochs=3, monitor=None, folder=".", **options):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.manual_seed(0)
    data = DataLoader(TensorDataset(torch.randn(80, 8), torch.randint(0, 2, (80,))), batch_size=16)
    trainer = pl.Trainer(
        max_epochs=epochs,
        callbacks=[monitor or Monitor("fit")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
        default_root_dir=folder,
    )
    trainer.fit(Net(**options), data, data)
    return trainer


def test_a_fit_is_recorded_with_what_the_module_logs(home):
    fit()
    found = stored(home, "fit")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert [epoch.value("late") for epoch in found.history] == [1.0, 2.0, 3.0], "what hooks log late is of its epoch"
    assert all(0 < epoch.value("val_loss") < 2 for epoch in found.history)
    assert found.script.config["lr"] == 0.1
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert points(home, "lr")[0][1] == pytest.approx(0.1)
    assert points(home, "lr")[-1][1] < 0.1


def test_orders_are_obeyed(home, remote, beside, tmp_path):
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


def test_a_stop_ends_the_fit(home, remote, beside):
    beside(lambda: remote.tell("stop"))
    fit(epochs=10_000, slow_s=0.01)
    assert stored(home).status is Status.STOPPED


def test_an_error_of_the_module_is_the_reason(home):
    with pytest.raises(ValueError, match="oops"):
        fit(fails=True)
    assert (stored(home).status, stored(home).result.reason) == (Status.FAILED, "ValueError: oops")
