"""Classifies images with the network of a checkpoint, never with the trainer's own tensors."""

from __future__ import annotations

import io
import math

import torch

from mnist_tui.core.insight import Classifier, Guess
from mnist_tui.engine.data import as_input
from mnist_tui.engine.model import BottleneckCNN
from mnist_tui.errors import RunError


def load_classifier(checkpoint: bytes) -> Classifier:
    """Return a classifier that runs a checkpoint's network on the CPU.

    Args:
        checkpoint: As `Trainer.save` wrote it.

    Raises:
        RunError: The checkpoint is from another version, or damaged.
    """
    try:
        weights = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)["model"]
        features, channels, *_ = weights["conv1.weight"].shape
        model = BottleneckCNN(features, len(weights["output.bias"]), channels)
        model.load_state_dict(weights)
    except Exception as error:
        message = f"the checkpoint was not written by this version: {' '.join(str(error).split())[:200]}"
        raise RunError(message, "Train the run again") from error
    model.eval()

    def classify(image: bytes) -> Guess:
        side = math.isqrt(len(image) // channels)
        pixels = torch.frombuffer(bytearray(image), dtype=torch.uint8).view(1, side, side, channels).permute(0, 3, 1, 2)
        with torch.inference_mode():
            values = model.bottleneck(as_input(pixels))
            chances = model.classify(values).softmax(dim=1)
        return Guess(tuple(chances[0].tolist()), tuple(values[0].tolist()))

    return classify
