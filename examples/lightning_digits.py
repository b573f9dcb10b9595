"""Lightning on the 8x8 digits: one callback records the fit, and lets it be steered.

    python examples/lightning_digits.py --epochs 100
    mnist-tui                                           # in another terminal

A save writes a checkpoint of Lightning's own, from which a new fit goes on:

    python examples/lightning_digits.py --epochs 100 --checkpoint mnist-tui/RUN.ckpt
"""

import argparse
import time

import lightning.pytorch as pl
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from mnist_tui.lightning import Monitor


class Digits(pl.LightningModule):
    """A small network; its hyperparameters become the settings of the run."""

    def __init__(self, width: int, lr: float, sleep: float) -> None:
        super().__init__()
        self.save_hyperparameters(ignore=["sleep"])
        self.width, self.lr, self.sleep = width, lr, sleep
        self.net = torch.nn.Sequential(torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Linear(width, 10))

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> torch.Tensor:
        """Return the loss of a batch."""
        time.sleep(self.sleep)
        images, labels = batch
        return torch.nn.functional.cross_entropy(self.net(images), labels)

    def validation_step(self, batch: tuple[torch.Tensor, torch.Tensor], _: int) -> None:
        """Log loss and accuracy of the validation images."""
        images, labels = batch
        scores = self.net(images)
        self.log("val_loss", torch.nn.functional.cross_entropy(scores, labels))
        self.log("val_accuracy", (scores.argmax(1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam."""
        return torch.optim.Adam(self.parameters(), self.lr)


def main() -> None:
    """Train a small network; `--sleep` slows it down, so that there is something to watch."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--sleep", type=float, default=0.0, metavar="SECONDS", help="after each step")
    parser.add_argument("--checkpoint", help="go on from this file")
    args = parser.parse_args()

    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    train = DataLoader(TensorDataset(images[:1200], labels[:1200]), batch_size=32, shuffle=True)
    val = DataLoader(TensorDataset(images[1200:1500], labels[1200:1500]), batch_size=300)
    trainer = pl.Trainer(
        max_epochs=args.epochs,
        callbacks=[Monitor("lightning", project="digits")],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Digits(args.width, args.lr, args.sleep), train, val, ckpt_path=args.checkpoint)


if __name__ == "__main__":
    main()
