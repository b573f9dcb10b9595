"""Training with Lightning."""

import logging
import time
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightning.pytorch as pl

import torch
from torch.utils.data import DataLoader, TensorDataset

from mnist_tui.lightning import Monitor


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
