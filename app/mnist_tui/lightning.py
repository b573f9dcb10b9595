"""Watches and steers training with Lightning: `Trainer(callbacks=[mnist_tui.lightning.Monitor()])`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from mnist_tui.api import Run
from mnist_tui.api.callback import RunCallback
from mnist_tui.api.rates import current_rate, set_rate
from mnist_tui.core.metric import Split, metric


class Monitor(RunCallback, Callback):
    """Records a fit, and obeys pause, stop, more or fewer epochs, another learning rate and save.

    A stop ends training after the step; Lightning still validates. A save writes `mnist-tui/RUN.ckpt` below the
    trainer's `default_root_dir`, from which `trainer.fit(..., ckpt_path=...)` goes on.

    Without `config`, the settings are the hyperparameters that the module saved.
    """

    _is_pending = _is_validated = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the run; ranks above 0 are silent."""
        epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
        if not trainer.is_global_zero:
            self._run = Run.silent(epochs or 0)
            return
        can = ("pause", "resume", "stop", *(["epochs"] if epochs else []), "rate", "save")
        self._run = self._begin(dict(pl_module.hparams), epochs, can)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Record the epoch before, now that the module's own hooks have logged, and begin the next one."""
        if self._run is not None:
            self._record(trainer)
            self._run.begin_epoch(trainer.current_epoch + 1)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Log the loss and the learning rate, and obey orders."""
        run = self._run
        if run is None:
            return
        steps = trainer.num_training_batches
        run.at_step(trainer.global_step, int(steps) if steps != float("inf") else 0)
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        rate = current_rate(trainer.optimizers)
        run.log({name: value for name, value in (("loss", loss), ("lr", rate)) if value is not None})
        for asked in run.asked():
            if asked.stop:
                trainer.should_stop = True
            if asked.epochs:
                trainer.fit_loop.max_epochs = asked.epochs
                run.note_epochs(asked.epochs)
            if asked.rate:
                set_rate([*trainer.optimizers, *(c.scheduler for c in trainer.lr_scheduler_configs)], asked.rate)
                run.note_rate(asked.rate)
            if asked.save:
                # On all ranks: strategies that share the weights need them all.
                trainer.save_checkpoint(Path(trainer.default_root_dir) / "mnist-tui" / f"{run.id or 'run'}.ckpt")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Note that the numbers of validation are new."""
        self._is_validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Note that the epoch is over; what the module logs in this hook comes later."""
        if self._run is not None:
            self._is_pending = True
            if self._run.ends_after_epoch:
                trainer.should_stop = True

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Record the last epoch and end the run."""
        if self._run is not None:
            self._record(trainer)
            self._run.finish()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:  # noqa: ARG002
        """End the run as failed, or as stopped by Ctrl+C."""
        if self._run is not None:
            self._run.__exit__(type(exception), exception, exception.__traceback__)

    def _record(self, trainer: Trainer) -> None:
        """Record the epoch that is over, with what was logged for it."""
        if self._run is None or not self._is_pending:
            return
        self._is_pending = False
        self._run.after_steps()
        # Lightning keeps those of an earlier validation.
        values = {
            name: value
            for name, value in trainer.callback_metrics.items()
            if not name.endswith("_step") and (self._is_validated or metric(name).split is not Split.VALIDATION)
        }
        self._is_validated = False
        self._run.log({name.removesuffix("_epoch"): value for name, value in values.items()})
        self._run.record_epoch()
