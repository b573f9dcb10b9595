"""Watches and steers training with Transformers: `Trainer(callbacks=[mnist_tui.transformers.Monitor()])`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from mnist_tui.api import Run
from mnist_tui.api.callback import RunCallback
from mnist_tui.api.rates import set_rate

_SETTINGS: Final = (
    "learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps", "weight_decay", "warmup_steps",
    "lr_scheduler_type", "optim", "max_grad_norm", "label_smoothing_factor", "bf16", "fp16", "seed",
)  # fmt: skip
_HIDDEN: Final = ("_runtime", "_per_second", "total_flos", "epoch", "train_loss")
"""What the trainer logs about itself, by the ends of names."""


class Monitor(RunCallback, TrainerCallback):
    """Records training, and obeys pause, stop, fewer epochs, another learning rate and save.

    The number of epochs is fixed when training starts, so that more are refused. A stop ends training after the step;
    the trainer still evaluates.

    Without `config`, the settings are the most important training arguments.
    """

    _is_pending = False

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Begin the run; ranks above 0 are silent."""
        # With max_steps, the number of epochs is what comes of it.
        epochs = math.ceil(state.num_train_epochs or args.num_train_epochs)
        if not state.is_world_process_zero:
            self._run = Run.silent(epochs)
            return
        config = {name: getattr(args, name, None) for name in _SETTINGS}
        can = ("pause", "resume", "stop", *(["epochs"] if args.max_steps <= 0 else []), "rate", "save")
        self._run = self._begin(config, max(1, epochs), can)
        self._run.allow_fewer_epochs()

    def on_epoch_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Record the epoch before, and begin the next one."""
        if self._run is not None:
            self._record()
            self._run.begin_epoch(int(state.epoch or 0) + 1)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> TrainerControl:
        """Obey orders."""
        run = self._run
        if run is None:
            return control
        run.at_step(state.global_step, math.ceil(state.max_steps / max(1, state.num_train_epochs)))
        for asked in run.asked():
            if asked.stop:
                control.should_training_stop = True
            if asked.epochs:
                share = asked.epochs / args.num_train_epochs
                state.max_steps = max(state.global_step, int(share * state.max_steps))
                state.num_train_epochs = args.num_train_epochs = asked.epochs
                run.note_epochs(asked.epochs)
            if asked.rate:
                schedule = more.get("lr_scheduler")
                set_rate([more.get("optimizer"), getattr(schedule, "scheduler", schedule)], asked.rate)
                run.note_rate(asked.rate)
            if asked.save:
                control.should_save = True
        return control

    def on_log(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        logs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Log what the trainer logs at its steps."""
        if self._run is not None and logs:
            values = _interesting(logs)
            self._run.log({k: v for k, v in values.items() if not k.startswith("eval_")}, step=state.global_step)

    def on_evaluate(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        metrics: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Log an evaluation: of the epoch that is over, or within one of the step."""
        if self._run is None or not metrics:
            return
        if self._is_pending:
            # There may be several sets: the epoch is recorded when the next one begins.
            self._run.after_steps()
            self._run.log(_interesting(metrics))
        else:
            self._run.log(_interesting(metrics), step=state.global_step)

    def on_epoch_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        **_: Any,
    ) -> TrainerControl:
        """Note that the epoch is over; its evaluation comes later."""
        if self._run is not None:
            self._is_pending = True
            if self._run.ends_after_epoch:
                control.should_training_stop = True
        return control

    def on_train_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Record the last epoch and end the run."""
        if self._run is not None:
            self._record()
            self._run.finish()

    def _record(self) -> None:
        if self._run is not None and self._is_pending:
            self._is_pending = False
            self._run.after_steps()
            self._run.record_epoch()


def _interesting(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers that say something about the model."""
    numbers = ((k, v) for k, v in logs.items() if isinstance(v, int | float))
    return {name: float(value) for name, value in numbers if not name.endswith(_HIDDEN)}
