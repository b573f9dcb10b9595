"""Watches and steers training with Keras: `model.fit(..., callbacks=[mnist_tui.keras.Monitor()])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keras.callbacks import Callback

from mnist_tui.api.callback import RunCallback


class Monitor(RunCallback, Callback):
    """Records a fit, and obeys pause, stop, fewer epochs, another learning rate and save.

    The number of epochs is fixed when training starts, so that more are refused; so is a learning rate where the
    optimizer follows a schedule. The numbers of a batch are Keras' means of the epoch so far. A save writes
    `mnist-tui/RUN.keras` in the current directory.

    Without `config`, the settings are the optimizer's configuration.
    """

    _last = 0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Begin the run."""
        epochs = int(self.params["epochs"])
        optimizer = self.model.optimizer
        rate = ["rate"] if _has_free_rate(optimizer) else []
        self._last = epochs
        can = ("pause", "resume", "stop", "epochs", *rate, "save")
        self._run = self._begin(optimizer.get_config(), epochs, can)
        self._run.allow_fewer_epochs()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Begin an epoch."""
        if self._run is not None:
            self._run.begin_epoch(epoch + 1)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Log the numbers of the batch, and obey orders."""
        run = self._run
        if run is None:
            return
        run.at_step(run.step + 1, int(self.params.get("steps") or 0))
        run.log(logs)
        for asked in run.asked():
            if asked.stop:
                self.model.stop_training = True
            if asked.epochs:
                self._last = asked.epochs
                run.note_epochs(asked.epochs)
            if asked.rate:
                self.model.optimizer.learning_rate = asked.rate
                run.note_rate(asked.rate)
            if asked.save:
                folder = Path("mnist-tui")
                folder.mkdir(exist_ok=True)
                self.model.save(folder / f"{run.id}.keras")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the epoch, with its validation."""
        if self._run is None:
            return
        self._run.after_steps()
        self._run.log(logs)
        self._run.record_epoch()
        if self._run.ends_after_epoch or epoch + 1 >= self._last:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """End the run."""
        if self._run is not None:
            self._run.finish()


def _has_free_rate(optimizer: Any) -> bool:
    """Return whether the learning rate can be set: with a schedule, Keras refuses that."""
    try:
        optimizer.learning_rate = float(optimizer.learning_rate)
    except (TypeError, ValueError):
        return False
    return True
