"""Watches and steers training with Ignite: `mnist_tui.ignite.attach(trainer, evaluators={"val": evaluator})`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ignite.engine import Engine, Events

from mnist_tui import Run, init
from mnist_tui.api.rates import set_rate


class _Monitor:
    """Follows one trainer."""

    def __init__(self, trainer: Engine, state: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        self._state, self._options = state, options
        self._run: Run | None = None
        self._is_pending = False
        trainer.add_event_handler(Events.STARTED, self.started)
        trainer.add_event_handler(Events.EPOCH_STARTED, self.epoch_started)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self.epoch_completed)
        trainer.add_event_handler(Events.COMPLETED | Events.TERMINATE, self.completed)
        trainer.add_event_handler(Events.EXCEPTION_RAISED, self.raised)

    def started(self, trainer: Engine) -> None:
        self._run = init(epochs=trainer.state.max_epochs, state=self._state, resume=None, **self._options)

    def epoch_started(self, trainer: Engine) -> None:
        if self._run is not None:
            self._record()
            self._run.begin_epoch(trainer.state.epoch)

    def iteration_completed(self, trainer: Engine) -> None:
        run, output = self._run, trainer.state.output
        if run is None:
            return
        run.at_step(trainer.state.iteration, trainer.state.epoch_length or 0)
        run.log(output if isinstance(output, Mapping) else {"loss": output} if output is not None else {})
        for asked in run.asked():
            if asked.stop:
                trainer.terminate()
            if asked.epochs:
                trainer.state.max_epochs = asked.epochs
                run.note_epochs(asked.epochs)
            if asked.rate:
                set_rate(self._state.values(), asked.rate)
                run.note_rate(asked.rate)
            if asked.save:
                run.save()

    def epoch_completed(self, trainer: Engine) -> None:
        # The evaluation of this epoch may be run by a later handler.
        self._is_pending = True
        if self._run is not None and self._run.ends_after_epoch:
            trainer.terminate()

    def evaluated(self, split: str, evaluator: Engine) -> None:
        if self._run is not None:
            self._run.after_steps()
            self._run.log({f"{split}/{name}": value for name, value in evaluator.state.metrics.items()})

    def completed(self, _: Engine) -> None:
        if self._run is not None:
            self._record()
            self._run.finish()

    def raised(self, _: Engine, error: BaseException) -> None:
        if self._run is not None:
            self._run.__exit__(type(error), error, error.__traceback__)
        raise error

    def _record(self) -> None:
        if self._run is not None and self._is_pending:
            self._is_pending = False
            self._run.after_steps()
            self._run.record_epoch()


def attach(
    trainer: Engine,
    name: str = "",
    *,
    state: Mapping[str, Any] | None = None,
    evaluators: Mapping[str, Engine] | None = None,
    config: Any = None,
    project: str = "",
    tags: Iterable[str] = (),
    metrics: Mapping[str, str] | None = None,
) -> None:
    """Record what a trainer does, and let it obey pause, stop, more or fewer epochs, another learning rate and save.

    Args:
        trainer: The engine that trains; its output is a loss, or numbers by name.
        name: What to call the run.
        state: What is saved, by name; an optimizer in it obeys learning rates. See `mnist_tui.init`.
        evaluators: Engines whose metrics are logged for the epoch, by split: `{"val": evaluator}`.
        config: The settings of the run.
        project: Runs of different projects are not compared.
        tags: Words to find it by.
        metrics: Goals by the names of metrics.
    """
    options = {"name": name, "config": config, "project": project, "tags": tuple(tags), "metrics": metrics}
    monitor = _Monitor(trainer, dict(state or {}), options)
    for split, evaluator in (evaluators or {}).items():
        evaluator.add_event_handler(Events.COMPLETED, lambda engine, split=split: monitor.evaluated(split, engine))
