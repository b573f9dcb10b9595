"""The report's network, with its width set by `features`.

image 1 x 28 x 28, or any other number of channels and size from 4 x 4 on
conv 3x3, 1 -> features     max-pool 2   ReLU      features x 14 x 14
conv 3x3, features -> features  max-pool 2   ReLU  features x 7 x 7
global average pool                                features          the bottleneck
linear features -> 1,024    ReLU
linear 1,024 -> classes                            logits
"""

from __future__ import annotations

from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - the name that the field gives it
from torch import Tensor, nn

from mnist_tui.core.spec import HIDDEN

CHANNELS_LAST_FROM: Final = 8
"""From this width on, PyTorch's CPU convolutions are faster in channels-last format."""


class BottleneckCNN(nn.Module):
    """A small CNN that squeezes each image into `features` numbers.

    Args:
        features: Width of both convolutions and of the bottleneck, 1 or more.
        classes: Number of classes.
        channels: Channels of an image: 1 for grey, 3 for colour.

    Attributes:
        dropout: Share of the hidden units that are left out in training.
        can_classify: True: logits can be computed from features alone.

    Shapes: images (N, channels, side, side), float32 in [0, 1] -> logits (N, classes).
    """

    can_classify = True

    def __init__(self, features: int, classes: int, channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(features, features, kernel_size=3, padding=1)
        self.hidden = nn.Linear(features, HIDDEN)
        self.output = nn.Linear(HIDDEN, classes)
        self.dropout = 0.0

    def bottleneck(self, images: Tensor) -> Tensor:
        """Return the features of each image, (N, features)."""
        # Max-pooling before ReLU gives the same values as after it, with a quarter of the work for ReLU.
        x = F.relu(F.max_pool2d(self.conv1(images), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        return x.mean(dim=(2, 3))

    def classify(self, features: Tensor) -> Tensor:
        """Return the logits (N, classes) of features (N, features)."""
        hidden = F.relu(self.hidden(features))
        if self.dropout:
            hidden = F.dropout(hidden, self.dropout, self.training)
        logits: Tensor = self.output(hidden)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, channels, side, side)."""
        return self.classify(self.bottleneck(images))

    def look(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (N, classes) and features (N, features)."""
        features = self.bottleneck(images)
        return self.classify(features), features

    @property
    def features(self) -> int:
        """Width of the bottleneck."""
        return self.conv1.out_channels

    @property
    def hidden_units(self) -> int:
        """Width of the hidden layer."""
        return self.hidden.out_features

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.output.out_features

    @property
    def memory_format(self) -> torch.memory_format:
        """The memory format of images and kernels that is fastest with PyTorch."""
        return torch.channels_last if self.features >= CHANNELS_LAST_FROM else torch.contiguous_format

    @property
    def parameter_count(self) -> int:
        """Number of trainable parameters."""
        return sum(p.numel() for p in self.parameters())


def build_model(features: int, classes: int, seed: int, channels: int = 1) -> BottleneckCNN:
    """Return a new network on the CPU; its weights depend only on `seed`, and the global generator is not touched."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BottleneckCNN(features, classes, channels)
