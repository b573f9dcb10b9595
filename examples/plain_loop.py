"""A plain PyTorch loop on the 8x8 digits, recorded, watched and steered.

    python examples/plain_loop.py --epochs 100
    mnist-tui                                           # in another terminal

Pause it, change its learning rate or its epochs, save it or stop it from there. Whatever ended it, this goes on from
its last saved state:

    MNIST_TUI_RESUME=last python examples/plain_loop.py --epochs 100
"""

import argparse
import time

import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

import mnist_tui


def main() -> None:
    """Train a small network; `--sleep` slows it down, so that there is something to watch."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sleep", type=float, default=0.0, metavar="SECONDS", help="after each step")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    digits = load_digits()
    images, labels = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    train = DataLoader(TensorDataset(images[:1200], labels[:1200]), batch_size=32, shuffle=True)
    model = torch.nn.Sequential(torch.nn.Linear(64, args.width), torch.nn.ReLU(), torch.nn.Linear(args.width, 10))
    optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.98)

    settings = {"width": args.width, "lr": args.lr, "seed": args.seed}
    state = {"model": model, "optimizer": optimizer, "schedule": schedule}
    with mnist_tui.init("plain loop", config=settings, epochs=args.epochs, state=state, project="digits") as run:
        for _ in run.epochs():
            for batch, classes in run.steps(train):
                loss = torch.nn.functional.cross_entropy(model(batch), classes)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log(loss=loss, lr=optimizer.param_groups[0]["lr"])
                time.sleep(args.sleep)
            schedule.step()
            with torch.no_grad():
                scores = model(images[1200:1500])
            run.log(score(scores, labels[1200:1500], "val"))
            run.predictions(labels[1200:1500], scores, images=images[1200:1500].view(-1, 8, 8))
        with torch.no_grad():
            run.log(score(model(images[1500:]), labels[1500:], "test"))


def score(scores: torch.Tensor, labels: torch.Tensor, split: str) -> dict[str, float]:
    """Return loss and accuracy."""
    loss = torch.nn.functional.cross_entropy(scores, labels)
    return {f"{split}/loss": float(loss), f"{split}/accuracy": float((scores.argmax(1) == labels).float().mean())}


if __name__ == "__main__":
    main()
