"""Classifies images with the network of a checkpoint, never with the trainer's own tensors."""

from __future__ import annotations

import math

import torch

from mnist_tui.core.insight import Classifier, Guess
from mnist_tui.engine.data import as_input
from mnist_tui.engine.own import OwnNetwork
from mnist_tui.engine.saved import network_of


def load_classifier(checkpoint: bytes) -> Classifier:
    """Return a classifier that runs a checkpoint's network on the CPU; arguments and errors as for `network_of`."""
    model = network_of(checkpoint)
    channels = model.recipe.channels if isinstance(model, OwnNetwork) else model.conv1.in_channels

    def classify(image: bytes) -> Guess:
        side = math.isqrt(len(image) // channels)
        pixels = torch.frombuffer(bytearray(image), dtype=torch.uint8).view(1, side, side, channels).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits, values = model.look(as_input(pixels))
        return Guess(tuple(logits.softmax(dim=1)[0].tolist()), tuple(values[0].tolist()))

    return classify
