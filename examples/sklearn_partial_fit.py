"""Scikit-learn, epoch by epoch with `partial_fit`: no PyTorch, and a learning rate that is changed by a function.

    python examples/sklearn_partial_fit.py --epochs 200 --sleep 0.2
    mnist-tui                                           # in another terminal

Its state is what the classifier has learned; `MNIST_TUI_RESUME=last` goes on from there.
"""

import argparse
import time
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

import mnist_tui

CLASSES = np.arange(10)
LEARNED = ("coef_", "intercept_", "t_", "classes_")


class Learned:
    """What a classifier has learned, with the methods that PyTorch's modules have."""

    def __init__(self, classifier: SGDClassifier) -> None:
        self._classifier = classifier

    def state_dict(self) -> dict[str, Any]:
        """Return what `partial_fit` has learned; nothing before its first call."""
        return {name: getattr(self._classifier, name) for name in LEARNED if hasattr(self._classifier, name)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Put it back."""
        for name, value in state.items():
            setattr(self._classifier, name, value)


def main() -> None:
    """Train a linear classifier; `--sleep` slows it down, so that there is something to watch."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--eta", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sleep", type=float, default=0.0, metavar="SECONDS", help="after each epoch")
    args = parser.parse_args()

    digits = load_digits()
    images, labels = digits.data / 16, digits.target
    classifier = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=args.eta, random_state=args.seed)

    with mnist_tui.init(
        "partial fit",
        config={"eta": args.eta, "seed": args.seed},
        epochs=args.epochs,
        state={"classifier": Learned(classifier)},
        set_rate=lambda rate: classifier.set_params(eta0=rate),
        project="digits",
    ) as run:
        for _ in run.epochs():
            for start in run.steps(range(0, 1200, 100)):
                batch = slice(start, start + 100)
                classifier.partial_fit(images[batch], labels[batch], classes=CLASSES)
            guesses = classifier.predict_proba(images[1200:1500])
            run.log({"val/loss": log_loss(labels[1200:1500], guesses, labels=CLASSES)})
            run.log({"val/accuracy": classifier.score(images[1200:1500], labels[1200:1500])})
            run.log({"train/accuracy": classifier.score(images[:1200], labels[:1200])})
            time.sleep(args.sleep)
        run.log({"test/accuracy": classifier.score(images[1500:], labels[1500:])})


if __name__ == "__main__":
    main()
