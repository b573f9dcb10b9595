"""Training with Keras."""

import os
import time

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras

from mnist_tui.keras import Monitor


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
