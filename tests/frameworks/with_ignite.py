"""Training with Ignite."""

import time

from ignite.engine import Engine, Events
from ignite.metrics import Average

from mnist_tui.ignite import attach


def fit(epochs=3, slow_s=0.0, state=None, fails=False):
    def step(engine, batch):
        time.sleep(slow_s)
        if fails and engine.state.iteration == 3:
            raise ValueError("oops")
        return {"loss": 1 / engine.state.iteration}

    trainer, evaluator = Engine(step), Engine(lambda engine, batch: 0.5)
    Average().attach(evaluator, "accuracy")
    attach(trainer, "run", state=state, evaluators={"val": evaluator}, config={"lr": 0.1})
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: evaluator.run([1, 2]))
    trainer.run(range(5), max_epochs=epochs)
    return trainer
