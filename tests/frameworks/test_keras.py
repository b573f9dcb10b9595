import os
import time

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras", reason="keras is not installed: uv pip install --group frameworks")

import keras

from mnist_tui.core.events import EpochDone
from mnist_tui.core.status import Status
from mnist_tui.keras import Monitor
from tests.api.conftest import points, stored

pytestmark = pytest.mark.filterwarnings("ignore")


class Slow(keras.callbacks.Callback):
    def __init__(self, slow_s):
        super().__init__()
        self.slow_s = slow_s

    def on_train_batch_end(self, batch, logs=None):
        time.sleep(self.slow_s)


def fit(epochs=3, rate=0.1, slow_s=0.0):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 8)).astype("float32"), rng.integers(0, 2, 80)
    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss, metrics=["accuracy"])
    monitors = [Monitor("fit"), Slow(slow_s)]
    model.fit(x, y, epochs=epochs, batch_size=16, validation_data=(x, y), callbacks=monitors, verbose=0)
    return model


def test_a_fit_is_recorded(home):
    fit()
    found = stored(home, "fit")
    assert (found.status, found.epochs_done, found.last.step) == (Status.FINISHED, 3, 15)
    assert all(0 <= epoch.value("val_accuracy") <= 1 for epoch in found.history)
    assert found.primary.name == "val_accuracy"
    assert [step for step, _ in points(home, "loss")] == list(range(1, 16))
    assert "rate" in found.script.can


def test_orders_are_obeyed_as_far_as_keras_allows(home, remote, beside):
    def others():
        remote.hear(EpochDone.type)
        assert "fixed its number of epochs" in remote.tell("epochs", 1_000)
        assert remote.tell("rate", 0.05) == ""
        remote.hear("learning_rate_changed")
        assert remote.tell("save") == ""
        assert remote.tell("epochs", 3) == ""

    beside(others)
    model = fit(epochs=500, slow_s=0.01)
    found = stored(home)
    assert found.epochs == 3
    assert 3 <= found.epochs_done < 500
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert (home.parent / "mnist-tui" / f"{found.run}.keras").exists()


def test_a_rate_under_a_schedule_is_refused(home, remote, beside):
    def others():
        assert "knows no optimizer" in remote.tell("rate", 0.1)
        assert remote.tell("stop") == ""

    beside(others)
    fit(epochs=500, rate=keras.optimizers.schedules.CosineDecay(0.1, 100), slow_s=0.01)
    assert stored(home).status is Status.STOPPED
